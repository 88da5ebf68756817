//! Encryption and decryption.

use super::export;
use crate::calls::cipher::{self, Direction};
use crate::calls::dual::{self, Pair};
use crate::error::Result;
use crate::ffi::guard;
use crate::ffi::params::or_cancel;
use crate::ffi::pointers::{Target, input};
use crate::module::Module;
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::output::Output;
use cryptoki_sys::{CK_BYTE, CK_MECHANISM, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_ULONG};

export! {
    C_EncryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        init(session, Direction::Encrypt, mechanism, key)
    }

    C_Encrypt(
        session: CK_SESSION_HANDLE,
        data: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        let run = cipher::whole;
        step(session, Direction::Encrypt, (data, length), (out, out_length), run)
    }

    C_EncryptUpdate(
        session: CK_SESSION_HANDLE,
        part: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        let run = cipher::update;
        step(session, Direction::Encrypt, (part, length), (out, out_length), run)
    }

    C_EncryptFinal(session: CK_SESSION_HANDLE, out: *mut CK_BYTE, out_length: *mut CK_ULONG) {
        finish(session, Direction::Encrypt, out, out_length)
    }

    C_DecryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        init(session, Direction::Decrypt, mechanism, key)
    }

    C_Decrypt(
        session: CK_SESSION_HANDLE,
        data: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        let run = cipher::whole;
        step(session, Direction::Decrypt, (data, length), (out, out_length), run)
    }

    C_DecryptUpdate(
        session: CK_SESSION_HANDLE,
        part: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        let run = cipher::update;
        step(session, Direction::Decrypt, (part, length), (out, out_length), run)
    }

    C_DecryptFinal(session: CK_SESSION_HANDLE, out: *mut CK_BYTE, out_length: *mut CK_ULONG) {
        finish(session, Direction::Decrypt, out, out_length)
    }
}

export! {
    C_DigestEncryptUpdate(
        session: CK_SESSION_HANDLE,
        part: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        both(session, Pair::DigestEncrypt, (part, length), (out, out_length))
    }

    C_DecryptDigestUpdate(
        session: CK_SESSION_HANDLE,
        part: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        both(session, Pair::DecryptDigest, (part, length), (out, out_length))
    }

    C_SignEncryptUpdate(
        session: CK_SESSION_HANDLE,
        part: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        both(session, Pair::SignEncrypt, (part, length), (out, out_length))
    }

    C_DecryptVerifyUpdate(
        session: CK_SESSION_HANDLE,
        part: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        both(session, Pair::DecryptVerify, (part, length), (out, out_length))
    }
}

/// A step of an operation on data.
type Step = fn(&Module, SessionHandle, Direction, &[u8], Output<'_>) -> Result<usize>;

/// Begins an operation; a NULL mechanism cancels the one in progress.
///
/// # Safety
/// As the C functions.
unsafe fn init(
    session: CK_SESSION_HANDLE,
    direction: Direction,
    mechanism: *const CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    guard::session(session, |module, session| {
        // SAFETY: the caller's promise, passed on.
        let mechanism = unsafe { or_cancel(mechanism) }?;
        cipher::init(module, session, direction, mechanism, ObjectHandle(key))
    })
}

/// One step on data.
///
/// # Safety
/// As the C functions.
unsafe fn step(
    session: CK_SESSION_HANDLE,
    direction: Direction,
    (data, length): (*const u8, CK_ULONG),
    (out, out_length): (*mut u8, *mut CK_ULONG),
    run: Step,
) -> CK_RV {
    let cancel = |module: &Module, session| cancel(module, session, direction);
    guard::step(session, cancel, |module, session| {
        // SAFETY: the caller's promise, passed on; input that overlaps the output is copied.
        unsafe {
            let target = Target::new(out, out_length)?;
            let data = target.beside(input(data, length)?)?;
            target.fill(|output| run(module, session, direction, &data, output))
        }
    })
}

/// One step of two operations.
///
/// # Safety
/// As the C functions.
unsafe fn both(
    session: CK_SESSION_HANDLE,
    pair: Pair,
    (data, length): (*const u8, CK_ULONG),
    (out, out_length): (*mut u8, *mut CK_ULONG),
) -> CK_RV {
    let cancel = |module: &Module, session| dual::cancel(module, session, pair);
    guard::step(session, cancel, |module, session| {
        // SAFETY: the caller's promise, passed on; input that overlaps the output is copied.
        unsafe {
            let target = Target::new(out, out_length)?;
            let data = target.beside(input(data, length)?)?;
            target.fill(|output| dual::update(module, session, pair, &data, output))
        }
    })
}

/// The last step.
///
/// # Safety
/// As the C functions.
unsafe fn finish(
    session: CK_SESSION_HANDLE,
    direction: Direction,
    out: *mut u8,
    out_length: *mut CK_ULONG,
) -> CK_RV {
    let cancel = |module: &Module, session| cancel(module, session, direction);
    guard::step(session, cancel, |module, session| {
        // SAFETY: the caller's promise, passed on; there is no input.
        unsafe {
            let target = Target::new(out, out_length)?;
            target.fill(|output| cipher::finish(module, session, direction, output))
        }
    })
}

/// Ends the operation in progress, if there is one.
fn cancel(module: &Module, session: SessionHandle, direction: Direction) {
    // The only failure is that the session is gone, and the operation with it.
    let _ = cipher::init(module, session, direction, None, ObjectHandle(0));
}
