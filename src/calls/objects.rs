//! Objects: create, copy, read, change, find, destroy.

use super::admission::{admit_care, may_become};
use super::context::Context;
use crate::error::{Error, Result};
use crate::module::Module;
use crate::object::attribute::{AttributeType, Attributes, Template, Value};
use crate::object::standing::Standing;
use crate::object::vendor::{
    CKA_KEYWARD_CARRIED, CKA_KEYWARD_POLICY, CKA_KEYWARD_ROLE, CKA_KEYWARD_UPDATE,
};
use crate::object::{Object, access, build, read};
use crate::session::Find;
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::objects::Place;
use cryptoki_sys::CKA_TOKEN;
use std::borrow::Cow;
use std::sync::Arc;

impl Context<'_> {
    /// Stores objects that were just made, all of them or none, and gives them their handles.
    ///
    /// # Errors
    /// Those of the access matrix and of the store.
    pub fn store(&self, made: Vec<Attributes>) -> Result<Vec<ObjectHandle>> {
        for attributes in &made {
            access::may_make(self.state(), attributes)?;
            may_become(None, attributes)?;
        }
        let slot = self.session.slot().id();
        let token = self.session.token();
        // A call makes objects of one kind: a key pair may still have one half of each.
        let (durable, volatile): (Vec<_>, Vec<_>) = made
            .into_iter()
            .enumerate()
            .partition(|(_, attributes)| attributes.is(CKA_TOKEN));
        let (places, durable): (Vec<_>, Vec<_>) = durable.into_iter().unzip();
        let mut handles = Vec::with_capacity(places.len() + volatile.len());
        if !durable.is_empty() {
            let stored = token.insert(durable)?;
            let named = stored
                .iter()
                .map(|own| self.module.objects.token_handle(slot, own.id()));
            handles.extend(places.into_iter().zip(named));
        }
        let mut places = Vec::with_capacity(volatile.len());
        let mut objects = Vec::with_capacity(volatile.len());
        for (place, attributes) in volatile {
            places.push(place);
            objects.push(Arc::new(Object::of_session(attributes)));
        }
        if !objects.is_empty() {
            let owner = self.session.handle();
            let added = self
                .module
                .objects
                .add_session_objects(slot, owner, objects);
            handles.extend(places.into_iter().zip(added));
        }
        handles.sort_unstable_by_key(|(place, _)| *place);
        Ok(handles.into_iter().map(|(_, handle)| handle).collect())
    }

    /// Stores one object.
    ///
    /// # Errors
    /// As [`Context::store`].
    pub fn store_one(&self, made: Attributes) -> Result<ObjectHandle> {
        if !made.is(CKA_TOKEN) {
            access::may_make(self.state(), &made)?;
            may_become(None, &made)?;
            return Ok(self.store_again(made));
        }
        match self.store(vec![made])?.as_slice() {
            [only] => Ok(*only),
            _ => Err(Error::Internal("an object was stored without a handle")),
        }
    }

    /// Stores session objects that differ in nothing but their values, so that the first tells whether they may
    /// be made.
    ///
    /// # Errors
    /// Those of the access matrix.
    pub fn store_alike(&self, made: Vec<Attributes>) -> Result<Vec<ObjectHandle>> {
        if let Some(first) = made.first() {
            access::may_make(self.state(), first)?;
            may_become(None, first)?;
        }
        let (slot, owner) = (self.session.slot().id(), self.session.handle());
        let objects = made.into_iter().map(Object::of_session).map(Arc::new);
        Ok(self
            .module
            .objects
            .add_session_objects(slot, owner, objects))
    }

    /// Stores a session object that may be made, because its like was.
    pub fn store_again(&self, made: Attributes) -> ObjectHandle {
        let object = Arc::new(Object::of_session(made));
        let (slot, owner) = (self.session.slot().id(), self.session.handle());
        self.module.objects.add_session_object(slot, owner, object)
    }
}

