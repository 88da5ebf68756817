//! Many keys wrapped or unwrapped in one call: what does not differ from key to key is checked once, and
//! AES key wrap runs them side by side in the processor's wide registers.

use super::admission::has_policy;
use super::context::Context;
use super::guarding::is_recorded;
use super::keys::unwrapped;
use crate::error::{Error, Result};
use crate::mechanism::keywrap;
use crate::mechanism::params::{Mechanism, Params};
use crate::mechanism::row::Row;
use crate::module::Module;
use crate::object::attribute::{Attributes, Template, Value};
use crate::object::build::Plan;
use crate::object::build::again::Again;
use crate::object::policy::Decision;
use crate::object::standing::Standing;
use crate::object::usage::Use;
use crate::object::vendor::{CKA_KEYWARD_DOMAIN_KEY_ID, CKM_KEYWARD_KEY_TOKEN};
use crate::object::{Object, access};
use crate::secret::SecretBytes;
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::output::Output;
use cryptoki_sys::CKA_WRAP_TEMPLATE;
use std::sync::Arc;

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
    make(&context, plan, materials.into_iter())
}

/// Makes objects of what was unwrapped. Keys of a session that differ in nothing but their value are planned
/// and checked once.
fn make(
    context: &Context<'_>,
    plan: Plan,
    mut materials: impl ExactSizeIterator<Item = SecretBytes>,
) -> Result<Vec<ObjectHandle>> {
    let Some(first) = materials.next() else {
        return Ok(Vec::new());
    };
    let first = plan.clone().finish(unwrapped(&plan, first)?)?;
    let mut made = Vec::with_capacity(materials.len().saturating_add(1));
    match Again::of(plan.clone(), &first) {
        Some(plan) => {
            made.push(first);
            for material in materials {
                made.push(plan.finish(Value::secret(material))?);
            }
            context.store_alike(made)
        }
        None => {
            made.push(first);
            for material in materials {
                made.push(plan.clone().finish(unwrapped(&plan, material)?)?);
            }
            context.store(made)
        }
    }
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
    let Some((wrapping, judged)) = judged(&context, wrapping, row, keys)? else {
        return Ok(0);
    };
    let mut materials = Vec::with_capacity(keys.len());
    for (key, _) in &judged {
        let material = super::keys::material(key)?;
        if length(params, &wrapping, material.expose().len())? != each {
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
    let counts =
        has_policy(wrapping.attributes()) || wrapping.attributes().has(CKA_KEYWARD_DOMAIN_KEY_ID);
    for (key, decision) in judged
        .iter()
        .filter(|(_, decision)| counts || decision.records())
    {
        context.record(decision, &wrapping, Some(key))?;
        context.count_held(&wrapping)?;
    }
    let outs = target.chunks_exact_mut(each.max(1));
    let inputs = materials.iter().map(|material| material.expose());
    if side_by_side(row, params) && materials.iter().all(|one| one.expose().len() + 8 == each) {
        keywrap::wrap_many(&wrapping, inputs.zip(outs))?;
    } else {
        for (input, out) in inputs.zip(outs) {
            wrap(params, &wrapping, input, out)?;
        }
    }
    Ok(needed)
}

/// Keys that are to be wrapped, each with what rule 33 says of it.
type JudgedKeys = Vec<(Arc<Object>, Decision)>;

/// The wrapping key and the keys, checked; `None` when there are none. Keys of a kind are judged once.
fn judged(
    context: &Context<'_>,
    wrapping: ObjectHandle,
    row: &Row,
    keys: &[ObjectHandle],
) -> Result<Option<(Arc<Object>, JudgedKeys)>> {
    let mut all = Vec::with_capacity(keys.len());
    let mut with = None;
    let mut known: Option<(Attributes, Decision)> = None;
    for handle in keys {
        if let Some((kind, decision)) = &known
            && let Some(key) = context.session_object_of_kind(*handle, kind)
        {
            all.push((key, *decision));
            continue;
        }
        let (wrapping, key, decision) = context.wrapping_and_key(wrapping, row, *handle)?;
        if is_judged_by_kind(&wrapping, &key, &decision) {
            known = Some((key.attributes().kind(), decision));
        }
        all.push((key, decision));
        with = Some(wrapping);
    }
    Ok(with.map(|wrapping| (wrapping, all)))
}

/// Whether the judgement of a key that is wrapped holds for all of its kind: it is none of this one's record,
/// records nothing, and no template looks at what only this one has.
fn is_judged_by_kind(wrapping: &Object, key: &Object, decision: &Decision) -> bool {
    let compared = wrapping.attributes().has(CKA_WRAP_TEMPLATE);
    !decision.records() && !compared && !is_recorded(key) && key.standing() == Standing::Current
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
