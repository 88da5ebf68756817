//! `C_Encrypt…` and `C_Decrypt…`.

use super::context::{Context, login_needs};
use crate::error::{Error, Result};
use crate::mechanism::operation::Cipher;
use crate::mechanism::params::Mechanism;
use crate::module::Module;
use crate::object::usage::Use;
use crate::session::Operations;
use crate::session::active::{Active, Step, peek, step};
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::output::Output;

/// Which way the data goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// `C_Encrypt…`.
    Encrypt,
    /// `C_Decrypt…`.
    Decrypt,
}

impl Direction {
    fn operation(self) -> Use {
        match self {
            Direction::Encrypt => Use::Encrypt,
            Direction::Decrypt => Use::Decrypt,
        }
    }

    fn place(self, operations: &mut Operations) -> &mut Option<Active<dyn Cipher>> {
        match self {
            Direction::Encrypt => &mut operations.encrypt,
            Direction::Decrypt => &mut operations.decrypt,
        }
    }
}

/// `C_EncryptInit`, `C_DecryptInit`. No mechanism cancels the operation in progress.
///
/// # Errors
/// `OperationActive`, and those of mechanism, key and usage, in that order.
pub fn init(
    module: &Module,
    session: SessionHandle,
    direction: Direction,
    mechanism: Option<Mechanism<'_>>,
    key: ObjectHandle,
) -> Result<()> {
    let context = Context::new(module, session)?;
    let mut operations = context.session.operations();
    let place = direction.place(&mut operations);
    let Some(mechanism) = mechanism else {
        *place = None;
        return Ok(());
    };
    if place.is_some() {
        return Err(Error::OperationActive);
    }
    let row = mechanism.row_for(direction.operation().function())?;
    let offered = match direction {
        Direction::Encrypt => row.operations.encrypt,
        Direction::Decrypt => row.operations.decrypt,
    };
    let start = offered.ok_or_else(|| Error::MechanismInvalid)?;
    let params = mechanism.params?;
    let key = context.judged_key(key, direction.operation(), row, params.authenticated())?;
    let (private, pin_needed) = login_needs(&key);
    *place = Some(Active::new(start(params, &key)?, private, pin_needed));
    Ok(())
}

/// `C_Encrypt`, `C_Decrypt`: everything in one call.
///
/// # Errors
/// `OperationNotInitialized`, `BufferTooSmall`, and those of the mechanism.
pub fn whole(
    module: &Module,
    session: SessionHandle,
    direction: Direction,
    input: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let session = module.session(session)?;
    let mut operations = session.operations();
    let place = direction.place(&mut operations);
    match output {
        Output::Length => peek(place, Step::Whole, |cipher| cipher.whole_bound(input.len())),
        Output::Buffer(buffer) => step(place, Step::Whole, |cipher| cipher.whole(input, buffer)),
    }
}

/// `C_EncryptUpdate`, `C_DecryptUpdate`.
///
/// # Errors
/// As [`whole`].
pub fn update(
    module: &Module,
    session: SessionHandle,
    direction: Direction,
    input: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let session = module.session(session)?;
    let mut operations = session.operations();
    let place = direction.place(&mut operations);
    match output {
        Output::Length => peek(place, Step::Part, |cipher| cipher.update_bound(input.len())),
        Output::Buffer(buffer) => step(place, Step::Part, |cipher| cipher.update(input, buffer)),
    }
}

/// `C_EncryptFinal`, `C_DecryptFinal`.
///
/// # Errors
/// As [`whole`].
pub fn finish(
    module: &Module,
    session: SessionHandle,
    direction: Direction,
    output: Output<'_>,
) -> Result<usize> {
    let session = module.session(session)?;
    let mut operations = session.operations();
    let place = direction.place(&mut operations);
    match output {
        Output::Length => peek(place, Step::Last, |cipher| cipher.finish_bound()),
        Output::Buffer(buffer) => step(place, Step::Last, |cipher| cipher.finish(buffer)),
    }
}
