//! How long an opened object has gone unused, by a clock that costs its readers nothing.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// When this process began to count.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);
/// The seconds since then, as of the last [`tick`].
static NOW: AtomicU32 = AtomicU32::new(0);

/// Brings the clock up to date. Called a few times a second by whoever watches a token, and on every way
/// to a store: the time in between is rounded down.
pub fn tick() {
    let seconds = u32::try_from(START.elapsed().as_secs()).unwrap_or(u32::MAX);
    NOW.store(seconds, Ordering::Relaxed);
}

/// When an object was last used.
#[derive(Debug)]
pub(super) struct LastUse(AtomicU32);

impl LastUse {
    /// Just now.
    pub(super) fn now() -> Self {
        LastUse(AtomicU32::new(NOW.load(Ordering::Relaxed)))
    }

    /// Notes a use. Threads that share an object write to it once a second at most.
    pub(super) fn touch(&self) {
        let now = NOW.load(Ordering::Relaxed);
        if self.0.load(Ordering::Relaxed) != now {
            self.0.store(now, Ordering::Relaxed);
        }
    }

    /// How many seconds ago that was.
    pub(super) fn seconds(&self) -> u32 {
        let now = NOW.load(Ordering::Relaxed);
        now.saturating_sub(self.0.load(Ordering::Relaxed))
    }
}
