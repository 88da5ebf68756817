//! One security module: its identity, PINs, objects and installed domain, over sealed storage.
//!
//! A token is a directory with one database, one anchor outside it, and a file of counters that the
//! processes share. Whoever is logged in has an [`Unlocked`]: every key that the PIN opens. It is
//! dropped, and all of it erased, at logout.
#![forbid(unsafe_code)]

mod account;
mod anchoring;
mod built_in;
mod cache;
mod changes;
mod counts;
mod domain;
mod domain_keys;
mod families;
mod find;
mod following;
mod fork;
mod freshness;
mod header;
mod held;
mod home;
mod membership;
mod objects;
mod pins;
mod proposing;
mod publishing;
mod record;
mod replay;
mod restoring;
mod roles;
mod rotation;
mod rows;
mod sealings;
mod searches;
mod standing;
mod unlocked;
mod verify;
mod volatile;

pub use domain::{FORKED, INSTALLED_EVENT, Ingested, REFUSED};
pub use following::Standing as MemberStanding;
pub use header::{Header, PinState};
pub use home::{Listing, Serial};
pub use pins::Role;
pub use proposing::{Contributed, Proposed, REQUEST_REFUSED};
pub use replay::{Counted, Noted, SESSION_OPENED, SESSION_REFUSED};
pub use rotation::Counts;
pub use unlocked::Unlocked;
pub use verify::{Finding, TAMPERED};

use crate::config;
use crate::error::{Error, Result};
use crate::storage::Store;
use crate::storage::anchor::Anchor;
use crate::storage::registry::{Process, Registry};
use crate::storage::snapshot::Snapshot;
use arc_swap::{ArcSwap, ArcSwapOption};
use cache::Cache;
use header::Card;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// Where the repository's epoch stands beside a counter of this member's processes.
const EPOCH_BITS: u32 = 32;
/// How often a logout tries to erase what was removed from the repository's files, and the pause between.
const TIDY_TRIES: u32 = 5;
const TIDY_PAUSE: Duration = Duration::from_millis(5);

/// A token, as one process sees it.
pub struct Token {
    serial: Serial,
    pin_settings: config::Pin,
    cache_settings: config::Cache,
    poll: Duration,
    freshness: freshness::Freshness,
    store: Box<dyn Store>,
    /// The store that a domain shares, where one is set.
    repository: Option<Arc<dyn Store>>,
    attached: ArcSwap<rows::Attachment>,
    registry: Registry,
    anchor: Anchor,
    /// As `anchor`, for the repository.
    rows_anchor: Anchor,
    /// What is known of the module without a PIN.
    card: ArcSwap<Card>,
    /// Who is logged in.
    unlocked: ArcSwapOption<Unlocked>,
    /// What was read without a login.
    public: Cache,
    roles: roles::RoleCache,
    searches: searches::Searches,
    operator_sessions: replay::OperatorSessions,
    /// What this process has reserved of counts.
    counts: counts::Counts,
    /// Whether something removed may still be readable in a file.
    unscrubbed: AtomicBool,
    /// The repository's version that was refused last: it is not tried again.
    following: Mutex<Option<following::Refused>>,
    /// Domain keys that the store does not have.
    in_memory: ArcSwapOption<volatile::InMemory>,
    /// The version that this member last reported to run, as far as this process knows.
    reported: AtomicU64,
    /// The generation that [`Token::wait_for_change`] has seen.
    watched: AtomicU64,
    /// Who holds copies of objects, and lets go of them before others are told that keys are gone.
    holders: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// The domain generation at which they did so last.
    let_go: AtomicU64,
    /// The copy that is open, where the token is only read. The last to be dropped: the others are in it.
    snapshot: Option<Snapshot>,
}

