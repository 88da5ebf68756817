//! Turns of writers.

use super::at;
use crate::error::Result;
use crate::ffi::os::shared::SharedFile;
use crate::storage::files;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Turns of writers: who has just written lets another process that waits go first.
///
/// The database's own lock knows no order. Without this, a process that writes all the time finds it
/// free again and again, and one that looks every millisecond whether it is free, hardly ever.
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

    /// Says that somebody waits.
    pub fn want(&self) {
        if let Some(wanted) = self.file.word(at::WANTED) {
            wanted.store(milliseconds(), Ordering::Relaxed);
        }
    }

    /// Whether somebody has said so within `recent`. A waiter that died is soon forgotten.
    #[must_use]
    pub fn is_wanted(&self, recent: Duration) -> bool {
        let recent = u64::try_from(recent.as_millis()).unwrap_or(u64::MAX);
        let wanted = self.file.word(at::WANTED);
        wanted
            .is_some_and(|wanted| milliseconds().abs_diff(wanted.load(Ordering::Relaxed)) <= recent)
    }
}

/// Milliseconds since 1970-01-01 UTC.
fn milliseconds() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
