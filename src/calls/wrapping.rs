//! `C_WrapKeyAuthenticated` and `C_UnwrapKeyAuthenticated`: key tokens bound to the caller's data, and
//! keys wrapped by a mechanism that encrypts messages.

use super::admission::has_policy;
use super::context::Context;
use super::keys::{material, unwrapped};
use crate::error::{Error, Result};
use crate::mechanism::iv::Ivs;
use crate::mechanism::message::{Aead, Envelope, MessageParams, Messages};
use crate::mechanism::params::Mechanism;
use crate::mechanism::row::Row;
use crate::mechanism::table;
use crate::module::Module;
use crate::object::attribute::Template;
use crate::object::build::Plan;
use crate::object::policy::{Act, Level, judge};
use crate::object::usage::Use;
use crate::object::vendor::CKA_KEYWARD_DOMAIN_KEY_ID;
use crate::object::{Object, access, read};
use crate::secret::SecretBytes;
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::output::Output;
use cryptoki_sys::{CKG_GENERATE, CKG_GENERATE_RANDOM, CKG_NO_GENERATE};
use std::sync::Arc;

/// How the caller wants a key wrapped.
pub enum How<'a> {
    /// As a key token.
    Token(Mechanism<'a>),
    /// By a mechanism that encrypts messages; the parameter is that of one message.
    Message(u64, Result<MessageParams>),
    /// The same with the tag behind the wrapped key, as `C_WrapKey` has it.
    Appended(u64, Result<MessageParams>),
}

/// The row, if the mechanism wraps keys as messages.
fn row_of(mechanism: u64) -> Result<(&'static Row, Messages)> {
    let row = table::row(mechanism)
        .ok_or(Error::MechanismInvalid)?
        .ready()?;
    let messages = row.operations.messages.filter(|messages| messages.wraps);
    Ok((row, messages.ok_or(Error::MechanismInvalid)?))
}

/// Domain keys have a mechanism of their own for this; key wrap, which others use with them, shares no key
/// with another mode.
fn own_key(key: &Object, usage: Use) -> Result<()> {
    if key.attributes().has(CKA_KEYWARD_DOMAIN_KEY_ID) {
        Err(usage.wrong_type())
    } else {
        Ok(())
    }
}

/// `C_WrapKeyAuthenticated`. IV and tag are left in the parameter.
///
/// # Errors
/// Those of mechanism, wrapping key, key and rule 33, in that order; `BufferTooSmall`.
pub fn wrap(
    module: &Module,
    session: SessionHandle,
    how: &mut How<'_>,
    (wrapping, key): (ObjectHandle, ObjectHandle),
    associated: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let context = Context::new(module, session)?;
    let mut appended = false;
    let (mechanism, params) = match how {
        How::Token(mechanism) => {
            let mechanism = Mechanism::new(mechanism.kind, mechanism.params.clone());
            return super::key_tokens::wrap(&context, mechanism, wrapping, key, associated, output);
        }
        How::Message(mechanism, params) => (*mechanism, params),
        How::Appended(mechanism, params) => {
            appended = true;
            (*mechanism, params)
        }
    };
    let (row, messages) = row_of(mechanism)?;
    let params = params.as_mut().map_err(|error| error.clone())?;
    let wrapping = context.usable_key(wrapping, Use::Wrap, row)?;
    own_key(&wrapping, Use::Wrap)?;
    let key = context.target_key(key)?;
    // Out of this module nobody would keep to its policy.
    if has_policy(key.attributes()) {
        return Err(Error::KeyNotWrappable);
    }
    let facts = context.wrap_facts(row.mechanism, &wrapping, &key)?;
    let decision = judge(facts)?;
    generated_iv(params, facts.level, facts.key.is_open())?;
    if !read::fits_wrap_template(wrapping.attributes(), &key) {
        return Err(Error::KeyHandleInvalid);
    }
    let aead = (messages.start)(&wrapping)?;
    aead.check(params.iv.len(), params.tag.len())?;
    let material = material(&key)?;
    let plain = material.expose();
    let behind = if appended { params.tag.len() } else { 0 };
    let length = plain.len().saturating_add(behind);
    let Output::Buffer(buffer) = output else {
        return Ok(length);
    };
    let target = buffer
        .get_mut(..length)
        .ok_or(Error::BufferTooSmall(length))?;
    let (target, tag) = target.split_at_mut(plain.len());
    context.record(&decision, &wrapping, Some(&key))?;
    let generator = match params.generator {
        CKG_GENERATE => CKG_GENERATE_RANDOM,
        other => other,
    };
    Ivs::default().next(generator, params.fixed_bits, &mut params.iv)?;
    let envelope = Envelope {
        iv: &params.iv,
        aad: associated,
        tag_length: params.tag.len(),
    };
    aead.seal(envelope, plain, target, &mut params.tag)?;
    tag.iter_mut()
        .zip(&params.tag)
        .for_each(|(own, byte)| *own = *byte);
    Ok(length)
}

