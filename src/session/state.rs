//! One session and its operations.

use super::active::Active;
use super::handles::{ObjectHandle, SessionHandle};
use super::login::Who;
use super::near::{Near, Stamp};
use super::rarer::Rarer;
use super::slot::{Seat, Slot};
use crate::mechanism::operation::{Cipher, Digester, Signer, Verifier};
use crate::token::Token;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A search in progress: what it found, and how much of that the caller has taken.
pub struct Find {
    /// Every object found, in the order of their creation.
    pub found: Vec<ObjectHandle>,
    /// How many the caller has taken.
    pub taken: usize,
}

/// The operations that a session can have in progress, one of each kind.
#[derive(Default)]
#[expect(missing_docs, reason = "each field is named by its kind")]
pub struct Operations {
    pub find: Option<Find>,
    pub encrypt: Option<Active<dyn Cipher>>,
    pub decrypt: Option<Active<dyn Cipher>>,
    pub digest: Option<Active<dyn Digester>>,
    pub sign: Option<Active<dyn Signer>>,
    pub verify: Option<Active<dyn Verifier>>,
    pub rarer: Rarer,
}

impl Operations {
    /// Ends every operation with a private key (after a logout).
    pub fn cancel_private(&mut self) {
        self.find = None;
        self.encrypt.take_if(|active| active.private);
        self.decrypt.take_if(|active| active.private);
        self.digest.take_if(|active| active.private);
        self.sign.take_if(|active| active.private);
        self.verify.take_if(|active| active.private);
        self.rarer.cancel_private();
    }
}

/// One session with a token.
pub struct Session {
    handle: SessionHandle,
    seat: Arc<Seat>,
    read_write: bool,
    closed: AtomicBool,
    operations: Mutex<Operations>,
    near: Mutex<Near>,
}

impl Session {
    /// A session without operations.
    #[must_use]
    pub fn new(handle: SessionHandle, seat: Arc<Seat>, read_write: bool) -> Self {
        Session {
            handle,
            seat,
            read_write,
            closed: AtomicBool::new(false),
            operations: Mutex::default(),
            near: Mutex::default(),
        }
    }

    /// The handle that names it.
    #[must_use]
    pub fn handle(&self) -> SessionHandle {
        self.handle
    }

    /// Where it is counted.
    #[must_use]
    pub fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// The slot it was opened on.
    #[must_use]
    pub fn slot(&self) -> &Arc<Slot> {
        &self.seat.slot
    }

    /// The token in that slot.
    #[must_use]
    pub fn token(&self) -> &Arc<Token> {
        &self.seat.token
    }

    /// Whether token objects may be changed through it.
    #[must_use]
    pub fn is_read_write(&self) -> bool {
        self.read_write
    }

    /// Who is logged in.
    #[must_use]
    pub fn who(&self) -> Who {
        self.slot().who()
    }

    /// Ends what the session has in progress and keeps near. Its handle stands for nothing any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        *self.operations() = Operations::default();
        self.near().clear();
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The operations, for this call alone.
    pub fn operations(&self) -> MutexGuard<'_, Operations> {
        self.operations.lock()
    }

    /// What the session keeps near. No other lock is taken while it is held.
    pub fn near(&self) -> MutexGuard<'_, Near> {
        self.near.lock()
    }

    /// What everything near depends on, as it is now.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        Stamp {
            generation: self.token().generation(),
            logins: self.slot().logins(),
        }
    }
}
