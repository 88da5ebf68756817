//! The store that several machines share: a database on a server that speaks PostgreSQL's protocol.
//!
//! Whoever writes first raises the count in the one row of `keyward_writer`: so writers take turns, on
//! all machines, and everybody sees by that count that something changed. What is written there beside
//! it tells, after a connection broke at the wrong moment, whether the change was kept.

mod address;
mod columns;
mod link;
mod nodes;
mod part;
mod pool;
mod rows;
mod schema;
mod tls;
mod trouble;

use super::{Reading, Store, Witness, Writing, wait_by_looking};
use crate::error::{Error, Result};
use crate::ffi::os::fork::fork_generation;
use crate::seal::envelope::random;
use address::Address;
use arc_swap::ArcSwap;
use link::{Answers, Link};
use pool::{Pool, Taken};
use rows::Rows;
use std::sync::Arc;
use std::time::{Duration, Instant};
use trouble::{Kind, Trouble};

/// How often a write is run that the server takes back because of another one.
const TRIES: u32 = 10;
/// The pause before the second try; the next ones are longer.
const PAUSE: Duration = Duration::from_millis(2);
/// The pause between two tries to learn what became of a change.
const ASKING: Duration = Duration::from_millis(100);
/// Bytes by which a change is known again, and how many changes are remembered.
const TICKET: usize = 8;
const REMEMBERED: u64 = 64;
/// How long nobody is told of a change by a connection that seems to live.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How long the server may take to tidy up.
const TIDYING: Duration = Duration::from_secs(600);

/// A database on a server, used through a few connections.
pub struct PostgresStore {
    address: Address,
    timeout: Duration,
    pool: ArcSwap<Pool>,
}

/// What became of a change whose connection broke.
enum Outcome {
    Kept,
    Dropped,
    Unknown,
}

/// A read that failed, and whether `work` had seen nothing of the store by then.
struct Unread {
    trouble: Trouble,
    whole: bool,
}

impl PostgresStore {
    /// The store at `postgres://USER@HOST:PORT/DATABASE?…`. Nothing is connected yet. `timeout` is how
    /// long a call waits to reach the server, and for other writers; a statement may take twice that.
    ///
    /// Of PostgreSQL's own parameters, `sslmode`, `sslrootcert`, `passfile`, `options`,
    /// `application_name`, `target_session_attrs`, `channel_binding`, `hostaddr`, `keepalives…` and
    /// several hosts are known. `sslmode` is `verify-full` unless the server is on this machine.
    ///
    /// # Errors
    /// `Config`, naming what is wrong and never a password.
    pub fn open(url: &str, timeout: Duration) -> Result<Self> {
        Ok(PostgresStore {
            address: Address::parse(url, timeout)?,
            timeout,
            pool: ArcSwap::from_pointee(Pool::new()),
        })
    }

    /// The connections of this process. Those of a process that it was forked from are left alone.
    fn pool(&self) -> Arc<Pool> {
        let pool = self.pool.load_full();
        if pool.generation == fork_generation() {
            return pool;
        }
        let fresh = Arc::new(Pool::new());
        let found = self.pool.compare_and_swap(&pool, Arc::clone(&fresh));
        if Arc::ptr_eq(&found, &pool) {
            // Its locks may be held by threads that this process does not have.
            std::mem::forget(pool);
            fresh
        } else {
            self.pool.load_full()
        }
    }

