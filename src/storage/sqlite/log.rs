//! The database's log on disk: one call for all commits that came into it before.

use crate::error::{Error, Result};
use crate::storage::files;
use crate::storage::registry::Turns;
use parking_lot::Mutex;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a thread waits for one of its process that is about to bring its commit to disk as well.
const TURN: Duration = Duration::from_secs(5);

/// The log of one database.
pub(super) struct Log {
    path: PathBuf,
    file: File,
    turns: Arc<Turns>,
    /// Held while the disk is waited for: who comes next finds its commit there already.
    turn: Mutex<()>,
    /// Whether the disk has refused once. What it did with the pages is not known then.
    refused: AtomicBool,
}

impl Log {
    /// Opens the log, which a transaction has made.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn open(path: PathBuf, turns: &Arc<Turns>) -> Result<Self> {
        let file = File::open(&path).map_err(|error| files::cause(&path, &error))?;
        Ok(Log {
            path,
            file,
            turns: Arc::clone(turns),
            turn: Mutex::new(()),
            refused: AtomicBool::new(false),
        })
    }

    /// Returns when this commit, and all before it, are on disk. `copy` copies the whole log into the
    /// database and brings that to disk: the way out when the disk has refused the log.
    ///
    /// # Errors
    /// Those of the disk, and of `copy`: the commit may be lost with the next power cut.
    pub(super) fn keep(&self, number: u64, copy: impl FnOnce() -> Result<()>) -> Result<()> {
        if self.turns.is_kept(number) {
            return Ok(());
        }
        // Who waits in vain does it beside the other.
        let _turn = self.turn.try_lock_for(TURN);
        if self.turns.is_kept(number) {
            return Ok(());
        }
        let written = self.turns.newest_written();
        if let Err(error) = self.sync() {
            // The system forgets, after it has said so once, that pages were not written: from here
            // on only a copy of them counts.
            self.refused.store(true, Ordering::SeqCst);
            copy().map_err(|_| error)?;
            self.refused.store(false, Ordering::SeqCst);
        }
        self.turns.kept(written);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        let removed = || {
            Error::Store(format!(
                "{}: removed while it was in use",
                self.path.display()
            ))
        };
        if self.refused.load(Ordering::SeqCst) {
            return Err(Error::Store(format!(
                "{}: the disk refused it",
                self.path.display()
            )));
        }
        let synced = self.file.sync_data().and_then(|()| self.file.metadata());
        let found = synced.map_err(|error| files::cause(&self.path, &error))?;
        (found.nlink() > 0).then_some(()).ok_or_else(removed)
    }
}
