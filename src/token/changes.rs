//! Every change of the store goes through here: counted for the other processes, and anchored.

use super::Token;
use super::anchoring;
use crate::error::{Error, Result};
use crate::object::ObjectId;
use crate::storage::Writer;
use std::cell::Cell;

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
    /// Runs `work` in one durable transaction and tells every process.
    ///
    /// # Errors
    /// Those of `work` and of the store; nothing is changed then.
    pub(super) fn change<T>(
        &self,
        work: impl FnMut(&dyn Writer) -> Result<(T, Touched)>,
    ) -> Result<T> {
        let ticket = Cell::new(None);
        let done = self
            .store
            .writing(work, &|| ticket.set(Some(self.registry.begin())));
        let Some(ticket) = ticket.get() else {
            return done.map(|(answer, _)| answer);
        };
        match done {
            Ok((answer, touched)) => {
                if touched.everything {
                    self.registry.finish_all(ticket);
                } else {
                    self.registry
                        .finish(ticket, &touched.groups, touched.domain);
                }
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
                    self.anchor.advance(&state.encode(unlocked.keys()))?;
                }
                Ok(answer)
            }
            Err(error) => {
                // The commit itself failed: whether it took effect is for the readers to see.
                self.registry.finish_all(ticket);
                Err(error)
            }
        }
    }
}

/// What to answer when a row does not stand up to what the module knows of it.
pub(super) fn tampered(id: ObjectId) -> Error {
    Error::ObjectTampered(id.to_string())
}
