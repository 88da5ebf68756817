//! What a domain asks of its members beyond the rules: wrapping, caches, waiting times, recovery.

use crate::domain::cbor::{Flaw, Reader, Result, Writer, flawed};
use crate::domain::ids::{Digest, KeyId};
use crate::domain::package::PUBLIC_KEY_LEN;

/// The most trusted wrapping keys.
const MAX_TRUSTED: usize = 1024;

/// Under which keys a sensitive, extractable key may be wrapped by a standard mechanism.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wrapping {
    /// Only under keys that are protected or trusted.
    #[default]
    Guarded,
    /// As the PKCS#11 standard says.
    Standard,
}

/// The settings of a domain. A member's own settings can only tighten them. All times in seconds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// The wrapping policy.
    pub wrapping: Wrapping,
    /// Keys that sensitive keys may be wrapped under, sorted.
    pub trusted: Vec<KeyId>,
    /// How long an unused customer key may stay in a cache; 0 for no cache.
    pub cache_lifetime: u64,
    /// After how long a cached customer key is compared with the repository.
    pub cache_revalidation: u64,
    /// How many customer keys a member may cache.
    pub cache_entries: u64,
    /// Whether domain keys are kept in memory only.
    pub volatile: bool,
    /// How long after its retirement a domain key may be removed at the earliest.
    pub removal_wait: u64,
    /// How long a member may be away before it wants the newest version confirmed by most others; 0
    /// for any time.
    pub away_limit: u64,
}

impl Policy {
    /// What a new domain begins with.
    #[must_use]
    pub fn founding() -> Self {
        Policy {
            cache_lifetime: 300,
            cache_revalidation: 1,
            cache_entries: 1 << 16,
            ..Policy::default()
        }
    }

    /// Writes it.
    pub(in crate::domain) fn write(&self, writer: &mut Writer) {
        writer.array(8).uint(match self.wrapping {
            Wrapping::Guarded => 0,
            Wrapping::Standard => 1,
        });
        writer.array(self.trusted.len());
        for key in &self.trusted {
            writer.bytes(&key.0);
        }
        writer
            .uint(self.cache_lifetime)
            .uint(self.cache_revalidation)
            .uint(self.cache_entries);
        writer
            .bool(self.volatile)
            .uint(self.removal_wait)
            .uint(self.away_limit);
    }

    /// Reads it.
    pub(in crate::domain) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.tuple("policy", 8)?;
        let wrapping = match reader.uint("wrapping policy")? {
            0 => Wrapping::Guarded,
            1 => Wrapping::Standard,
            _ => return Err(flawed("wrapping policy", Flaw::BadValue)),
        };
        let read = |reader: &mut Reader<'_>| Ok(KeyId(reader.fixed("trusted key id")?));
        Ok(Policy {
            wrapping,
            trusted: reader.sorted_list("trusted keys", MAX_TRUSTED, read, |key| *key)?,
            cache_lifetime: reader.uint("cache lifetime")?,
            cache_revalidation: reader.uint("cache revalidation")?,
            cache_entries: reader.uint("cache entries")?,
            volatile: reader.bool("volatile keys")?,
            removal_wait: reader.uint("removal wait")?,
            away_limit: reader.uint("away limit")?,
        })
    }
}

/// The way back when members or operators are lost: a key held offline by several people, to which
/// every version is sealed, and a delay that everyone sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovery {
    /// The X-Wing key held offline.
    pub agreement: Vec<u8>,
    /// The version that brought it.
    pub since: u64,
    /// How long, in seconds, a recovery is announced before it can be done.
    pub delay: u64,
    /// The recovery that is announced: the hash of its changes, and when it was.
    pub announced: Option<(Digest, u64)>,
}

impl Recovery {
    /// Writes it.
    pub(super) fn write(&self, writer: &mut Writer) {
        writer
            .array(4)
            .bytes(&self.agreement)
            .uint(self.since)
            .uint(self.delay);
        match self.announced {
            Some((changes, at)) => writer.array(2).bytes(&changes.0).uint(at),
            None => writer.null(),
        };
    }

    /// Reads it.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.tuple("recovery", 4)?;
        Ok(Recovery {
            agreement: reader.fixed::<PUBLIC_KEY_LEN>("recovery key")?.to_vec(),
            since: reader.uint("recovery version")?,
            delay: reader.uint("recovery delay")?,
            announced: reader.optional("announced recovery", |reader| {
                reader.tuple("announced recovery", 2)?;
                Ok((
                    Digest(reader.fixed("announced changes")?),
                    reader.uint("announced at")?,
                ))
            })?,
        })
    }
}
