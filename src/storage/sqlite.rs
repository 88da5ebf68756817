//! The store of a token on disk: one SQLite database.

mod connection;
mod rows;
mod schema;

use super::{Reading, Store, Writing};
use crate::error::{Error, Result};
use connection::cause;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Read connections kept open for the next reader.
const READERS_KEPT: usize = 8;
/// How long a thread waits for the other writers of its own process.
const TURN: Duration = Duration::from_secs(5);

/// One database, with one connection that writes and as many that read as threads do so at once.
pub struct SqliteStore {
    path: PathBuf,
    busy: Duration,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

impl SqliteStore {
    /// Makes the database. `busy` is how long a call waits for other processes.
    ///
    /// # Errors
    /// Those of the file system and SQLite; the text names the file.
    pub fn create(path: &Path, busy: Duration) -> Result<Self> {
        Self::open_with(path, busy, true)
    }

    /// Opens the database; no row is read.
    ///
    /// # Errors
    /// As [`SqliteStore::create`], and when it does not exist.
    pub fn open(path: &Path, busy: Duration) -> Result<Self> {
        Self::open_with(path, busy, false)
    }

    fn open_with(path: &Path, busy: Duration, create: bool) -> Result<Self> {
        let mut writer = connection::open(path, busy, create)?;
        schema::migrate(&mut writer, &|error| cause(path, &error))?;
        Ok(SqliteStore {
            path: path.to_owned(),
            busy,
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
        })
    }

    /// The writing connection, in this thread's turn.
    fn turn(&self) -> Result<MutexGuard<'_, Connection>> {
        self.writer.try_lock_for(TURN).ok_or(Error::StoreBusy)
    }

    /// A connection that no other thread uses.
    fn reader(&self) -> Result<Connection> {
        let kept = self.readers.lock().pop();
        kept.map_or_else(|| connection::open(&self.path, self.busy, false), Ok)
    }

    fn keep_reader(&self, connection: Connection) {
        let mut readers = self.readers.lock();
        if readers.len() < READERS_KEPT {
            readers.push(connection);
        }
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> Error + '_ {
        |error| cause(&self.path, &error)
    }
}

impl Store for SqliteStore {
    fn read(&self, work: &mut Reading<'_>) -> Result<()> {
        let mut connection = self.reader()?;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Deferred)
            .map_err(self.failed())?;
        let done = work(&rows::Rows {
            connection: &transaction,
            path: &self.path,
        });
        // A transaction that only read has nothing to lose: how it ends does not matter.
        let ended = transaction.commit();
        if ended.is_ok() {
            self.keep_reader(connection);
        }
        done
    }

    fn write(&self, work: &mut Writing<'_>, before: &dyn Fn()) -> Result<()> {
        let mut connection = self.turn()?;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(self.failed())?;
        work(&rows::Rows {
            connection: &transaction,
            path: &self.path,
        })?;
        before();
        transaction.commit().map_err(self.failed())?;
        MutexGuard::unlock_fair(connection);
        Ok(())
    }

    fn scrub(&self) -> Result<bool> {
        let connection = self.turn()?;
        let busy: i64 = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(self.failed())?;
        Ok(busy == 0)
    }

    fn flaws(&self) -> Result<Vec<String>> {
        let connection = self.reader()?;
        let lines = connection
            .prepare("PRAGMA integrity_check")
            .and_then(|mut check| {
                let mut lines = Vec::new();
                let mut rows = check.query([])?;
                // A page too damaged for the check itself ends it with an error: one flaw more.
                loop {
                    match rows.next() {
                        Ok(Some(row)) => lines.push(row.get(0)?),
                        Ok(None) => return Ok(lines),
                        Err(error) => {
                            lines.push(error.to_string());
                            return Ok(lines);
                        }
                    }
                }
            });
        let lines: Vec<String> = lines.map_err(self.failed())?;
        self.keep_reader(connection);
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }
}