impl Token {
    /// The serial number.
    #[must_use]
    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    /// Whether the token is only read: nothing of it can be changed.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.snapshot.is_some()
    }

    /// A number that differs from every earlier one when anything of the token may have changed,
    /// whoever changed it. Two atomic reads.
    #[must_use]
    pub fn generation(&self) -> u64 {
        // A repository that does not answer is one of which nothing is known: what is kept of it is
        // looked up, and the cause reported, where it is used.
        let epoch = self.epoch().unwrap_or(u64::MAX);
        self.registry
            .mark()
            .wrapping_add(epoch.rotate_left(EPOCH_BITS))
    }

    /// As [`Token::generation`], of what the processes of this member changed; the repository is not asked.
    #[must_use]
    pub fn member_generation(&self) -> u64 {
        self.registry.mark()
    }

    /// The counter at which what is kept of an object in this group, or of a role, is current.
    fn group_counter(&self, group: u16) -> Option<u64> {
        let epoch = self.epoch().ok()?;
        let counter = self.registry.group(group)?;
        Some(counter.wrapping_add(epoch.rotate_left(EPOCH_BITS)))
    }

    /// Sleeps until any process changes the token, [`Token::wake`] is called and `enough` is true,
    /// or `most` passes.
    pub fn wait_for_change(&self, most: Duration, enough: &dyn Fn() -> bool) {
        let seen = self.watched.load(Ordering::SeqCst);
        self.watched
            .store(self.registry.wait(seen, most, enough), Ordering::SeqCst);
    }

    /// Wakes [`Token::wait_for_change`] in every process.
    pub fn wake(&self) {
        self.registry.ring();
    }

    /// Takes in what other processes changed: swaps the domain keys, lets go of removed ones, and
    /// tells the others that this process has done so.
    ///
    /// # Errors
    /// `UserNotLoggedIn` when the token was initialised anew elsewhere; those of the store.
    pub fn refresh(&self) -> Result<()> {
        let generation = self.registry.generation();
        let version = match self.unlocked.load_full() {
            Some(unlocked) => match self.keyring(&unlocked) {
                // A module that holds no keys of a version runs it all the same.
                Ok(_) | Err(Error::DomainRule(_)) => unlocked.installed().0,
                Err(other) => return Err(other),
            },
            None => 0,
        };
        self.acknowledge(generation, version);
        Ok(())
    }

    /// Names who holds copies of objects beside the token, and lets go of them when asked to. Only the
    /// first one named counts.
    pub fn before_telling(&self, let_go: Box<dyn Fn() + Send + Sync>) {
        let _ = self.holders.set(let_go);
    }

    /// Tells the other processes which version of the domain this one runs, once nothing here holds a key
    /// that is gone.
    fn acknowledge(&self, generation: u64, version: u64) {
        let domain = self.registry.domain_generation();
        if self.let_go.swap(domain, Ordering::SeqCst) != domain
            && let Some(let_go) = self.holders.get()
        {
            let_go();
        }
        self.registry.acknowledge(generation, version);
    }

    /// For how many seconds after its last use an opened object is kept; 0 for not at all.
    #[must_use]
    pub fn keeps_for(&self) -> u64 {
        let login = self.unlocked.load();
        let cache = login
            .as_ref()
            .map_or(&self.public, |unlocked| &unlocked.cache);
        cache.keeps_for()
    }

    /// The processes that have the token open, with the version of the domain that each runs.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        self.registry.processes()
    }

    /// Who is logged in, if anybody is.
    #[must_use]
    pub fn unlocked(&self) -> Option<Arc<Unlocked>> {
        self.unlocked.load_full()
    }

    /// The login that a call needs.
    ///
    /// # Errors
    /// `UserNotLoggedIn`.
    fn login_needed(&self) -> Result<Arc<Unlocked>> {
        self.unlocked.load_full().ok_or(Error::UserNotLoggedIn)
    }

    /// The processes that run an older version of the domain than the installed one, and so may still
    /// hold a removed key: a removal is complete when there are none.
    ///
    /// # Errors
    /// `UserNotLoggedIn`.
    pub fn laggards(&self) -> Result<Vec<Process>> {
        let (version, _) = self.login_needed()?.installed();
        let processes = self.registry.processes().into_iter();
        Ok(processes
            .filter(|own| own.version != 0 && own.version < version)
            .collect())
    }

    /// Erases from the files what was removed or replaced in the database. Whether all of it could be
    /// done now; else another process is at work, and a later call will do it.
    ///
    /// # Errors
    /// Those of the store.
    pub fn scrub(&self) -> Result<bool> {
        self.unscrubbed.store(false, Ordering::SeqCst);
        let done = self.store.scrub();
        if done != Ok(true) {
            self.unscrubbed.store(true, Ordering::SeqCst);
        }
        done
    }

    /// [`Token::scrub`], when something was removed and nobody has erased it yet, in the repository too. What
    /// fails is tried again next time.
    fn tidy(&self) {
        if self.unscrubbed.load(Ordering::SeqCst) {
            let _ = self.scrub();
            if !self.tidy_repository() {
                self.unscrubbed.store(true, Ordering::SeqCst);
            }
        }
    }

    /// Whether what was removed is out of the repository's files. Other members look into it again and again,
    /// each for a moment: one of those is waited for.
    fn tidy_repository(&self) -> bool {
        let Some(repository) = &self.repository else {
            return true;
        };
        (0..TIDY_TRIES).any(|tried| {
            if tried > 0 {
                thread::sleep(TIDY_PAUSE);
            }
            repository.tidy() == Ok(true)
        })
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // What stays counted is too many, which is safe.
        let _ = self.give_back_counts();
        self.tidy();
    }
}

#[cfg(test)]
mod tests;
