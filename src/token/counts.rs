//! Counts in the store: uses of keys whose policy limits them, what is registered under versions of keys, and
//! key tokens that callers hold under each domain key.
//!
//! They are entries of the row tree without a row, so that one that was edited or put back is noticed. A process
//! reserves some of a count at a time, more the more it uses, so that not each step is a transaction; what it
//! reserved and did not use it gives back when it logs out. One that dies has counted too many, never too
//! few.

use super::Token;
use super::changes::{Rows, Touched, tampered};
use super::rows::RowKeys;
use crate::domain::ids::DomainKeyId;
use crate::error::Result;
use crate::object::ObjectId;
use crate::seal::envelope::mac;
use crate::storage::tree::{Entry, Mark, leaf_of};
use crate::storage::{Reader, Writer};
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// The facts that counted key tokens by domain key before the row tree did.
const FORMER_HELD: &str = "held/";
/// Parts that threads use apart from each other.
const SHARDS: usize = 16;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Count {
    /// Uses of a key whose policy limits them, by lineage.
    Uses,
    /// Things wrapped under a version of a key, by object.
    Registered,
    /// Key tokens that callers may hold, by domain key.
    Held,
}

impl Count {
    /// The most of it that a process reserves at a time.
    fn block(self) -> u64 {
        match self {
            Count::Uses | Count::Registered => 1 << 10,
            Count::Held => 1 << 16,
        }
    }

    fn name(self) -> &'static [u8] {
        match self {
            Count::Uses => b"uses ",
            Count::Registered => b"registered ",
            Count::Held => b"held ",
        }
    }
}

/// A count of one thing.
pub(super) type Counted = (Count, [u8; 16]);

/// What this process has reserved of counts.
#[derive(Default)]
pub(super) struct Counts {
    shards: [Mutex<HashMap<Counted, Block>>; SHARDS],
}

/// What is reserved of one count.
#[derive(Clone, Copy, Default)]
struct Block {
    left: u64,
    /// How much was reserved last.
    last: u64,
    /// What the count was then.
    total: u64,
}

impl Counts {
    /// The part for a count: the thread's own, or where there is a limit the one of all threads, so that
    /// none reserves what another one needs.
    fn part(&self, limited: bool) -> Option<MutexGuard<'_, HashMap<Counted, Block>>> {
        let thread = std::thread::current().id();
        let hashed = BuildHasherDefault::<DefaultHasher>::default().hash_one(thread);
        let place = usize::try_from(hashed % 16).unwrap_or_default();
        let own = self.shards.get(if limited { 0 } else { place })?;
        Some(own.lock())
    }

    /// How much of a count is reserved and not used.
    fn left(&self, counted: Counted) -> u64 {
        let left = |shard: &Mutex<HashMap<Counted, Block>>| {
            shard.lock().get(&counted).map_or(0, |own| own.left)
        };
        self.shards.iter().map(left).sum()
    }
}

impl Token {
    /// Counts one use of a key, of which there may be `most` in all. Whether it was one of those.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the store.
    pub fn count_use(&self, lineage: &[u8; 16], most: u64) -> Result<bool> {
        self.take_one((Count::Uses, *lineage), most)
    }

    /// Counts one more thing as wrapped under a version.
    ///
    /// # Errors
    /// As [`Token::count_use`].
    pub fn register_one(&self, version: ObjectId) -> Result<()> {
        self.take_one((Count::Registered, version.0), u64::MAX)
            .map(drop)
    }

    /// Counts things as wrapped under a version, or off: `change` makes the new count from the old one.
    ///
    /// # Errors
    /// As [`Token::count_use`].
    pub fn register(&self, version: ObjectId, change: impl Fn(u64) -> u64) -> Result<u64> {
        let counted = (Count::Registered, version.0);
        let left = self.counts.left(counted);
        let total = self.change_count(counted, |now| {
            change(now.saturating_sub(left)).saturating_add(left)
        })?;
        Ok(total.saturating_sub(left))
    }

    /// How many things are counted as wrapped under a version, by every process.
    ///
    /// # Errors
    /// As [`Token::count_use`].
    pub fn registered(&self, version: ObjectId) -> Result<u64> {
        let counted = (Count::Registered, version.0);
        let unlocked = self.login_needed()?;
        let total = self.counted(&*self.row_keys(&unlocked)?, counted)?;
        Ok(total.saturating_sub(self.counts.left(counted)))
    }

    /// Counts a key token that is about to be handed out under a domain key.
    ///
    /// # Errors
    /// As [`Token::count_use`]; nothing may be handed out then.
    pub fn count_held(&self, key: DomainKeyId) -> Result<()> {
        self.take_one((Count::Held, key.0), u64::MAX).map(drop)
    }

    /// How many key tokens callers may hold under a domain key.
    ///
    /// # Errors
    /// As [`Token::count_use`].
    pub fn held_under(&self, key: DomainKeyId) -> Result<u64> {
        let counted = (Count::Held, key.0);
        let unlocked = self.login_needed()?;
        let keys = self.row_keys(&unlocked)?;
        let mut total = self.counted(&keys, counted)?;
        if keys.are_shared() {
            // Those of before the objects moved to the repository.
            total = total.saturating_add(self.counted(&unlocked.own, counted)?);
        }
        Ok(total.saturating_sub(self.counts.left(counted)))
    }

