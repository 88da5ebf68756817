//! Handles: numbers that name sessions and objects, given once and never again in a process.

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
struct Identity(u64);

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

const SHARDS: u64 = 64;

/// One part of a table, on cache lines of its own so that threads on other parts are not slowed.
#[repr(align(128))]
struct Shard<T>(RwLock<HashMap<u64, T, BuildHasherDefault<Identity>>>);

/// What handles of one kind stand for. Reads of different handles hardly ever meet.
pub struct Table<T> {
    shards: [Shard<T>; 64],
    next: AtomicU64,
}

impl<T: Clone> Table<T> {
    /// An empty table whose first handle is 1.
    #[must_use]
    pub fn new() -> Self {
        Table {
            shards: std::array::from_fn(|_| Shard(RwLock::new(HashMap::default()))),
            next: AtomicU64::new(1),
        }
    }

    /// A handle never given before. It stands for nothing until [`Table::insert`].
    pub fn reserve(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
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

    /// Ends every handle that `keep` does not keep, and returns what they stood for.
    pub fn retain(&self, mut keep: impl FnMut(u64, &T) -> bool) -> Vec<(u64, T)> {
        let mut ended = Vec::new();
        for shard in &self.shards {
            ended.extend(
                shard
                    .0
                    .write()
                    .extract_if(|handle, value| !keep(*handle, value)),
            );
        }
        ended
    }

    /// A copy of every entry that `wanted` accepts, in the order of the handles.
    pub fn select(&self, mut wanted: impl FnMut(&T) -> bool) -> Vec<(u64, T)> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let entries = shard.0.read();
            let wanted = entries.iter().filter(|(_, value)| wanted(value));
            found.extend(wanted.map(|(handle, value)| (*handle, value.clone())));
        }
        found.sort_unstable_by_key(|(handle, _)| *handle);
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

    #[test]
    fn a_handle_is_never_given_twice() {
        let table = Table::new();
        let first = table.reserve();
        table.insert(first, "a");
        assert_eq!(table.remove(first), Some("a"));
        assert_eq!(table.get(first), None);
        assert_ne!(table.reserve(), first);
    }

    #[test]
    fn retain_ends_the_others() {
        let table = Table::new();
        for value in 0..200_u64 {
            table.insert(table.reserve(), value);
        }
        assert_eq!(table.retain(|_, value| value % 2 == 0).len(), 100);
        assert_eq!(table.select(|_| true).len(), 100);
    }
}
