//! `C_Digest…`.

use super::admission::has_policy;
use super::context::Context;
use crate::error::{Error, Result};
use crate::mechanism::params::Mechanism;
use crate::module::Module;
use crate::object::Object;
use crate::object::policy::{Act, judge};
use crate::session::active::{Active, Step, peek, step};
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::output::Output;
use cryptoki_sys::CKF_DIGEST;
use std::sync::Arc;

/// `C_DigestInit`. No mechanism cancels the operation in progress.
///
/// # Errors
/// `OperationActive`, `MechanismInvalid`, `MechanismParamInvalid`.
pub fn init(
    module: &Module,
    session: SessionHandle,
    mechanism: Option<Mechanism<'_>>,
) -> Result<()> {
    let session = module.session(session)?;
    let mut operations = session.operations();
    let Some(mechanism) = mechanism else {
        operations.digest = None;
        return Ok(());
    };
    if operations.digest.is_some() {
        return Err(Error::OperationActive);
    }
    let start = mechanism
        .row_for(CKF_DIGEST)?
        .operations
        .digest
        .ok_or_else(|| Error::MechanismInvalid)?;
    operations.digest = Some(Active::new(start(mechanism.params?)?, false, false));
    Ok(())
}

/// `C_Digest`: everything in one call.
///
/// # Errors
/// `OperationNotInitialized`, `BufferTooSmall`.
pub fn whole(
    module: &Module,
    session: SessionHandle,
    data: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    finish_with(module, session, Step::Whole, data, output)
}

/// `C_DigestUpdate`.
///
/// # Errors
/// `OperationNotInitialized`.
pub fn update(module: &Module, session: SessionHandle, data: &[u8]) -> Result<()> {
    let session = module.session(session)?;
    let place = &mut session.operations().digest;
    step(place, Step::Part, |digest| {
        digest.update(data);
        Ok(())
    })
}

/// `C_DigestKey`: the value of a secret key joins the data.
///
/// # Errors
/// `OperationNotInitialized`, `KeyHandleInvalid`, and `KeyIndigestible` for anything but a secret
/// key that rule 33 lets be digested.
pub fn key(module: &Module, session: SessionHandle, key: ObjectHandle) -> Result<()> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    if operations.digest.is_none() {
        return Err(Error::OperationNotInitialized);
    }
    let key = context.digestible(key);
    step(&mut operations.digest, Step::Part, |digest| {
        let key = key?;
        let value = key.secret_value().ok_or_else(|| Error::KeyIndigestible)?;
        digest.update(value.expose());
        Ok(())
    })
}

impl Context<'_> {
    /// The secret key behind a handle, if rule 33 lets it be digested. No policy allows that.
    fn digestible(&self, handle: ObjectHandle) -> Result<Arc<Object>> {
        let key = self.key(handle, Error::KeyHandleInvalid)?;
        if has_policy(key.attributes()) {
            return Err(Error::KeyIndigestible);
        }
        let decision = judge(self.facts(Act::DigestKey, 0, &key)?)?;
        self.record(&decision, &key, None)?;
        Ok(key)
    }
}

/// `C_DigestFinal`.
///
/// # Errors
/// As [`whole`].
pub fn finish(module: &Module, session: SessionHandle, output: Output<'_>) -> Result<usize> {
    finish_with(module, session, Step::Last, &[], output)
}

fn finish_with(
    module: &Module,
    session: SessionHandle,
    last: Step,
    data: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let session = module.session(session)?;
    let place = &mut session.operations().digest;
    match output {
        Output::Length => peek(place, last, |digest| digest.length()),
        Output::Buffer(buffer) => step(place, last, |digest| {
            let length = digest.length();
            let target = buffer
                .get_mut(..length)
                .ok_or_else(|| Error::BufferTooSmall(length))?;
            digest.update(data);
            Ok(digest.finish(target))
        }),
    }
}
