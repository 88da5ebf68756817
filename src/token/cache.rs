//! Opened objects, kept while the counter of their group stands still.

use crate::object::{Object, ObjectId};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Parts that are locked apart.
const SHARDS: usize = 16;
/// The most objects of one shard; beyond it starts anew.
const SHARD_MAX: usize = 4096;

/// Opened objects.
pub(super) struct Cache {
    shards: [RwLock<HashMap<ObjectId, Kept>>; SHARDS],
}

struct Kept {
    object: Arc<Object>,
    /// The counter of the group when the object was last compared with the store.
    counter: AtomicU64,
}

impl Cache {
    pub(super) fn new() -> Self {
        Cache {
            shards: std::array::from_fn(|_| RwLock::default()),
        }
    }

    /// The object, if it was compared with the store at this counter.
    pub(super) fn current(&self, id: ObjectId, counter: u64) -> Option<Arc<Object>> {
        let shard = self.shard(id)?.read();
        let kept = shard.get(&id)?;
        (kept.counter.load(Ordering::Acquire) == counter).then(|| Arc::clone(&kept.object))
    }

    /// The object, if its row still has this revision; it was compared at `counter`.
    pub(super) fn revalidate(
        &self,
        id: ObjectId,
        revision: u64,
        counter: Option<u64>,
    ) -> Option<Arc<Object>> {
        let shard = self.shard(id)?.read();
        let kept = shard
            .get(&id)
            .filter(|kept| kept.object.revision() == revision)?;
        if let Some(counter) = counter {
            kept.counter.store(counter, Ordering::Release);
        }
        Some(Arc::clone(&kept.object))
    }

    /// Keeps an object that was read at `counter`.
    pub(super) fn keep(&self, object: &Arc<Object>, counter: u64) {
        let Some(shard) = self.shard(object.id()) else {
            return;
        };
        let mut shard = shard.write();
        if shard.len() >= SHARD_MAX {
            shard.clear();
        }
        let kept = Kept {
            object: Arc::clone(object),
            counter: AtomicU64::new(counter),
        };
        shard.insert(object.id(), kept);
    }

    /// Lets go of one object.
    pub(super) fn forget(&self, id: ObjectId) {
        if let Some(shard) = self.shard(id) {
            shard.write().remove(&id);
        }
    }

    /// Lets go of everything.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            shard.write().clear();
        }
    }

    fn shard(&self, id: ObjectId) -> Option<&RwLock<HashMap<ObjectId, Kept>>> {
        let [.., last] = id.0;
        self.shards.get(usize::from(last) % SHARDS)
    }
}
