//! The connections of one process: made when needed, kept for the next one, never more than a few.

use super::address::Address;
use super::link::Link;
use super::schema;
use super::trouble::{Kind, Trouble};
use crate::error::Error;
use crate::ffi::os::fork::fork_generation;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Connections for transactions at once.
const MOST: usize = 8;
/// The pause between two looks whether a connection is free.
const PAUSE: Duration = Duration::from_micros(500);
/// The pause between two tries to reach a server that is just starting.
const STARTING: Duration = Duration::from_millis(50);
/// How long the server lets a transaction stand idle: who stopped in the middle of a write holds up
/// everybody for no longer.
const IDLE_MS: u32 = 60_000;

/// The connections of one process.
pub(super) struct Pool {
    /// The process: [`fork_generation`].
    pub(super) generation: u64,
    /// Held by the one thread of this process that writes: others would only hold connections.
    pub(super) turn: Mutex<()>,
    idle: Mutex<Vec<Link>>,
    listening: Mutex<Vec<Listener>>,
    taken: AtomicUsize,
    /// Whether the schema is known to be the newest.
    ready: AtomicBool,
    /// Whether the server is one that can notify.
    notifies: AtomicBool,
}

/// A connection that is told of changes.
pub(super) struct Listener {
    pub(super) link: Link,
    /// The count of changes when it was last asked for, and when that was. It still is the newest one, as
    /// long as the server has not notified.
    pub(super) seen: Option<(u64, Instant)>,
}

/// A connection that no other thread uses. It is closed when dropped, unless it is kept.
pub(super) struct Taken<'p> {
    pool: &'p Pool,
    link: Option<Link>,
}

impl Pool {
    pub(super) fn new() -> Self {
        Pool {
            generation: fork_generation(),
            turn: Mutex::new(()),
            idle: Mutex::new(Vec::new()),
            listening: Mutex::new(Vec::new()),
            taken: AtomicUsize::new(0),
            ready: AtomicBool::new(false),
            notifies: AtomicBool::new(false),
        }
    }

    /// A connection: a kept one, or a new one.
    pub(super) fn take(&self, address: &Address, timeout: Duration) -> Result<Taken<'_>, Trouble> {
        let start = Instant::now();
        while self.taken.fetch_add(1, Ordering::SeqCst) >= MOST {
            self.taken.fetch_sub(1, Ordering::SeqCst);
            if start.elapsed() > timeout {
                return Err(Trouble::plain(Error::StoreBusy));
            }
            std::thread::sleep(PAUSE);
        }
        // Counts as taken from here on, whatever happens.
        let mut taken = Taken {
            pool: self,
            link: None,
        };
        taken.link = Some(match self.usable() {
            Some(link) => link,
            None => self.connect(address, timeout)?,
        });
        Ok(taken)
    }

    /// Closes what is kept: the server has ended one of them, and most likely all.
    pub(super) fn forget(&self) {
        let old = std::mem::take(&mut *self.idle.lock());
        drop(old);
    }

    /// Looks at the tables again at the next connection.
    pub(super) fn doubt(&self) {
        self.ready.store(false, Ordering::SeqCst);
        self.forget();
    }

    /// Whether the server is one that can notify. Known once there was a connection.
    pub(super) fn notifies(&self) -> bool {
        self.notifies.load(Ordering::SeqCst)
    }

    /// A connection that is told of changes. Not one of those for transactions.
    pub(super) fn listener(
        &self,
        address: &Address,
        timeout: Duration,
    ) -> Result<Listener, Trouble> {
        let kept = self.listening.lock().pop();
        if let Some(listener) = kept.filter(|listener| listener.link.is_usable()) {
            return Ok(listener);
        }
        let link = self.connect(address, timeout)?;
        if self.notifies() {
            link.simple("LISTEN keyward")?;
        }
        Ok(Listener { link, seen: None })
    }

    /// Keeps a listening connection for the next one who waits.
    pub(super) fn keep_listener(&self, listener: Listener) {
        let mut listening = self.listening.lock();
        if listening.len() < MOST {
            listening.push(listener);
        }
    }

    fn usable(&self) -> Option<Link> {
        loop {
            let link = self.idle.lock().pop()?;
            if link.is_usable() {
                return Some(link);
            }
        }
    }

    fn connect(&self, address: &Address, timeout: Duration) -> Result<Link, Trouble> {
        let start = Instant::now();
        let limit = timeout.saturating_mul(2).saturating_add(timeout);
        let link = loop {
            match Link::connect(address, timeout, limit) {
                Ok(link) => break link,
                Err(trouble) if trouble.kind == Kind::Starting && start.elapsed() < timeout => {
                    std::thread::sleep(STARTING);
                }
                Err(trouble) => return Err(trouble),
            }
        };
        self.settle(&link, timeout)?;
        if !self.ready.load(Ordering::SeqCst) {
            schema::migrate(&link, &address.name)?;
            self.ready.store(true, Ordering::SeqCst);
        }
        Ok(link)
    }

    /// The settings of a new connection. A lock is given up before a statement, so that a busy database
    /// is told from a slow one; a commit is on disk when it returns, unless the server's administrator
    /// demands more.
    fn settle(&self, link: &Link, timeout: Duration) -> Result<(), Trouble> {
        let lock = timeout.as_millis();
        let statement = timeout.saturating_mul(2).as_millis();
        let answers = link.simple(&format!(
            "SET statement_timeout = {statement};
             SET lock_timeout = {lock};
             SET idle_in_transaction_session_timeout = {IDLE_MS};
             SELECT set_config('synchronous_commit', 'on', false)
                WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write');
             SELECT version()"
        ))?;
        // Engines that speak the protocol but do not notify say whose they are.
        let version = answers.column(0).next_back();
        let own = version
            .is_some_and(|version| version.starts_with("PostgreSQL") && !version.contains("-YB-"));
        self.notifies.store(own, Ordering::SeqCst);
        Ok(())
    }
}

impl Taken<'_> {
    pub(super) fn link(&self) -> Result<&Link, Trouble> {
        let ended = || Trouble::plain(Error::Internal("a connection was used after its end"));
        self.link.as_ref().ok_or_else(ended)
    }

    /// Keeps the connection, which has no transaction open, for the next one.
    pub(super) fn keep(mut self) {
        if let Some(link) = self.link.take() {
            self.pool.idle.lock().push(link);
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        drop(self.link.take());
        self.pool.taken.fetch_sub(1, Ordering::SeqCst);
    }
}
