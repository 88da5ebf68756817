//! The store of a token on disk: one SQLite database.

mod connection;
mod log;
mod rows;
mod schema;

use super::registry::Turns;
use super::{Reading, Store, Witness, Writing, files, wait_by_looking};
use crate::error::{Error, Result};
use crate::ffi::os::locks::NoFork;
use connection::cause;
use log::Log;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Read connections kept open for the next reader.
const READERS_KEPT: usize = 8;
/// How long a thread waits for the other writers of its own process.
const TURN: Duration = Duration::from_secs(5);

/// One database, with one connection that writes and as many that read as threads do so at once.
pub struct SqliteStore {
    path: PathBuf,
    busy: Duration,
    turns: Arc<Turns>,
    log: Log,
    /// This process's last commit.
    last: AtomicU64,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    /// Only asks whether others have changed anything; opened when first asked.
    watcher: Mutex<Option<Connection>>,
}

impl SqliteStore {
    /// Makes the database. `busy` is how long a call waits for other processes.
    ///
    /// # Errors
    /// Those of the file system and SQLite; the text names the file.
    pub fn create(path: &Path, busy: Duration) -> Result<Self> {
        Self::open_with(path, busy, true, &path.with_file_name("shared"))
    }

    /// Opens a database that several members share, and makes it if it is not there: for the group too
    /// when its directory is. `busy` is how long a call waits for other processes.
    ///
    /// # Errors
    /// As [`SqliteStore::create`], and when the directory does not exist.
    pub fn open_repository(path: &Path, busy: Duration) -> Result<Self> {
        files::make_for_group(path)?;
        let turns = beside(path, "-turns");
        files::make_for_group(&turns)?;
        Self::open_with(path, busy, true, &turns)
    }

    /// Opens the database; no row is read.
    ///
    /// # Errors
    /// As [`SqliteStore::create`], and when it does not exist.
    pub fn open(path: &Path, busy: Duration) -> Result<Self> {
        Self::open_with(path, busy, false, &path.with_file_name("shared"))
    }

    fn open_with(path: &Path, busy: Duration, create: bool, turns: &Path) -> Result<Self> {
        let turns = Arc::new(Turns::open(turns)?);
        if path.exists() {
            // SQLite makes these for whoever comes first, and gives them the right owner and permissions
            // afterwards: another user who opened one in between could only read for ever.
            for name in ["-wal", "-shm"] {
                files::make_like(&beside(path, name), path)?;
            }
        }
        let mut writer = connection::open(path, create)?;
        connection::wait(&mut writer, busy, &turns).map_err(|error| cause(path, &error))?;
        let _no_fork = NoFork::begin();
        schema::migrate(&mut writer, path)?;
        connection::lock_in_child(path)?;
        Ok(SqliteStore {
            path: path.to_owned(),
            busy,
            log: Log::open(beside(path, "-wal"), &turns)?,
            turns,
            last: AtomicU64::new(0),
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
            watcher: Mutex::new(None),
        })
    }

    /// The writing connection, in this thread's turn.
    fn turn(&self) -> Result<MutexGuard<'_, Connection>> {
        self.writer.try_lock_for(TURN).ok_or(Error::StoreBusy)
    }

    /// A connection that no other thread uses.
    fn reader(&self) -> Result<Connection> {
        let kept = self.readers.lock().pop();
        kept.map_or_else(|| self.new_reader(), Ok)
    }

    fn new_reader(&self) -> Result<Connection> {
        let mut connection = connection::open(&self.path, false)?;
        connection::wait(&mut connection, self.busy, &self.turns).map_err(self.failed())?;
        Ok(connection)
    }

    fn keep_reader(&self, connection: Connection) {
        let mut readers = self.readers.lock();
        if readers.len() < READERS_KEPT {
            readers.push(connection);
        }
    }

    /// Takes a commit that was begun and never noted as written for written, when nobody is writing: its writer
    /// died, or a power cut left the number. Else it would be brought to disk at every read.
    fn settle(&self, number: u64) {
        if self.turns.is_kept(number) || number <= self.turns.newest_written() {
            return;
        }
        if let Some(mut connection) = self.writer.try_lock()
            && let Ok(alone) = connection.transaction_with_behavior(TransactionBehavior::Immediate)
        {
            self.turns.written(number);
            drop(alone);
        }
    }

    /// Returns when a commit is on disk.
    fn keep(&self, number: u64) -> Result<()> {
        self.log.keep(number, || match self.scrub() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::StoreBusy),
            Err(error) => Err(error),
        })
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> Error + '_ {
        |error| cause(&self.path, &error)
    }
}

/// A file that belongs to a database.
fn beside(database: &Path, name: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(name);
    path.into()
}

impl Store for SqliteStore {
    fn read(&self, work: &mut Reading<'_>) -> Result<()> {
        let _no_fork = NoFork::begin();
        let mut connection = self.reader()?;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Deferred)
            .map_err(self.failed())?;
        let rows = rows::Rows::new(&transaction, &self.path, &self.turns);
        let done = work(&rows);
        let seen = rows.seen();
        // A transaction that only read has nothing to lose: how it ends does not matter.
        let ended = transaction.commit();
        if ended.is_ok() {
            self.keep_reader(connection);
        }
        done.and_then(|()| {
            self.settle(seen);
            self.keep(seen)
        })
    }

    fn write(&self, work: &mut Writing<'_>, witness: &dyn Witness) -> Result<()> {
        let _no_fork = NoFork::begin();
        let mut connection = self.turn()?;
        self.turns.give_way(self.last.load(Ordering::Relaxed));
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(self.failed())?;
        let rows = rows::Rows::new(&transaction, &self.path, &self.turns);
        work(&rows)?;
        let number = rows.number();
        witness.before();
        transaction.commit().map_err(self.failed())?;
        self.turns.written(number);
        witness.after();
        self.last.store(number, Ordering::Relaxed);
        MutexGuard::unlock_fair(connection);
        self.turns.free();
        // Others write meanwhile; what they have written by then comes along.
        self.keep(number)
    }

    fn stamp(&self) -> Result<u64> {
        let _no_fork = NoFork::begin();
        let mut watcher = self.watcher.try_lock_for(TURN).ok_or(Error::StoreBusy)?;
        // Always the same connection: the number counts the commits of all others, from its own start.
        let watcher = match &*watcher {
            Some(watcher) => watcher,
            None => watcher.insert(self.new_reader()?),
        };
        let version: i64 = watcher
            .query_row("PRAGMA data_version", [], |row| row.get(0))
            .map_err(self.failed())?;
        Ok(u64::try_from(version).unwrap_or(0))
    }

    fn wait(&self, stamp: u64, most: Duration) -> Result<u64> {
        wait_by_looking(|| self.stamp(), stamp, most)
    }

    fn scrub(&self) -> Result<bool> {
        let _no_fork = NoFork::begin();
        let mut connection = self.turn()?;
        // Whoever reads or writes just now is not waited for: writers of this process are in line.
        connection
            .busy_handler(None::<fn(i32) -> bool>)
            .map_err(self.failed())?;
        let busy = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_or_else(
                |error| {
                    Some(cause(&self.path, &error))
                        .filter(|own| *own != Error::StoreBusy)
                        .map_or(Ok(1), Err)
                },
                Ok::<i64, Error>,
            );
        connection::wait(&mut connection, self.busy, &self.turns).map_err(self.failed())?;
        Ok(busy? == 0)
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
