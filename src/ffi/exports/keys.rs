//! Keys: generated, wrapped, unwrapped and derived.

use super::export;
use crate::calls::{encapsulation, keys, wrapping};
use crate::error::Result;
use crate::ffi::derive::Call;
use crate::ffi::guard;
use crate::ffi::message::{appended, associated, authenticated};
use crate::ffi::params::{clear_of, mechanism};
use crate::ffi::pointers::{Place, Target, input, required};
use crate::ffi::template::Given;
use crate::mechanism::params::Mechanism;
use crate::object::attribute::Template;
use crate::session::handles::ObjectHandle;
use cryptoki_sys::{
    CK_ATTRIBUTE, CK_BYTE, CK_MECHANISM, CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_ULONG,
};

export! {
    C_GenerateKey(
        session: CK_SESSION_HANDLE,
        kind: *mut CK_MECHANISM,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        place: *mut CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            let place = Place::new(place)?;
            let kind = mechanism(kind)?;
            let template = Given::new(template, count)?;
            place.put(keys::generate(module, session, kind, &template)?.0);
            Ok(())
        })
    }

    C_GenerateKeyPair(
        session: CK_SESSION_HANDLE,
        kind: *mut CK_MECHANISM,
        public: *mut CK_ATTRIBUTE,
        public_count: CK_ULONG,
        private: *mut CK_ATTRIBUTE,
        private_count: CK_ULONG,
        public_place: *mut CK_OBJECT_HANDLE,
        private_place: *mut CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            let (public_place, private_place) =
                (Place::new(public_place)?, Place::new(private_place)?);
            let kind = mechanism(kind)?;
            let public = Given::new(public, public_count)?;
            let private = Given::new(private, private_count)?;
            let (public, private) = (after(&kind, &public)?, after(&kind, &private)?);
            let made = keys::generate_pair(module, session, kind, &public, &private)?;
            public_place.put(made.0.0);
            private_place.put(made.1.0);
            Ok(())
        })
    }

    C_WrapKey(
        session: CK_SESSION_HANDLE,
        kind: *mut CK_MECHANISM,
        wrapping: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let target = Target::new(out, out_length)?;
            let (wrapping, key) = (ObjectHandle(wrapping), ObjectHandle(key));
            if let Some((mut kind, aad)) = appended(kind)? {
                kind.clear_of(&target)?;
                let (query, keys) = (target.is_query(), (wrapping, key));
                target.fill(|output| {
                    wrapping::wrap(module, session, &mut kind.how, keys, &aad, output)
                })?;
                if !query {
                    kind.put();
                }
                return Ok(());
            }
            let kind = clear_of(&target, mechanism(kind)?)?;
            target.fill(|output| keys::wrap(module, session, kind, wrapping, key, output))
        })
    }

    C_UnwrapKey(
        session: CK_SESSION_HANDLE,
        kind: *mut CK_MECHANISM,
        unwrapping: CK_OBJECT_HANDLE,
        wrapped: *mut CK_BYTE,
        length: CK_ULONG,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        place: *mut CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            let place = Place::new(place)?;
            let unwrapping = ObjectHandle(unwrapping);
            if let Some((kind, aad)) = appended(kind)? {
                let bytes = (required(wrapped, length)?, aad.as_slice());
                let template = Given::new(template, count)?.read()?;
                let how = kind.how;
                let key = wrapping::unwrap(module, session, how, unwrapping, bytes, &template)?;
                place.put(key.0);
                return Ok(());
            }
            let kind = mechanism(kind)?;
            let wrapped = required(wrapped, length)?;
            let template = Given::new(template, count)?;
            let key = keys::unwrap(module, session, kind, unwrapping, wrapped, &template)?;
            place.put(key.0);
            Ok(())
        })
    }

    C_DeriveKey(
        session: CK_SESSION_HANDLE,
        kind: *mut CK_MECHANISM,
        base: CK_OBJECT_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        place: *mut CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            let template = Given::new(template, count)?;
            let base = ObjectHandle(base);
            Call { module, session, base, template, place }.run(kind)
        })
    }
}

export! {
    C_WrapKeyAuthenticated(
        session: CK_SESSION_HANDLE,
        kind: *mut CK_MECHANISM,
        wrapping: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
        aad: *mut CK_BYTE,
        aad_length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let target = Target::new(out, out_length)?;
            let query = target.is_query();
            let mut kind = authenticated(kind)?;
            kind.clear_of(&target)?;
            let aad = associated(aad, aad_length)?;
            let keys = (ObjectHandle(wrapping), ObjectHandle(key));
            target.fill(|output| {
                wrapping::wrap(module, session, &mut kind.how, keys, &aad, output)
            })?;
            if !query {
                kind.put();
            }
            Ok(())
        })
    }

    C_UnwrapKeyAuthenticated(
        session: CK_SESSION_HANDLE,
        kind: *mut CK_MECHANISM,
        unwrapping: CK_OBJECT_HANDLE,
        wrapped: *mut CK_BYTE,
        length: CK_ULONG,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        aad: *mut CK_BYTE,
        aad_length: CK_ULONG,
        place: *mut CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            let place = Place::new(place)?;
            let kind = authenticated(kind)?;
            let bytes = (required(wrapped, length)?, input(aad, aad_length)?);
            let template = Given::new(template, count)?.read()?;
            let key = ObjectHandle(unwrapping);
            let key = wrapping::unwrap(module, session, kind.how, key, bytes, &template)?;
            place.put(key.0);
            Ok(())
        })
    }

    C_EncapsulateKey(
        session: CK_SESSION_HANDLE,
        kind: *mut CK_MECHANISM,
        public: CK_OBJECT_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
        place: *mut CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            let target = Target::new(out, out_length)?;
            // A caller that asks for the length alone need not say where the key's handle goes.
            let place = match target.is_query() && place.is_null() {
                true => None,
                false => Some(Place::new(place)?),
            };
            let kind = clear_of(&target, mechanism(kind)?)?;
            let template = after(&kind, &Given::new(template, count)?)?;
            let public = ObjectHandle(public);
            let mut made = None;
            target.fill(|output| {
                let answer =
                    encapsulation::encapsulate(module, session, kind, public, &template, output)?;
                made = answer.key;
                Ok(answer.length)
            })?;
            if let (Some(place), Some(key)) = (place, made) {
                place.put(key.0);
            }
            Ok(())
        })
    }

    C_DecapsulateKey(
        session: CK_SESSION_HANDLE,
        kind: *mut CK_MECHANISM,
        private: CK_OBJECT_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        ciphertext: *mut CK_BYTE,
        length: CK_ULONG,
        place: *mut CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            let place = Place::new(place)?;
            let kind = mechanism(kind)?;
            let ciphertext = required(ciphertext, length)?;
            let template = after(&kind, &Given::new(template, count)?)?;
            let private = ObjectHandle(private);
            let key = encapsulation::decapsulate(
                module, session, kind, private, &template, ciphertext,
            )?;
            place.put(key.0);
            Ok(())
        })
    }
}

/// Reads a template; a mechanism that is wrong itself is reported before the template.
fn after(mechanism: &Mechanism<'_>, template: &Given) -> Result<Template> {
    template.read().or_else(|error| {
        mechanism.row()?;
        mechanism.params.clone()?;
        Err(error)
    })
}
