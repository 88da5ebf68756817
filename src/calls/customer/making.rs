//! Making customer keys and new versions of them.

use super::Actor;
use super::naming::{family_of, version_of};
use crate::calls::admission::{Purpose, admit, admit_care, has_policy, may_become, now};
use crate::calls::context::{stands_for, today};
use crate::calls::guarding::judge_customer_use;
use crate::domain::customer::Supplied;
use crate::domain::key_policy::{KeyPolicy, Operation};
use crate::error::{Error, Result};
use crate::mechanism::params::Params;
use crate::mechanism::table;
use crate::object::attribute::{Attributes, Template, Value};
use crate::object::build::{self, Generation, Material, Plan};
use crate::object::policy::{Role, RoleState, lineage, role_of};
use crate::object::standing::Standing;
use crate::object::usage::{self, Use};
use crate::object::vendor::{
    CKA_KEYWARD_CARRIED, CKA_KEYWARD_CREATED, CKA_KEYWARD_FAMILY, CKA_KEYWARD_KEY_VERSION,
    CKA_KEYWARD_LINEAGE, CKA_KEYWARD_POLICY, CKA_KEYWARD_TENANT, CKA_KEYWARD_UPDATE,
};
use crate::object::{Object, access};
use crate::secret::SecretBytes;
use crate::token::Token;
use cryptoki_sys::{
    CKA_ALWAYS_SENSITIVE, CKA_CHECK_VALUE, CKA_DECRYPT, CKA_ENCRYPT, CKA_EXTRACTABLE, CKA_ID,
    CKA_KEY_GEN_MECHANISM, CKA_LABEL, CKA_LOCAL, CKA_NEVER_EXTRACTABLE, CKA_PRIVATE, CKA_SENSITIVE,
    CKA_SIGN, CKA_TOKEN, CKA_VALUE, CKA_VALUE_LEN, CKA_VERIFY, CKA_WRAP, CKG_MGF1_SHA256, CKK_AES,
    CKM_AES_KEY_GEN, CKM_RSA_PKCS_OAEP, CKM_SHA256, CKO_SECRET_KEY,
};
use std::sync::Arc;

/// The length in bytes of a customer key: AES-256.
const LENGTH: usize = 32;

/// What a new key is to be.
pub struct New<'a> {
    /// `CKA_LABEL`.
    pub label: &'a str,
    /// `CKA_ID`; empty for one that follows from the family.
    pub id: &'a [u8],
    /// Whose key it is; empty for nobody's in particular.
    pub tenant: &'a [u8],
    /// What may be done with it.
    pub policy: Option<&'a KeyPolicy>,
}

/// Makes a key with its first version, of `material` where it is given.
///
/// # Errors
/// Those of the template and the store; `KeySizeRange` for material that is no AES-256 key.
pub fn create(
    token: &Token,
    actor: Actor,
    new: &New<'_>,
    material: Option<SecretBytes>,
) -> Result<Arc<Object>> {
    let family = token.random_id()?;
    let id = match new.id {
        [] => family.get(..8).unwrap_or_default(),
        given => given,
    };
    let mut template = vec![
        (CKA_TOKEN, Value::Bool(true)),
        (CKA_PRIVATE, Value::Bool(true)),
        (CKA_LABEL, Value::Bytes(new.label.as_bytes().to_vec())),
        (CKA_ID, Value::Bytes(id.to_vec())),
        (CKA_VALUE_LEN, Value::Ulong(32)),
        (CKA_SENSITIVE, Value::Bool(true)),
        (CKA_EXTRACTABLE, Value::Bool(false)),
        (CKA_ENCRYPT, Value::Bool(true)),
        (CKA_DECRYPT, Value::Bool(true)),
        (CKA_SIGN, Value::Bool(false)),
        (CKA_VERIFY, Value::Bool(false)),
        (CKA_KEYWARD_TENANT, Value::Bytes(new.tenant.to_vec())),
    ];
    if let Some(policy) = new.policy.filter(|policy| !policy.is_open()) {
        template.push((CKA_KEYWARD_POLICY, Value::Bytes(policy.encode())));
    }
    let made = Generation {
        class: CKO_SECRET_KEY,
        key_types: &[CKK_AES],
        mechanism: CKM_AES_KEY_GEN,
    };
    let plan = Plan::generate(&Template(template), made, actor.state())?;
    access::may_make(actor.state(), plan.attributes())?;
    let mut key = plan.finish(fresh_value(LENGTH)?)?;
    match material {
        Some(value) if value.len() == LENGTH => came_from_outside(&mut key, value),
        Some(_) => return Err(Error::KeySizeRange),
        None => {}
    }
    name(&mut key, family, 1);
    let stored = token.insert(vec![key])?.pop();
    stored.ok_or(Error::Internal("a key was stored without an object"))
}

