//! How the processes that have a token open tell each other of changes: a shared file of counters,
//! read at every call for nanoseconds, and a place for each process to say what it has seen.
//!
//! Nothing here is durable or authenticated: it only says when to look at the store again.

mod at;
mod turns;

pub use turns::Turns;

use super::files;
use crate::error::{Error, Result};
use crate::ffi::os::shared::{SharedFile, wait, wake};
use at::MEMBERS;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Groups of objects that are counted apart, so that a change of one object leaves the cached others
/// valid.
pub const GROUPS: usize = 4096;

/// The shared file of one token, and this process's place in it.
pub struct Registry {
    path: PathBuf,
    file: SharedFile,
    own: Option<usize>,
}

/// The mark of one change under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket(u32);

/// Nobody else is where [`Registry::alone`] lets one in.
pub struct Alone(File);

impl Drop for Alone {
    fn drop(&mut self) {
        // Said, not left to the closing: a child forked meanwhile has the file open too. What fails
        // here ends with the process.
        let _ = self.0.unlock();
    }
}

/// A process that has the token open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// The generation it has seen.
    pub seen: u64,
    /// The version of the domain that it runs, 0 when it is not logged in and so holds no keys.
    pub version: u64,
    /// Whether it is this one.
    pub own: bool,
}