    fn take<'p>(&self, pool: &'p Pool) -> Result<Taken<'p>, Trouble> {
        pool.take(&self.address, self.timeout)
    }

    fn rows<'l>(&'l self, link: &'l Link, change: u64) -> Rows<'l> {
        Rows::new(link, &self.address.name, change)
    }

    /// A connection on which `begin` has gone well: a kept one may have been ended by the server.
    fn begun<'p>(&self, pool: &'p Pool, begin: &str) -> Result<(Taken<'p>, Answers), Trouble> {
        let first = self.take(pool)?;
        match first.link()?.simple(begin) {
            Ok(answers) => return Ok((first, answers)),
            Err(trouble) if trouble.kind == Kind::Lost => {}
            Err(trouble) => return Err(self.doubted(pool, trouble)),
        }
        drop(first);
        pool.forget();
        let second = self.take(pool)?;
        let answers = second.link()?.simple(begin)?;
        Ok((second, answers))
    }

    /// Has the tables looked at again when they may be gone.
    fn doubted(&self, pool: &Pool, trouble: Trouble) -> Trouble {
        if matches!(&trouble.error, Error::Store(text) if text.contains("42P01")) {
            pool.doubt();
        }
        trouble
    }

    fn read_once(&self, pool: &Pool, work: &mut Reading<'_>) -> Result<(), Unread> {
        let begun = |trouble| Unread {
            trouble,
            whole: true,
        };
        let taken = self.take(pool).map_err(begun)?;
        let link = taken.link().map_err(begun)?;
        link.with_next("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        let rows = self.rows(link, 0);
        let done = work(&rows);
        let failed = rows.trouble();
        let whole = !rows.has_answered();
        if failed.is_none() {
            // A transaction that only read has nothing to lose: how it ends does not matter.
            link.send("COMMIT");
            taken.keep();
        }
        match (done, failed) {
            (Err(_), Some(trouble)) => Err(Unread {
                trouble: self.doubted(pool, trouble),
                whole,
            }),
            (done, _) => done.map_err(|error| Unread {
                trouble: Trouble::plain(error),
                whole: false,
            }),
        }
    }

    fn write_once(
        &self,
        pool: &Pool,
        work: &mut Writing<'_>,
        witness: &dyn Witness,
    ) -> Result<(), Trouble> {
        let ticket = hexadecimal(&random::<TICKET>());
        let kept = REMEMBERED.saturating_sub(1).saturating_mul(8);
        // The isolation is named, whether the transaction may write is not: the administrator's word
        // on that stands.
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED;
             UPDATE keyward_writer SET changes = changes + 1,
                recent = '\\x{ticket}'::BYTEA || substr(recent, 1, {kept})
                WHERE one = 1 RETURNING changes"
        );
        let (taken, answers) = self.begun(pool, &begin)?;
        let change = answers.number().ok_or_else(|| {
            Trouble::plain(Error::StoreTampered(format!(
                "{}: keyward_writer has no row",
                self.address.name
            )))
        })?;
        let link = taken.link()?;
        let rows = self.rows(link, change);
        let done = work(&rows);
        let failed = rows.trouble();
        if let Some(trouble) = failed.or(done.err().map(Trouble::plain)) {
            let ended = taken.link()?.simple("ROLLBACK").is_ok();
            if ended {
                taken.keep();
            }
            return Err(self.doubted(pool, trouble));
        }
        witness.before();
        let commit = if pool.notifies() {
            "NOTIFY keyward; COMMIT"
        } else {
            "COMMIT"
        };
        match rows.finish(commit) {
            Ok(()) => {
                witness.after();
                taken.keep();
                Ok(())
            }
            // The server said what it did not like, and so kept nothing.
            Err(trouble) if trouble.kind != Kind::Lost && link.is_usable() => Err(trouble),
            Err(trouble) => {
                drop(taken);
                pool.forget();
                match self.outcome(pool, &ticket, change) {
                    Outcome::Kept => {
                        witness.after();
                        Ok(())
                    }
                    Outcome::Dropped => Err(trouble),
                    Outcome::Unknown => Err(Trouble::plain(Error::Store(format!(
                        "{}: the connection broke while a change was being kept, and whether it was \
                         cannot be learned: look before you try again",
                        self.address.name
                    )))),
                }
            }
        }
    }

    /// What became of the change with this ticket and number. Waits for the server to have decided.
    fn outcome(&self, pool: &Pool, ticket: &str, change: u64) -> Outcome {
        let start = Instant::now();
        loop {
            let asked = self.take(pool).and_then(|taken| {
                // Who still holds the row's lock has not decided yet.
                let sql = "BEGIN; SELECT changes, encode(recent, 'hex') FROM keyward_writer
                           WHERE one = 1 FOR UPDATE; ROLLBACK";
                taken.link()?.simple(sql)
            });
            let found = asked.ok().and_then(|answers| {
                let recent = answers.column(1).next()?.to_owned();
                Some((answers.number()?, recent))
            });
            if let Some((changes, recent)) = found {
                let mut tickets = recent.as_bytes().chunks(2 * TICKET);
                return if tickets.any(|known| known == ticket.as_bytes()) {
                    Outcome::Kept
                } else if changes < change.saturating_add(REMEMBERED) {
                    Outcome::Dropped
                } else {
                    Outcome::Unknown
                };
            }
            if start.elapsed() > self.timeout {
                return Outcome::Unknown;
            }
            std::thread::sleep(ASKING);
        }
    }

    /// The count of changes, as a connection sees it.
    fn count(&self, link: &Link) -> Result<u64, Trouble> {
        let sql = "SELECT changes FROM keyward_writer WHERE one = 1";
        let rows = link.query(sql, &[])?;
        let count = rows.first().and_then(|row| row.try_get::<_, i64>(0).ok());
        Ok(count.map_or(0, super::unsigned))
    }

    /// [`Store::wait`] on a server that notifies. As long as it does not, it is not asked either, but for
    /// a look now and then.
    fn listen(&self, pool: &Pool, stamp: u64, most: Duration) -> Result<u64, Trouble> {
        let start = Instant::now();
        let mut renewed = false;
        loop {
            let mut listener = pool.listener(&self.address, self.timeout)?;
            loop {
                // What came in since the last sleep makes what was seen old.
                if listener.link.sleep(Duration::ZERO) {
                    listener.seen = None;
                }
                let seen = listener.seen.filter(|(_, when)| when.elapsed() < HEARTBEAT);
                let now = match seen.map_or_else(|| self.count(&listener.link), |(now, _)| Ok(now))
                {
                    Ok(now) => now,
                    // Ended by the server, perhaps while nobody listened: once more with a new one.
                    Err(trouble) if trouble.kind == Kind::Lost && !renewed => break,
                    Err(trouble) => return Err(self.doubted(pool, trouble)),
                };
                listener.seen = seen.or_else(|| Some((now, Instant::now())));
                let left = most.saturating_sub(start.elapsed());
                if now != stamp || left.is_zero() {
                    pool.keep_listener(listener);
                    return Ok(now);
                }
                renewed = false;
                if listener.link.sleep(left.min(HEARTBEAT)) {
                    listener.seen = None;
                }
            }
            renewed = true;
        }
    }
}

