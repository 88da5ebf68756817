//! Domain tokens through stock tools (system requirement 2.7): a data object under an application
//! name of ours is a domain token, a numbered part of one, or the hash of one in the repository, and is
//! ingested instead of stored.

use super::context::Context;
use crate::domain::ids::Digest;
use crate::error::{Error, Result};
use crate::object::attribute::{Attributes, Template, Value};
use crate::object::{ObjectId, access};
use crate::secret::{LOGIN_STACK, apart};
use cryptoki_sys::{CKA_APPLICATION, CKA_CLASS, CKA_LABEL, CKA_TOKEN, CKA_VALUE, CKO_DATA};

/// The application name of a whole domain token.
pub const WHOLE: &[u8] = b"keyward.domain-token";
/// The application name of a part of one; the label says which of how many: `2/3`.
pub const PART: &[u8] = b"keyward.domain-token.part";
/// The application name of the hash of one that the repository has: 32 bytes, or 64 digits.
pub const HASH: &[u8] = b"keyward.domain-token.hash";
/// The length at which pkcs11-tool cuts data objects, in bytes.
const CUT: usize = 5000;
/// The most parts of one token.
const MOST_PARTS: u32 = 1000;

/// What a new data object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carried {
    /// A domain token.
    Whole,
    /// The hash of a published domain token.
    Hash,
    /// Part `number` of `count`, numbered from 1.
    Part {
        /// Which part.
        number: u32,
        /// Of how many.
        count: u32,
    },
}

/// Whether a new object carries a domain token; ordinary objects do not.
///
/// # Errors
/// `DomainTokenRefused` for a part whose label does not say which of how many it is.
pub fn carried(object: &Attributes) -> Result<Option<Carried>> {
    if object.class() != Some(CKO_DATA) {
        return Ok(None);
    }
    match object.value(CKA_APPLICATION).and_then(Value::as_bytes) {
        Some(WHOLE) => Ok(Some(Carried::Whole)),
        Some(HASH) => Ok(Some(Carried::Hash)),
        Some(PART) => part_of(object).map(Some).ok_or_else(|| {
            Error::DomainTokenRefused("a part needs a label such as 2/3: part 2 of 3".into())
        }),
        _ => Ok(None),
    }
}

/// Which part the label names.
fn part_of(object: &Attributes) -> Option<Carried> {
    let label = std::str::from_utf8(object.value(CKA_LABEL)?.as_bytes()?).ok()?;
    let (number, count) = label.split_once('/')?;
    let (number, count) = (number.parse().ok()?, count.parse().ok()?);
    let sound = (1..=count).contains(&number) && count <= MOST_PARTS;
    sound.then_some(Carried::Part { number, count })
}

/// The hash that a value says, as bytes or as a line of text.
fn hash_in(value: &[u8]) -> Option<Digest> {
    if let Ok(bytes) = value.try_into() {
        return Some(Digest(bytes));
    }
    Digest::from_hex(std::str::from_utf8(value).ok()?.trim_end())
}

impl Context<'_> {
    /// Takes what a data object carries. What the caller gets a handle of is a session object: the
    /// token itself is part of the domain now, or waits for its other parts.
    ///
    /// # Errors
    /// `SessionReadOnly`, `UserNotLoggedIn`, `DomainTokenRefused`, and those of the store.
    pub fn take_domain_object(&self, object: &mut Attributes, carried: Carried) -> Result<()> {
        object.set(CKA_TOKEN, Value::Bool(true));
        access::may_make(self.state(), object)?;
        let value = object
            .value(CKA_VALUE)
            .and_then(Value::as_bytes)
            .unwrap_or_default();
        match carried {
            Carried::Whole if value.len() == CUT => {
                return Err(Error::DomainTokenRefused(
                    "it is cut at 5,000 bytes, as pkcs11-tool does: write it in parts".into(),
                ));
            }
            Carried::Whole => drop(apart::<LOGIN_STACK, _>(|| {
                self.session.token().ingest(value)
            })?),
            Carried::Hash => {
                let hash = hash_in(value).ok_or_else(|| {
                    Error::DomainTokenRefused("a hash has 32 bytes or 64 digits".into())
                })?;
                apart::<LOGIN_STACK, _>(|| self.session.token().take_published(hash))?;
            }
            Carried::Part { count, .. } => self.take_part(object, count)?,
        }
        object.set(CKA_TOKEN, Value::Bool(false));
        Ok(())
    }

    /// Keeps a part, and ingests the token when it was the last one missing.
    fn take_part(&self, part: &Attributes, count: u32) -> Result<()> {
        let token = self.session.token();
        for (id, _) in self.parts(part.value(CKA_LABEL).and_then(Value::as_bytes))? {
            token.remove_id(id)?;
        }
        token.insert(vec![part.clone()])?;
        let mut whole = Vec::new();
        let mut ids = Vec::new();
        for number in 1..=count {
            let Some((id, value)) = self
                .parts(Some(format!("{number}/{count}").as_bytes()))?
                .pop()
            else {
                return Ok(());
            };
            whole.extend_from_slice(&value);
            ids.push(id);
        }
        let outcome = apart::<LOGIN_STACK, _>(|| token.ingest(&whole));
        // Good or refused, the parts have served.
        for id in ids {
            token.remove_id(id)?;
        }
        outcome.map(drop)
    }

    /// The parts kept under a label.
    fn parts(&self, label: Option<&[u8]>) -> Result<Vec<(ObjectId, Vec<u8>)>> {
        let wanted = Template(vec![
            (CKA_CLASS, Value::Ulong(CKO_DATA)),
            (CKA_APPLICATION, Value::Bytes(PART.to_vec())),
            (CKA_LABEL, Value::Bytes(label.unwrap_or_default().to_vec())),
        ]);
        let token = self.session.token();
        let mut parts = Vec::new();
        for id in token.find(&wanted)? {
            let object = token.load(id)?;
            let value = object
                .attributes()
                .value(CKA_VALUE)
                .and_then(Value::as_bytes);
            parts.push((id, value.unwrap_or_default().to_vec()));
        }
        Ok(parts)
    }
}
