//! Two things that an embedded database needs around `fork`: no fork while a transaction runs, and
//! file locks of the child's own.
//!
//! SQLite keeps what it has locked in memory, which a child inherits, while POSIX locks belong to one
//! process and are not inherited. So a child must not be born in the middle of a transaction, and must
//! itself take the lock that says that the wal-index is in use.
#![expect(
    unsafe_code,
    reason = "fork handlers and record locks have no safe interface"
)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Transactions under way in this process.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);
/// Whether a thread is forking.
static FORKING: AtomicBool = AtomicBool::new(false);

/// How long a fork waits for transactions. After that it goes on: a host must not hang.
const PATIENCE: Duration = Duration::from_secs(1);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_micros(50);

/// While this lives, no fork begins.
pub struct NoFork(());

impl NoFork {
    /// Waits for a fork that is under way.
    #[must_use]
    pub fn begin() -> Self {
        static HANDLERS: Once = Once::new();
        HANDLERS.call_once(|| {
            // SAFETY: plain functions of the type asked for, which use atomics and sleeping only. The
            // C library takes them out when the module is unloaded.
            unsafe { libc::pthread_atfork(Some(before), Some(after), Some(in_child)) };
        });
        loop {
            ACTIVE.fetch_add(1, Ordering::SeqCst);
            if !FORKING.load(Ordering::SeqCst) {
                return NoFork(());
            }
            ACTIVE.fetch_sub(1, Ordering::SeqCst);
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for NoFork {
    fn drop(&mut self) {
        // Forks do not wait for ever: a child may hold one that was begun in its parent.
        let _ = ACTIVE.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |active| {
            active.checked_sub(1)
        });
    }
}

/// Before a fork, in the thread that forks.
extern "C" fn before() {
    FORKING.store(true, Ordering::SeqCst);
    let start = Instant::now();
    while ACTIVE.load(Ordering::SeqCst) > 0 && start.elapsed() < PATIENCE {
        std::thread::sleep(PAUSE);
    }
}

/// After a fork, in the parent.
extern "C" fn after() {
    FORKING.store(false, Ordering::SeqCst);
}

/// After a fork, in the child, which has one thread and no transaction.
extern "C" fn in_child() {
    ACTIVE.store(0, Ordering::SeqCst);
    FORKING.store(false, Ordering::SeqCst);
}

/// Takes a shared lock on one byte of a file for as long as this process lives. The file stays open on
/// purpose: closing any handle of a file ends all record locks that the process has on it.
///
/// # Errors
/// Those of the file system; another process's exclusive lock.
pub fn share_for_ever(file: File, byte: i64) -> io::Result<()> {
    let lock = libc::flock {
        l_type: libc::c_short::try_from(libc::F_RDLCK).map_err(io::Error::other)?,
        l_whence: libc::c_short::try_from(libc::SEEK_SET).map_err(io::Error::other)?,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    };
    // SAFETY: the descriptor is open for the length of the call, and the kernel reads the structure only.
    let answer = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) };
    let refused = (answer == -1).then(io::Error::last_os_error);
    std::mem::forget(file);
    refused.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_waits_for_transactions_and_they_for_it() {
        let transaction = NoFork::begin();
        let forking = std::thread::spawn(|| {
            before();
            let active = ACTIVE.load(Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
            after();
            active
        });
        while !FORKING.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        drop(transaction);
        drop(NoFork::begin());
        assert!(!FORKING.load(Ordering::SeqCst));
        // Other tests of this process may have had one under way for a moment.
        assert!(forking.join().unwrap() < 8);
    }
}
