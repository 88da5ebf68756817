//! The vendor's functions on many keys at once (`include/keyward.h`, list version 1.2).

use super::vendor_functions;
use crate::calls::batch;
use crate::error::Error;
use crate::ffi::guard;
use crate::ffi::params::{clear_of, mechanism};
use crate::ffi::pointers::{Place, Target, array, required};
use crate::ffi::template::Given;
use crate::session::handles::ObjectHandle;
use cryptoki_sys::{
    CK_ATTRIBUTE, CK_BYTE, CK_MECHANISM, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_ULONG,
};

/// A length that the caller gives as a number of its own.
fn size(given: CK_ULONG) -> usize {
    usize::try_from(given).unwrap_or(usize::MAX)
}

vendor_functions! {
    WrapKeys wrap_keys(
        session: CK_SESSION_HANDLE,
        kind: *mut CK_MECHANISM,
        wrapping: CK_OBJECT_HANDLE,
        keys: *mut CK_OBJECT_HANDLE,
        count: CK_ULONG,
        each: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let target = Target::new(out, out_length)?;
            let kind = clear_of(&target, mechanism(kind)?)?;
            let (first, count) = array(keys, count, batch::MOST)?;
            let keys: Vec<_> = (0..count)
                .map(|place| ObjectHandle(first.add(place).read_unaligned()))
                .collect();
            let wrapping = ObjectHandle(wrapping);
            target.fill(|output| {
                batch::wrap(module, session, kind, wrapping, &keys, size(each), output)
            })
        })
    }

    UnwrapKeys unwrap_keys(
        session: CK_SESSION_HANDLE,
        kind: *mut CK_MECHANISM,
        unwrapping: CK_OBJECT_HANDLE,
        wrapped: *mut CK_BYTE,
        length: CK_ULONG,
        each: CK_ULONG,
        template: *mut CK_ATTRIBUTE,
        attributes: CK_ULONG,
        keys: *mut CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            let kind = mechanism(kind)?;
            let wrapped = required(wrapped, length)?;
            let each = size(each);
            let count = wrapped.len().checked_div(each).unwrap_or(0);
            let count = CK_ULONG::try_from(count).unwrap_or(CK_ULONG::MAX);
            let (first, count) = array(keys, count, batch::MOST)?;
            let template = Given::new(template, attributes)?.read()?;
            let unwrapping = ObjectHandle(unwrapping);
            let wrapped = (wrapped, each);
            let made = batch::unwrap(module, session, kind, unwrapping, wrapped, &template)?;
            if made.len() != count {
                return Err(Error::Internal("a key was unwrapped without a place"));
            }
            for (place, key) in made.iter().enumerate() {
                Place::new(first.add(place))?.put(key.0);
            }
            Ok(())
        })
    }
}