impl Store for PostgresStore {
    fn read(&self, work: &mut Reading<'_>) -> Result<()> {
        let pool = self.pool();
        match self.read_once(&pool, work) {
            // A kept connection may have been ended by the server.
            Err(unread) if unread.whole && unread.trouble.kind == Kind::Lost => {
                pool.forget();
                self.read_once(&pool, work)
            }
            done => done,
        }
        .map_err(|unread| unread.trouble.error)
    }

    fn write(&self, work: &mut Writing<'_>, witness: &dyn Witness) -> Result<()> {
        let pool = self.pool();
        let turn = pool.turn.try_lock_for(self.timeout);
        let _turn = turn.ok_or(Error::StoreBusy)?;
        let (mut tries, mut lost) = (1_u32, false);
        loop {
            let Err(trouble) = self.write_once(&pool, work, witness) else {
                return Ok(());
            };
            match trouble.kind {
                Kind::Again if tries < TRIES => {
                    let [part] = random::<1>();
                    let pause = PAUSE.saturating_mul(tries.saturating_mul(u32::from(part)) / 64);
                    std::thread::sleep(pause);
                    tries = tries.saturating_add(1);
                }
                Kind::Lost if !lost => lost = true,
                Kind::Again | Kind::Lost | Kind::Plain | Kind::Starting => {
                    return Err(trouble.error);
                }
            }
        }
    }

