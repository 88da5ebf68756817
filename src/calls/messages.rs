//! `C_MessageEncrypt…`, `C_EncryptMessage…`, and their counterparts.
//!
//! A message that goes wrong ends; the process it belongs to goes on until its own end. A policy of the
//! key is asked for each message, because each brings the data that it may want to see.

use super::context::Context;
use crate::error::{Error, Result};
use crate::mechanism::message::{Form, MessageParams};
use crate::mechanism::table;
use crate::module::Module;
use crate::object::usage::Use;
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::messages::{Opening, Sealing, Terms};
use crate::session::output::Output;

/// `C_MessageEncryptInit`; no mechanism ends the process and the message in progress.
///
/// # Errors
/// `OperationActive`, and those of mechanism, key and usage, in that order.
pub fn encrypt_init(
    module: &Module,
    session: SessionHandle,
    mechanism: Option<u64>,
    key: ObjectHandle,
) -> Result<()> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    let place = &mut operations.rarer.seal;
    let Some(mechanism) = mechanism else {
        *place = None;
        return Ok(());
    };
    if place.is_some() {
        return Err(Error::OperationActive);
    }
    let row = table::row(mechanism)
        .ok_or(Error::MechanismInvalid)?
        .ready()?;
    let messages = row.operations.messages.ok_or(Error::MechanismInvalid)?;
    let key = context.key_for_messages(key, Use::Encrypt, row)?;
    let aead = (messages.start)(&key)?;
    *place = Some(Sealing::new(Terms { row, key }, aead, messages.form));
    Ok(())
}

/// `C_MessageDecryptInit`, likewise.
///
/// # Errors
/// As [`encrypt_init`].
pub fn decrypt_init(
    module: &Module,
    session: SessionHandle,
    mechanism: Option<u64>,
    key: ObjectHandle,
) -> Result<()> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    let place = &mut operations.rarer.open;
    let Some(mechanism) = mechanism else {
        *place = None;
        return Ok(());
    };
    if place.is_some() {
        return Err(Error::OperationActive);
    }
    let row = table::row(mechanism)
        .ok_or(Error::MechanismInvalid)?
        .ready()?;
    let messages = row.operations.messages.ok_or(Error::MechanismInvalid)?;
    let key = context.key_for_messages(key, Use::Decrypt, row)?;
    let aead = (messages.start)(&key)?;
    *place = Some(Opening::new(Terms { row, key }, aead, messages.form));
    Ok(())
}

/// The form of parameter that the process's messages take.
///
/// # Errors
/// `OperationNotInitialized`.
pub fn form(module: &Module, session: SessionHandle, usage: Use) -> Result<Form> {
    let session = module.session(session)?;
    let operations = session.operations();
    let terms = if usage == Use::Encrypt {
        operations.rarer.seal.as_ref().map(|own| &own.terms)
    } else {
        operations.rarer.open.as_ref().map(|own| &own.terms)
    };
    terms
        .and_then(|terms| terms.row.operations.messages)
        .map(|messages| messages.form)
        .ok_or(Error::OperationNotInitialized)
}

/// `C_EncryptMessage`: everything in one call. IV and tag are left in the parameter.
///
/// # Errors
/// `OperationNotInitialized`; `OperationActive` within a message in parts; `BufferTooSmall`, before an IV is
/// generated; those of the parameter, the policy and the mechanism.
pub fn encrypt(
    module: &Module,
    session: SessionHandle,
    params: &mut MessageParams,
    aad: &[u8],
    plain: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    let process = operations.rarer.seal.as_mut();
    let process = process.ok_or(Error::OperationNotInitialized)?;
    if process.in_message() {
        return Err(Error::OperationActive);
    }
    process.check(params)?;
    let Some(out) = room(output, plain.len())? else {
        return Ok(plain.len());
    };
    context.admit_message(&process.terms, Use::Encrypt, Some(aad))?;
    process.whole(params, aad, plain, out)?;
    Ok(plain.len())
}

/// `C_EncryptMessageBegin`. The IV is left in the parameter.
///
/// # Errors
/// As [`encrypt`]; `FunctionNotSupported` for mechanisms that take no parts.
pub fn encrypt_begin(
    module: &Module,
    session: SessionHandle,
    params: &mut MessageParams,
    aad: &[u8],
) -> Result<()> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    let process = operations.rarer.seal.as_mut();
    let process = process.ok_or(Error::OperationNotInitialized)?;
    if process.in_message() {
        return Err(Error::OperationActive);
    }
    process.check(params)?;
    context.admit_message(&process.terms, Use::Encrypt, Some(aad))?;
    process.begin(params, aad)
}