impl Registry {
    /// Opens the shared file, makes it if it is not there, and registers this process.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> Result<Self> {
        let file = files::open_or_make(path)?;
        let file = SharedFile::map(&file, at::END).map_err(|error| files::cause(path, &error))?;
        let mut registry = Registry {
            path: path.to_owned(),
            file,
            own: None,
        };
        registry.own = registry.register();
        Ok(registry)
    }

    /// The number of changes so far, by all processes.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.load(at::GENERATION)
    }

    /// A number that differs from every earlier one when anything may have changed. While a change is
    /// under way it differs every time.
    #[must_use]
    pub fn mark(&self) -> u64 {
        static PASSING: AtomicU64 = AtomicU64::new(1 << 63);
        let generation = self.load(at::GENERATION);
        if self
            .half(at::PENDING)
            .is_none_or(|pending| pending.load(Ordering::SeqCst) != 0)
        {
            return PASSING.fetch_add(1, Ordering::Relaxed);
        }
        generation
    }

    /// The number of changes to the domain or the PINs.
    #[must_use]
    pub fn domain_generation(&self) -> u64 {
        self.load(at::DOMAIN)
    }

    /// The counter of a group of objects; `None` while a change is under way somewhere, when nothing
    /// cached is known to be valid. To be read before the store is.
    #[must_use]
    pub fn group(&self, group: u16) -> Option<u64> {
        let counter = self.load(at::GROUP.saturating_add(usize::from(group).saturating_mul(8)));
        let pending = self
            .half(at::PENDING)
            .is_none_or(|pending| pending.load(Ordering::SeqCst) != 0);
        (!pending).then_some(counter)
    }

    /// Says that a change is about to become visible. Called by the one writer of the store. A writer
    /// that died in between has left its mark behind: then everything counts as changed. Answers the
    /// mark of this change.
    #[must_use]
    pub fn begin(&self) -> Ticket {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Never zero, and two that meet in the file are of different processes or counts.
        let ticket = Ticket((std::process::id() << 12) ^ number | 1 << 31);
        if let Some(pending) = self.half(at::PENDING)
            && pending.swap(ticket.0, Ordering::SeqCst) != 0
        {
            self.raise_all();
        }
        ticket
    }

    /// Counts a change to these groups, and to the domain, after it became visible; wakes sleepers.
    pub fn finish(&self, ticket: Ticket, groups: &[u16], domain: bool) {
        for group in groups {
            self.raise(at::GROUP.saturating_add(usize::from(*group).saturating_mul(8)));
        }
        self.conclude(ticket, domain);
    }

    /// As [`Registry::finish`], when every object may have changed.
    pub fn finish_all(&self, ticket: Ticket) {
        self.raise_all();
        self.conclude(ticket, true);
    }

    /// Takes back [`Registry::begin`] when nothing was changed.
    pub fn abandon(&self, ticket: Ticket) {
        if let Some(pending) = self.half(at::PENDING) {
            // The next writer may have begun already: its mark stays.
            let _ = pending.compare_exchange(ticket.0, 0, Ordering::SeqCst, Ordering::SeqCst);
        }
    }

    /// Sleeps until the generation differs from `seen`, `enough` is true when somebody rings, or
    /// `timeout` passes; answers the generation. `enough` is asked after the bell is read, so that
    /// no ring is lost.
    #[must_use]
    pub fn wait(&self, seen: u64, timeout: Duration, enough: &dyn Fn() -> bool) -> u64 {
        let end = Instant::now().checked_add(timeout);
        let Some(bell) = self.half(at::BELL) else {
            return self.generation();
        };
        loop {
            let rung = bell.load(Ordering::SeqCst);
            let generation = self.generation();
            let left = end.map_or(timeout, |end| end.saturating_duration_since(Instant::now()));
            if generation != seen || left.is_zero() || enough() {
                return generation;
            }
            wait(bell, rung, left);
        }
    }

    /// Wakes the sleepers of [`Registry::wait`] in every process without a change, so that a thread
    /// that is to end looks up.
    pub fn ring(&self) {
        if let Some(bell) = self.half(at::BELL) {
            bell.fetch_add(1, Ordering::SeqCst);
            wake(bell);
        }
    }

    /// Waits until no other thread or process is in here, at most for `patience`; others wait until the
    /// answer is dropped. A process that dies lets go.
    ///
    /// # Errors
    /// `StoreBusy`; those of the file system.
    pub fn alone(&self, patience: Duration) -> Result<Alone> {
        let file = files::open_or_make(&self.path)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Alone(file)),
                Err(TryLockError::Error(error)) => return Err(files::cause(&self.path, &error)),
                Err(TryLockError::WouldBlock) if start.elapsed() > patience => {
                    return Err(Error::StoreBusy);
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Says what this process has seen: the generation, and the version of the domain that it runs
    /// (0 for none).
    pub fn acknowledge(&self, generation: u64, version: u64) {
        if let Some(own) = self.own {
            self.store(own, at::SEEN, generation);
            self.store(own, at::VERSION, version);
        }
    }

    /// The processes that have the token open and are alive. Places of dead ones are freed.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        let own = self.own;
        (0..MEMBERS)
            .filter(|member| own == Some(*member) || self.is_alive(*member))
            .filter_map(|member| {
                Some(Process {
                    pid: self.pid(member)?.load(Ordering::SeqCst),
                    seen: self.member(member, at::SEEN),
                    version: self.member(member, at::VERSION),
                    own: own == Some(member),
                })
            })
            .collect()
    }

    /// Takes a free place, or that of a dead process.
    fn register(&self) -> Option<usize> {
        let pid = std::process::id();
        let free = |member: &usize| {
            self.is_alive(*member);
            let place = self.pid(*member);
            place.is_some_and(|place| {
                place
                    .compare_exchange(0, pid, Ordering::SeqCst, Ordering::SeqCst)
                    .is_ok()
            })
        };
        let own = (0..MEMBERS).find(free)?;
        self.store(own, at::NAMESPACE, namespace());
        self.store(own, at::SEEN, self.generation());
        self.store(own, at::VERSION, 0);
        self.store(own, at::START, start_of(pid).unwrap_or(0));
        Some(own)
    }

    /// Whether a place is taken by a process that lives. Frees it when the process is dead. One in
    /// another process-id namespace cannot be looked at and counts as alive.
    fn is_alive(&self, member: usize) -> bool {
        let Some(place) = self.pid(member) else {
            return false;
        };
        let pid = place.load(Ordering::SeqCst);
        if pid == 0 {
            return false;
        }
        let start = self.member(member, at::START);
        if start != 0 && self.member(member, at::NAMESPACE) != namespace() {
            return true;
        }
        let now = start_of(pid);
        // A place without a start is just being taken, unless its process is gone.
        if now.is_some_and(|now| start == 0 || now == start) {
            return true;
        }
        self.store(member, at::START, 0);
        let _ = place.compare_exchange(pid, 0, Ordering::SeqCst, Ordering::SeqCst);
        false
    }

    fn conclude(&self, ticket: Ticket, domain: bool) {
        if domain {
            self.raise(at::DOMAIN);
        }
        self.raise(at::GENERATION);
        self.abandon(ticket);
        self.ring();
    }

    fn raise_all(&self) {
        for group in 0..GROUPS {
            self.raise(at::GROUP.saturating_add(group.saturating_mul(8)));
        }
        self.raise(at::DOMAIN);
        self.raise(at::GENERATION);
    }

    fn raise(&self, place: usize) {
        if let Some(counter) = self.file.word(place) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn load(&self, place: usize) -> u64 {
        self.file
            .word(place)
            .map_or(0, |counter| counter.load(Ordering::SeqCst))
    }

    fn half(&self, place: usize) -> Option<&AtomicU32> {
        self.file.half(place)
    }

    fn pid(&self, member: usize) -> Option<&AtomicU32> {
        self.half(place_of(member, at::PID))
    }

    fn member(&self, member: usize, field: usize) -> u64 {
        self.load(place_of(member, field))
    }

    fn store(&self, member: usize, field: usize, value: u64) {
        let place: Option<&AtomicU64> = self.file.word(place_of(member, field));
        if let Some(place) = place {
            place.store(value, Ordering::SeqCst);
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some(own) = self.own {
            self.store(own, at::START, 0);
            if let Some(place) = self.pid(own) {
                place.store(0, Ordering::SeqCst);
            }
        }
    }
}

/// Where a field of a registered process is.
fn place_of(member: usize, field: usize) -> usize {
    at::MEMBER
        .saturating_add(member.saturating_mul(at::MEMBER_SIZE))
        .saturating_add(field)
}

/// A number that tells this start of process `pid` from every other: the time of its start, mixed
/// with the machine's. `None` when there is no such process.
fn start_of(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything: the fields that count follow the last one.
    let (_, fields) = status.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    // A zombie holds no keys any more.
    if fields
        .next()
        .is_none_or(|state| state == "Z" || state == "X")
    {
        return None;
    }
    let ticks: u64 = fields.nth(18)?.parse().ok()?;
    let boot = fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let mixed = boot
        .iter()
        .fold(ticks, |all, byte| all.rotate_left(7) ^ u64::from(*byte));
    Some(mixed.max(1))
}

/// The process-id namespace of this process; 0 when it cannot be known.
fn namespace() -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn two() -> (tempfile::TempDir, Registry, Registry) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shared");
        let (one, two) = (
            Registry::open(&path).unwrap(),
            Registry::open(&path).unwrap(),
        );
        (directory, one, two)
    }

    #[test]
    fn a_change_counts_for_its_group_only() {
        let (_directory, one, two) = two();
        let before = (
            two.group(7),
            two.group(8),
            two.generation(),
            two.domain_generation(),
        );
        let ticket = one.begin();
        assert_eq!(two.group(8), None);
        one.finish(ticket, &[7], false);
        assert_ne!(two.group(7), before.0);
        assert_eq!(two.group(8), before.1);
        assert_ne!(two.generation(), before.2);
        assert_eq!(two.domain_generation(), before.3);
    }

    #[test]
    fn a_writer_that_died_makes_everything_count_as_changed() {
        let (_directory, one, two) = two();
        let before = two.group(8);
        let _dead = one.begin();
        let ticket = two.begin();
        two.finish(ticket, &[7], false);
        assert_ne!(two.group(8), before);
    }

    #[test]
    fn sleepers_see_a_change() {
        let (_directory, one, two) = two();
        let one = Arc::new(one);
        let sleeper = {
            let seen = one.generation();
            std::thread::spawn(move || one.wait(seen, Duration::from_secs(60), &|| false) != seen)
        };
        std::thread::sleep(Duration::from_millis(20));
        let ticket = two.begin();
        two.finish(ticket, &[], true);
        assert!(sleeper.join().unwrap());
        assert_eq!(
            two.wait(two.generation(), Duration::from_millis(1), &|| false),
            two.generation()
        );
    }

    #[test]
    fn processes_register_acknowledge_and_leave() {
        let (_directory, one, two) = two();
        one.acknowledge(5, 3);
        let seen: Vec<_> = two.processes();
        assert_eq!(seen.len(), 2);
        assert!(
            seen.iter()
                .any(|process| process.version == 3 && process.seen == 5 && !process.own)
        );
        drop(one);
        assert_eq!(two.processes().len(), 1);
    }

    #[test]
    fn a_dead_process_gives_up_its_place() {
        let (_directory, one, _two) = two();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        one.pid(9).unwrap().store(pid, Ordering::SeqCst);
        one.store(9, at::NAMESPACE, namespace());
        one.store(9, at::START, 1);
        assert_eq!(one.processes().len(), 2);
        assert_eq!(one.pid(9).unwrap().load(Ordering::SeqCst), 0);
    }
}
