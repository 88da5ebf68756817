//! Threads that watch tokens for changes by other processes, so that an idle process also lets go
//! of a removed domain key.

use super::objects::Objects;
use crate::token::Token;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a watcher sleeps at most before it looks whether it should end.
const NAP: Duration = Duration::from_millis(500);

/// The watchers of a process, one for each token that was logged in to.
pub struct Watchers {
    allowed: bool,
    running: Mutex<Vec<Watcher>>,
}

struct Watcher {
    token: Weak<Token>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watchers {
    /// No watcher yet, and none ever unless `allowed`.
    #[must_use]
    pub fn new(allowed: bool) -> Self {
        Watchers {
            allowed,
            running: Mutex::default(),
        }
    }

    /// Starts to watch a token, if no thread does. A thread that the system refuses is done
    /// without: changes are then noticed at the next call.
    pub fn watch(&self, slot: u64, token: &Arc<Token>, objects: &Arc<Objects>) {
        let mut running = self.running.lock();
        let watched = |own: &Watcher| own.token.as_ptr() == Arc::as_ptr(token);
        if !self.allowed || running.iter().any(watched) {
            return;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (weak, told) = (Arc::downgrade(token), Arc::clone(&stop));
        let objects = Arc::downgrade(objects);
        let builder = std::thread::Builder::new().name("keyward-watch".into());
        if let Ok(thread) = builder.spawn(move || run(slot, &weak, &objects, &told)) {
            running.push(Watcher {
                token: Arc::downgrade(token),
                stop,
                thread,
            });
        }
    }

    /// Ends every watcher and waits for it.
    pub fn stop(&self) {
        let ended = std::mem::take(&mut *self.running.lock());
        for watcher in &ended {
            watcher.stop.store(true, Ordering::SeqCst);
            if let Some(token) = watcher.token.upgrade() {
                token.wake();
            }
        }
        for watcher in ended {
            // A watcher that panicked is as ended as one that returned.
            let _ = watcher.thread.join();
        }
    }
}

fn run(slot: u64, token: &Weak<Token>, objects: &Weak<Objects>, stop: &AtomicBool) {
    let mut seen = None;
    // Which login was checked; one that is gone leaves an address that another may get, no more.
    let mut checked = None;
    while !stop.load(Ordering::Acquire) {
        let (Some(token), Some(objects)) = (token.upgrade(), objects.upgrade()) else {
            return;
        };
        let generation = token.generation();
        if seen
            .replace(generation)
            .is_some_and(|before| before != generation)
        {
            // Let go of first, so that what refreshing acknowledges is true.
            objects.forget_seen(slot);
            // What went wrong here goes wrong again, and is reported, at the next call.
            let _ = token.refresh();
        }
        token.wait_for_change(NAP, &|| stop.load(Ordering::SeqCst));
        let login = token
            .unlocked()
            .map(|unlocked| Arc::as_ptr(&unlocked).addr());
        if login != checked && !stop.load(Ordering::Acquire) {
            checked = login;
            // Soon after each login, not so soon that short-lived programs wait for it, the token is
            // checked for rows put back or deleted. What is found is kept as an event; a token that
            // cannot be read says so at the next call.
            let _ = token.check();
        }
    }
}