/// Makes the next version of a key, of which `old` is the newest: with `material`, or of its own.
///
/// # Errors
/// `KeyFunctionNotPermitted` for a key that is to be destroyed, or that is no secret key of the token;
/// `VersionSuperseded` when `old` is not the newest; `ActionProhibited`, those of the policy and the
/// store.
pub fn rotate(
    token: &Token,
    actor: Actor,
    old: &Arc<Object>,
    material: Option<SecretBytes>,
) -> Result<Arc<Object>> {
    let own = old.attributes();
    access::may_change(actor.state(), own)?;
    if !own.is(CKA_TOKEN) || own.class() != Some(CKO_SECRET_KEY) {
        return Err(Error::KeyFunctionNotPermitted);
    }
    if old.standing() == Standing::Superseded {
        let asked = version_of(old);
        let newest = super::naming::Versions::of(
            token,
            family_of(old).ok_or(Error::KeyFunctionNotPermitted)?,
        )?;
        let newest = version_of(&*newest.newest()?);
        return Err(Error::VersionSuperseded { asked, newest });
    }
    stands_for(old, Use::Encrypt)?;
    admit_care(token, actor, own)?;
    let family = family_of(old).ok_or(Error::KeyFunctionNotPermitted)?;
    let number = version_of(old).checked_add(1).ok_or(Error::DataLenRange)?;
    let mut next = own.clone();
    for kind in [CKA_CHECK_VALUE, CKA_KEYWARD_UPDATE] {
        next.remove(kind);
    }
    let length = old.secret_value().map_or(LENGTH, SecretBytes::len);
    match material {
        Some(value) if value.len() == length => came_from_outside(&mut next, value),
        Some(_) => return Err(Error::KeySizeRange),
        None => {
            for (kind, value) in fresh_value(length)? {
                next.set(kind, value);
            }
            next.set(CKA_LOCAL, Value::Bool(true));
            let sensitive = own.is(CKA_SENSITIVE);
            next.set(CKA_ALWAYS_SENSITIVE, Value::Bool(sensitive));
            let hidden = !own.is(CKA_EXTRACTABLE);
            next.set(CKA_NEVER_EXTRACTABLE, Value::Bool(hidden));
        }
    }
    name(&mut next, family.0, number);
    let mut before = own.clone();
    name_old(&mut before, family.0, version_of(old));
    for usage in [CKA_ENCRYPT, CKA_SIGN, CKA_WRAP] {
        if before.has(usage) {
            before.set(usage, Value::Bool(false));
        }
    }
    token.supersede(old, &before, &next)
}

