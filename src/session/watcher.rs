//! Threads that watch tokens for changes by other processes, so that an idle process also lets go
//! of a removed domain key.

use super::Session;
use super::handles::Table;
use super::objects::Place;
use crate::token::Token;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How long a watcher sleeps at most before it looks whether it should end.
const NAP: Duration = Duration::from_millis(500);
/// How long a thread that follows waits at most before it looks whether it should end.
const LISTEN: Duration = Duration::from_millis(100);
/// The pause between two looks at a repository that changes all the time, or does not answer.
const PAUSE: Duration = Duration::from_millis(50);

/// The watchers of a process, one for each token that was logged in to.
pub struct Watchers {
    allowed: bool,
    running: Mutex<Vec<Watcher>>,
}

struct Watcher {
    token: Weak<Token>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
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
    pub fn watch(&self, token: &Arc<Token>, sessions: &Arc<Table<Arc<Session>>>) {
        let holders = Arc::downgrade(sessions);
        let own = Arc::downgrade(token);
        // A domain key that was removed is in no session's hands any more when the token tells others so.
        token.before_telling(Box::new(move || {
            if let (Some(sessions), Some(token)) = (holders.upgrade(), own.upgrade()) {
                tidy(&sessions, &token, 0);
            }
        }));
        let mut running = self.running.lock();
        let watched = |own: &Watcher| own.token.as_ptr() == Arc::as_ptr(token);
        if !self.allowed || running.iter().any(watched) {
            return;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (weak, told) = (Arc::downgrade(token), Arc::clone(&stop));
        let holders = Arc::downgrade(sessions);
        let watch = named("keyward-watch").spawn(move || run(&weak, &holders, &told));
        let (weak, told) = (Arc::downgrade(token), Arc::clone(&stop));
        let follow = token
            .may_follow()
            .then(|| named("keyward-follow").spawn(move || follow(&weak, &told)));
        let threads = watch.into_iter().chain(follow.into_iter().flatten());
        running.push(Watcher {
            token: Arc::downgrade(token),
            stop,
            threads: threads.collect(),
        });
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
        for thread in ended.into_iter().flat_map(|watcher| watcher.threads) {
            // A watcher that panicked is as ended as one that returned.
            let _ = thread.join();
        }
    }
}

fn named(name: &str) -> Builder {
    Builder::new().name(name.to_owned())
}

/// Takes what the repository publishes, as it comes.
fn follow(token: &Weak<Token>, stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        let Some(token) = token.upgrade() else {
            return;
        };
        // What went wrong is kept as an event, or goes wrong again, and is reported, at the next call.
        let _ = token.follow_news(LISTEN);
        drop(token);
        std::thread::sleep(PAUSE);
    }
}

/// Has the sessions with a token let go of copies of its objects that have not been used for so many
/// seconds, or were made before something changed.
fn tidy(sessions: &Table<Arc<Session>>, token: &Arc<Token>, seconds: u64) {
    for session in sessions.select(|session| Arc::ptr_eq(session.token(), token)) {
        session.near().retain(|copy, place| {
            place != Place::Token || u64::from(copy.idle_seconds()) < seconds
        });
    }
}

fn run(token: &Weak<Token>, sessions: &Weak<Table<Arc<Session>>>, stop: &Arc<AtomicBool>) {
    let mut seen = None;
    let mut tidied = Instant::now();
    // Which login was checked; one that is gone leaves an address that another may get, no more.
    let mut checked = None;
    let mut checks = Vec::new();
    while !stop.load(Ordering::Acquire) {
        let Some(token) = token.upgrade() else {
            break;
        };
        let generation = token.member_generation();
        if seen
            .replace(generation)
            .is_some_and(|before| before != generation)
        {
            // Handles hold on to nothing that the token lets go of. What went wrong here goes wrong again,
            // and is reported, at the next call.
            let _ = token.refresh();
        }
        // Each is a look at everything that is kept: at intervals, not at each change.
        if let Some(sessions) = sessions.upgrade().filter(|_| tidied.elapsed() >= NAP) {
            tidied = Instant::now();
            token.expire();
            tidy(&sessions, &token, token.keeps_for());
        }
        token.wait_for_change(NAP, &|| stop.load(Ordering::SeqCst));
        let login = token
            .unlocked()
            .map(|unlocked| Arc::as_ptr(&unlocked).addr());
        if login != checked && !stop.load(Ordering::Acquire) {
            checked = login;
            checks.retain(|check: &JoinHandle<()>| !check.is_finished());
            checks.extend(check(&token, stop));
        }
    }
    for check in checks {
        // As in `Watchers::stop`.
        let _ = check.join();
    }
}

/// Soon after each login, not so soon that short-lived programs wait for it, the token is checked for rows
/// put back or deleted. What is found is kept as an event; a token that cannot be read says so at the
/// next call.
fn check(token: &Arc<Token>, stop: &Arc<AtomicBool>) -> Option<JoinHandle<()>> {
    let (token, stop) = (Arc::downgrade(token), Arc::clone(stop));
    let check = move || {
        if let Some(token) = token.upgrade() {
            let _ = token.check(&|| stop.load(Ordering::SeqCst));
        }
    };
    named("keyward-check").spawn(check).ok()
}
