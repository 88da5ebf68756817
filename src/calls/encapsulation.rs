//! `C_EncapsulateKey` and `C_DecapsulateKey`.

use super::context::Context;
use crate::error::{Error, Result};
use crate::mechanism::params::Mechanism;
use crate::module::Module;
use crate::object::attribute::{Attributes, Template};
use crate::object::build::{self, Plan};
use crate::object::policy::{Act, judge};
use crate::object::usage::Use;
use crate::object::{Object, ObjectId, access, read};
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::output::Output;
use cryptoki_sys::{CKA_DECAPSULATE_TEMPLATE, CKA_ENCAPSULATE_TEMPLATE};

/// What an encapsulation gives: the ciphertext, and the new key.
pub struct Encapsulated {
    /// The ciphertext's length in bytes.
    pub length: usize,
    /// The key; `None` for a caller that asked for the length alone.
    pub key: Option<ObjectHandle>,
}

/// `C_EncapsulateKey`: makes a secret key, and the ciphertext by which the private key finds it.
///
/// # Errors
/// Those of mechanism, public key and template, in that order; `BufferTooSmall`. No key is made then.
pub fn encapsulate(
    module: &Module,
    session: SessionHandle,
    mechanism: Mechanism<'_>,
    public: ObjectHandle,
    template: &Template,
    output: Output<'_>,
) -> Result<Encapsulated> {
    let context = Context::new(module, session)?;
    let row = mechanism.row()?;
    let (length, encapsulate) = row.operations.encapsulate.ok_or(Error::MechanismInvalid)?;
    let params = mechanism.params?;
    let public = context.usable_key(public, Use::Encapsulate, row)?;
    let facts = context.facts(Act::Use(Use::Encapsulate), row.mechanism, &public)?;
    let decision = judge(facts)?;
    let state = context.state();
    let plan = Plan::encapsulation(template, public.attributes(), None, &decision, state)?;
    access::may_make(state, plan.attributes())?;
    let length = length(params, &public)?;
    let Output::Buffer(buffer) = output else {
        return Ok(Encapsulated { length, key: None });
    };
    let target = buffer
        .get_mut(..length)
        .ok_or(Error::BufferTooSmall(length))?;
    context.record(&decision, &public, None)?;
    let (ciphertext, secret) = encapsulate(params, &public, plan.length()?)?;
    if ciphertext.len() != length {
        return Err(Error::Internal("the length of a ciphertext"));
    }
    let made = plan.finish(build::secret_value(secret))?;
    fits(public.attributes(), &made)?;
    let key = context.store_one(made)?;
    target.copy_from_slice(&ciphertext);
    Ok(Encapsulated {
        length,
        key: Some(key),
    })
}

/// Whether the new key is one that `CKA_ENCAPSULATE_TEMPLATE` of the public key describes.
fn fits(public: &Attributes, made: &Attributes) -> Result<()> {
    let made = Object::new(ObjectId([0; 16]), 1, made.clone());
    if read::fits_template(public, CKA_ENCAPSULATE_TEMPLATE, &made) {
        Ok(())
    } else {
        Err(Error::KeyHandleInvalid)
    }
}

/// `C_DecapsulateKey`: the key that an encapsulation made.
///
/// # Errors
/// Those of mechanism, private key, ciphertext and template, in that order.
pub fn decapsulate(
    module: &Module,
    session: SessionHandle,
    mechanism: Mechanism<'_>,
    private: ObjectHandle,
    template: &Template,
    ciphertext: &[u8],
) -> Result<ObjectHandle> {
    let context = Context::new(module, session)?;
    let row = mechanism.row_for(Use::Decapsulate.function())?;
    let decapsulate = row.operations.decapsulate.ok_or(Error::MechanismInvalid)?;
    let params = mechanism.params?;
    let private = context.usable_key(private, Use::Decapsulate, row)?;
    let facts = context.facts(Act::Use(Use::Decapsulate), row.mechanism, &private)?;
    let decision = judge(facts)?;
    let state = context.state();
    let forced = Some(CKA_DECAPSULATE_TEMPLATE);
    let plan = Plan::encapsulation(template, private.attributes(), forced, &decision, state)?;
    access::may_make(state, plan.attributes())?;
    context.record(&decision, &private, None)?;
    let secret = decapsulate(params, &private, ciphertext, plan.length()?)?;
    context.store_one(plan.finish(build::secret_value(secret))?)
}
