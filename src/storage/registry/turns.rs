//! Turns of writers, and which commits are on disk.

use super::at;
use crate::error::Result;
use crate::ffi::os::shared::{SharedFile, wait, wake};
use crate::storage::files;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a waiter sleeps when nobody wakes it.
const PAUSE: Duration = Duration::from_millis(1);
/// A process that waited within this time is still waiting.
const WANTED_LATELY: Duration = Duration::from_millis(4);
/// How long a writer stays away for one that waits, and how often it looks meanwhile.
const GIVE_WAY: Duration = Duration::from_millis(2);
const LOOK: Duration = Duration::from_micros(50);

/// What the processes that write a database know of each other, in a file that all of them map.
///
/// *Turns.* The database's own lock knows no order. Who has just written wakes the others, and lets one that
/// waits go first; else a process that writes all the time would find the lock free again and again.
///
/// *Commits.* They are numbered in their order. A commit is first in the log, where everybody sees it, and a
/// moment later on disk: one call brings all that were in the log before it, so that many writers share
/// it. Nobody acts on a row before the commit that wrote it is on disk: who reads one that is not brings
/// it there. After a power cut the numbers may be anything: a new one is above them all.
pub struct Turns {
    file: SharedFile,
}

impl Turns {
    /// Opens the shared file, and makes it if it is not there.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> Result<Self> {
        let file = files::open_or_make(path)?;
        let file = SharedFile::map(&file, at::END).map_err(|error| files::cause(path, &error))?;
        Ok(Turns { file })
    }

    /// Sleeps until a writer has ended its turn, or for a short time.
    pub fn wait(&self) {
        let Some(bell) = self.file.half(at::FREED) else {
            return std::thread::sleep(PAUSE);
        };
        let rung = bell.load(Ordering::SeqCst);
        if let Some(wanted) = self.file.word(at::WANTED) {
            wanted.store(milliseconds(), Ordering::Relaxed);
        }
        wait(bell, rung, PAUSE);
    }

    /// Ends a turn.
    pub fn free(&self) {
        if self.is_wanted()
            && let Some(bell) = self.file.half(at::FREED)
        {
            bell.fetch_add(1, Ordering::SeqCst);
            wake(bell);
        }
    }

    /// Lets another process go first that has waited since `last`, this one's last commit.
    pub fn give_way(&self, last: u64) {
        let start = Instant::now();
        while self.is_wanted() && self.load(at::BEGUN) == last && start.elapsed() < GIVE_WAY {
            std::thread::sleep(LOOK);
        }
    }

    /// Numbers a commit that is about to be made, of these groups and perhaps of `more` than rows. Called by
    /// the one writer.
    #[must_use]
    pub fn begin(&self, groups: &[u16], more: bool) -> u64 {
        let known = [at::BEGUN, at::WRITTEN, at::KEPT].map(|place| self.load(place));
        let number = known.into_iter().max().unwrap_or(0).saturating_add(1);
        for group in groups {
            self.raise(of_group(*group), number);
        }
        if more {
            self.raise(at::OTHER, number);
        }
        self.raise(at::BEGUN, number);
        number
    }

    /// Says that a commit is in the log.
    pub fn written(&self, number: u64) {
        self.raise(at::WRITTEN, number);
    }

    /// The newest commit of a group.
    #[must_use]
    pub fn newest_of(&self, group: u16) -> u64 {
        self.load(of_group(group))
    }

    /// The newest commit of more than rows.
    #[must_use]
    pub fn newest_other(&self) -> u64 {
        self.load(at::OTHER)
    }

    /// The newest commit.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.load(at::BEGUN)
    }

    /// The newest commit in the log: what is brought to disk now brings all up to it.
    #[must_use]
    pub fn newest_written(&self) -> u64 {
        self.load(at::WRITTEN)
    }

    /// Says that a commit and all before it are on disk.
    pub fn kept(&self, number: u64) {
        self.raise(at::KEPT, number);
    }

    /// Whether a commit is known to be on disk.
    #[must_use]
    pub fn is_kept(&self, number: u64) -> bool {
        // A number at the end of all numbers tells nothing any more.
        number < u64::MAX && self.load(at::KEPT) >= number
    }

    /// Whether somebody waits. A waiter that died is soon forgotten.
    fn is_wanted(&self) -> bool {
        let recent = u64::try_from(WANTED_LATELY.as_millis()).unwrap_or(u64::MAX);
        let wanted = self.file.word(at::WANTED);
        wanted
            .is_some_and(|wanted| milliseconds().abs_diff(wanted.load(Ordering::Relaxed)) <= recent)
    }

    fn load(&self, place: usize) -> u64 {
        let word: Option<&AtomicU64> = self.file.word(place);
        word.map_or(u64::MAX, |word| word.load(Ordering::SeqCst))
    }

    fn raise(&self, place: usize, number: u64) {
        if let Some(word) = self.file.word(place) {
            word.fetch_max(number, Ordering::SeqCst);
        }
    }
}

/// Where the newest commit of a group is noted.
fn of_group(group: u16) -> usize {
    at::CHANGED.saturating_add(usize::from(group).saturating_mul(8))
}

/// Milliseconds since 1970-01-01 UTC.
fn milliseconds() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns() -> (tempfile::TempDir, Turns) {
        let directory = tempfile::tempdir().unwrap();
        let turns = Turns::open(&directory.path().join("turns")).unwrap();
        (directory, turns)
    }

    #[test]
    fn what_is_on_disk_covers_what_was_in_the_log_before_and_no_more() {
        let (_directory, turns) = turns();
        let one = turns.begin(&[7], false);
        turns.written(one);
        let covered = turns.newest_written();
        let two = turns.begin(&[8], true);
        turns.kept(covered);
        assert!(turns.is_kept(one) && !turns.is_kept(two));
        assert_eq!((turns.newest_of(7), turns.newest_of(8)), (one, two));
        assert_eq!((turns.newest_other(), turns.newest()), (two, two));
        // The second died before its commit: the third has a number of its own.
        let three = turns.begin(&[], false);
        assert!(three > two);
    }

    #[test]
    fn a_number_is_above_all_that_a_power_cut_left() {
        let (_directory, turns) = turns();
        turns.kept(1000);
        assert!(!turns.is_kept(turns.begin(&[], false)));
        turns.kept(u64::MAX);
        assert!(!turns.is_kept(turns.begin(&[], false)));
    }
}
