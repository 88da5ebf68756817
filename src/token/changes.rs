//! Every change of the store goes through here: counted for the other processes, and anchored.

use super::rows::RowKeys;
use super::unlocked::{Unlocked, no_keys};
use super::{Token, anchoring};
use crate::domain::keyring::Keyring;
use crate::error::{Error, Result};
use crate::object::ObjectId;
use crate::storage::anchor::Anchor;
use crate::storage::registry::{Registry, Ticket};
use crate::storage::{Store, Witness, Writer};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// How often a change of rows is tried anew because the domain changed meanwhile.
const TRIES: usize = 4;

/// What a change of rows works with.
pub(super) struct Rows {
    pub(super) keys: Arc<RowKeys>,
    ring: Option<Arc<Keyring>>,
}

impl Rows {
    /// The domain keys.
    ///
    /// # Errors
    /// `DomainRule` when the module holds none.
    pub(super) fn ring(&self) -> Result<&Keyring> {
        self.ring.as_deref().ok_or_else(no_keys)
    }
}

/// What a change touched.
pub(super) struct Touched {
    /// The groups of objects.
    pub(super) groups: Vec<u16>,
    /// The row tree's new count and MAC, if it changed.
    pub(super) head: Option<(u64, [u8; 32])>,
    /// Whether the domain changed.
    pub(super) domain: bool,
    /// Whether nothing that was there before still is.
    pub(super) everything: bool,
}

impl Touched {
    /// No object and no key.
    pub(super) fn nothing() -> Self {
        Touched {
            groups: Vec::new(),
            head: None,
            domain: false,
            everything: false,
        }
    }

    /// Everything.
    pub(super) fn everything() -> Self {
        Touched {
            everything: true,
            ..Self::nothing()
        }
    }
}

impl Token {
    /// Runs `work` on the own store in one durable transaction and tells every process.
    ///
    /// # Errors
    /// `TokenReadOnly` where the token is only read; those of `work` and of the store; nothing is
    /// changed then.
    pub(super) fn change<T>(
        &self,
        work: impl FnMut(&dyn Writer) -> Result<(T, Touched)>,
    ) -> Result<T> {
        self.must_be_writable()?;
        self.change_in((&*self.store, &self.anchor), work)
    }

    /// # Errors
    /// `TokenReadOnly` where the token is only read.
    pub(super) fn must_be_writable(&self) -> Result<()> {
        if self.is_read_only() {
            return Err(Error::TokenReadOnly);
        }
        Ok(())
    }

    /// As [`Token::change`], for what is counted of tries at PINs: a token that is only read counts them in
    /// its copy. Who can read it can try PINs on a copy anyway.
    ///
    /// # Errors
    /// As [`Token::change`].
    pub(super) fn count_tries<T>(
        &self,
        work: impl FnMut(&dyn Writer) -> Result<(T, Touched)>,
    ) -> Result<T> {
        self.change_in((&*self.store, &self.anchor), work)
    }

    /// Runs `work` on the rows of the objects, wherever they are, as [`Token::change`]: with the newest
    /// domain keys, which nobody changes before it ends. `work` may run more than once.
    ///
    /// # Errors
    /// `DomainBehind` when the repository's version of the domain is not taken by this module;
    /// `StoreTampered`, which is kept as an event; those of `work` and of the store. Nothing is changed then.
    pub(super) fn change_rows<T>(
        &self,
        unlocked: &Unlocked,
        mut work: impl FnMut(&dyn Writer, &Rows) -> Result<(T, Touched)>,
    ) -> Result<T> {
        self.must_be_writable()?;
        let mut behind = Error::Internal("no change of rows was tried");
        for _ in 0..TRIES {
            let keys = self.row_keys(unlocked)?;
            let anchor = if keys.are_shared() {
                &self.rows_anchor
            } else {
                &self.anchor
            };
            let done = self.change_in((self.store_of(&keys)?, anchor), |writer| {
                let ring = self.ring_within(unlocked, &keys, writer)?;
                let rows = Rows {
                    keys: Arc::clone(&keys),
                    ring,
                };
                work(writer, &rows)
            });
            match done {
                Err(Error::DomainBehind(why)) => {
                    behind = Error::DomainBehind(why);
                    self.follow()?;
                }
                other => return self.with_tampering_kept(other),
            }
        }
        Err(behind)
    }

    /// The domain keys, while nobody can change them: the own store's transaction, or the repository's,
    /// is open and writes.
    fn ring_within(
        &self,
        unlocked: &Unlocked,
        keys: &RowKeys,
        writer: &dyn Writer,
    ) -> Result<Option<Arc<Keyring>>> {
        let ring = if keys.are_shared() {
            self.at_newest(unlocked, writer)?;
            self.keyring(unlocked)
        } else {
            self.keyring_within(unlocked, writer)
        };
        let moved = || Error::DomainBehind("the objects have just moved".into());
        if self.row_keys(unlocked)?.seal != keys.seal {
            return Err(moved());
        }
        match ring {
            Ok(ring) => Ok(Some(ring)),
            // A module without domain keys can still list and destroy.
            Err(Error::DomainRule(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Runs `work` in one durable transaction of a store, tells every process, and moves the anchor.
    fn change_in<T>(
        &self,
        (store, anchor): (&dyn Store, &Anchor),
        mut work: impl FnMut(&dyn Writer) -> Result<(T, Touched)>,
    ) -> Result<T> {
        let change = Change {
            registry: &self.registry,
            ticket: Cell::new(None),
            touched: RefCell::new(Touched::nothing()),
        };
        let done = store.writing(
            |writer| {
                let (answer, touched) = work(writer)?;
                change.touched.replace(touched);
                Ok(answer)
            },
            &change,
        );
        if let Some(ticket) = change.ticket.take() {
            // The commit itself failed: whether it took effect is for the readers to see.
            self.registry.finish_all(ticket);
        }
        let answer = done?;
        let touched = change.touched.into_inner();
        if let (Some(head), Some(unlocked)) = (touched.head, self.unlocked.load_full()) {
            if touched.everything {
                // A module without keys has the newest version all the same.
                let _ = self.keyring(&unlocked);
            }
            let state = anchoring::State {
                head,
                version: unlocked.installed(),
                card: &self.card.load(),
            };
            anchor.advance(&state.encode(unlocked.keys()))?;
        }
        Ok(answer)
    }
}

/// A change under way, of which the other processes are told.
struct Change<'t> {
    registry: &'t Registry,
    ticket: Cell<Option<Ticket>>,
    touched: RefCell<Touched>,
}

impl Witness for Change<'_> {
    fn before(&self) {
        if let Some(earlier) = self.ticket.take() {
            self.registry.finish_all(earlier);
        }
        self.ticket.set(Some(self.registry.begin()));
    }

    fn after(&self) {
        let touched = self.touched.borrow();
        match self.ticket.take() {
            Some(ticket) if touched.everything => self.registry.finish_all(ticket),
            Some(ticket) => self
                .registry
                .finish(ticket, &touched.groups, touched.domain),
            None => {}
        }
    }
}

/// What to answer when a row does not stand up to what the module knows of it.
pub(super) fn tampered(id: ObjectId) -> Error {
    Error::ObjectTampered(id.to_string())
}
