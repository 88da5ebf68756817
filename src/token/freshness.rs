//! How fresh what this process keeps of a repository is: a look at its stamp tells, at intervals, whether
//! anybody has changed anything there.

use super::Token;
use super::cache::Limits;
use crate::domain::state::policy::Policy;
use crate::error::Result;
use crate::object::age;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What was last seen of the repository's stamp.
pub(super) struct Freshness {
    /// Whether there is a repository to look at.
    pub(super) shared: AtomicBool,
    /// How many different stamps were seen.
    epoch: AtomicU64,
    /// When the next look is due, in milliseconds since `start`.
    due: AtomicU64,
    start: Instant,
    stamp: Mutex<Option<u64>>,
}

impl Freshness {
    pub(super) fn new(shared: bool) -> Self {
        Freshness {
            shared: AtomicBool::new(shared),
            epoch: AtomicU64::new(0),
            due: AtomicU64::new(0),
            start: Instant::now(),
            stamp: Mutex::new(None),
        }
    }

    /// Takes in a stamp.
    fn see(&self, stamp: u64) {
        let mut known = self.stamp.lock();
        if *known != Some(stamp) {
            *known = Some(stamp);
            self.epoch.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Token {
    /// A number that differs from every earlier one when somebody changed the repository; looked up anew
    /// when the last look is older than the interval of the domain or the settings. 0 where the objects
    /// are in the own store.
    ///
    /// # Errors
    /// Those of the repository.
    pub(super) fn epoch(&self) -> Result<u64> {
        let fresh = &self.freshness;
        if !fresh.shared.load(Ordering::Relaxed) {
            return Ok(0);
        }
        let now = u64::try_from(fresh.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now < fresh.due.load(Ordering::Acquire) {
            return Ok(fresh.epoch.load(Ordering::Acquire));
        }
        age::tick();
        fresh.see(self.repository()?.stamp()?);
        let interval = u64::try_from(self.interval().as_millis()).unwrap_or(u64::MAX);
        fresh
            .due
            .store(now.saturating_add(interval), Ordering::Release);
        Ok(fresh.epoch.load(Ordering::Acquire))
    }

    /// Sleeps until the repository has changed, or `most` has passed, and follows the domain then. For the
    /// thread that watches; where there is no repository it sleeps.
    ///
    /// # Errors
    /// As [`Token::follow`].
    pub fn follow_news(&self, most: Duration) -> Result<()> {
        if self.attached()?.is_none() {
            std::thread::sleep(most);
            return Ok(());
        }
        let known = *self.freshness.stamp.lock();
        let repository = self.repository()?;
        let stamp = match known {
            Some(stamp) => repository.wait(stamp, most)?,
            None => repository.stamp()?,
        };
        if known == Some(stamp) && self.reported() {
            return Ok(());
        }
        self.freshness.see(stamp);
        self.follow().map(drop)
    }

    /// Lets go of opened objects that were not used for their lifetime.
    pub fn expire(&self) {
        age::tick();
        self.public.expire();
        if let Some(unlocked) = self.unlocked.load().as_ref() {
            unlocked.cache.expire();
        }
    }

    /// After how long what is kept is compared with the repository: what the domain says, unless the
    /// settings say sooner.
    fn interval(&self) -> Duration {
        let login = self.unlocked.load();
        let domain = login
            .as_ref()
            .map(|unlocked| Duration::from_secs(unlocked.domain().state.policy.cache_revalidation));
        domain.map_or(self.poll, |domain| domain.min(self.poll))
    }

    /// How much is kept of objects, and how long: what the domain says, unless the settings say less.
    pub(super) fn cache_limits(&self, policy: &Policy) -> Limits {
        let settings = &self.cache_settings;
        let entries = policy.cache_entries.min(u64::from(settings.entries));
        Limits {
            lifetime: policy.cache_lifetime.min(u64::from(settings.lifetime_s)),
            entries: usize::try_from(entries).unwrap_or(usize::MAX),
        }
    }
}
