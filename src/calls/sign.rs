//! `C_Sign…` and `C_Verify…`.

use super::context::Context;
use super::starting::begin;
use crate::error::{Error, Result};
use crate::mechanism::operation::Signer;
use crate::mechanism::params::Mechanism;
use crate::module::Module;
use crate::object::usage::Use;
use crate::session::active::{Active, Step, peek, step};
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::output::Output;

/// `C_SignInit`. No mechanism cancels the operation in progress.
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
    let place = &mut operations.sign;
    begin(&context, place, (mechanism, key), Use::Sign, |row| row.sign)
}

/// `C_Sign`: everything in one call.
///
/// # Errors
/// `OperationNotInitialized`, `BufferTooSmall`, and those of the mechanism.
pub fn sign(
    module: &Module,
    session: SessionHandle,
    data: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let session = module.session(session)?;
    let place = &mut session.operations().sign;
    sign_whole(place, data, output)
}

/// All the data at once, or the length of its signature.
pub(super) fn sign_whole(
    place: &mut Option<Active<dyn Signer>>,
    data: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    match output {
        Output::Length => peek(place, Step::Whole, |signer| signer.length()),
        Output::Buffer(buffer) => step(place, Step::Whole, |signer| {
            let length = signer.length();
            let target = buffer
                .get_mut(..length)
                .ok_or_else(|| Error::BufferTooSmall(length))?;
            signer.whole(data, target)
        }),
    }
}

/// `C_SignUpdate`.
///
/// # Errors
/// As [`sign`].
pub fn sign_update(module: &Module, session: SessionHandle, data: &[u8]) -> Result<()> {
    let session = module.session(session)?;
    let place = &mut session.operations().sign;
    step(place, Step::Part, |signer| signer.update(data))
}

/// `C_SignFinal`.
///
/// # Errors
/// As [`sign`].
pub fn sign_final(module: &Module, session: SessionHandle, output: Output<'_>) -> Result<usize> {
    let session = module.session(session)?;
    let place = &mut session.operations().sign;
    match output {
        Output::Length => peek(place, Step::Last, |signer| signer.length()),
        Output::Buffer(buffer) => step(place, Step::Last, |signer| {
            let length = signer.length();
            signer.finish(
                buffer
                    .get_mut(..length)
                    .ok_or_else(|| Error::BufferTooSmall(length))?,
            )
        }),
    }
}

/// `C_VerifyInit`. No mechanism cancels the operation in progress.
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
    let place = &mut operations.verify;
    begin(&context, place, (mechanism, key), Use::Verify, |row| {
        row.verify
    })
}

/// `C_Verify`: everything in one call. Ends the operation whatever the outcome.
///
/// # Errors
/// `OperationNotInitialized`, `SignatureLenRange`, `SignatureInvalid`.
pub fn verify(
    module: &Module,
    session: SessionHandle,
    data: &[u8],
    signature: &[u8],
) -> Result<()> {
    let session = module.session(session)?;
    let place = &mut session.operations().verify;
    step(place, Step::Whole, |verifier| {
        verifier.whole(data, signature)
    })
}

/// `C_VerifyUpdate`.
///
/// # Errors
/// As [`verify`].
pub fn verify_update(module: &Module, session: SessionHandle, data: &[u8]) -> Result<()> {
    let session = module.session(session)?;
    let place = &mut session.operations().verify;
    step(place, Step::Part, |verifier| verifier.update(data))
}

/// `C_VerifyFinal`. Ends the operation whatever the outcome.
///
/// # Errors
/// As [`verify`].
pub fn verify_final(module: &Module, session: SessionHandle, signature: &[u8]) -> Result<()> {
    let session = module.session(session)?;
    let place = &mut session.operations().verify;
    step(place, Step::Last, |verifier| verifier.finish(signature))
}