    fn stamp(&self) -> Result<u64> {
        let pool = self.pool();
        let once = || {
            let taken = self.take(&pool)?;
            let count = self.count(taken.link()?)?;
            taken.keep();
            Ok(count)
        };
        let count = match once() {
            Err(Trouble {
                kind: Kind::Lost, ..
            }) => {
                pool.forget();
                once()
            }
            other => other,
        };
        count.map_err(|trouble: Trouble| self.doubted(&pool, trouble).error)
    }

    fn wait(&self, stamp: u64, most: Duration) -> Result<u64> {
        let pool = self.pool();
        if !pool.notifies() {
            // Whether the server notifies is known when there was a connection.
            let now = self.stamp()?;
            if now != stamp || !pool.notifies() {
                return wait_by_looking(|| self.stamp(), stamp, most);
            }
        }
        self.listen(&pool, stamp, most)
            .map_err(|trouble| trouble.error)
    }

    /// Has the server give up the space of what was removed or replaced. It does not overwrite it: what
    /// stands there, and in the server's log and backups, is sealed under domain keys that are gone.
    fn scrub(&self) -> Result<bool> {
        let pool = self.pool();
        let tidied = self.take(&pool).and_then(|taken| {
            let link = taken.link()?;
            link.simple("SET statement_timeout = 0")?;
            let tables = schema::TABLES.join(", ");
            link.patient(&format!("VACUUM (ANALYZE) {tables}"), TIDYING)
            // The connection, with its changed settings, is closed.
        });
        match tidied {
            Ok(()) => Ok(true),
            Err(trouble) if trouble.error == Error::StoreBusy => Ok(false),
            Err(trouble) => Err(trouble.error),
        }
    }

    /// The server gives up space by itself, in its own time.
    fn tidy(&self) -> Result<bool> {
        Ok(true)
    }

    fn flaws(&self) -> Result<Vec<String>> {
        /// What is wrong when the count is not zero.
        const CHECKS: [(&str, &str); 6] = [
            (
                "SELECT count(*) - 1 FROM keyward_writer WHERE one = 1 AND changes >= 0",
                "keyward_writer does not hold its one row",
            ),
            (
                "SELECT count(*) FROM keyward_objects WHERE length(id) <> 16 OR revision < 1
                    OR standing < 0 OR standing > 4 OR length(domain_key) <> 16",
                "objects with impossible numbers or ids",
            ),
            (
                "SELECT count(*) FROM keyward_objects WHERE clear IS NULL AND sealed IS NULL",
                "objects without content",
            ),
            (
                "SELECT count(*) FROM keyward_domain_tokens WHERE length(hash) <> 32 OR version < 0",
                "domain tokens with impossible numbers or hashes",
            ),
            (
                "SELECT count(*) FROM keyward_nodes WHERE length(mac) <> 32 OR level > 2",
                "nodes with impossible numbers or authenticators",
            ),
            (
                "SELECT count(*) FROM keyward_objects AS one JOIN keyward_objects AS other
                    ON one.id = other.id AND one.place <> other.place",
                "objects that are there twice: an index is damaged",
            ),
        ];
        let pool = self.pool();
        let taken = self.take(&pool).map_err(|trouble| trouble.error)?;
        let link = taken.link().map_err(|trouble| trouble.error)?;
        let mut flaws = Vec::new();
        for (sql, what) in CHECKS {
            match link.simple(sql).map(|answers| answers.number()) {
                Ok(Some(0)) => {}
                Ok(found) => flaws.push(match found {
                    Some(number) => format!("{what} ({number})"),
                    None => what.to_owned(),
                }),
                Err(trouble) if trouble.kind == Kind::Plain => {
                    flaws.push(trouble.error.to_string())
                }
                Err(trouble) => return Err(trouble.error),
            }
        }
        // An engine that does not know the setting has none to be wrong.
        if let Ok(answers) = link.simple("SHOW fsync")
            && answers.column(0).any(|setting| setting == "off")
        {
            flaws.push("the server runs with fsync = off: a power cut loses keys".to_owned());
        }
        taken.keep();
        Ok(flaws)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
