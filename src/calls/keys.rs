//! Keys: generate, wrap, unwrap.

use super::admission::has_policy;
use super::context::Context;
use crate::error::{Error, Result};
use crate::mechanism::pairwise;
use crate::mechanism::params::Mechanism;
use crate::mechanism::private_key_info;
use crate::mechanism::row::Row;
use crate::module::Module;
use crate::object::attribute::{Template, Value};
use crate::object::build::again::{Asked, Kept};
use crate::object::build::{self, Generation, Plan};
use crate::object::policy::{Decision, judge};
use crate::object::usage::Use;
use crate::object::vendor::CKM_KEYWARD_KEY_TOKEN;
use crate::object::{Object, access, read};
use crate::secret::SecretBytes;
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::near::Judged;
use crate::session::output::Output;
use cryptoki_sys::{CKA_KEY_TYPE, CKA_VALUE, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_SECRET_KEY};
use std::sync::Arc;

/// `C_GenerateKey`.
///
/// # Errors
/// Those of the mechanism, the template and the store.
pub fn generate(
    module: &Module,
    session: SessionHandle,
    mechanism: Mechanism<'_>,
    asked: &impl Asked,
) -> Result<ObjectHandle> {
    let context = Context::new(module, session)?;
    let row = mechanism.row()?;
    let generate = row
        .operations
        .generate
        .ok_or_else(|| Error::MechanismInvalid)?;
    let params = mechanism.params?;
    let stamp = context.session.stamp();
    let known = context
        .session
        .near()
        .generation(stamp, row.mechanism, asked);
    if let Some((template, plan)) = known {
        let material = generate(params, &template)?.into_iter();
        let value = material.rev().find(|(kind, _)| *kind == CKA_VALUE);
        let (_, value) = value.ok_or(Error::Internal("a key was generated without a value"))?;
        return Ok(context.store_again(plan.finish(value)?));
    }
    let template = asked.read()?;
    let spec = Generation {
        class: CKO_SECRET_KEY,
        key_types: row.key_types,
        mechanism: row.mechanism,
    };
    let plan = Plan::generate(&template, spec, context.state())?;
    access::may_make(context.state(), plan.attributes())?;
    let made = plan.clone().finish(generate(params, &template)?)?;
    let kept = Kept::new(row.mechanism, asked, template, plan, &made);
    let handle = context.store_one(made)?;
    if let Some(kept) = kept {
        context.session.near().keep_generation(stamp, kept);
    }
    Ok(handle)
}

/// `C_GenerateKeyPair`: the public key's handle, then the private key's.
///
/// # Errors
/// Those of the mechanism, the templates and the store.
pub fn generate_pair(
    module: &Module,
    session: SessionHandle,
    mechanism: Mechanism<'_>,
    public: &Template,
    private: &Template,
) -> Result<(ObjectHandle, ObjectHandle)> {
    let context = Context::new(module, session)?;
    let row = mechanism.row()?;
    let generate = row
        .operations
        .generate_pair
        .ok_or_else(|| Error::MechanismInvalid)?;
    let params = mechanism.params?;
    let made = Generation {
        class: CKO_PUBLIC_KEY,
        key_types: row.key_types,
        mechanism: row.mechanism,
    };
    let state = context.state();
    let lineage = context.session.token().random_id()?;
    let (for_public, for_private) = Plan::generate_pair(public, private, made, state, lineage)?;
    access::may_make(state, for_public.attributes())?;
    access::may_make(state, for_private.attributes())?;
    let (public, private) = generate(params, public, private)?;
    let (public, private) = (for_public.finish(public)?, for_private.finish(private)?);
    pairwise::test(&public, &private)?;
    match context.store(vec![public, private])?.as_slice() {
        [public, private] => Ok((*public, *private)),
        _ => Err(Error::Internal("a key pair was stored without two handles")),
    }
}

/// `C_WrapKey`.
///
/// # Errors
/// Those of mechanism, wrapping key, key and rule 33, in that order; `BufferTooSmall`.
pub fn wrap(
    module: &Module,
    session: SessionHandle,
    mechanism: Mechanism<'_>,
    wrapping: ObjectHandle,
    key: ObjectHandle,
    output: Output<'_>,
) -> Result<usize> {
    let context = Context::new(module, session)?;
    if mechanism.kind == CKM_KEYWARD_KEY_TOKEN {
        return super::key_tokens::wrap(&context, mechanism, wrapping, key, &[], output);
    }
    let row = mechanism.row()?;
    let (length, wrap) = row.operations.wrap.ok_or_else(|| Error::MechanismInvalid)?;
    let params = mechanism.params?;
    let (wrapping, key, decision) = context.wrapping_and_key(wrapping, row, key)?;
    let material = material(&key)?;
    let length = length(params, &wrapping, material.expose().len())?;
    match output {
        Output::Length => Ok(length),
        Output::Buffer(buffer) => {
            let target = buffer
                .get_mut(..length)
                .ok_or_else(|| Error::BufferTooSmall(length))?;
            context.record(&decision, &wrapping, Some(&key))?;
            context.count_held(&wrapping)?;
            wrap(params, &wrapping, material.expose(), target)
        }
    }
}