/// `C_EncryptMessageNext`. The last part comes with the parameter, which gets the tag.
///
/// # Errors
/// `OperationNotInitialized` without a message; `BufferTooSmall`; those of the mechanism, which end the
/// message.
pub fn encrypt_next(
    module: &Module,
    session: SessionHandle,
    last: Option<&mut MessageParams>,
    plain: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let session = module.session(session)?;
    let mut operations = session.operations();
    let process = operations.rarer.seal.as_mut();
    let process = process
        .filter(|process| process.in_message())
        .ok_or(Error::OperationNotInitialized)?;
    let Some(out) = room(output, plain.len())? else {
        return Ok(plain.len());
    };
    process.part(last, plain, out)?;
    Ok(plain.len())
}

/// `C_DecryptMessage`: everything in one call.
///
/// # Errors
/// `OperationNotInitialized`; `OperationActive` within a message in parts; `AeadDecryptFailed` when the tag
/// is wrong; those of the parameter and the policy.
pub fn decrypt(
    module: &Module,
    session: SessionHandle,
    params: &MessageParams,
    aad: &[u8],
    sealed: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    let process = operations.rarer.open.as_mut();
    let process = process.ok_or(Error::OperationNotInitialized)?;
    if process.in_message() {
        return Err(Error::OperationActive);
    }
    process.check(params)?;
    let Some(out) = room(output, sealed.len())? else {
        return Ok(sealed.len());
    };
    context.admit_message(&process.terms, Use::Decrypt, Some(aad))?;
    process
        .whole(params, aad, sealed, out)
        .map_err(as_message)?;
    Ok(sealed.len())
}

/// `C_DecryptMessageBegin`.
///
/// # Errors
/// As [`decrypt`].
pub fn decrypt_begin(
    module: &Module,
    session: SessionHandle,
    params: &MessageParams,
    aad: &[u8],
) -> Result<()> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    let process = operations.rarer.open.as_mut();
    let process = process.ok_or(Error::OperationNotInitialized)?;
    if process.in_message() {
        return Err(Error::OperationActive);
    }
    process.check(params)?;
    context.admit_message(&process.terms, Use::Decrypt, Some(aad))?;
    process.begin(params, aad)
}

/// `C_DecryptMessageNext`. The last part comes with the parameter, which holds the tag; the whole plaintext
/// comes with it, and nothing before.
///
/// # Errors
/// `OperationNotInitialized` without a message; `BufferTooSmall`; `AeadDecryptFailed`, which ends the
/// message as the others do.
pub fn decrypt_next(
    module: &Module,
    session: SessionHandle,
    last: Option<&MessageParams>,
    sealed: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let session = module.session(session)?;
    let mut operations = session.operations();
    let process = operations.rarer.open.as_mut();
    let process = process
        .filter(|process| process.in_message())
        .ok_or(Error::OperationNotInitialized)?;
    let Some(params) = last else {
        if !output.is_query() {
            process.part(sealed)?;
        }
        return Ok(0);
    };
    let length = process.length(sealed.len())?;
    let Some(out) = room(output, length)? else {
        return Ok(length);
    };
    process.last(params, sealed, out).map_err(as_message)?;
    Ok(length)
}

/// Ends the message in progress, if there is one: its arguments were wrong.
pub fn abandon(module: &Module, session: SessionHandle, usage: Use) {
    let Ok(session) = module.session(session) else {
        return;
    };
    let mut operations = session.operations();
    if usage == Use::Encrypt {
        operations.rarer.seal.as_mut().map(Sealing::abandon);
    } else {
        operations.rarer.open.as_mut().map(Opening::abandon);
    }
}

/// `C_MessageEncryptFinal`: ends the process, and a message that was left in the middle.
///
/// # Errors
/// `OperationNotInitialized`.
pub fn encrypt_final(module: &Module, session: SessionHandle) -> Result<()> {
    let session = module.session(session)?;
    let ended = session.operations().rarer.seal.take();
    ended.map(drop).ok_or(Error::OperationNotInitialized)
}

/// `C_MessageDecryptFinal`, likewise.
///
/// # Errors
/// As [`encrypt_final`].
pub fn decrypt_final(module: &Module, session: SessionHandle) -> Result<()> {
    let session = module.session(session)?;
    let ended = session.operations().rarer.open.take();
    ended.map(drop).ok_or(Error::OperationNotInitialized)
}

/// The output's first `length` bytes; `None` for a length query.
fn room(output: Output<'_>, length: usize) -> Result<Option<&mut [u8]>> {
    match output {
        Output::Length => Ok(None),
        Output::Buffer(buffer) => buffer
            .get_mut(..length)
            .map(Some)
            .ok_or(Error::BufferTooSmall(length)),
    }
}

/// What decryption calls invalid data is a message that does not authenticate here.
fn as_message(error: Error) -> Error {
    if error == Error::EncryptedDataInvalid {
        Error::AeadDecryptFailed
    } else {
        error
    }
}
