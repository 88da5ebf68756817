//! Handles: numbers that name sessions and objects, given once and never again in a process.

use crate::ffi::os::thread::thread_number;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// `CK_SESSION_HANDLE`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct SessionHandle(pub u64);

/// `CK_OBJECT_HANDLE`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct ObjectHandle(pub u64);

/// A hasher for numbers that are spread already, because they are counted.
#[derive(Default)]
pub(super) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        // The table keeps the top bits for its own tags, so a counted number is spread first.
        self.0 = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// A map from handles.
pub(super) type ByHandle<T> = HashMap<u64, T, BuildHasherDefault<Identity>>;

/// Parts of a table: a handle's remainder by this names its part.
pub(super) const SHARDS: u64 = 128;
/// Counters of a table: threads with different ones never meet.
const LANES: u64 = 16;
/// Parts that the handles from one counter take in turn, so that threads that use what one thread made
/// seldom meet either.
const TURNS: u64 = SHARDS / LANES;

/// One part of a table, on cache lines of its own so that threads on other parts are not slowed.
#[repr(align(128))]
struct Shard<T>(RwLock<ByHandle<T>>);

/// One counter, likewise.
#[repr(align(128))]
struct Lane(AtomicU64);

/// What handles of one kind stand for. Reads of different handles hardly ever meet.
pub struct Table<T> {
    shards: [Shard<T>; 128],
    lanes: [Lane; 16],
}

impl<T: Clone> Table<T> {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Table {
            shards: std::array::from_fn(|_| Shard(RwLock::new(HashMap::default()))),
            // No handle is 0.
            lanes: std::array::from_fn(|_| Lane(AtomicU64::new(TURNS))),
        }
    }

    /// A handle never given before. It stands for nothing until [`Table::insert`].
    pub fn reserve(&self) -> u64 {
        let lane = u64::try_from(thread_number()).unwrap_or(0) % LANES;
        let counter = usize::try_from(lane)
            .ok()
            .and_then(|lane| self.lanes.get(lane));
        let number = counter.map_or(0, |lane| lane.0.fetch_add(1, Ordering::Relaxed));
        (number / TURNS) * SHARDS + lane * TURNS + number % TURNS
    }

    /// Makes a reserved handle stand for `value`.
    pub fn insert(&self, handle: u64, value: T) {
        self.shard(handle).0.write().insert(handle, value);
    }

    /// What the handle stands for.
    #[must_use]
    pub fn get(&self, handle: u64) -> Option<T> {
        self.shard(handle).0.read().get(&handle).cloned()
    }

    /// Ends the handle.
    pub fn remove(&self, handle: u64) -> Option<T> {
        self.shard(handle).0.write().remove(&handle)
    }

    /// Ends every handle that `keep` does not keep.
    pub fn retain(&self, mut keep: impl FnMut(&T) -> bool) {
        for shard in &self.shards {
            shard.0.write().retain(|_, value| keep(value));
        }
    }

    /// Ends every handle, and answers what they stood for.
    pub fn take(&self) -> Vec<T> {
        let shards = self.shards.iter();
        let taken = shards.flat_map(|shard| std::mem::take(&mut *shard.0.write()));
        taken.map(|(_, value)| value).collect()
    }

    /// A copy of everything that `wanted` accepts, in no order.
    pub fn select(&self, mut wanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let entries = shard.0.read();
            found.extend(entries.values().filter(|value| wanted(value)).cloned());
        }
        found
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder is below the array's length"
    )]
    fn shard(&self, handle: u64) -> &Shard<T> {
        &self.shards[usize::try_from(handle % SHARDS).unwrap_or(0)]
    }
}

impl<T: Clone> Default for Table<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_handle_is_never_given_twice() {
        let table: Table<()> = Table::new();
        let given = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..20)
                .map(|_| scope.spawn(|| (0..1000).map(|_| table.reserve()).collect::<Vec<_>>()))
                .collect();
            let given = threads.into_iter().map(|thread| thread.join().unwrap());
            given.flatten().collect::<Vec<_>>()
        });
        assert!(!given.contains(&0));
        let different: HashSet<_> = given.iter().collect();
        assert_eq!(different.len(), 20_000);
    }

    #[test]
    fn a_removed_handle_stands_for_nothing() {
        let table = Table::new();
        let first = table.reserve();
        table.insert(first, "a");
        assert_eq!(table.get(first), Some("a"));
        assert_eq!(table.remove(first), Some("a"));
        assert_eq!(table.get(first), None);
    }

    #[test]
    fn retain_ends_the_others() {
        let table = Table::new();
        for value in 0..200_u64 {
            table.insert(table.reserve(), value);
        }
        table.retain(|value| value % 2 == 0);
        assert_eq!(table.select(|_| true).len(), 100);
    }
}
