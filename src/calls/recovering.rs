//! `C_SignRecover…` and `C_VerifyRecover…`, whose signatures hold what was signed, and
//! `C_VerifySignature…`, which is told the signature first.

use super::context::{Context, login_needs};
use super::sign::sign_whole;
use super::starting::begin;
use crate::error::{Error, Result};
use crate::mechanism::params::Mechanism;
use crate::module::Module;
use crate::object::usage::Use;
use crate::session::active::{Active, Step, peek, step};
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::output::Output;
use crate::session::rarer::Known;

/// `C_SignRecoverInit`. No mechanism cancels the operation in progress.
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
    let place = &mut operations.rarer.sign_recover;
    begin(&context, place, (mechanism, key), Use::SignRecover, |row| {
        row.sign_recover
    })
}

/// `C_SignRecover`.
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
    let place = &mut session.operations().rarer.sign_recover;
    sign_whole(place, data, output)
}

/// `C_VerifyRecoverInit`. No mechanism cancels the operation in progress.
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
    let place = &mut operations.rarer.verify_recover;
    begin(
        &context,
        place,
        (mechanism, key),
        Use::VerifyRecover,
        |row| row.verify_recover,
    )
}

/// `C_VerifyRecover`: what was signed.
///
/// # Errors
/// `OperationNotInitialized`, `SignatureLenRange`, `SignatureInvalid`, `BufferTooSmall`.
pub fn verify(
    module: &Module,
    session: SessionHandle,
    signature: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let session = module.session(session)?;
    let place = &mut session.operations().rarer.verify_recover;
    match output {
        Output::Length => peek(place, Step::Whole, |recoverer| recoverer.bound()),
        Output::Buffer(buffer) => step(place, Step::Whole, |recoverer| {
            recoverer.recover(signature, buffer)
        }),
    }
}

/// `C_VerifySignatureInit`. No mechanism cancels the operation in progress. It is a verification like that
/// of `C_VerifyInit`: one of them at a time.
///
/// # Errors
/// As [`sign_init`]; `HostMemory`.
pub fn known_init(
    module: &Module,
    session: SessionHandle,
    mechanism: Option<Mechanism<'_>>,
    key: ObjectHandle,
    signature: &[u8],
) -> Result<()> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    let Some(mechanism) = mechanism else {
        operations.rarer.verify_signature = None;
        return Ok(());
    };
    if operations.verify.is_some() || operations.rarer.verify_signature.is_some() {
        return Err(Error::OperationActive);
    }
    let row = mechanism.row_for(Use::Verify.function())?;
    let start = row.operations.verify.ok_or(Error::MechanismInvalid)?;
    let params = mechanism.params?;
    let key = context.judged_key(key, Use::Verify, row, None)?;
    let (private, _) = login_needs(&key);
    let known = Known::new(start(params, &key)?, signature)?;
    operations.rarer.verify_signature = Some(Active::new(Box::new(known), private, false));
    Ok(())
}

/// `C_VerifySignature`: everything in one call. Ends the operation whatever the outcome.
///
/// # Errors
/// `OperationNotInitialized`, `SignatureLenRange`, `SignatureInvalid`.
pub fn known(module: &Module, session: SessionHandle, data: &[u8]) -> Result<()> {
    let session = module.session(session)?;
    let place = &mut session.operations().rarer.verify_signature;
    step(place, Step::Whole, |known| known.whole(data))
}

/// `C_VerifySignatureUpdate`.
///
/// # Errors
/// As [`known`].
pub fn known_update(module: &Module, session: SessionHandle, data: &[u8]) -> Result<()> {
    let session = module.session(session)?;
    let place = &mut session.operations().rarer.verify_signature;
    step(place, Step::Part, |known| known.update(data))
}

/// `C_VerifySignatureFinal`. Ends the operation whatever the outcome.
///
/// # Errors
/// As [`known`].
pub fn known_final(module: &Module, session: SessionHandle) -> Result<()> {
    let session = module.session(session)?;
    let place = &mut session.operations().rarer.verify_signature;
    step(place, Step::Last, Known::finish)
}