/// The value of an object that a caller names as the material of a new version. From then on it is
/// used for data only, as the version is.
///
/// # Errors
/// `KeyFunctionNotPermitted` for a key that wraps, or has a policy of its own; `ActionProhibited` for one
/// that may not be copied.
pub fn material_of(token: &Token, actor: Actor, key: &Object) -> Result<SecretBytes> {
    let attributes = key.attributes();
    access::may_copy(actor.state(), attributes)?;
    let wraps = role_of(attributes) == Role::Wrapping || attributes.is(CKA_KEYWARD_CARRIED);
    if wraps || has_policy(attributes) || attributes.class() != Some(CKO_SECRET_KEY) {
        return Err(Error::KeyFunctionNotPermitted);
    }
    let value = key.secret_value().ok_or(Error::KeyFunctionNotPermitted)?;
    let data = RoleState {
        role: Role::Data,
        carried: false,
    };
    if role_of(attributes) != Role::Data {
        token.record_role(&lineage(key), data)?;
    }
    Ok(value.duplicate())
}

/// Unwraps material that the customer supplies.
///
/// # Errors
/// `UnwrappingKeyHandleInvalid`, `MechanismInvalid`, `WrappedKeyInvalid`; those of usage and policy.
pub(super) fn unwrapped(token: &Token, actor: Actor, own: &Supplied) -> Result<SecretBytes> {
    let key = token
        .load(own.unwrapping)
        .map_err(|_| Error::UnwrappingKeyHandleInvalid)?;
    access::may_use(actor.state(), key.attributes())?;
    let row = table::row(own.mechanism)
        .ok_or(Error::MechanismInvalid)?
        .ready()?;
    let unwrap = row.operations.unwrap.ok_or(Error::MechanismInvalid)?;
    let params = match own.mechanism {
        CKM_RSA_PKCS_OAEP => Params::Oaep {
            hash: CKM_SHA256,
            mgf: CKG_MGF1_SHA256,
            label: &[],
        },
        _ => Params::None,
    };
    usage::permit(
        Use::Unwrap,
        key.attributes(),
        own.mechanism,
        row.key_types,
        today,
    )?;
    stands_for(&key, Use::Unwrap)?;
    let purpose = Purpose {
        operation: Operation::Unwrap,
        mechanism: own.mechanism,
        data: None,
    };
    admit(token, actor, key.attributes(), purpose)?;
    judge_customer_use(token, Use::Unwrap, own.mechanism, &key)?;
    let value = unwrap(params, &key, &own.wrapped, Some(&[LENGTH]))?;
    if value.len() == LENGTH {
        Ok(value)
    } else {
        Err(Error::WrappedKeyLenRange)
    }
}

/// Tightens a policy on one version.
///
/// # Errors
/// `AttributeReadOnly` for one that allows more; those of the store.
pub(super) fn tighten(token: &Token, key: &Object, policy: &KeyPolicy) -> Result<Arc<Object>> {
    token.restand(key.id(), |now| {
        let mut next = now.attributes().clone();
        next.set(CKA_KEYWARD_POLICY, Value::Bytes(policy.encode()));
        may_become(Some(now.attributes()), &next)?;
        Ok((next, now.standing()))
    })
}

fn fresh_value(length: usize) -> Result<Material> {
    Ok(build::secret_value(SecretBytes::random(length)?).into())
}

/// Gives a key a value that was not made here.
fn came_from_outside(key: &mut Attributes, value: SecretBytes) {
    key.set(CKA_VALUE, Value::secret(value));
    for history in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
        key.set(history, Value::Bool(false));
    }
    key.remove(CKA_KEY_GEN_MECHANISM);
}

/// Says of a key which version of which family it is, made now. All versions share what they are used
/// for, and how often.
fn name(key: &mut Attributes, family: [u8; 16], version: u64) {
    name_old(key, family, version);
    key.set(CKA_KEYWARD_CREATED, Value::Ulong(now()));
}

fn name_old(key: &mut Attributes, family: [u8; 16], version: u64) {
    key.set(CKA_KEYWARD_FAMILY, Value::Bytes(family.to_vec()));
    key.set(CKA_KEYWARD_LINEAGE, Value::Bytes(family.to_vec()));
    key.set(CKA_KEYWARD_KEY_VERSION, Value::Ulong(version));
}
