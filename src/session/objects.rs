//! The handles of objects: session objects live here, token objects are looked up and kept as
//! they were last seen.

use super::handles::{ObjectHandle, SessionHandle, Table};
use super::volatile::SessionObjects;
use crate::error::{Error, Result};
use crate::object::attribute::Template;
use crate::object::{Object, ObjectId};
use crate::token::Token;
use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// How many parts the handles of token objects are looked up in.
const PARTS: usize = 16;

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

/// Where an object lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
    volatile: SessionObjects,
    durable: Table<Durable>,
    by_id: [ById; PARTS],
}

/// The handles of some token objects, on cache lines of their own.
#[derive(Default)]
#[repr(align(128))]
struct ById(Mutex<HashMap<(u64, ObjectId), ObjectHandle>>);

impl Objects {
    /// Gives session objects of one session their handles.
    pub fn add_session_objects(
        &self,
        slot: u64,
        owner: SessionHandle,
        objects: impl IntoIterator<Item = Arc<Object>>,
    ) -> Vec<ObjectHandle> {
        self.volatile.add(slot, owner, objects)
    }

    /// As [`Objects::add_session_objects`], for one.
    pub fn add_session_object(
        &self,
        slot: u64,
        owner: SessionHandle,
        object: Arc<Object>,
    ) -> ObjectHandle {
        self.volatile.add_one(slot, owner, object)
    }

    /// Ends a session object of the slot that `may` says may be ended: the object, and whether a session
    /// may have a copy of it. `None` for the handle of a token object.
    ///
    /// # Errors
    /// `ObjectHandleInvalid`, and those of `may`: the object stays.
    pub fn end_session_object(
        &self,
        slot: u64,
        handle: ObjectHandle,
        may: impl FnOnce(&Object) -> Result<()>,
    ) -> Result<Option<(Arc<Object>, bool)>> {
        if handle.0.is_multiple_of(2) {
            return Ok(None);
        }
        self.volatile.end_one(slot, handle, may).map(Some)
    }

    /// The handle of a token object, always the same while the object exists.
    pub fn token_handle(&self, slot: u64, id: ObjectId) -> ObjectHandle {
        let mut by_id = self.by_id(id).lock();
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

    fn by_id(&self, id: ObjectId) -> &Mutex<HashMap<(u64, ObjectId), ObjectHandle>> {
        let [first, ..] = &self.by_id;
        let [.., last] = id.0;
        let part = self.by_id.get(usize::from(last) % PARTS);
        &part.unwrap_or(first).0
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
            let found = self.volatile.get(handle).filter(|own| own.slot == slot);
            return match found {
                Some(own) => Ok((own.object, Place::Session(own.owner))),
                None => Err(Error::ObjectHandleInvalid),
            };
        }
        let found = self
            .durable
            .get(handle.0 / 2)
            .filter(|own| own.slot == slot);
        let Some(own) = found else {
            return Err(Error::ObjectHandleInvalid);
        };
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

    /// Puts a changed session object in the place of the old one. Whether a session may have a copy of
    /// that.
    pub fn replace_session_object(&self, handle: ObjectHandle, object: Arc<Object>) -> bool {
        self.volatile.replace(handle, object)
    }

    /// Ends a handle, after the object itself is gone. Whether a session may have a copy of it.
    pub fn forget(&self, handle: ObjectHandle) -> bool {
        if handle.0 % 2 == 1 {
            return self.volatile.remove(handle);
        }
        if let Some(own) = self.durable.remove(handle.0 / 2) {
            self.by_id(own.id).lock().remove(&(own.slot, own.id));
        }
        true
    }

    /// Ends the session objects of one session. Whether a session may have a copy of one.
    pub fn end_session(&self, owner: SessionHandle) -> bool {
        self.volatile.end_session(owner)
    }

    /// Ends what a logout takes away: private session objects, and every copy of token objects.
    pub fn end_login(&self, slot: u64) {
        self.volatile.end_slot(slot, |object| {
            object.attributes().is(cryptoki_sys::CKA_PRIVATE)
        });
        self.forget_seen(slot);
    }

    /// Drops the kept copies of a slot's token objects; their handles stay.
    pub fn forget_seen(&self, slot: u64) {
        for own in self.durable.select(|own| own.slot == slot) {
            own.seen.store(None);
        }
    }

    /// Ends every handle of a slot (its token was initialised anew).
    pub fn end_slot(&self, slot: u64) {
        self.volatile.end_slot(slot, |_| true);
        self.durable.retain(|own| own.slot != slot);
        for part in &self.by_id {
            part.0.lock().retain(|(own, _), _| *own != slot);
        }
    }

    /// Ends every handle.
    pub fn end_all(&self) {
        self.volatile.end_all();
        self.durable.take();
        for part in &self.by_id {
            part.0.lock().clear();
        }
    }

    /// The session objects of a slot that a template describes and `sees` lets the caller see.
    pub fn find_session_objects(
        &self,
        slot: u64,
        template: &Template,
        sees: &dyn Fn(&Object) -> bool,
    ) -> Vec<ObjectHandle> {
        self.volatile.find(slot, template, sees)
    }
}
