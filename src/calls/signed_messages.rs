//! `C_MessageSign…`, `C_SignMessage…`, and their counterparts that verify. Each message is signed as
//! `C_Sign` would sign it; a key that wants its PIN wants it for each.

use super::context::{Context, login_needs};
use crate::error::{Error, Result};
use crate::mechanism::kept::Kept;
use crate::mechanism::operation::{Signer, Verifier};
use crate::mechanism::params::Mechanism;
use crate::module::Module;
use crate::object::usage::Use;
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::messages::{Signing, Terms, Verifying};
use crate::session::output::Output;

/// `C_MessageSignInit`; no mechanism ends the process and the message in progress.
///
/// # Errors
/// `OperationActive`, and those of mechanism, key and usage, in that order.
pub fn sign_init(
    module: &Module,
    session: SessionHandle,
    mechanism: Option<Mechanism<'_>>,
    key: ObjectHandle,
) -> Result<()> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    let place = &mut operations.rarer.sign;
    let Some(mechanism) = mechanism else {
        *place = None;
        return Ok(());
    };
    if place.is_some() {
        return Err(Error::OperationActive);
    }
    let row = mechanism.row_for(Use::Sign.function())?;
    if !row.signs_messages() {
        return Err(Error::MechanismInvalid);
    }
    let params = Kept::new(mechanism.params?)?;
    let key = context.key_for_messages(key, Use::Sign, row)?;
    let process = Signing {
        pin_needed: login_needs(&key).1,
        terms: Terms { row, key },
        params,
        message: None,
    };
    // What is wrong with parameter and key shows here, not at the first message.
    signer(&process)?;
    *place = Some(process);
    Ok(())
}

/// A fresh operation of the process's mechanism and key.
fn signer(process: &Signing) -> Result<Box<dyn Signer>> {
    let start = process.terms.row.operations.sign;
    let start = start.ok_or(Error::MechanismInvalid)?;
    start(process.params.params(), &process.terms.key)
}

/// The process, if a message can begin.
fn idle(place: &mut Option<Signing>) -> Result<&mut Signing> {
    let process = place.as_mut().ok_or(Error::OperationNotInitialized)?;
    if process.message.is_some() {
        return Err(Error::OperationActive);
    }
    if process.pin_needed {
        return Err(Error::UserNotLoggedIn);
    }
    Ok(process)
}

/// `C_SignMessage`: everything in one call.
///
/// # Errors
/// `OperationNotInitialized`; `OperationActive` within a message in parts; `UserNotLoggedIn` when the key
/// wants its PIN first; `BufferTooSmall`; those of the policy and the mechanism.
pub fn sign(
    module: &Module,
    session: SessionHandle,
    data: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    let process = idle(&mut operations.rarer.sign)?;
    let mut signer = signer(process)?;
    let length = signer.length();
    let Output::Buffer(buffer) = output else {
        return Ok(length);
    };
    let out = buffer
        .get_mut(..length)
        .ok_or(Error::BufferTooSmall(length))?;
    context.admit_message(&process.terms, Use::Sign, None)?;
    process.pin_needed = login_needs(&process.terms.key).1;
    signer.whole(data, out)
}

/// `C_SignMessageBegin`.
///
/// # Errors
/// As [`sign`]; `FunctionNotSupported` for mechanisms that sign in one part only.
pub fn sign_begin(module: &Module, session: SessionHandle) -> Result<()> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    let process = idle(&mut operations.rarer.sign)?;
    let mut signer = signer(process)?;
    signer.update(&[]).map_err(as_message)?;
    context.admit_message(&process.terms, Use::Sign, None)?;
    process.pin_needed = login_needs(&process.terms.key).1;
    process.message = Some(signer);
    Ok(())
}

/// `C_SignMessageNext`. Only the last part comes with a place for the signature.
///
/// # Errors
/// `OperationNotInitialized` without a message; `BufferTooSmall`, with the part not taken; those of the
/// mechanism, which end the message.
pub fn sign_next(
    module: &Module,
    session: SessionHandle,
    data: &[u8],
    last: Option<Output<'_>>,
) -> Result<usize> {
    let session = module.session(session)?;
    let mut operations = session.operations();
    let process = operations.rarer.sign.as_mut();
    let place = &mut process.ok_or(Error::OperationNotInitialized)?.message;
    let mut signer = place.take().ok_or(Error::OperationNotInitialized)?;
    let length = signer.length();
    let Some(output) = last else {
        signer.update(data)?;
        *place = Some(signer);
        return Ok(0);
    };
    let out = match output {
        Output::Length => Ok(None),
        Output::Buffer(buffer) => buffer
            .get_mut(..length)
            .map(Some)
            .ok_or(Error::BufferTooSmall(length)),
    };
    let Ok(Some(out)) = out else {
        *place = Some(signer);
        return out.map(|_| length);
    };
    signer.update(data)?;
    signer.finish(out)
}

