//! Requests in a session and their answers, as the member that takes them has them.

use super::session_token::SessionKeys;
use super::welcome::MAX_TOKEN;
use super::{Asked, FORMAT, Refusal, SessionToken, in_time};
use crate::domain::cbor::{Flaw, Reader, Result as Read, Writer, flawed};
use crate::domain::customer::request::MAX_DATA;
use crate::domain::ids::{Digest, MemberId};
use crate::domain::keyring::Keyring;
use crate::domain::sealing::{OVERHEAD, SealingKey, hash};
use crate::domain::state::governance::{Governance, Operator};
use crate::error;
use crate::secret::SecretBytes;

/// The longest request in bytes: room for the longest about customer keys.
pub const MAX_REQUEST: usize = MAX_DATA + (4 << 20);
/// By how many bytes an answer is longer than what it seals: three heads, an id and a counter beside the
/// seal.
const ANSWER_OVERHEAD: usize = OVERHEAD + 48;

/// How long an answer of `length` bytes can be once it is sealed.
#[must_use]
pub fn answer_bound(length: usize) -> usize {
    length.saturating_add(ANSWER_OVERHEAD)
}

/// What a request says in the clear, and authenticates.
pub(super) struct Head<'r> {
    /// The session token.
    pub(super) token: &'r [u8],
    /// The member that is asked.
    pub(super) member: MemberId,
    /// Higher with every request of the session to this member.
    pub(super) counter: u64,
    /// When it was made.
    pub(super) at: u64,
}

impl Head<'_> {
    /// The request: the head, and the sealed rest.
    pub(super) fn seal(&self, key: &SealingKey, ask: &[u8]) -> error::Result<Vec<u8>> {
        self.seal_by(|head| key.seal(head, ask))
    }

    /// As [`Head::seal`], with the sealing given.
    pub(super) fn seal_by(
        &self,
        seal: impl FnOnce(&[u8]) -> error::Result<Vec<u8>>,
    ) -> error::Result<Vec<u8>> {
        let mut writer = Writer::with_capacity(1024);
        writer.array(6).uint(FORMAT).bytes(self.token);
        writer.bytes(&self.member.0);
        writer.uint(self.counter).uint(self.at);
        let sealed = seal(writer.as_slice())?;
        writer.bytes(&sealed);
        Ok(writer.into_vec())
    }
}

/// A request of a session that this member's keys open: it is by the session's operator. Whether it may be
/// done is for [`Incoming::caller`] and for the counter.
pub struct Incoming {
    /// The session.
    pub token: SessionToken,
    /// The request's counter.
    pub counter: u64,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub at: u64,
    /// What is asked.
    pub ask: SecretBytes,
    /// The hash of the request.
    pub hash: Digest,
    answers: SealingKey,
    member: MemberId,
}

impl Incoming {
    /// Opens a request to `member`, which holds the keys of `ring`.
    ///
    /// # Errors
    /// A request that is malformed, changed, for another domain or member, or in a session whose domain
    /// key is gone.
    pub fn open(request: &[u8], ring: &Keyring, member: MemberId) -> Result<Self, Refusal> {
        let (head, associated, sealed) = read(request)?;
        let token = SessionToken::open(head.token, ring)?;
        let SessionKeys { requests, answers } = token.keys();
        let ask = requests.open(associated, sealed).ok_or(Refusal::Sealed)?;
        if head.member != member {
            return Err(Refusal::OtherMember(head.member));
        }
        Ok(Incoming {
            token,
            counter: head.counter,
            at: head.at,
            ask,
            answers,
            member,
            hash: Digest(hash(&[request])),
        })
    }

    /// The operator who asks, if they may at the time `now`, by the installed operators, on a member
    /// that allows sessions of at most `longest` seconds.
    ///
    /// # Errors
    /// A session that is over, an operator that is suspended, removed or expired, clocks that differ.
    pub fn caller<'g>(
        &self,
        governance: &'g Governance,
        now: u64,
        longest: u64,
    ) -> Result<&'g Operator, Refusal> {
        let operator = self.token.holder(governance, now, longest)?;
        in_time(self.at, now)?;
        Ok(operator)
    }

    /// Seals an answer to this request.
    ///
    /// # Errors
    /// Those of the random generator.
    pub fn answer(&self, reply: &[u8]) -> error::Result<Vec<u8>> {
        self.answer_by(|key, head| key.seal(head, reply))
    }

    /// As [`Incoming::answer`], with the sealing given: with a known salt, for test vectors.
    pub(crate) fn answer_by(
        &self,
        seal: impl FnOnce(&SealingKey, &[u8]) -> error::Result<Vec<u8>>,
    ) -> error::Result<Vec<u8>> {
        let asked = Asked {
            member: self.member,
            counter: self.counter,
            hash: self.hash,
        };
        let mut answer = answer_head(&asked);
        let sealed = seal(&self.answers, &bound(answer.as_slice(), &asked))?;
        answer.bytes(&sealed);
        Ok(answer.into_vec())
    }
}

/// Reads a request: its head, what the seal authenticates, and the sealed part.
pub(super) fn read(request: &[u8]) -> Read<(Head<'_>, &[u8], &[u8])> {
    if request.len() > MAX_REQUEST {
        return Err(flawed("request", Flaw::TooLong));
    }
    let mut reader = Reader::new(request);
    reader.tuple("request", 6)?;
    if reader.uint("request format")? != FORMAT {
        return Err(flawed("request format", Flaw::BadValue));
    }
    let head = Head {
        token: reader.bytes("session token", MAX_TOKEN)?,
        member: MemberId(reader.fixed("member id")?),
        counter: reader.uint("counter")?,
        at: reader.uint("request date")?,
    };
    let associated = request.get(..reader.position()).unwrap_or_default();
    let sealed = reader.bytes("sealed request", MAX_REQUEST)?;
    reader.end("request")?;
    Ok((head, associated, sealed))
}

/// Opens the answer to a request.
pub(super) fn open_answer(
    key: &SealingKey,
    asked: &Asked,
    answer: &[u8],
) -> Result<SecretBytes, Refusal> {
    let mut reader = Reader::new(answer);
    reader.tuple("answer", 4)?;
    if reader.uint("answer format")? != FORMAT {
        return Err(flawed("answer format", Flaw::BadValue).into());
    }
    let member = MemberId(reader.fixed("member id")?);
    let counter = reader.uint("counter")?;
    let head = answer.get(..reader.position()).unwrap_or_default();
    let sealed = reader.bytes("sealed answer", usize::MAX)?;
    reader.end("answer")?;
    if (member, counter) != (asked.member, asked.counter) {
        return Err(Refusal::OtherRequest);
    }
    key.open(&bound(head, asked), sealed).ok_or(Refusal::Sealed)
}

/// What an answer says in the clear.
fn answer_head(asked: &Asked) -> Writer {
    let mut writer = Writer::default();
    writer.array(4).uint(FORMAT);
    writer.bytes(&asked.member.0).uint(asked.counter);
    writer
}

/// What the seal of an answer authenticates: its head, and the request that it answers.
fn bound(head: &[u8], asked: &Asked) -> Vec<u8> {
    [head, &asked.hash.0].concat()
}
