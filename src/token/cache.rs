//! Opened objects, kept while what guards them stands still, and no longer than the domain and the
//! settings allow after their last use. An object that nobody else uses is erased as it is let go.

use crate::object::age::tick;
use crate::object::{Object, ObjectId};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Parts that are locked apart.
const SHARDS: usize = 16;

/// How much is kept, and how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limits {
    /// Seconds since the last use; 0 for nothing kept at all.
    pub(super) lifetime: u64,
    /// How many objects.
    pub(super) entries: usize,
}

/// Opened objects.
pub(super) struct Cache {
    shards: [RwLock<HashMap<ObjectId, Kept>>; SHARDS],
    lifetime: AtomicU64,
    shard_max: AtomicUsize,
}

struct Kept {
    object: Arc<Object>,
    /// The counter of the group when the object was last compared with the store.
    counter: AtomicU64,
}

impl Cache {
    pub(super) fn new(limits: Limits) -> Self {
        let cache = Cache {
            shards: std::array::from_fn(|_| RwLock::default()),
            lifetime: AtomicU64::new(0),
            shard_max: AtomicUsize::new(0),
        };
        cache.limit(limits);
        cache
    }

    /// Changes how much is kept. What is more goes with the next [`Cache::expire`].
    pub(super) fn limit(&self, limits: Limits) {
        self.lifetime.store(limits.lifetime, Ordering::Relaxed);
        let each = limits.entries.div_ceil(SHARDS);
        self.shard_max.store(each, Ordering::Relaxed);
    }

    /// For how many seconds after its last use an object is kept; 0 for not at all.
    pub(super) fn keeps_for(&self) -> u64 {
        if self.shard_max.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        self.lifetime.load(Ordering::Relaxed)
    }

    /// The object, if it was compared with the store at this counter.
    pub(super) fn current(&self, id: ObjectId, counter: u64) -> Option<Arc<Object>> {
        let shard = self.shard(id)?.read();
        let kept = shard.get(&id)?;
        if kept.counter.load(Ordering::Acquire) != counter {
            return None;
        }
        kept.object.touch();
        Some(Arc::clone(&kept.object))
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
        kept.object.touch();
        Some(Arc::clone(&kept.object))
    }

    /// Keeps an object that was read at `counter`, unless nothing is to be kept.
    pub(super) fn keep(&self, object: &Arc<Object>, counter: u64) {
        let (most, lifetime) = (
            self.shard_max.load(Ordering::Relaxed),
            self.lifetime.load(Ordering::Relaxed),
        );
        let Some(shard) = self.shard(object.id()).filter(|_| most > 0 && lifetime > 0) else {
            return;
        };
        tick();
        let mut shard = shard.write();
        if shard.len() >= most {
            make_room(&mut shard, lifetime);
        }
        let kept = Kept {
            object: Arc::clone(object),
            counter: AtomicU64::new(counter),
        };
        shard.insert(object.id(), kept);
    }

    /// Lets go of what was not used for its lifetime.
    pub(super) fn expire(&self) {
        let lifetime = self.lifetime.load(Ordering::Relaxed);
        for shard in &self.shards {
            let old = |kept: &Kept| u64::from(kept.object.idle_seconds()) >= lifetime;
            if shard.read().values().any(old) {
                shard.write().retain(|_, kept| !old(kept));
            }
        }
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

/// Takes what has expired out of a full shard, and half of it when nothing has.
fn make_room(shard: &mut HashMap<ObjectId, Kept>, lifetime: u64) {
    let full = shard.len();
    shard.retain(|_, kept| u64::from(kept.object.idle_seconds()) < lifetime);
    if shard.len() == full {
        let mut stays = true;
        shard.retain(|_, _| {
            stays = !stays;
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::attribute::Attributes;

    fn object(number: u8) -> Arc<Object> {
        Arc::new(Object::new(
            ObjectId([number; 16]),
            1,
            Attributes::default(),
        ))
    }

    #[test]
    fn nothing_is_kept_beyond_its_number_or_lifetime() {
        let cache = Cache::new(Limits {
            lifetime: 60,
            entries: SHARDS,
        });
        // These two meet in one shard, which has room for one.
        let (one, other) = (object(0), object(16));
        cache.keep(&one, 1);
        cache.keep(&other, 1);
        assert!(cache.current(one.id(), 1).is_none() || cache.current(other.id(), 1).is_none());
        cache.limit(Limits {
            lifetime: 0,
            entries: SHARDS,
        });
        cache.expire();
        assert!(cache.current(one.id(), 1).is_none() && cache.current(other.id(), 1).is_none());
        cache.keep(&one, 1);
        assert!(cache.current(one.id(), 1).is_none());
    }

    #[test]
    fn an_object_is_current_at_the_counter_it_was_read_at() {
        let cache = Cache::new(Limits {
            lifetime: 60,
            entries: 100,
        });
        cache.keep(&object(1), 7);
        assert!(cache.current(ObjectId([1; 16]), 7).is_some());
        assert!(cache.current(ObjectId([1; 16]), 8).is_none());
        assert!(cache.revalidate(ObjectId([1; 16]), 2, Some(8)).is_none());
        assert!(cache.revalidate(ObjectId([1; 16]), 1, Some(8)).is_some());
        assert!(cache.current(ObjectId([1; 16]), 8).is_some());
    }
}
