//! One connection: its settings, how long it waits for other processes, and what its errors mean.

use crate::error::{Error, Result};
use crate::ffi::os::fork::fork_generation;
use crate::ffi::os::locks::share_for_ever;
use crate::storage::files;
use crate::storage::registry::Turns;
use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Prepared statements kept for each connection.
const STATEMENTS: usize = 64;
/// Pages in the log after which they are copied into the database. More would write pages that many
/// changes touch less often, and make opening after a crash slower, which reads them all.
const LOG_PAGES: u32 = 1_500;
/// The most kibibytes of pages kept in memory for each connection.
const CACHE_KIB: u32 = 4_096;

/// Opens the database, which must exist unless `create`. The connection does not wait for others yet.
///
/// # Errors
/// Those of SQLite, by [`cause`].
pub(super) fn open(path: &Path, create: bool) -> Result<Connection> {
    let failed = |error| cause(path, &error);
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, create);
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    // The last one to close must not take the log away: a forked child may use it, whose locks SQLite
    // knows nothing of.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // WAL: readers and the writer do not wait for one another. NORMAL: SQLite brings the log to disk before
    // pages are copied out of it; that a commit is there before anybody hears of it is for `log`.
    // secure_delete: what is removed is overwritten. The two checks make damaged pages an error instead
    // of a surprise.
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(failed)?;
    if mode != "wal" {
        return Err(Error::Store(format!(
            "{}: its directory is on a file system where processes cannot share memory: use a local one",
            path.display()
        )));
    }
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = NORMAL;
             PRAGMA wal_autocheckpoint = {LOG_PAGES};
             PRAGMA cache_size = -{CACHE_KIB};
             PRAGMA secure_delete = ON;
             PRAGMA temp_store = MEMORY;
             PRAGMA trusted_schema = OFF;
             PRAGMA cell_size_check = ON;"
        ))
        .map_err(failed)?;
    Ok(connection)
}

/// The byte of a wal-index file that is locked by whoever uses it (SQLite's "dead man's switch", in
/// the file format of the wal-index).
const IN_USE: i64 = 128;

/// Takes the locks that SQLite takes itself everywhere but in a forked child, where it believes to hold
/// those of the parent. Once for each database and process; a transaction has run on the connection.
///
/// # Errors
/// Those of the file system.
pub(super) fn lock_in_child(path: &Path) -> Result<()> {
    static FIRST: OnceLock<u64> = OnceLock::new();
    static LOCKED: Mutex<Vec<(u64, PathBuf)>> = Mutex::new(Vec::new());
    let generation = fork_generation();
    if *FIRST.get_or_init(|| generation) == generation {
        return Ok(());
    }
    // Not waited for: the list may have been taken by another thread when the process was forked.
    let Some(mut locked) = LOCKED.try_lock() else {
        return Ok(());
    };
    let own = (generation, path.to_owned());
    if !locked.contains(&own) {
        let index = PathBuf::from(format!("{}-shm", path.display()));
        let file = File::options().read(true).write(true).open(&index);
        file.and_then(|file| share_for_ever(file, IN_USE))
            .map_err(|error| files::cause(&index, &error))?;
        locked.push(own);
    }
    Ok(())
}

/// Makes the connection ask again, for as long as `busy`, for a lock that another process holds, and
/// say that it waits.
///
/// # Errors
/// Those of SQLite.
pub(super) fn wait(
    connection: &mut Connection,
    busy: Duration,
    turns: &Arc<Turns>,
) -> rusqlite::Result<()> {
    // SQLite's own waiting grows to 100 ms, which starves one of several busy writers.
    let turns = Arc::clone(turns);
    let mut since = Instant::now();
    connection.busy_handler(Some(move |tries| {
        if tries == 0 {
            since = Instant::now();
        }
        turns.wait();
        since.elapsed() < busy
    }))
}

/// What an error of SQLite means to the caller.
pub(super) fn cause(path: &Path, error: &rusqlite::Error) -> Error {
    let Some(code) = error.sqlite_error_code() else {
        return Error::Store(format!("{}: {error}", path.display()));
    };
    let named = || format!("{}: {error}", path.display());
    if matches!(code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) {
        Error::StoreBusy
    } else if code == ErrorCode::DiskFull {
        Error::StoreFull
    } else if code == ErrorCode::ReadOnly {
        Error::TokenWriteProtected(named())
    } else if code == ErrorCode::OutOfMemory {
        Error::HostMemory
    } else if matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) {
        Error::StoreTampered(format!("{} (damaged: restore it from a backup)", named()))
    } else {
        Error::Store(named())
    }
}