    /// Gives back what this process reserved and did not use.
    ///
    /// # Errors
    /// As [`Token::count_use`]; what was not given back stays counted.
    pub(super) fn give_back_counts(&self) -> Result<()> {
        for shard in &self.counts.shards {
            let reserved = std::mem::take(&mut *shard.lock());
            for (counted, block) in reserved.into_iter().filter(|(_, block)| block.left > 0) {
                self.change_count(counted, |now| now.saturating_sub(block.left))?;
            }
        }
        Ok(())
    }

    /// Takes one of a count that may reach `most`. Whether there was one left.
    fn take_one(&self, counted: Counted, most: u64) -> Result<bool> {
        // Held throughout: two threads must not both take the last one.
        let Some(mut counts) = self.counts.part(most < u64::MAX) else {
            return Ok(false);
        };
        if counted.0 == Count::Held && !counts.contains_key(&counted) {
            self.give_back_other_keys(&mut counts, counted)?;
        }
        let block = counts.entry(counted).or_default();
        if block.left > 0 && block.total > most {
            // Fewer are allowed than when these were reserved.
            self.change_count(counted, |now| now.saturating_sub(block.left))?;
            block.left = 0;
        }
        if block.left == 0 {
            let wish = block.last.saturating_mul(2).clamp(1, counted.0.block());
            let mut reserved = 0;
            block.total = self.change_count(counted, |now| {
                let free = most.saturating_sub(now);
                // Others may want some, too, of what is left.
                reserved = wish.min(free.div_ceil(4));
                now.saturating_add(reserved)
            })?;
            (block.left, block.last) = (reserved, reserved);
        }
        match block.left.checked_sub(1) {
            Some(left) => {
                block.left = left;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Gives back what is reserved under other domain keys: one that gave way to another is to become free.
    fn give_back_other_keys(
        &self,
        counts: &mut HashMap<Counted, Block>,
        own: Counted,
    ) -> Result<()> {
        let others: Vec<_> = counts
            .keys()
            .filter(|other| other.0 == Count::Held && **other != own)
            .copied()
            .collect();
        for other in others {
            if let Some(block) = counts.remove(&other).filter(|block| block.left > 0) {
                self.change_count(other, |now| now.saturating_sub(block.left))?;
            }
        }
        Ok(())
    }

    /// A count as these rows have it.
    fn counted(&self, keys: &RowKeys, counted: Counted) -> Result<u64> {
        let floor = keys.tree.floor();
        self.store_of(keys)?
            .reading(|reader| read(keys, reader, floor, counted))
    }

    /// Changes a count durably. Answers the new one.
    pub(super) fn change_count(
        &self,
        counted: Counted,
        mut change: impl FnMut(u64) -> u64,
    ) -> Result<u64> {
        let unlocked = self.login_needed()?;
        self.change_rows(&unlocked, |writer, rows| {
            let now = read(&rows.keys, writer, rows.keys.tree.floor(), counted)?;
            let next = change(now);
            if next == now {
                return Ok((now, Touched::nothing()));
            }
            Ok((next, set(writer, rows, &[(counted, next)], &[])?))
        })
    }
}

/// Sets counts, and other entries of the row tree with them.
pub(super) fn set(
    writer: &dyn Writer,
    rows: &Rows,
    counts: &[(Counted, u64)],
    others: &[(ObjectId, Option<Entry>)],
) -> Result<Touched> {
    let mut changes = others.to_vec();
    for (counted, count) in counts {
        // A count of nothing needs no entry.
        let entry = (*count > 0).then_some(Entry {
            revision: *count,
            mark: Mark::Role,
        });
        changes.push((place(&rows.keys, counted.0.name(), &counted.1), entry));
        if let Some(former) = former(*counted) {
            writer.set_fact(&former, None)?;
        }
    }
    Ok(Touched {
        groups: changes.iter().map(|(id, _)| leaf_of(*id)).collect(),
        head: Some(rows.keys.tree.update(writer, &changes)?),
        ..Touched::nothing()
    })
}

/// Reads a count.
pub(super) fn read(
    keys: &RowKeys,
    reader: &dyn Reader,
    floor: u64,
    counted: Counted,
) -> Result<u64> {
    let place = place(keys, counted.0.name(), &counted.1);
    let count = match keys.tree.entry(reader, floor, place)? {
        None => 0,
        Some(entry) if entry.mark == Mark::Role => entry.revision,
        Some(_) => return Err(tampered(place)),
    };
    let before = former(counted)
        .map(|former| reader.fact(&former))
        .transpose()?;
    let before = before.flatten().map_or(0, |bytes| {
        // A count that was edited to nonsense keeps the key.
        bytes.try_into().map_or(u64::MAX, u64::from_be_bytes)
    });
    Ok(count.saturating_add(before))
}

/// The entry of the row tree for something that has no row.
pub(super) fn place(keys: &RowKeys, kind: &[u8], of: &[u8]) -> ObjectId {
    let mac = mac(&keys.roles, &[kind, of].concat());
    ObjectId(mac.first_chunk::<16>().copied().unwrap_or_default())
}

/// The fact in which an older version kept a count.
fn former((count, of): Counted) -> Option<String> {
    (count == Count::Held).then(|| format!("{FORMER_HELD}{}", DomainKeyId(of)))
}
