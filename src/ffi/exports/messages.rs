//! Encryption and decryption by message.

use super::export;
use crate::calls::messages;
use crate::error::{Error, Result};
use crate::ffi::guard;
use crate::ffi::message::{Message, associated, process};
use crate::ffi::pointers::{Target, input};
use crate::module::Module;
use crate::object::usage::Use;
use crate::session::handles::{ObjectHandle, SessionHandle};
use cryptoki_sys::{
    CK_BYTE, CK_FLAGS, CK_MECHANISM, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_ULONG,
    CKF_END_OF_MESSAGE,
};
use std::ffi::c_void;

export! {
    C_MessageEncryptInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            messages::encrypt_init(module, session, process(mechanism)?, ObjectHandle(key))
        })
    }

    C_EncryptMessage(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_length: CK_ULONG,
        aad: *mut CK_BYTE,
        aad_length: CK_ULONG,
        plain: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let target = Target::new(out, out_length)?;
            let query = target.is_query();
            let mut message =
                read(module, session, Use::Encrypt, parameter, parameter_length)?;
            message.clear_of(&target)?;
            let aad = associated(aad, aad_length)?;
            let plain = target.beside(input(plain, length)?)?;
            let params = &mut message.params;
            target.fill(|output| {
                messages::encrypt(module, session, params, &aad, &plain, output)
            })?;
            if !query {
                message.put_iv();
                message.put_tag();
            }
            Ok(())
        })
    }

    C_EncryptMessageBegin(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_length: CK_ULONG,
        aad: *mut CK_BYTE,
        aad_length: CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let mut message =
                read(module, session, Use::Encrypt, parameter, parameter_length)?;
            let aad = associated(aad, aad_length)?;
            messages::encrypt_begin(module, session, &mut message.params, &aad)?;
            message.put_iv();
            Ok(())
        })
    }

    C_EncryptMessageNext(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_length: CK_ULONG,
        part: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
        flags: CK_FLAGS,
    ) {
        step(session, Use::Encrypt, |module, session| {
            let target = Target::new(out, out_length)?;
            let query = target.is_query();
            let mut last = match ends(flags)? {
                true => Some(read(module, session, Use::Encrypt, parameter, parameter_length)?),
                false => None,
            };
            if let Some(message) = &last {
                message.clear_of(&target)?;
            }
            let part = target.beside(input(part, length)?)?;
            let params = last.as_mut().map(|message| &mut message.params);
            target.fill(|output| {
                messages::encrypt_next(module, session, params, &part, output)
            })?;
            if let Some(message) = last.filter(|_| !query) {
                message.put_tag();
            }
            Ok(())
        })
    }

    C_MessageEncryptFinal(session: CK_SESSION_HANDLE) {
        guard::session(session, messages::encrypt_final)
    }

    C_MessageDecryptInit(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        key: CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            messages::decrypt_init(module, session, process(mechanism)?, ObjectHandle(key))
        })
    }

    C_DecryptMessage(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_length: CK_ULONG,
        aad: *mut CK_BYTE,
        aad_length: CK_ULONG,
        sealed: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let target = Target::new(out, out_length)?;
            let message = read(module, session, Use::Decrypt, parameter, parameter_length)?;
            let aad = associated(aad, aad_length)?;
            let sealed = target.beside(input(sealed, length)?)?;
            target.fill(|output| {
                messages::decrypt(module, session, &message.params, &aad, &sealed, output)
            })
        })
    }

    C_DecryptMessageBegin(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_length: CK_ULONG,
        aad: *mut CK_BYTE,
        aad_length: CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let message = read(module, session, Use::Decrypt, parameter, parameter_length)?;
            let aad = input(aad, aad_length)?;
            messages::decrypt_begin(module, session, &message.params, aad)
        })
    }

    C_DecryptMessageNext(
        session: CK_SESSION_HANDLE,
        parameter: *mut c_void,
        parameter_length: CK_ULONG,
        part: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
        flags: CK_FLAGS,
    ) {
        step(session, Use::Decrypt, |module, session| {
            let target = Target::new(out, out_length)?;
            let last = match ends(flags)? {
                true => Some(read(module, session, Use::Decrypt, parameter, parameter_length)?),
                false => None,
            };
            let part = target.beside(input(part, length)?)?;
            let params = last.as_ref().map(|message| &message.params);
            target.fill(|output| {
                messages::decrypt_next(module, session, params, &part, output)
            })
        })
    }

    C_MessageDecryptFinal(session: CK_SESSION_HANDLE) {
        guard::session(session, messages::decrypt_final)
    }
}

/// Reads a message's parameter in the form of the process's mechanism.
///
/// # Safety
/// As the C functions.
unsafe fn read(
    module: &Module,
    session: SessionHandle,
    usage: Use,
    parameter: *const c_void,
    length: CK_ULONG,
) -> Result<Message> {
    let form = messages::form(module, session, usage)?;
    // SAFETY: the caller's promise, passed on.
    unsafe { Message::read(form, parameter, length) }
}

/// Whether the flags of a part say that it is the last.
fn ends(flags: CK_FLAGS) -> Result<bool> {
    match flags {
        0 => Ok(false),
        CKF_END_OF_MESSAGE => Ok(true),
        _ => Err(Error::BadArguments("a flag that no part of a message has")),
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
            messages::abandon(module, session, usage);
        }
        answer
    })
}