/// `C_CreateObject`. A data object of one of our application names is a domain token to ingest.
///
/// # Errors
/// Those of the template, the access matrix and the store.
pub fn create(
    module: &Module,
    session: SessionHandle,
    template: &Template,
) -> Result<ObjectHandle> {
    let context = Context::new(module, session)?;
    let mut attributes = build::create(template, context.state())?;
    if let Some(carried) = super::domain::carried(&attributes)? {
        context.take_domain_object(&mut attributes, carried)?;
    }
    context.store_one(attributes)
}

/// `C_CopyObject`.
///
/// # Errors
/// `ActionProhibited`, and those of the template, the access matrix and the store.
pub fn copy(
    module: &Module,
    session: SessionHandle,
    object: ObjectHandle,
    template: &Template,
) -> Result<ObjectHandle> {
    let context = Context::new(module, session)?;
    let (object, _) = context.object(object)?;
    access::may_copy(context.state(), object.attributes())?;
    let copied = build::copy(&object, template, context.state())?;
    may_become(Some(object.attributes()), &copied)?;
    context.store_one(copied)
}

/// `C_DestroyObject`: gone from the store first, then the handle ends.
///
/// # Errors
/// `ActionProhibited`, `SessionReadOnly`, `UserNotLoggedIn`, and those of the store.
pub fn destroy(module: &Module, session: SessionHandle, handle: ObjectHandle) -> Result<()> {
    let context = Context::new(module, session)?;
    let state = context.state();
    let may = |object: &Object| {
        access::may_see(state, object.attributes())?;
        access::may_destroy(state, object.attributes())
    };
    let slot = context.session.slot().id();
    let (gone, copied) = match module.objects.end_session_object(slot, handle, may)? {
        Some(ended) => ended,
        None => {
            let (object, _) = context.object_once(handle)?;
            access::may_destroy(state, object.attributes())?;
            context.session.token().remove(&object)?;
            let copied = module.objects.forget(handle);
            (object, copied)
        }
    };
    if copied {
        module.let_go(Some(gone.id()));
    }
    Ok(())
}

/// `C_GetObjectSize`, in bytes.
///
/// # Errors
/// `ObjectHandleInvalid`.
pub fn size(module: &Module, session: SessionHandle, object: ObjectHandle) -> Result<u64> {
    let (object, _) = Context::new(module, session)?.object(object)?;
    Ok(read::size(object.attributes()))
}

/// An object whose attributes `C_GetAttributeValue` reads, each for itself.
pub struct Readable<'m> {
    context: Context<'m>,
    object: Arc<Object>,
    handle: ObjectHandle,
}

impl Readable<'_> {
    /// One attribute. What a key has been used for is looked up only when it is asked for.
    ///
    /// # Errors
    /// `AttributeSensitive`, `AttributeTypeInvalid`; those of the store.
    pub fn attribute(&self, kind: AttributeType) -> Result<Cow<'_, Value>> {
        let own = read::value(&self.object, kind)?;
        if kind == CKA_KEYWARD_UPDATE {
            return self.update(own);
        }
        if matches!(kind, CKA_KEYWARD_ROLE | CKA_KEYWARD_CARRIED) {
            let uses = self.context.uses_of(&self.object)?;
            return Ok(read::with_recorded_role(kind, own, uses));
        }
        Ok(own)
    }

    /// The key token that the object came from, under the active domain key. It is made once, and then kept
    /// with the object.
    fn update<'o>(&self, kept: Cow<'o, Value>) -> Result<Cow<'o, Value>> {
        let Some(stale) = kept.as_bytes().filter(|stale| !stale.is_empty()) else {
            return Ok(kept);
        };
        let Some(fresh) = self.context.session.token().rewrap(stale)? else {
            return Ok(kept);
        };
        let fresh = Value::Bytes(fresh);
        let mut attributes = self.object.attributes().clone();
        attributes.set(CKA_KEYWARD_UPDATE, fresh.clone());
        let (id, revision) = (self.object.id(), self.object.revision());
        let object = Arc::new(Object::new(id, revision, attributes));
        if self
            .context
            .module
            .objects
            .replace_session_object(self.handle, object)
        {
            self.context.module.let_go(None);
        }
        Ok(Cow::Owned(fresh))
    }
}

