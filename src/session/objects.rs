//! The handles of objects: session objects live here, token objects are looked up and kept as
//! they were last seen.

use super::handles::{ObjectHandle, SessionHandle, Table};
use crate::error::{Error, Result};
use crate::object::{Object, ObjectId};
use crate::token::Token;
use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// A session object and the session it dies with.
#[derive(Clone)]
struct Volatile {
    slot: u64,
    owner: SessionHandle,
    object: Arc<Object>,
}

/// A token object as this process last saw it. The token keeps it, or lets it go.
#[derive(Clone)]
struct Durable {
    slot: u64,
    id: ObjectId,
    seen: Arc<ArcSwapOption<Seen>>,
}

struct Seen {
    generation: u64,
    object: Weak<Object>,
}

/// What a handle stands for.
#[derive(Clone)]
pub enum Place {
    /// A session object of the session named.
    Session(SessionHandle),
    /// An object of the token.
    Token,
}

/// Every object handle of the process. Handles of session objects are odd, those of token objects
/// even, so that a search among session objects meets no token object.
#[derive(Default)]
pub struct Objects {
    volatile: Table<Volatile>,
    durable: Table<Durable>,
    by_id: Mutex<HashMap<(u64, ObjectId), ObjectHandle>>,
}

impl Objects {
    /// Gives a session object its handle.
    pub fn add_session_object(
        &self,
        slot: u64,
        owner: SessionHandle,
        object: Arc<Object>,
    ) -> ObjectHandle {
        let number = self.volatile.reserve();
        self.volatile.insert(
            number,
            Volatile {
                slot,
                owner,
                object,
            },
        );
        ObjectHandle(number * 2 + 1)
    }

    /// The handle of a token object, always the same while the object exists.
    pub fn token_handle(&self, slot: u64, id: ObjectId) -> ObjectHandle {
        let mut by_id = self.by_id.lock();
        *by_id.entry((slot, id)).or_insert_with(|| {
            let number = self.durable.reserve();
            self.durable.insert(
                number,
                Durable {
                    slot,
                    id,
                    seen: Arc::default(),
                },
            );
            ObjectHandle(number * 2)
        })
    }

    /// The object behind a handle of the slot, as it is now, and where it lives.
    ///
    /// # Errors
    /// `ObjectHandleInvalid` for a handle of another slot, or of an object that is gone; those of
    /// reading the token.
    pub fn resolve(
        &self,
        slot: u64,
        token: &Token,
        handle: ObjectHandle,
    ) -> Result<(Arc<Object>, Place)> {
        if handle.0 % 2 == 1 {
            let found = self
                .volatile
                .get(handle.0 / 2)
                .filter(|own| own.slot == slot);
            let own = found.ok_or(Error::ObjectHandleInvalid)?;
            return Ok((own.object, Place::Session(own.owner)));
        }
        let found = self
            .durable
            .get(handle.0 / 2)
            .filter(|own| own.slot == slot);
        let own = found.ok_or(Error::ObjectHandleInvalid)?;
        let generation = token.generation();
        let seen = own.seen.load();
        let current = seen
            .as_ref()
            .filter(|seen| seen.generation == generation)
            .and_then(|seen| seen.object.upgrade());
        if let Some(object) = current {
            object.touch();
            return Ok((object, Place::Token));
        }
        match token.load(own.id) {
            Ok(object) => {
                own.seen.store(Some(Arc::new(Seen {
                    generation,
                    object: Arc::downgrade(&object),
                })));
                Ok((object, Place::Token))
            }
            Err(error) => {
                own.seen.store(None);
                Err(error)
            }
        }
    }

    /// Puts a changed session object in the place of the old one.
    pub fn replace_session_object(&self, handle: ObjectHandle, object: Arc<Object>) {
        if let Some(own) = self.volatile.get(handle.0 / 2) {
            self.volatile
                .insert(handle.0 / 2, Volatile { object, ..own });
        }
    }

    /// Ends a handle, after the object itself is gone.
    pub fn forget(&self, handle: ObjectHandle) {
        if handle.0 % 2 == 1 {
            self.volatile.remove(handle.0 / 2);
        } else if let Some(own) = self.durable.remove(handle.0 / 2) {
            self.by_id.lock().remove(&(own.slot, own.id));
        }
    }

    /// Ends the session objects of one session.
    pub fn end_session(&self, owner: SessionHandle) {
        self.volatile.retain(|_, own| own.owner != owner);
    }

    /// Ends what a logout takes away: private session objects, and every copy of token objects.
    pub fn end_login(&self, slot: u64) {
        self.volatile.retain(|_, own| {
            own.slot != slot || !own.object.attributes().is(cryptoki_sys::CKA_PRIVATE)
        });
        self.forget_seen(slot);
    }

    /// Drops the kept copies of a slot's token objects; their handles stay.
    pub fn forget_seen(&self, slot: u64) {
        for (_, own) in self.durable.select(|own| own.slot == slot) {
            own.seen.store(None);
        }
    }

    /// Ends every handle of a slot (its token was initialised anew).
    pub fn end_slot(&self, slot: u64) {
        self.volatile.retain(|_, own| own.slot != slot);
        self.durable.retain(|_, own| own.slot != slot);
        self.by_id.lock().retain(|(own, _), _| *own != slot);
    }

    /// The session objects of a slot that `wanted` accepts.
    pub fn find_session_objects(
        &self,
        slot: u64,
        wanted: impl Fn(&Object) -> bool,
    ) -> Vec<ObjectHandle> {
        let found = self
            .volatile
            .select(|own| own.slot == slot && wanted(&own.object));
        found
            .into_iter()
            .map(|(number, _)| ObjectHandle(number * 2 + 1))
            .collect()
    }
}
