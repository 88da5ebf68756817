//! Key tokens that callers hold: how many may be under each domain key, and how one is taken to the active
//! key. The count is never too low: it is raised durably before tokens are handed out, in blocks that
//! grow with use, and what was not used of a block is given back.

use super::Token;
use crate::domain::ids::{Digest, DomainKeyId};
use crate::domain::rewrap::rewrap;
use crate::error::Result;
use crate::seal::envelope::hash;
use crate::storage::{Reader, Store, Writer};
use parking_lot::Mutex;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// The facts that count tokens by domain key.
const HELD: &str = "held/";
/// The facts that name tokens that were taken to another key: each counts once.
const REWRAPPED: &str = "rewrapped/";
/// The largest block.
const BLOCK_MAX: u64 = 1 << 16;
/// Counters that threads use apart from each other.
const SHARDS: usize = 16;

/// What is left of the blocks that this process has taken.
pub(super) struct Blocks {
    shards: [Mutex<Block>; SHARDS],
}

/// What is left of one block.
#[derive(Clone, Copy, Default)]
struct Block {
    key: Option<DomainKeyId>,
    left: u64,
    /// The size of the last block.
    size: u64,
}

impl Blocks {
    pub(super) fn new() -> Self {
        Blocks {
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    fn own(&self) -> Option<&Mutex<Block>> {
        let thread = std::thread::current().id();
        let hashed = BuildHasherDefault::<DefaultHasher>::default().hash_one(thread);
        let place = usize::try_from(hashed % 16).unwrap_or_default();
        self.shards.get(place)
    }
}

impl Token {
    /// Counts a token that is about to be handed out under a domain key.
    ///
    /// # Errors
    /// Those of the store; nothing may be handed out then.
    pub fn count_held(&self, key: DomainKeyId) -> Result<()> {
        let Some(own) = self.held.own() else {
            return Ok(());
        };
        let mut block = own.lock();
        if block.key != Some(key) {
            self.give_back(&mut block)?;
            *block = Block {
                key: Some(key),
                ..Block::default()
            };
        }
        if block.left == 0 {
            let size = block.size.saturating_mul(2).clamp(1, BLOCK_MAX);
            self.objects_store()?.writing(
                |writer| set(writer, key, count(writer, key)?.saturating_add(size)),
                &|| (),
            )?;
            (block.left, block.size) = (size, size);
        }
        block.left = block.left.saturating_sub(1);
        Ok(())
    }

    /// How many key tokens callers may hold under a domain key.
    ///
    /// # Errors
    /// Those of the store.
    pub fn held_under(&self, key: DomainKeyId) -> Result<u64> {
        self.return_blocks()?;
        self.objects_store()?.reading(|reader| count(reader, key))
    }

    /// Takes a key token, or an AES key wrap under a domain key, to the active domain key. `None` when it
    /// is under the active key already.
    ///
    /// # Errors
    /// `KeyTokenRefused`, `UnknownDomainKey`, `WrappedKeyInvalid` for what no domain key opens; those of
    /// the store.
    pub fn rewrap(&self, wrapped: &[u8]) -> Result<Option<Vec<u8>>> {
        let unlocked = self.login_needed()?;
        let ring = self.keyring(&unlocked)?;
        let Some((from, fresh)) = rewrap(&ring, wrapped)? else {
            return Ok(None);
        };
        self.count_held(ring.active().id())?;
        let name = Digest(hash(&[wrapped]));
        self.objects_store()?.writing(
            |writer| {
                let fact = format!("{REWRAPPED}{from}/{name}");
                if writer.fact(&fact)?.is_none() {
                    writer.set_fact(&fact, Some(&[]))?;
                    set(writer, from, count(writer, from)?.saturating_sub(1))?;
                }
                Ok(())
            },
            &|| (),
        )?;
        Ok(Some(fresh))
    }

    /// Forgets the counts of domain keys that no longer exist.
    ///
    /// # Errors
    /// Those of the store.
    pub fn forget_removed_counts(&self) -> Result<()> {
        let unlocked = self.login_needed()?;
        let state = unlocked.domain().state.clone();
        self.objects_store()?.writing(
            |writer| {
                for tombstone in &state.tombstones {
                    let key = tombstone.id;
                    writer.set_fact(&format!("{HELD}{key}"), None)?;
                    for (name, _) in writer.facts(&format!("{REWRAPPED}{key}/"))? {
                        writer.set_fact(&name, None)?;
                    }
                }
                Ok(())
            },
            &|| (),
        )
    }

    /// Gives back what this process has not used of its blocks.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) fn return_blocks(&self) -> Result<()> {
        self.held
            .shards
            .iter()
            .try_for_each(|shard| self.give_back(&mut shard.lock()))
    }

    fn give_back(&self, block: &mut Block) -> Result<()> {
        let Some(key) = block.key.filter(|_| block.left > 0) else {
            return Ok(());
        };
        let left = block.left;
        self.objects_store()?.writing(
            |writer| set(writer, key, count(writer, key)?.saturating_sub(left)),
            &|| (),
        )?;
        *block = Block::default();
        Ok(())
    }

    /// The store that has the objects.
    fn objects_store(&self) -> Result<&dyn Store> {
        match self.attached()? {
            Some(_) => self.repository(),
            None => Ok(&*self.store),
        }
    }
}

fn fact(key: DomainKeyId) -> String {
    format!("{HELD}{key}")
}

fn count(reader: &dyn Reader, key: DomainKeyId) -> Result<u64> {
    let Some(bytes) = reader.fact(&fact(key))? else {
        return Ok(0);
    };
    // A count that was edited to nonsense keeps the key.
    Ok(bytes.try_into().map_or(u64::MAX, u64::from_be_bytes))
}

fn set(writer: &dyn Writer, key: DomainKeyId, count: u64) -> Result<()> {
    writer.set_fact(&fact(key), Some(&count.to_be_bytes()))
}