/// Two keys wrapped under one IV give each other away: an open one, whose value is known, any other. So a
/// wrapping key that is not open itself takes random IVs only, at the level that guards. A counter would
/// begin anew with each call.
fn generated_iv(params: &MessageParams, level: Level, open: bool) -> Result<()> {
    let random = matches!(params.generator, CKG_GENERATE | CKG_GENERATE_RANDOM);
    let free = params.generator == CKG_NO_GENERATE && (open || level == Level::Standard);
    if random || free {
        Ok(())
    } else {
        Err(Error::MechanismParamInvalid(
            "a key is wrapped under a random IV: CKG_GENERATE or CKG_GENERATE_RANDOM",
        ))
    }
}

/// `C_UnwrapKeyAuthenticated`, the other way.
///
/// # Errors
/// Those of mechanism, unwrapping key, wrapped key and template, in that order.
pub fn unwrap(
    module: &Module,
    session: SessionHandle,
    how: How<'_>,
    unwrapping: ObjectHandle,
    (mut wrapped, associated): (&[u8], &[u8]),
    template: &Template,
) -> Result<ObjectHandle> {
    let context = Context::new(module, session)?;
    let (mechanism, params) = match how {
        How::Token(mechanism) => {
            return super::key_tokens::unwrap(
                &context, mechanism, unwrapping, wrapped, associated, template,
            );
        }
        How::Message(mechanism, params) => (mechanism, params),
        How::Appended(mechanism, params) => {
            let mut params = params?;
            let end = wrapped.len().checked_sub(params.tag.len());
            let end = end.ok_or(Error::WrappedKeyLenRange)?;
            let (body, tag) = wrapped.split_at(end);
            wrapped = body;
            params.tag = tag.to_vec();
            (mechanism, Ok(params))
        }
    };
    let (row, messages) = row_of(mechanism)?;
    let params = params?;
    let unwrapping = context.usable_key(unwrapping, Use::Unwrap, row)?;
    own_key(&unwrapping, Use::Unwrap)?;
    let decision = judge(context.facts(Act::Use(Use::Unwrap), row.mechanism, &unwrapping)?)?;
    let state = context.state();
    let plan = Plan::unwrap(template, unwrapping.attributes(), &decision, state)?;
    access::may_make(state, plan.attributes())?;
    let aead = (messages.start)(&unwrapping)?;
    aead.check(params.iv.len(), params.tag.len())?;
    context.record(&decision, &unwrapping, None)?;
    let material = open(&aead, &params, associated, wrapped)?;
    let material = unwrapped(&plan, material)?;
    context.store_one(plan.finish(material)?)
}

fn open(
    aead: &Arc<dyn Aead>,
    params: &MessageParams,
    associated: &[u8],
    wrapped: &[u8],
) -> Result<SecretBytes> {
    let envelope = Envelope {
        iv: &params.iv,
        aad: associated,
        tag_length: params.tag.len(),
    };
    let mut plain = SecretBytes::zeroed(wrapped.len());
    let opened = aead.open(envelope, wrapped, &params.tag, plain.expose_mut());
    opened.map_err(|error| match error == Error::EncryptedDataInvalid {
        true => Error::WrappedKeyInvalid,
        false => error,
    })?;
    Ok(plain)
}
