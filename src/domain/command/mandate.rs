//! A mandate: an ordered list of changes that operators sign once, each change a version of its own or
//! several of them one version.

use super::change::{Change, write_changes};
use crate::crypto::random;
use crate::domain::cbor::{Flaw, Reader, Result, Writer, flawed};
use crate::domain::cose::{ManySigned, Purpose, Signer};
use crate::domain::ids::{Digest, DomainId, MemberId, OperatorId};
use crate::domain::sealing::hash;
use crate::error;

/// The format of mandates.
const FORMAT: u64 = 1;
/// The most changes of one mandate.
pub const MAX_CHANGES: usize = 64;
/// The longest mandate with its signatures in bytes.
pub const MAX_LEN: usize = 1 << 20;

/// What operators sign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mandate {
    /// The domain.
    pub domain: DomainId,
    /// The version that the first change is made to, by its token's hash.
    pub parent: Digest,
    /// Makes every mandate another one.
    pub nonce: [u8; 16],
    /// When it lapses, in seconds since 1970-01-01 UTC.
    pub expires: u64,
    /// The changes, in order.
    pub changes: Vec<Change>,
}

impl Mandate {
    /// A mandate with a fresh nonce.
    ///
    /// # Errors
    /// Those of the random generator.
    pub fn new(
        domain: DomainId,
        parent: Digest,
        expires: u64,
        changes: Vec<Change>,
    ) -> error::Result<Self> {
        Ok(Mandate {
            domain,
            parent,
            nonce: random::array()?,
            expires,
            changes,
        })
    }

    /// The encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer
            .array(6)
            .uint(FORMAT)
            .bytes(&self.domain.0)
            .bytes(&self.parent.0);
        writer.bytes(&self.nonce).uint(self.expires);
        write_changes(&mut writer, &self.changes);
        writer.into_vec()
    }

    /// Reads a mandate.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Reader::whole(bytes, "mandate", |reader| {
            reader.tuple("mandate", 6)?;
            if reader.uint("mandate format")? != FORMAT {
                return Err(flawed("mandate format", Flaw::BadValue));
            }
            let mandate = Mandate {
                domain: DomainId(reader.fixed("domain id")?),
                parent: Digest(reader.fixed("parent hash")?),
                nonce: reader.fixed("nonce")?,
                expires: reader.uint("mandate expiry")?,
                changes: reader.list("changes", MAX_CHANGES, Change::read)?,
            };
            if mandate.changes.is_empty() {
                return Err(flawed("changes", Flaw::BadValue));
            }
            Ok(mandate)
        })
    }
}

/// The hash of a list of changes, by which a recovery is announced.
#[must_use]
pub fn changes_hash(changes: &[Change]) -> Digest {
    let mut writer = Writer::default();
    write_changes(&mut writer, changes);
    Digest(hash(&[writer.as_slice()]))
}

/// A mandate with the signatures of those who approve it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approvals {
    mandate: Mandate,
    signed: ManySigned,
}

impl Approvals {
    /// A mandate that nobody approved yet.
    #[must_use]
    pub fn new(mandate: Mandate) -> Self {
        let signed = ManySigned::new(Purpose::Mandate, mandate.encode());
        Approvals { mandate, signed }
    }

    /// The mandate.
    #[must_use]
    pub fn mandate(&self) -> &Mandate {
        &self.mandate
    }

    /// The hash that names the mandate.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest(hash(&[&self.signed.payload]))
    }

    /// The signatures, not yet checked.
    #[must_use]
    pub fn signed(&self) -> &ManySigned {
        &self.signed
    }

    /// Adds an operator's approval.
    ///
    /// # Errors
    /// Those of the operator's key.
    pub fn approve(&mut self, id: OperatorId, signer: &dyn Signer) -> error::Result<()> {
        self.signed.add(id.0, signer)
    }

    /// Adds the word of the only member of a domain without operators, for its SO.
    ///
    /// # Errors
    /// Those of the member's key.
    pub fn approve_as_member(&mut self, id: MemberId, signer: &dyn Signer) -> error::Result<()> {
        self.signed.add(id.0, signer)
    }

    /// Takes over the approvals of another copy of the same mandate.
    ///
    /// # Errors
    /// When it is another mandate.
    pub fn merge(&mut self, other: Approvals) -> error::Result<()> {
        self.signed.merge(other.signed)
    }

    /// The encoding, a file that can travel.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.signed.encode()
    }

    /// Reads a mandate with its signatures, which are not checked.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let signed = ManySigned::parse(Purpose::Mandate, bytes, MAX_LEN)?;
        let mandate = Mandate::decode(&signed.payload)?;
        Ok(Approvals { mandate, signed })
    }
}