/// `C_MessageSignFinal`: ends the process, and a message that was left in the middle.
///
/// # Errors
/// `OperationNotInitialized`.
pub fn sign_final(module: &Module, session: SessionHandle) -> Result<()> {
    let session = module.session(session)?;
    let ended = session.operations().rarer.sign.take();
    ended.map(drop).ok_or(Error::OperationNotInitialized)
}

/// `C_MessageVerifyInit`; no mechanism ends the process and the message in progress.
///
/// # Errors
/// As [`sign_init`].
pub fn verify_init(
    module: &Module,
    session: SessionHandle,
    mechanism: Option<Mechanism<'_>>,
    key: ObjectHandle,
) -> Result<()> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    let place = &mut operations.rarer.verify;
    let Some(mechanism) = mechanism else {
        *place = None;
        return Ok(());
    };
    if place.is_some() {
        return Err(Error::OperationActive);
    }
    let row = mechanism.row_for(Use::Verify.function())?;
    if !row.verifies_messages() {
        return Err(Error::MechanismInvalid);
    }
    let params = Kept::new(mechanism.params?)?;
    let key = context.key_for_messages(key, Use::Verify, row)?;
    let process = Verifying {
        terms: Terms { row, key },
        params,
        message: None,
    };
    verifier(&process)?;
    *place = Some(process);
    Ok(())
}

fn verifier(process: &Verifying) -> Result<Box<dyn Verifier>> {
    let start = process.terms.row.operations.verify;
    let start = start.ok_or(Error::MechanismInvalid)?;
    start(process.params.params(), &process.terms.key)
}

/// The process, if a message can begin.
fn ready(place: &mut Option<Verifying>) -> Result<&mut Verifying> {
    let process = place.as_mut().ok_or(Error::OperationNotInitialized)?;
    if process.message.is_some() {
        return Err(Error::OperationActive);
    }
    Ok(process)
}

/// `C_VerifyMessage`: everything in one call.
///
/// # Errors
/// `OperationNotInitialized`; `OperationActive` within a message in parts; `SignatureLenRange`,
/// `SignatureInvalid`; those of the policy and the mechanism.
pub fn verify(
    module: &Module,
    session: SessionHandle,
    data: &[u8],
    signature: &[u8],
) -> Result<()> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    let process = ready(&mut operations.rarer.verify)?;
    let mut verifier = verifier(process)?;
    context.admit_message(&process.terms, Use::Verify, None)?;
    verifier.whole(data, signature)
}

/// `C_VerifyMessageBegin`.
///
/// # Errors
/// As [`verify`]; `FunctionNotSupported` for mechanisms that verify in one part only.
pub fn verify_begin(module: &Module, session: SessionHandle) -> Result<()> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    let process = ready(&mut operations.rarer.verify)?;
    let mut verifier = verifier(process)?;
    verifier.update(&[]).map_err(as_message)?;
    context.admit_message(&process.terms, Use::Verify, None)?;
    process.message = Some(verifier);
    Ok(())
}

/// `C_VerifyMessageNext`. Only the last part comes with the signature; it ends the message whatever the
/// outcome.
///
/// # Errors
/// `OperationNotInitialized` without a message; `SignatureLenRange`, `SignatureInvalid`; those of the
/// mechanism, which end the message.
pub fn verify_next(
    module: &Module,
    session: SessionHandle,
    data: &[u8],
    signature: Option<&[u8]>,
) -> Result<()> {
    let session = module.session(session)?;
    let mut operations = session.operations();
    let process = operations.rarer.verify.as_mut();
    let place = &mut process.ok_or(Error::OperationNotInitialized)?.message;
    let mut verifier = place.take().ok_or(Error::OperationNotInitialized)?;
    verifier.update(data)?;
    match signature {
        Some(signature) => verifier.finish(signature),
        None => {
            *place = Some(verifier);
            Ok(())
        }
    }
}

/// `C_MessageVerifyFinal`: ends the process, and a message that was left in the middle.
///
/// # Errors
/// `OperationNotInitialized`.
pub fn verify_final(module: &Module, session: SessionHandle) -> Result<()> {
    let session = module.session(session)?;
    let ended = session.operations().rarer.verify.take();
    ended.map(drop).ok_or(Error::OperationNotInitialized)
}

/// A mechanism of one part has no parts of a message either: here a process was begun, and it goes on.
fn as_message(error: Error) -> Error {
    if error == Error::OperationNotInitialized {
        Error::FunctionNotSupported
    } else {
        error
    }
}

/// Ends the message in progress of one kind, if there is one: its arguments were wrong.
pub fn abandon(module: &Module, session: SessionHandle, usage: Use) {
    let Ok(session) = module.session(session) else {
        return;
    };
    let rarer = &mut session.operations().rarer;
    if usage == Use::Sign {
        if let Some(process) = &mut rarer.sign {
            process.message = None;
        }
    } else if let Some(process) = &mut rarer.verify {
        process.message = None;
    }
}
