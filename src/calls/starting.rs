//! How an operation with one key and one result begins: the same steps, in the same order, whatever it does.

use super::context::{Context, login_needs};
use crate::error::{Error, Result};
use crate::mechanism::params::{Mechanism, Params};
use crate::mechanism::row::Operations;
use crate::object::Object;
use crate::object::usage::Use;
use crate::session::active::Active;
use crate::session::handles::ObjectHandle;
use std::sync::Arc;

/// Starts an operation of a mechanism with a key.
type Start<T> = fn(Params<'_>, &Arc<Object>) -> Result<Box<T>>;

/// Begins an operation in its place; `of` says how a mechanism starts it. No mechanism cancels the one in
/// progress.
///
/// # Errors
/// `OperationActive`, and those of mechanism, key and usage, in that order.
pub(super) fn begin<T: ?Sized>(
    context: &Context<'_>,
    place: &mut Option<Active<T>>,
    (mechanism, key): (Option<Mechanism<'_>>, ObjectHandle),
    usage: Use,
    of: impl FnOnce(&Operations) -> Option<Start<T>>,
) -> Result<()> {
    let Some(mechanism) = mechanism else {
        *place = None;
        return Ok(());
    };
    if place.is_some() {
        return Err(Error::OperationActive);
    }
    let row = mechanism.row_for(usage.function())?;
    let start = of(&row.operations).ok_or_else(|| Error::MechanismInvalid)?;
    let params = mechanism.params?;
    let key = context.judged_key(key, usage, row, None)?;
    let (private, asks) = login_needs(&key);
    // Verifying takes nothing of a key that its PIN guards.
    let pin_needed = asks && matches!(usage, Use::Sign | Use::SignRecover);
    *place = Some(Active::new(start(params, &key)?, private, pin_needed));
    Ok(())
}
