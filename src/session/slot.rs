//! A slot: the token in it, who is logged in, and how many sessions are open.

use super::login::Who;
use crate::domain::ids::OperatorId;
use crate::token::{Token, Unlocked};
use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, MutexGuard, RwLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// How many sessions of each kind are open, and the lock that serialises opening, closing, login
/// and initialisation.
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

/// One slot.
pub struct Slot {
    id: u64,
    token: RwLock<Option<Arc<Token>>>,
    who: AtomicU8,
    unlocked: ArcSwapOption<Unlocked>,
    operator: ArcSwapOption<OperatorId>,
    counts: Mutex<Counts>,
}

impl Slot {
    /// A slot; without a token it is the free one.
    #[must_use]
    pub fn new(id: u64, token: Option<Arc<Token>>) -> Self {
        Slot {
            id,
            token: RwLock::new(token),
            who: AtomicU8::new(0),
            unlocked: ArcSwapOption::empty(),
            operator: ArcSwapOption::empty(),
            counts: Mutex::default(),
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
        self.token.read().clone()
    }

    /// Puts a token into the slot.
    pub fn insert(&self, token: Arc<Token>) {
        *self.token.write() = Some(token);
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
    }

    /// Notes a logout; the keys are erased with their last use.
    pub fn log_out(&self) {
        self.who.store(0, Ordering::Release);
        self.operator.store(None);
        self.unlocked.store(None);
    }

    /// The session counts. Holding them serialises opening, closing, login and initialisation.
    pub fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock()
    }
}
