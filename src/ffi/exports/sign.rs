//! Signatures and MACs, made and verified.

use super::export;
use crate::calls::sign;
use crate::ffi::guard;
use crate::ffi::params::or_cancel;
use crate::ffi::pointers::{Target, input, required};
use crate::module::Module;
use crate::session::handles::{ObjectHandle, SessionHandle};
use cryptoki_sys::{CK_BYTE, CK_MECHANISM, CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_ULONG};

export! {
    C_SignInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        guard::session(session, |module, session| {
            sign::sign_init(module, session, or_cancel(mechanism)?, ObjectHandle(key))
        })
    }

    C_Sign(
        session: CK_SESSION_HANDLE,
        data: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        guard::step(session, cancel_sign, |module, session| {
            let target = Target::new(out, out_length)?;
            let data = target.beside(input(data, length)?)?;
            target.fill(|output| sign::sign(module, session, &data, output))
        })
    }

    C_SignUpdate(session: CK_SESSION_HANDLE, part: *mut CK_BYTE, length: CK_ULONG) {
        guard::step(session, cancel_sign, |module, session| {
            sign::sign_update(module, session, input(part, length)?)
        })
    }

    C_SignFinal(session: CK_SESSION_HANDLE, out: *mut CK_BYTE, out_length: *mut CK_ULONG) {
        guard::step(session, cancel_sign, |module, session| {
            let target = Target::new(out, out_length)?;
            target.fill(|output| sign::sign_final(module, session, output))
        })
    }

    C_VerifyInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        guard::session(session, |module, session| {
            sign::verify_init(module, session, or_cancel(mechanism)?, ObjectHandle(key))
        })
    }

    C_Verify(
        session: CK_SESSION_HANDLE,
        data: *mut CK_BYTE,
        length: CK_ULONG,
        signature: *mut CK_BYTE,
        signature_length: CK_ULONG,
    ) {
        guard::step(session, cancel_verify, |module, session| {
            let data = input(data, length)?;
            sign::verify(module, session, data, required(signature, signature_length)?)
        })
    }

    C_VerifyUpdate(session: CK_SESSION_HANDLE, part: *mut CK_BYTE, length: CK_ULONG) {
        guard::step(session, cancel_verify, |module, session| {
            sign::verify_update(module, session, input(part, length)?)
        })
    }

    C_VerifyFinal(session: CK_SESSION_HANDLE, signature: *mut CK_BYTE, length: CK_ULONG) {
        guard::step(session, cancel_verify, |module, session| {
            sign::verify_final(module, session, required(signature, length)?)
        })
    }
}

/// Ends the signature in progress, if there is one.
fn cancel_sign(module: &Module, session: SessionHandle) {
    // The only failure is that the session is gone, and the operation with it.
    let _ = sign::sign_init(module, session, None, ObjectHandle(0));
}

/// Ends the verification in progress, if there is one.
fn cancel_verify(module: &Module, session: SessionHandle) {
    // As for signatures.
    let _ = sign::verify_init(module, session, None, ObjectHandle(0));
}
