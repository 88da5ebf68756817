//! The manifest of domain keys: which there are, where each stands, and which are gone for ever.

use crate::domain::cbor::{Flaw, Reader, Result, Writer, flawed};
use crate::domain::ids::{Digest, DomainKeyId};
use crate::domain::keyring::KeyState;

/// A domain key as the manifest lists it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ManifestKey {
    /// Its name.
    pub id: DomainKeyId,
    /// Where it stands in its life.
    pub state: KeyState,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created: u64,
    /// When it came into its present state.
    pub since: u64,
    /// The commitment to its secret.
    pub commitment: Digest,
}

impl ManifestKey {
    /// Writes it.
    pub(super) fn write(&self, writer: &mut Writer) {
        let state = match self.state {
            KeyState::Pending => 0,
            KeyState::Active => 1,
            KeyState::DecryptOnly => 2,
        };
        writer
            .array(5)
            .bytes(&self.id.0)
            .uint(state)
            .uint(self.created)
            .uint(self.since);
        writer.bytes(&self.commitment.0);
    }

    /// Reads it.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.tuple("domain key", 5)?;
        let id = DomainKeyId(reader.fixed("domain-key id")?);
        let state = match reader.uint("domain-key state")? {
            0 => KeyState::Pending,
            1 => KeyState::Active,
            2 => KeyState::DecryptOnly,
            _ => return Err(flawed("domain-key state", Flaw::BadValue)),
        };
        Ok(ManifestKey {
            id,
            state,
            created: reader.uint("domain-key creation date")?,
            since: reader.uint("domain-key state date")?,
            commitment: Digest(reader.fixed("domain-key commitment")?),
        })
    }
}

/// A domain key that was removed for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tombstone {
    /// Its name.
    pub id: DomainKeyId,
    /// The version that removed it.
    pub version: u64,
    /// Whether the members' agreement keys were renewed with the removal, so that no archived token
    /// brings the key back.
    pub last: bool,
}

impl Tombstone {
    /// Writes it.
    pub(super) fn write(&self, writer: &mut Writer) {
        writer
            .array(3)
            .bytes(&self.id.0)
            .uint(self.version)
            .bool(self.last);
    }

    /// Reads it.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.tuple("tombstone", 3)?;
        Ok(Tombstone {
            id: DomainKeyId(reader.fixed("tombstone id")?),
            version: reader.uint("tombstone version")?,
            last: reader.bool("tombstone finality")?,
        })
    }
}
