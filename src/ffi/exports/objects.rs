//! Objects and their attributes.

use super::export;
use crate::calls::objects;
use crate::ffi::guard;
use crate::ffi::pointers::{Place, array};
use crate::ffi::template::Given;
use crate::session::handles::ObjectHandle;
use cryptoki_sys::{CK_ATTRIBUTE, CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_ULONG};

export! {
    C_CreateObject(
        session: CK_SESSION_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        place: *mut CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            let place = Place::new(place)?;
            let template = Given::new(template, count)?.read()?;
            place.put(objects::create(module, session, &template)?.0);
            Ok(())
        })
    }

    C_CopyObject(
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        place: *mut CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            let place = Place::new(place)?;
            let template = Given::new(template, count)?;
            let object = ObjectHandle(object);
            objects::readable(module, session, object)?;
            place.put(objects::copy(module, session, object, &template.read()?)?.0);
            Ok(())
        })
    }

    C_DestroyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) {
        guard::session(session, |module, session| {
            objects::destroy(module, session, ObjectHandle(object))
        })
    }

    C_GetObjectSize(
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        place: *mut CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let place = Place::new(place)?;
            place.put(objects::size(module, session, ObjectHandle(object))?);
            Ok(())
        })
    }

    C_GetAttributeValue(
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let template = Given::new(template, count)?;
            let object = objects::readable(module, session, ObjectHandle(object))?;
            template.answer(|kind| object.attribute(kind))
        })
    }

    C_SetAttributeValue(
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let template = Given::new(template, count)?;
            let object = ObjectHandle(object);
            objects::readable(module, session, object)?;
            objects::set_attributes(module, session, object, &template.read()?)
        })
    }

    C_FindObjectsInit(session: CK_SESSION_HANDLE, template: *mut CK_ATTRIBUTE, count: CK_ULONG) {
        guard::session(session, |module, session| {
            let template = Given::new(template, count)?.read_pattern()?;
            objects::find_init(module, session, &template)
        })
    }

    C_FindObjects(
        session: CK_SESSION_HANDLE,
        first: *mut CK_OBJECT_HANDLE,
        most: CK_ULONG,
        found: *mut CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let found = Place::new(found)?;
            // The count is the caller's bound, not a number to allocate for.
            let (first, most) = array(first, most, usize::MAX)?;
            let handles = objects::find(module, session, most)?;
            for (place, handle) in handles.iter().enumerate() {
                Place::new(first.add(place))?.put(handle.0);
            }
            found.put(handles.len().try_into().unwrap_or(0));
            Ok(())
        })
    }

    C_FindObjectsFinal(session: CK_SESSION_HANDLE) {
        guard::session(session, objects::find_final)
    }
}
