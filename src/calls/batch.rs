//! Many keys wrapped or unwrapped in one call: what does not differ from key to key is checked once, and
//! AES key wrap runs them side by side in the processor's wide registers.

use super::admission::has_policy;
use super::context::Context;
use super::keys::unwrapped;
use crate::error::{Error, Result};
use crate::mechanism::keywrap;
use crate::mechanism::params::{Mechanism, Params};
use crate::mechanism::row::Row;
use crate::module::Module;
use crate::object::access;
use crate::object::attribute::Template;
use crate::object::build::Plan;
use crate::object::usage::Use;
use crate::object::vendor::CKM_KEYWARD_KEY_TOKEN;
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::output::Output;

/// The most keys of one call.
pub const MOST: usize = 1 << 16;

/// Unwraps keys that one key wrapped, each `each` bytes long, as objects of one template: all of them or
/// none.
///
/// # Errors
/// Those of `C_UnwrapKey`; `MechanismInvalid` for key tokens; `WrappedKeyLenRange` unless the bytes are
/// whole keys.
pub fn unwrap(
    module: &Module,
    session: SessionHandle,
    mechanism: Mechanism<'_>,
    unwrapping: ObjectHandle,
    (wrapped, each): (&[u8], usize),
    template: &Template,
) -> Result<Vec<ObjectHandle>> {
    let context = Context::new(module, session)?;
    let row = plain_row(&mechanism)?;
    let unwrap = row.operations.unwrap.ok_or(Error::MechanismInvalid)?;
    let params = mechanism.params?;
    let (unwrapping, decision) = context.making_key(unwrapping, Use::Unwrap, row)?;
    let state = context.state();
    let plan = Plan::unwrap(template, unwrapping.attributes(), &decision, state)?;
    access::may_make(state, plan.attributes())?;
    if each == 0 || wrapped.len() % each != 0 {
        return Err(Error::WrappedKeyLenRange);
    }
    // A use of the key is one key unwrapped, as many as it may be put to.
    let uses = if has_policy(unwrapping.attributes()) {
        wrapped.len() / each
    } else {
        1
    };
    for _ in 0..uses {
        context.record(&decision, &unwrapping, None)?;
    }
    let lengths = plan.lengths()?;
    let lengths = lengths.list();
    let wrapped = wrapped.chunks_exact(each);
    let materials = if side_by_side(row, params) {
        keywrap::unwrap_many(&unwrapping, wrapped, lengths)?
    } else {
        let each = wrapped.map(|one| unwrap(params, &unwrapping, one, lengths));
        each.collect::<Result<Vec<_>>>()?
    };
    let made = materials
        .into_iter()
        .map(|material| plan.clone().finish(unwrapped(&plan, material)?));
    context.store(made.collect::<Result<_>>()?)
}

/// Wraps keys under one key, each into so many bytes of the output, one after the other.
///
/// # Errors
/// Those of `C_WrapKey` for the first key that it refuses; `KeySizeRange` for a key that would have another
/// length than `each`; `BufferTooSmall`. Nothing is written then.
pub fn wrap(
    module: &Module,
    session: SessionHandle,
    mechanism: Mechanism<'_>,
    wrapping: ObjectHandle,
    keys: &[ObjectHandle],
    each: usize,
    output: Output<'_>,
) -> Result<usize> {
    let context = Context::new(module, session)?;
    let row = plain_row(&mechanism)?;
    let (length, wrap) = row.operations.wrap.ok_or(Error::MechanismInvalid)?;
    let params = mechanism.params?;
    let mut judged = Vec::with_capacity(keys.len());
    for key in keys {
        judged.push(context.wrapping_and_key(wrapping, row, *key)?);
    }
    let mut materials = Vec::with_capacity(keys.len());
    for (wrapping, key, _) in &judged {
        let material = super::keys::material(key)?;
        if length(params, wrapping, material.expose().len())? != each {
            return Err(Error::KeySizeRange);
        }
        materials.push(material);
    }
    let needed = each.checked_mul(keys.len()).ok_or(Error::HostMemory)?;
    let Output::Buffer(buffer) = output else {
        return Ok(needed);
    };
    let target = buffer
        .get_mut(..needed)
        .ok_or(Error::BufferTooSmall(needed))?;
    for (wrapping, key, decision) in &judged {
        context.record(decision, wrapping, Some(key))?;
        context.count_held(wrapping)?;
    }
    let outs = target.chunks_exact_mut(each.max(1));
    let inputs = materials.iter().map(|material| material.expose());
    let Some((wrapping, _, _)) = judged.first() else {
        return Ok(0);
    };
    if side_by_side(row, params) && materials.iter().all(|one| one.expose().len() + 8 == each) {
        keywrap::wrap_many(wrapping, inputs.zip(outs))?;
    } else {
        for (input, out) in inputs.zip(outs) {
            wrap(params, wrapping, input, out)?;
        }
    }
    Ok(needed)
}

/// The mechanism's row, if its keys are not key tokens, each of which has attributes of its own.
///
/// # Errors
/// `MechanismInvalid`.
fn plain_row(mechanism: &Mechanism<'_>) -> Result<&'static Row> {
    if mechanism.kind == CKM_KEYWARD_KEY_TOKEN {
        return Err(Error::MechanismInvalid);
    }
    mechanism.row()
}

/// Whether the kernel takes many at once: AES key wrap with the standard's initial value.
fn side_by_side(row: &Row, params: Params<'_>) -> bool {
    row.mechanism == cryptoki_sys::CKM_AES_KEY_WRAP && params == Params::None
}
