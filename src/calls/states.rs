//! `C_GetOperationState` and `C_SetOperationState`, for digests. What another operation knows of its key
//! does not leave the module, not even sealed.

use crate::error::{Error, Result};
use crate::mechanism::params::Params;
use crate::mechanism::table;
use crate::module::Module;
use crate::secret::SecretBytes;
use crate::session::active::Active;
use crate::session::handles::SessionHandle;
use crate::session::output::Output;
use crate::session::saved::OVERHEAD;
use crate::session::{Operations, Session};

/// The length in bytes of a mechanism's number and of the mark of parts, before the state itself.
const HEAD: usize = 9;

/// `C_GetOperationState`.
///
/// # Errors
/// `OperationNotInitialized` without an operation, `StateUnsaveable` when there is another than a digest;
/// `BufferTooSmall`.
pub fn save(module: &Module, session: SessionHandle, output: Output<'_>) -> Result<usize> {
    let session = module.session(session)?;
    let operations = session.operations();
    let keyed = has_keyed(&operations);
    let active = match &operations.digest {
        _ if keyed => return Err(Error::StateUnsaveable),
        None => return Err(Error::OperationNotInitialized),
        Some(active) => active,
    };
    let saved = active.work.save().ok_or(Error::StateUnsaveable)?;
    let mut state = SecretBytes::zeroed(HEAD + saved.state.len());
    let bytes = saved.mechanism.to_be_bytes().into_iter();
    let bytes = bytes.chain([u8::from(active.in_parts)]);
    let bytes = bytes.chain(saved.state.expose().iter().copied());
    let places = state.expose_mut().iter_mut();
    places.zip(bytes).for_each(|(own, byte)| *own = byte);
    if output.is_query() {
        return Ok(state.len() + OVERHEAD);
    }
    let sealed = module.states.seal(&place(&session), state.expose())?;
    output.deliver(&sealed)
}

/// `C_SetOperationState`. Operations in progress end, as the standard has it.
///
/// # Errors
/// `SavedStateInvalid` for what was not saved by this process in a session of the same kind with the same
/// token; `KeyNotNeeded` when a key is given.
pub fn restore(
    module: &Module,
    session: SessionHandle,
    sealed: &[u8],
    any_key: bool,
) -> Result<()> {
    let session = module.session(session)?;
    let opened = module.states.open(&place(&session), sealed)?;
    let (head, state) = opened
        .expose()
        .split_first_chunk::<HEAD>()
        .ok_or(Error::SavedStateInvalid)?;
    if any_key {
        return Err(Error::KeyNotNeeded);
    }
    let [mechanism @ .., in_parts] = head;
    let row = table::row(u64::from_be_bytes(*mechanism)).ok_or(Error::SavedStateInvalid)?;
    let start = row.operations.digest.ok_or(Error::SavedStateInvalid)?;
    let mut digest = start(Params::None)?;
    digest.restore(state)?;
    let mut active = Active::new(digest, false, false);
    active.in_parts = *in_parts != 0;
    *session.operations() = Operations {
        digest: Some(active),
        ..Operations::default()
    };
    Ok(())
}

/// Whether an operation with a key is in progress.
fn has_keyed(operations: &Operations) -> bool {
    operations.encrypt.is_some()
        || operations.decrypt.is_some()
        || operations.sign.is_some()
        || operations.verify.is_some()
        || operations.rarer.any()
}

/// What a state is bound to: the token, and the kind of session.
fn place(session: &Session) -> Vec<u8> {
    let state = session.who().session_state(session.is_read_write());
    [session.slot().id().to_be_bytes(), state.to_be_bytes()].concat()
}
