//! Digests.

use super::export;
use crate::calls::digest;
use crate::ffi::guard;
use crate::ffi::params::or_cancel;
use crate::ffi::pointers::{Target, input};
use crate::module::Module;
use crate::session::handles::{ObjectHandle, SessionHandle};
use cryptoki_sys::{CK_BYTE, CK_MECHANISM, CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_ULONG};

export! {
    C_DigestInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM) {
        guard::session(session, |module, session| {
            digest::init(module, session, or_cancel(mechanism)?)
        })
    }

    C_Digest(
        session: CK_SESSION_HANDLE,
        data: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        guard::step(session, cancel, |module, session| {
            let target = Target::new(out, out_length)?;
            let data = target.beside(input(data, length)?)?;
            target.fill(|output| digest::whole(module, session, &data, output))
        })
    }

    C_DigestUpdate(session: CK_SESSION_HANDLE, part: *mut CK_BYTE, length: CK_ULONG) {
        guard::step(session, cancel, |module, session| {
            digest::update(module, session, input(part, length)?)
        })
    }

    C_DigestKey(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) {
        guard::session(session, |module, session| {
            digest::key(module, session, ObjectHandle(key))
        })
    }

    C_DigestFinal(session: CK_SESSION_HANDLE, out: *mut CK_BYTE, out_length: *mut CK_ULONG) {
        guard::step(session, cancel, |module, session| {
            let target = Target::new(out, out_length)?;
            target.fill(|output| digest::finish(module, session, output))
        })
    }
}

/// Ends the digest in progress, if there is one.
fn cancel(module: &Module, session: SessionHandle) {
    // The only failure is that the session is gone, and the operation with it.
    let _ = digest::init(module, session, None);
}
