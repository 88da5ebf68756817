//! Signatures that hold what was signed, and verification of a signature that is given first.

use super::export;
use crate::calls::recovering;
use crate::ffi::guard;
use crate::ffi::params::or_cancel;
use crate::ffi::pointers::{Target, input, required};
use crate::module::Module;
use crate::session::handles::{ObjectHandle, SessionHandle};
use cryptoki_sys::{CK_BYTE, CK_MECHANISM, CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_ULONG};

export! {
    C_SignRecoverInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            recovering::sign_init(module, session, or_cancel(mechanism)?, ObjectHandle(key))
        })
    }

    C_SignRecover(
        session: CK_SESSION_HANDLE,
        data: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        guard::step(session, cancel_sign, |module, session| {
            let target = Target::new(out, out_length)?;
            let data = target.beside(input(data, length)?)?;
            target.fill(|output| recovering::sign(module, session, &data, output))
        })
    }

    C_VerifyRecoverInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            recovering::verify_init(module, session, or_cancel(mechanism)?, ObjectHandle(key))
        })
    }

    C_VerifyRecover(
        session: CK_SESSION_HANDLE,
        signature: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        guard::step(session, cancel_verify, |module, session| {
            let target = Target::new(out, out_length)?;
            let signature = target.beside(required(signature, length)?)?;
            target.fill(|output| recovering::verify(module, session, &signature, output))
        })
    }

    C_VerifySignatureInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
        signature: *mut CK_BYTE,
        length: CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let mechanism = or_cancel(mechanism)?;
            let signature = match &mechanism {
                Some(_) => required(signature, length)?,
                None => &[],
            };
            let key = ObjectHandle(key);
            recovering::known_init(module, session, mechanism, key, signature)
        })
    }

    C_VerifySignature(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, length: CK_ULONG) {
        guard::step(session, cancel_known, |module, session| {
            recovering::known(module, session, input(data, length)?)
        })
    }

    C_VerifySignatureUpdate(session: CK_SESSION_HANDLE, part: *mut CK_BYTE, length: CK_ULONG) {
        guard::step(session, cancel_known, |module, session| {
            recovering::known_update(module, session, input(part, length)?)
        })
    }

    C_VerifySignatureFinal(session: CK_SESSION_HANDLE) {
        guard::session(session, recovering::known_final)
    }
}

/// Ends the signature in progress, if there is one.
fn cancel_sign(module: &Module, session: SessionHandle) {
    // The only failure is that the session is gone, and the operation with it.
    let _ = recovering::sign_init(module, session, None, ObjectHandle(0));
}

/// Ends the verification in progress, if there is one.
fn cancel_verify(module: &Module, session: SessionHandle) {
    // As for signatures.
    let _ = recovering::verify_init(module, session, None, ObjectHandle(0));
}

/// Ends the verification of a known signature in progress, if there is one.
fn cancel_known(module: &Module, session: SessionHandle) {
    // As for signatures.
    let _ = recovering::known_init(module, session, None, ObjectHandle(0), &[]);
}