/// `C_GetAttributeValue`: the object behind a handle.
///
/// # Errors
/// `ObjectHandleInvalid`, `UserNotLoggedIn`.
pub fn readable(
    module: &Module,
    session: SessionHandle,
    handle: ObjectHandle,
) -> Result<Readable<'_>> {
    let context = Context::new(module, session)?;
    let (object, _) = context.object(handle)?;
    Ok(Readable {
        context,
        object,
        handle,
    })
}

/// `C_SetAttributeValue`.
///
/// # Errors
/// `ActionProhibited`, those of the template, the access matrix and the store.
pub fn set_attributes(
    module: &Module,
    session: SessionHandle,
    handle: ObjectHandle,
    template: &Template,
) -> Result<()> {
    let context = Context::new(module, session)?;
    let (object, place) = context.object(handle)?;
    access::may_change(context.state(), object.attributes())?;
    if object.standing() == Standing::Suspended {
        // Its customer holds what it will be again.
        return Err(Error::ActionProhibited);
    }
    let changed = build::set(object.attributes(), template, context.state())?;
    if changed.bytes(CKA_KEYWARD_POLICY) != object.attributes().bytes(CKA_KEYWARD_POLICY) {
        may_become(Some(object.attributes()), &changed)?;
        admit_care(
            context.session.token(),
            context.actor(),
            object.attributes(),
        )?;
    }
    match place {
        Place::Token => {
            context.session.token().replace(&object, changed)?;
            module.let_go(Some(object.id()));
        }
        Place::Session(_) => {
            let next = Object::new(object.id(), object.revision() + 1, changed);
            if module
                .objects
                .replace_session_object(handle, Arc::new(next))
            {
                module.let_go(None);
            }
        }
    }
    Ok(())
}

/// `C_FindObjectsInit`.
///
/// # Errors
/// `OperationActive`, and those of the store.
pub fn find_init(module: &Module, session: SessionHandle, template: &Template) -> Result<()> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    if operations.find.is_some() {
        return Err(Error::OperationActive);
    }
    let state = context.state();
    let slot = context.session.slot().id();
    let mut found = Vec::new();
    if template.bool(CKA_TOKEN) != Some(false) {
        for id in context.session.token().find(template)? {
            found.push(module.objects.token_handle(slot, id));
        }
    }
    if template.bool(CKA_TOKEN) != Some(true) {
        let sees = |object: &Object| access::sees(state, object.attributes());
        found.extend(module.objects.find_session_objects(slot, template, &sees));
    }
    operations.find = Some(Find { found, taken: 0 });
    Ok(())
}

/// `C_FindObjects`: the next handles, at most `most`.
///
/// # Errors
/// `OperationNotInitialized`.
pub fn find(module: &Module, session: SessionHandle, most: usize) -> Result<Vec<ObjectHandle>> {
    let session = module.session(session)?;
    let mut operations = session.operations();
    let find = operations
        .find
        .as_mut()
        .ok_or_else(|| Error::OperationNotInitialized)?;
    let next: Vec<_> = find
        .found
        .iter()
        .skip(find.taken)
        .take(most)
        .copied()
        .collect();
    find.taken += next.len();
    Ok(next)
}

/// `C_FindObjectsFinal`.
///
/// # Errors
/// `OperationNotInitialized`.
pub fn find_final(module: &Module, session: SessionHandle) -> Result<()> {
    let session = module.session(session)?;
    let ended = session.operations().find.take();
    ended
        .map(drop)
        .ok_or_else(|| Error::OperationNotInitialized)
}