/// What a wrap mechanism wraps: the value of a secret key, or a private key as `PrivateKeyInfo`.
pub(super) enum Material<'k> {
    Value(&'k SecretBytes),
    Encoded(SecretBytes),
}

impl Material<'_> {
    /// The bytes.
    pub(super) fn expose(&self) -> &[u8] {
        match self {
            Material::Value(value) => value.expose(),
            Material::Encoded(encoded) => encoded.expose(),
        }
    }
}

/// What of a key a wrap mechanism wraps.
///
/// # Errors
/// `KeyNotWrappable` for a public key.
pub(super) fn material(key: &Object) -> Result<Material<'_>> {
    match key.attributes().class() {
        Some(CKO_SECRET_KEY) => key
            .secret_value()
            .map(Material::Value)
            .ok_or_else(|| Error::KeyNotWrappable),
        Some(CKO_PRIVATE_KEY) => private_key_info::encode(key.attributes()).map(Material::Encoded),
        _ => Err(Error::KeyNotWrappable),
    }
}

impl Context<'_> {
    /// A key that wraps, the key that it wraps, and what rule 33 says of both.
    ///
    /// # Errors
    /// Those of the wrapping key, the key and rule 33, in that order.
    pub fn wrapping_and_key(
        &self,
        wrapping: ObjectHandle,
        row: &Row,
        key: ObjectHandle,
    ) -> Result<(Arc<Object>, Arc<Object>, Decision)> {
        let judged = |wrapping: &Object, key: &Object| {
            // Out of this module nobody would keep to its policy.
            if has_policy(key.attributes()) {
                return Err(Error::KeyNotWrappable);
            }
            let decision = judge(self.wrap_facts(row.mechanism, wrapping, key)?)?;
            if !read::fits_wrap_template(wrapping.attributes(), key) {
                // The standard's own code for this (PKCS #11 3.2, section 5.18.3).
                return Err(Error::KeyHandleInvalid);
            }
            Ok(decision)
        };
        let stamp = self.session.stamp();
        let known = self
            .session
            .near()
            .judged_pair(wrapping, key, stamp, row.mechanism);
        match known {
            Some(known) => Ok(known),
            None => self.wrapping_key(wrapping, row, || self.target_key(key), judged),
        }
    }

    /// The key behind a handle that is to be wrapped.
    ///
    /// # Errors
    /// `KeyHandleInvalid` for what is no key; those of [`Context::key`].
    pub fn target_key(&self, handle: ObjectHandle) -> Result<Arc<Object>> {
        let key = self.key(handle, Error::KeyHandleInvalid)?;
        key.attributes()
            .key_type()
            .ok_or_else(|| Error::KeyHandleInvalid)?;
        Ok(key)
    }
}

/// `C_UnwrapKey`.
///
/// # Errors
/// Those of mechanism, unwrapping key, wrapped key and template, in that order.
pub fn unwrap(
    module: &Module,
    session: SessionHandle,
    mechanism: Mechanism<'_>,
    unwrapping: ObjectHandle,
    wrapped: &[u8],
    asked: &impl Asked,
) -> Result<ObjectHandle> {
    let context = Context::new(module, session)?;
    let row = mechanism.row_for(Use::Unwrap.function())?;
    if mechanism.kind == CKM_KEYWARD_KEY_TOKEN {
        let template = asked.read()?;
        return super::key_tokens::unwrap(&context, mechanism, unwrapping, wrapped, &[], &template);
    }
    let unwrap = row
        .operations
        .unwrap
        .ok_or_else(|| Error::MechanismInvalid)?;
    let params = mechanism.params?;
    let stamp = context.session.stamp();
    let known = context
        .session
        .near()
        .planned(unwrapping, stamp, row.mechanism, asked);
    if let Some((key, plan)) = known {
        let material = unwrap(params, &key, wrapped, plan.lengths()?.list())?;
        return Ok(context.store_again(plan.finish(Value::secret(material))?));
    }
    let template = asked.read()?;
    let (key, decision) = context.making_key(unwrapping, Use::Unwrap, row)?;
    let plan = Plan::unwrap(&template, key.attributes(), &decision, context.state())?;
    access::may_make(context.state(), plan.attributes())?;
    context.record(&decision, &key, None)?;
    let material = unwrap(params, &key, wrapped, plan.lengths()?.list())?;
    let made = plan.clone().finish(unwrapped(&plan, material)?)?;
    let kept = Kept::new(row.mechanism, asked, template, plan, &made);
    let handle = context.store_one(made)?;
    if let Some(kept) = kept {
        let act = Judged::alone(Use::Unwrap, row.mechanism);
        context
            .session
            .near()
            .keep_plan(unwrapping, stamp, &act, kept);
    }
    Ok(handle)
}

/// The attributes of an unwrapped key, from the bytes that were wrapped.
///
/// # Errors
/// `WrappedKeyInvalid` for what is no private key of the planned type.
pub(super) fn unwrapped(plan: &Plan, material: SecretBytes) -> Result<build::Material> {
    match plan.class() {
        CKO_PRIVATE_KEY => {
            let kind = plan.attributes().key_type();
            private_key_info::decode(
                &material,
                kind.ok_or(Error::TemplateIncomplete(CKA_KEY_TYPE))?,
            )
        }
        _ => Ok(build::secret_value(material).into()),
    }
}
