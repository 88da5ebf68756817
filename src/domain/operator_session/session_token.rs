//! The session token: the keys of a session sealed under the domain key, for every member to open.

use super::{FORMAT, Refusal};
use crate::domain::cbor::{Flaw, Reader, Result as Read, Writer, flawed};
use crate::domain::ids::{DomainId, DomainKeyId, OperatorId, SessionId};
use crate::domain::keyring::{DomainKey, Keyring};
use crate::domain::sealing::{SALT_LEN, SealingKey};
use crate::domain::state::governance::{Governance, Operator};
use crate::error;
use rand::CryptoRng;
use zeroize::Zeroizing;

/// The longest sealed part in bytes.
const MAX_SEALED: usize = 256;
/// The label of its seal among those of a domain key's session key.
const LABEL: &str = "keyward/1 session token";

/// What a session token holds. Erased on drop.
#[derive(Clone)]
pub struct SessionToken {
    /// The session.
    pub id: SessionId,
    /// Whose it is.
    pub operator: OperatorId,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub issued: u64,
    /// Its last second.
    pub expires: u64,
    /// What the two keys of the session derive from.
    root: Zeroizing<[u8; 32]>,
}

/// The two keys of a session.
pub(super) struct SessionKeys {
    /// Seals requests.
    pub(super) requests: SealingKey,
    /// Seals answers.
    pub(super) answers: SealingKey,
}

impl SessionKeys {
    /// The keys of a root.
    pub(super) fn of(root: &[u8; 32]) -> Self {
        SessionKeys {
            requests: SealingKey::derive(root, "keyward/1 session request"),
            answers: SealingKey::derive(root, "keyward/1 session answer"),
        }
    }
}

impl SessionToken {
    /// A session from its parts.
    #[must_use]
    pub fn new(
        id: SessionId,
        operator: OperatorId,
        (issued, expires): (u64, u64),
        root: Zeroizing<[u8; 32]>,
    ) -> Self {
        SessionToken {
            id,
            operator,
            issued,
            expires,
            root,
        }
    }

    /// Its keys.
    pub(super) fn keys(&self) -> SessionKeys {
        SessionKeys::of(&self.root)
    }

    /// What its keys derive from.
    #[cfg(test)]
    pub(crate) fn root(&self) -> &[u8; 32] {
        &self.root
    }

    /// A request in the session, with the sealing given: for test vectors.
    #[cfg(test)]
    pub(crate) fn request_by(
        &self,
        token: &[u8],
        (member, counter, at): (crate::domain::ids::MemberId, u64, u64),
        seal: impl FnOnce(&SealingKey, &[u8]) -> error::Result<Vec<u8>>,
    ) -> error::Result<Vec<u8>> {
        let head = super::incoming::Head {
            token,
            member,
            counter,
            at,
        };
        head.seal_by(|bytes| seal(&self.keys().requests, bytes))
    }

    /// Seals it under a domain key, with a salt drawn from `random`.
    ///
    /// # Errors
    /// Want of memory.
    pub fn seal(&self, key: &DomainKey, random: &mut impl CryptoRng) -> error::Result<Vec<u8>> {
        let mut salt = [0; SALT_LEN];
        random.fill_bytes(&mut salt);
        let mut body = Writer::with_capacity(MAX_SEALED);
        body.array(5).bytes(&self.id.0).bytes(&self.operator.0);
        body.uint(self.issued).uint(self.expires).bytes(&*self.root);
        let mut token = Writer::default();
        token.array(4).uint(FORMAT).bytes(&key.domain().0);
        token.bytes(&key.id().0);
        let sealed = sealing(key)?.seal_with_salt(&salt, token.as_slice(), body.as_slice())?;
        token.bytes(&sealed);
        Ok(token.into_vec())
    }

    /// Opens a session token under the keys of a ring.
    ///
    /// # Errors
    /// A malformed token, one of another domain, under a key that the ring does not hold, or changed.
    pub fn open(token: &[u8], ring: &Keyring) -> Result<Self, Refusal> {
        let parts = Parts::read(token)?;
        if parts.domain != ring.domain() {
            return Err(Refusal::OtherDomain(parts.domain));
        }
        let held = ring.find(parts.key).ok_or(Refusal::UnknownKey(parts.key))?;
        let key = sealing(&held.key).map_err(|_| Refusal::Token)?;
        let body = key.open(parts.head, parts.sealed).ok_or(Refusal::Token)?;
        Ok(Reader::whole(body.expose(), "session", |reader| {
            reader.tuple("session", 5)?;
            Ok(SessionToken {
                id: SessionId(reader.fixed("session id")?),
                operator: OperatorId(reader.fixed("operator")?),
                issued: reader.uint("session begin")?,
                expires: reader.uint("session end")?,
                root: Zeroizing::new(reader.fixed("session keys")?),
            })
        })?)
    }

    /// The operator whose session this is, when the session goes on at `now` for a member that allows
    /// sessions of at most `longest` seconds, and the operator still counts in the installed state.
    ///
    /// # Errors
    /// Why not.
    pub fn holder<'g>(
        &self,
        governance: &'g Governance,
        now: u64,
        longest: u64,
    ) -> Result<&'g Operator, Refusal> {
        let end = self.expires.min(self.issued.saturating_add(longest));
        if now > end {
            return Err(Refusal::Ended(end));
        }
        counting(governance, self.operator, now)
    }
}

/// An operator that counts in a state at a time.
///
/// # Errors
/// One that is unknown, suspended or whose time is over.
pub(super) fn counting(
    governance: &Governance,
    id: OperatorId,
    now: u64,
) -> Result<&Operator, Refusal> {
    let operator = governance
        .operator(id)
        .ok_or(Refusal::UnknownOperator(id))?;
    if operator.suspended {
        return Err(Refusal::Suspended(id));
    }
    match operator.expires {
        Some(end) if now > end => Err(Refusal::OperatorExpired(id, end)),
        _ => Ok(operator),
    }
}

/// The parts of a session token in the clear.
struct Parts<'t> {
    domain: DomainId,
    key: DomainKeyId,
    /// Everything before the sealed part, which the seal authenticates.
    head: &'t [u8],
    sealed: &'t [u8],
}

impl<'t> Parts<'t> {
    fn read(token: &'t [u8]) -> Read<Self> {
        let mut reader = Reader::new(token);
        reader.tuple("session token", 4)?;
        if reader.uint("session token format")? != FORMAT {
            return Err(flawed("session token format", Flaw::BadValue));
        }
        let domain = DomainId(reader.fixed("domain id")?);
        let key = DomainKeyId(reader.fixed("domain key id")?);
        let head = token.get(..reader.position()).unwrap_or_default();
        let sealed = reader.bytes("sealed session", MAX_SEALED)?;
        reader.end("session token")?;
        Ok(Parts {
            domain,
            key,
            head,
            sealed,
        })
    }
}

/// The key under which a domain key seals session tokens.
fn sealing(key: &DomainKey) -> error::Result<SealingKey> {
    let root = key.session().expose().first_chunk();
    let root = root.ok_or(error::Error::Internal("the session key of a domain key"))?;
    Ok(SealingKey::derive(root, LABEL))
}
