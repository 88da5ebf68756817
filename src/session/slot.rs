//! A slot: the token in it, who is logged in, and how many sessions are open.

use super::login::Who;
use crate::domain::ids::OperatorId;
use crate::error::{Error, Result};
use crate::ffi::os::thread::thread_number;
use crate::token::{Token, Unlocked};
use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// The parts in which sessions are counted: threads open and close them without waiting for each other.
const PARTS: usize = 16;

/// How many sessions of each kind are open.
#[derive(Default, Clone, Copy)]
pub struct Counts {
    /// Read-only sessions.
    pub read_only: u64,
    /// Read/write sessions.
    pub read_write: u64,
}

impl Counts {
    /// All sessions.
    #[must_use]
    pub fn all(self) -> u64 {
        self.read_only + self.read_write
    }
}

/// A slot and its token, as the sessions that one part counts refer to them: they share a reference count
/// with each other and with nobody else.
pub struct Seat {
    /// The slot.
    pub slot: Arc<Slot>,
    /// The token in it.
    pub token: Arc<Token>,
    part: usize,
}

/// What is open in one part.
#[derive(Default)]
struct Open {
    counts: Counts,
    /// Of the sessions that are open; none when none is.
    seat: Option<Arc<Seat>>,
}

/// One part, on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Part {
    open: Mutex<Open>,
    /// All its sessions, to be read without the lock.
    all: AtomicU64,
}

/// Every part's lock: it serialises opening, closing, login and initialisation.
pub struct AllCounts<'s>(Vec<MutexGuard<'s, Open>>);

impl AllCounts<'_> {
    /// The sessions of all parts.
    #[must_use]
    pub fn sum(&self) -> Counts {
        let parts = self.0.iter().map(|open| open.counts);
        parts.fold(Counts::default(), |sum, part| Counts {
            read_only: sum.read_only + part.read_only,
            read_write: sum.read_write + part.read_write,
        })
    }
}

/// One slot.
pub struct Slot {
    id: u64,
    token: ArcSwapOption<Token>,
    who: AtomicU8,
    /// How often somebody has logged in or out.
    logins: AtomicU64,
    unlocked: ArcSwapOption<Unlocked>,
    operator: ArcSwapOption<OperatorId>,
    parts: [Part; PARTS],
}

impl Slot {
    /// A slot; without a token it is the free one.
    #[must_use]
    pub fn new(id: u64, token: Option<Arc<Token>>) -> Self {
        Slot {
            id,
            token: ArcSwapOption::new(token),
            who: AtomicU8::new(0),
            logins: AtomicU64::new(0),
            unlocked: ArcSwapOption::empty(),
            operator: ArcSwapOption::empty(),
            parts: Default::default(),
        }
    }

    /// The slot's id, which never changes.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The token in the slot; `None` in the free one.
    #[must_use]
    pub fn token(&self) -> Option<Arc<Token>> {
        self.token.load_full()
    }

    /// Puts a token into the slot.
    pub fn insert(&self, token: Arc<Token>) {
        self.token.store(Some(token));
    }

    /// Whether there is a token in the slot.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token.load().is_some()
    }

    /// How often somebody has logged in or out.
    #[must_use]
    pub fn logins(&self) -> u64 {
        self.logins.load(Ordering::Acquire)
    }

    /// Who is logged in.
    #[must_use]
    pub fn who(&self) -> Who {
        match self.who.load(Ordering::Acquire) {
            1 => Who::User,
            2 => Who::SecurityOfficer,
            _ => Who::Nobody,
        }
    }

    /// The keys that the login opened; `None` while nobody is logged in.
    #[must_use]
    pub fn unlocked(&self) -> Option<Arc<Unlocked>> {
        self.unlocked.load_full()
    }

    /// The operator whom the login named; `None` when it named nobody.
    #[must_use]
    pub fn operator(&self) -> Option<OperatorId> {
        self.operator.load().as_deref().copied()
    }

    /// Notes a login, and the operator whom it named.
    pub fn log_in(&self, who: Who, unlocked: Arc<Unlocked>, operator: Option<OperatorId>) {
        self.operator.store(operator.map(Arc::new));
        self.unlocked.store(Some(unlocked));
        let number = match who {
            Who::Nobody => 0,
            Who::User => 1,
            Who::SecurityOfficer => 2,
        };
        self.who.store(number, Ordering::Release);
        self.logins.fetch_add(1, Ordering::AcqRel);
    }

    /// Notes a logout; the keys are erased with their last use.
    pub fn log_out(&self) {
        self.who.store(0, Ordering::Release);
        self.logins.fetch_add(1, Ordering::AcqRel);
        self.operator.store(None);
        self.unlocked.store(None);
    }

    /// The session counts. Holding them serialises opening, closing, login and initialisation.
    #[must_use]
    pub fn counts(&self) -> AllCounts<'_> {
        AllCounts(self.parts.iter().map(|part| part.open.lock()).collect())
    }

    /// Counts a new session, in the part of this thread.
    ///
    /// # Errors
    /// `TokenNotRecognized` without a token; `SessionReadWriteSoExists` for a read-only session while the
    /// SO is logged in.
    pub fn enter(self: &Arc<Self>, read_write: bool) -> Result<Arc<Seat>> {
        let place = thread_number() % PARTS;
        let part = self.part(place);
        let mut open = part.open.lock();
        let seat = match &open.seat {
            Some(seat) => Arc::clone(seat),
            None => Arc::new(Seat {
                slot: Arc::clone(self),
                token: self.token().ok_or(Error::TokenNotRecognized)?,
                part: place,
            }),
        };
        if read_write {
            open.counts.read_write += 1;
        } else if self.who() == Who::SecurityOfficer {
            return Err(Error::SessionReadWriteSoExists);
        } else {
            open.counts.read_only += 1;
        }
        open.seat = Some(Arc::clone(&seat));
        part.all.store(open.counts.all(), Ordering::SeqCst);
        Ok(seat)
    }

    /// Takes a session out of the counts, after `end` has ended it. Whether none may be open now.
    ///
    /// # Errors
    /// Those of `end`; the session then stays counted.
    pub fn leave(
        &self,
        seat: &Seat,
        read_write: bool,
        end: impl FnOnce() -> Result<()>,
    ) -> Result<bool> {
        let part = self.part(seat.part);
        let mut open = part.open.lock();
        end()?;
        let counts = &mut open.counts;
        let count = if read_write {
            &mut counts.read_write
        } else {
            &mut counts.read_only
        };
        *count = count.saturating_sub(1);
        let left = open.counts.all();
        part.all.store(left, Ordering::SeqCst);
        if left > 0 {
            return Ok(false);
        }
        let unused = open.seat.take();
        drop(open);
        drop(unused);
        // Of two that leave at once, the one whose store comes second sees that of the other.
        Ok(self.is_empty())
    }

    /// Lets go of what sessions refer to, because the module ends.
    pub fn vacate(&self) {
        for part in &self.parts {
            let unused = part.open.lock().seat.take();
            drop(unused);
        }
    }

    /// Whether no session is open, as far as can be told without waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let counts = self.parts.iter().map(|part| &part.all);
        counts.fold(0, |sum, all| sum + all.load(Ordering::SeqCst)) == 0
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder is below the array's length"
    )]
    fn part(&self, place: usize) -> &Part {
        &self.parts[place % PARTS]
    }
}
