//! Signatures and MACs by message, made and verified.

use super::export;
use crate::calls::signed_messages as signed;
use crate::error::{Error, Result};
use crate::ffi::guard;
use crate::ffi::params::or_cancel;
use crate::ffi::pointers::{Target, input, optional, required};
use crate::module::Module;
use crate::object::usage::Use;
use crate::session::handles::{ObjectHandle, SessionHandle};
use cryptoki_sys::{CK_BYTE, CK_MECHANISM, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_ULONG};
use std::ffi::c_void;

export! {
    C_MessageSignInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            signed::sign_init(module, session, or_cancel(mechanism)?, ObjectHandle(key))
        })
    }

    C_SignMessage(
        session: CK_SESSION_HANDLE,
        _parameter: *mut c_void,
        parameter_length: CK_ULONG,
        data: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let target = Target::new(out, out_length)?;
            none(parameter_length)?;
            let data = target.beside(input(data, length)?)?;
            target.fill(|output| signed::sign(module, session, &data, output))
        })
    }

    C_SignMessageBegin(
        session: CK_SESSION_HANDLE,
        _parameter: *mut c_void,
        parameter_length: CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            none(parameter_length)?;
            signed::sign_begin(module, session)
        })
    }

    C_SignMessageNext(
        session: CK_SESSION_HANDLE,
        _parameter: *mut c_void,
        parameter_length: CK_ULONG,
        part: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        step(session, Use::Sign, |module, session| {
            none(parameter_length)?;
            if out_length.is_null() {
                let part = input(part, length)?;
                return signed::sign_next(module, session, part, None).map(drop);
            }
            let target = Target::new(out, out_length)?;
            let part = target.beside(input(part, length)?)?;
            target.fill(|output| signed::sign_next(module, session, &part, Some(output)))
        })
    }

    C_MessageSignFinal(session: CK_SESSION_HANDLE) {
        guard::session(session, signed::sign_final)
    }

    C_MessageVerifyInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            signed::verify_init(module, session, or_cancel(mechanism)?, ObjectHandle(key))
        })
    }

    C_VerifyMessage(
        session: CK_SESSION_HANDLE,
        _parameter: *mut c_void,
        parameter_length: CK_ULONG,
        data: *mut CK_BYTE,
        length: CK_ULONG,
        signature: *mut CK_BYTE,
        signature_length: CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            none(parameter_length)?;
            let data = input(data, length)?;
            signed::verify(module, session, data, required(signature, signature_length)?)
        })
    }

    C_VerifyMessageBegin(
        session: CK_SESSION_HANDLE,
        _parameter: *mut c_void,
        parameter_length: CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            none(parameter_length)?;
            signed::verify_begin(module, session)
        })
    }

    C_VerifyMessageNext(
        session: CK_SESSION_HANDLE,
        _parameter: *mut c_void,
        parameter_length: CK_ULONG,
        part: *mut CK_BYTE,
        length: CK_ULONG,
        signature: *mut CK_BYTE,
        signature_length: CK_ULONG,
    ) {
        step(session, Use::Verify, |module, session| {
            none(parameter_length)?;
            let part = input(part, length)?;
            let signature = optional(signature, signature_length)?;
            signed::verify_next(module, session, part, signature)
        })
    }

    C_MessageVerifyFinal(session: CK_SESSION_HANDLE) {
        guard::session(session, signed::verify_final)
    }
}

/// No mechanism here has a parameter for each message.
fn none(parameter_length: CK_ULONG) -> Result<()> {
    if parameter_length == 0 {
        Ok(())
    } else {
        Err(Error::MechanismParamInvalid(
            "the mechanism takes no parameter with a message",
        ))
    }
}

/// Runs a step of a message, which ends with bad arguments as with every other error.
fn step(
    session: CK_SESSION_HANDLE,
    usage: Use,
    body: impl FnOnce(&Module, SessionHandle) -> Result<()>,
) -> CK_RV {
    guard::session(session, |module, session| {
        let answer = body(module, session);
        let own = matches!(
            answer,
            Err(Error::BadArguments(_) | Error::MechanismParamInvalid(_))
        );
        if own || answer == Err(Error::HostMemory) {
            signed::abandon(module, session, usage);
        }
        answer
    })
}
