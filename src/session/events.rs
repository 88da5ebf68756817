//! Events of slots: tokens that come and go, made or removed by this process or by another.

use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a waiting caller rests between two looks at the slots.
const REST: Duration = Duration::from_millis(200);

/// What callers know of the slots, and what wakes those that wait.
#[derive(Default)]
pub struct Events {
    /// The slots that had a token when a caller last heard of them.
    known: Mutex<BTreeMap<u64, bool>>,
    ended: AtomicBool,
    rest: Mutex<()>,
    wake: Condvar,
}

impl Events {
    /// Takes the slots as they are for known.
    pub fn begin(&self, slots: impl Iterator<Item = (u64, bool)>) {
        *self.known.lock() = slots.collect();
    }

    /// A slot whose token came or went since callers last heard of it; it is known from now on.
    pub fn take(&self, slots: impl Iterator<Item = (u64, bool)>) -> Option<u64> {
        let now: BTreeMap<u64, bool> = slots.collect();
        let mut known = self.known.lock();
        let had = |slot: &u64| known.get(slot).copied().unwrap_or_default();
        let has = |slot: &u64| now.get(slot).copied().unwrap_or_default();
        let changed = known.keys().chain(now.keys());
        let changed = changed.copied().find(|slot| had(slot) != has(slot))?;
        let state = has(&changed);
        known.insert(changed, state);
        Some(changed)
    }

    /// Rests until it is time for another look, or the module ends; whether it goes on.
    pub fn rest(&self) -> bool {
        let mut resting = self.rest.lock();
        if !self.ended.load(Ordering::Acquire) {
            self.wake.wait_for(&mut resting, REST);
        }
        !self.ended.load(Ordering::Acquire)
    }

    /// Wakes everybody who waits, for good.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        // Whoever is between the look at the flag and the rest holds this lock.
        drop(self.rest.lock());
        self.wake.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_told_once() {
        let events = Events::default();
        let before = [(1, true), (2, false)];
        events.begin(before.into_iter());
        assert_eq!(events.take(before.into_iter()), None);
        // The free slot got a token, another free one came, and a token was taken away.
        let after = [(2, true), (3, false)];
        assert_eq!(events.take(after.into_iter()), Some(1));
        assert_eq!(events.take(after.into_iter()), Some(2));
        assert_eq!(events.take(after.into_iter()), None);
        assert_eq!(events.take(before.into_iter()), Some(1));
    }

    #[test]
    fn the_end_wakes_who_rests() {
        let events = Events::default();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| while events.rest() {});
            events.end();
            waiting.join().unwrap();
        });
        assert!(!events.rest());
    }
}
