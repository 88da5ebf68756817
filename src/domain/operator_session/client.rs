//! A session as its operator has it: makes requests to any member and opens the answers.

use super::incoming::{self, Head};
use super::session_token::SessionKeys;
use super::welcome::MAX_TOKEN;
use super::{Ask, FORMAT, Refusal, Reply};
use crate::domain::cbor::{Flaw, Reader, Result as Read, Writer, flawed};
use crate::domain::ids::{Digest, DomainId, MemberId, OperatorId, SessionId};
use crate::domain::sealing::hash;
use crate::error;
use crate::secret::SecretBytes;
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// The most members that a session keeps counters for.
const MAX_MEMBERS: usize = 4096;

/// The operator's side of a session. Erased on drop.
pub struct ClientSession {
    domain: DomainId,
    id: SessionId,
    operator: OperatorId,
    token: Vec<u8>,
    expires: u64,
    root: Zeroizing<[u8; 32]>,
    /// The next counter for each member.
    next: BTreeMap<MemberId, u64>,
}

/// A request that waits for its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The member that was asked.
    pub member: MemberId,
    /// The request's counter.
    pub counter: u64,
    /// The hash of the request.
    pub hash: Digest,
}

impl ClientSession {
    /// A session with no request made yet.
    pub(super) fn new(
        (domain, id, operator): (DomainId, SessionId, OperatorId),
        token: Vec<u8>,
        expires: u64,
        root: Zeroizing<[u8; 32]>,
    ) -> Self {
        ClientSession {
            domain,
            id,
            operator,
            token,
            expires,
            root,
            next: BTreeMap::new(),
        }
    }

    /// The domain.
    #[must_use]
    pub fn domain(&self) -> DomainId {
        self.domain
    }

    /// The session's name.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Whose session it is.
    #[must_use]
    pub fn operator(&self) -> OperatorId {
        self.operator
    }

    /// The last second of the session, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn expires(&self) -> u64 {
        self.expires
    }

    /// The session token.
    #[must_use]
    pub fn token(&self) -> &[u8] {
        &self.token
    }

    /// A request to `member`, made at the time `at`. Its counter is used up: who keeps sessions in a file
    /// writes this one there before the request is sent.
    ///
    /// # Errors
    /// Those of the random generator.
    pub fn ask(&mut self, member: MemberId, ask: &Ask, at: u64) -> error::Result<(Vec<u8>, Asked)> {
        let counter = self.next.get(&member).copied().unwrap_or(1);
        self.continue_from(member, counter.saturating_add(1));
        let head = Head {
            token: &self.token,
            member,
            counter,
            at,
        };
        let keys = SessionKeys::of(&self.root);
        let request = head.seal(&keys.requests, ask.encode().expose())?;
        let hash = Digest(hash(&[&request]));
        let asked = Asked {
            member,
            counter,
            hash,
        };
        Ok((request, asked))
    }

    /// What a request of this session asked, for who has only kept the request.
    ///
    /// # Errors
    /// Anything but a request of this session.
    pub fn reread(&self, request: &[u8]) -> Result<(Asked, Ask), Refusal> {
        let (head, associated, sealed) = incoming::read(request)?;
        let keys = SessionKeys::of(&self.root);
        let ask = keys.requests.open(associated, sealed);
        let ask = Ask::parse(ask.ok_or(Refusal::Sealed)?.expose())?;
        let asked = Asked {
            member: head.member,
            counter: head.counter,
            hash: Digest(hash(&[request])),
        };
        Ok((asked, ask))
    }

    /// Opens the answer to a request.
    ///
    /// # Errors
    /// One that is malformed, changed, or to another request.
    pub fn open(&self, asked: &Asked, answer: &[u8]) -> Result<Reply, Refusal> {
        let keys = SessionKeys::of(&self.root);
        let opened = incoming::open_answer(&keys.answers, asked, answer)?;
        Ok(Reply::parse(opened.expose())?)
    }

    /// Uses counters from `next` on for a member, and never one that was used before.
    pub fn continue_from(&mut self, member: MemberId, next: u64) {
        let own = self.next.entry(member).or_insert(1);
        *own = next.max(*own);
    }

    /// Everything of it, to be kept: it holds the session's keys.
    #[must_use]
    pub fn encode(&self) -> SecretBytes {
        let mut writer = Writer::with_capacity(1024);
        writer.array(8).uint(FORMAT).bytes(&self.domain.0);
        writer.bytes(&self.id.0).bytes(&self.operator.0);
        writer.bytes(&self.token).uint(self.expires);
        writer.bytes(&*self.root).array(self.next.len());
        for (member, next) in &self.next {
            writer.array(2).bytes(&member.0).uint(*next);
        }
        writer.into_secret()
    }

    /// Reads what [`ClientSession::encode`] wrote.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(bytes: &[u8]) -> Read<Self> {
        Reader::whole(bytes, "operator session", |reader| {
            reader.tuple("operator session", 8)?;
            if reader.uint("operator session format")? != FORMAT {
                return Err(flawed("operator session format", Flaw::BadValue));
            }
            let mut session = ClientSession {
                domain: DomainId(reader.fixed("domain id")?),
                id: SessionId(reader.fixed("session id")?),
                operator: OperatorId(reader.fixed("operator")?),
                token: reader.bytes("session token", MAX_TOKEN)?.to_vec(),
                expires: reader.uint("session end")?,
                root: Zeroizing::new(reader.fixed("session keys")?),
                next: BTreeMap::new(),
            };
            let read = |reader: &mut Reader<'_>| {
                reader.tuple("counter", 2)?;
                Ok((
                    MemberId(reader.fixed("member id")?),
                    reader.uint("counter")?,
                ))
            };
            let next = reader.sorted_list("counters", MAX_MEMBERS, read, |(member, _)| *member)?;
            session.next = next.into_iter().collect();
            Ok(session)
        })
    }
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientSession({})", self.id)
    }
}
