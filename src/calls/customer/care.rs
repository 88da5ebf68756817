//! Looking after customer keys: what there is to know of them, their policies, and what is counted as
//! wrapped under a version.

use super::naming::{Versions, find, info, version_of};
use super::{Actor, making};
use crate::calls::admission::admit_care;
use crate::domain::customer::{Answer, KeyInfo, KeyName};
use crate::domain::key_policy::KeyPolicy;
use crate::error::{Error, Result};
use crate::object::attribute::{Template, Value};
use crate::object::standing::Standing;
use crate::object::vendor::CKA_KEYWARD_TENANT;
use crate::token::Token;
use cryptoki_sys::{CKA_CLASS, CKA_KEY_TYPE, CKK_AES, CKO_SECRET_KEY};

/// Every version of a key, the newest first.
///
/// # Errors
/// `KeyHandleInvalid`; those of the store.
pub(super) fn describe(token: &Token, key: &KeyName) -> Result<Answer> {
    let versions = find(token, key)?;
    Ok(Answer {
        keys: infos(token, &versions)?,
        ..Answer::default()
    })
}

/// What there is to know of each version, the newest first.
pub(super) fn infos(token: &Token, versions: &Versions) -> Result<Vec<KeyInfo>> {
    let newest = version_of(&*versions.newest()?);
    let known = versions.all().iter().rev().map(|own| {
        let mut known = info(own, newest);
        known.registered = Some(token.registered(own.id())?);
        Ok(known)
    });
    known.collect()
}

/// The newest version of each key.
///
/// # Errors
/// Those of the store.
pub(super) fn list(token: &Token, tenant: Option<&[u8]>) -> Result<Answer> {
    let mut template = vec![
        (CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
        (CKA_KEY_TYPE, Value::Ulong(CKK_AES)),
    ];
    if let Some(tenant) = tenant {
        template.push((CKA_KEYWARD_TENANT, Value::Bytes(tenant.to_vec())));
    }
    let mut keys = Vec::new();
    for id in token.find(&Template(template))? {
        let key = token.load(id)?;
        let stored = key.attributes().is(cryptoki_sys::CKA_MODIFIABLE);
        if stored && key.standing() == Standing::Current {
            keys.push(info(&key, version_of(&key)));
        }
    }
    Ok(Answer {
        keys,
        ..Answer::default()
    })
}

/// Tightens the policy of every version.
///
/// # Errors
/// `AttributeReadOnly` for a policy that allows more than the one there is; `ActionProhibited` for a
/// suspended key; those of the policy and the
/// store.
pub(super) fn set_policy(
    token: &Token,
    actor: Actor,
    key: &KeyName,
    policy: &KeyPolicy,
) -> Result<Answer> {
    let versions = find(token, key)?;
    let newest = versions.newest()?;
    admit_care(token, actor, newest.attributes())?;
    if newest.standing() == Standing::Suspended {
        // Its customer holds what it will be again.
        return Err(Error::ActionProhibited);
    }
    // The newest first: if it refuses, nothing is changed.
    for version in versions.all().iter().rev() {
        making::tighten(token, version, policy)?;
    }
    describe(token, key)
}

/// Counts things as wrapped under a version, or off.
///
/// # Errors
/// `KeyHandleInvalid`; those of the store.
pub(super) fn register(
    token: &Token,
    key: &KeyName,
    version: u64,
    change: impl Fn(u64) -> u64,
) -> Result<Answer> {
    let versions = find(token, key)?;
    let object = versions.version(version)?;
    let count = token.register(object.id(), change)?;
    let mut known = info(&object, version_of(&*versions.newest()?));
    known.registered = Some(count);
    Ok(super::about(known))
}
