//! Which key a request names: a family by its id or label, or the one that an object belongs to.

use crate::domain::customer::{KeyInfo, KeyName};
use crate::domain::ids::KeyId;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::object::policy::lineage;
use crate::object::standing::Standing;
use crate::object::vendor::{
    CKA_KEYWARD_CREATED, CKA_KEYWARD_FAMILY, CKA_KEYWARD_FINGERPRINT, CKA_KEYWARD_HISTORY,
    CKA_KEYWARD_KEY_VERSION, CKA_KEYWARD_LINEAGE, CKA_KEYWARD_POLICY, CKA_KEYWARD_TENANT,
};
use crate::token::Token;
use cryptoki_sys::{CKA_ID, CKA_LABEL, CKA_TOKEN, CKO_SECRET_KEY};
use std::sync::Arc;

/// The versions of one key, oldest first; at least one.
pub struct Versions(Vec<Arc<Object>>);

impl Versions {
    /// The versions of a family.
    ///
    /// # Errors
    /// `KeyHandleInvalid` when there is none; those of the store.
    pub fn of(token: &Token, family: KeyId) -> Result<Self> {
        let mut versions = token.versions(family.0)?;
        versions.retain(|own| own.attributes().class() == Some(CKO_SECRET_KEY));
        if versions.is_empty() {
            return Err(Error::KeyHandleInvalid);
        }
        Ok(Versions(versions))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Arc<Object>] {
        &self.0
    }

    /// The newest one.
    ///
    /// # Errors
    /// `KeyHandleInvalid`, which no value of this type meets.
    pub fn newest(&self) -> Result<Arc<Object>> {
        self.0.last().cloned().ok_or(Error::KeyHandleInvalid)
    }

    /// A version by its number.
    ///
    /// # Errors
    /// `KeyHandleInvalid` when there is none.
    pub fn version(&self, number: u64) -> Result<Arc<Object>> {
        let mut all = self.0.iter();
        all.find(|own| version_of(own) == number)
            .cloned()
            .ok_or(Error::KeyHandleInvalid)
    }
}

/// The versions of the key that a request names.
///
/// # Errors
/// `KeyHandleInvalid` when there is none; `BadArguments` when several have the label; those of the
/// store.
pub fn find(token: &Token, name: &KeyName) -> Result<Versions> {
    match name {
        KeyName::Family(family) => Versions::of(token, *family),
        KeyName::Label { label, tenant } => {
            let mut found: Vec<Arc<Object>> = token.labelled(label.as_bytes())?;
            found.retain(|own| {
                let of = own.attributes().bytes(CKA_KEYWARD_TENANT);
                own.attributes().class() == Some(CKO_SECRET_KEY)
                    && tenant
                        .as_ref()
                        .is_none_or(|tenant| of.unwrap_or_default() == tenant)
            });
            if found.iter().any(|own| own.standing() == Standing::Current) {
                found.retain(|own| own.standing() == Standing::Current);
            }
            let mut families: Vec<KeyId> = found.iter().filter_map(|own| family_of(own)).collect();
            families.sort_unstable();
            families.dedup();
            match families.as_slice() {
                [only] => Versions::of(token, *only),
                [] => Err(Error::KeyHandleInvalid),
                _ => Err(Error::BadArguments(
                    "several keys have this label: name the key by its id",
                )),
            }
        }
    }
}

/// The key that an object is a version of, or a copy of one; `None` for copies of keys without versions.
#[must_use]
pub fn family_of(key: &Object) -> Option<KeyId> {
    let attributes = key.attributes();
    if let Some(family) = attributes.bytes(CKA_KEYWARD_FAMILY) {
        return family.try_into().ok().map(KeyId);
    }
    let own = lineage(key) == key.id().0 || !attributes.has(CKA_KEYWARD_LINEAGE);
    own.then(|| KeyId(key.id().0))
}

/// Which version of its family an object is; one without versions is the first.
#[must_use]
pub fn version_of(key: &Object) -> u64 {
    key.attributes().ulong(CKA_KEYWARD_KEY_VERSION).unwrap_or(1)
}

/// The version that an object stands for when something is to be encrypted: itself, if it is one of the
/// token; the newest of its family, if it came from a key token.
///
/// # Errors
/// `KeyHandleInvalid` for what is no version of a key here; those of the store.
pub fn stands_for(token: &Token, key: Arc<Object>) -> Result<Arc<Object>> {
    let family = family_of(&key).ok_or(Error::KeyHandleInvalid)?;
    if key.attributes().is(CKA_TOKEN) {
        return Ok(key);
    }
    Versions::of(token, family)?.newest()
}

/// What there is to know of a version.
#[must_use]
pub fn info(key: &Object, newest: u64) -> KeyInfo {
    let attributes = key.attributes();
    let bytes = |kind| attributes.bytes(kind).unwrap_or_default().to_vec();
    KeyInfo {
        family: family_of(key).map_or([0; 16], |family| family.0),
        version: version_of(key),
        newest,
        standing: key.standing().number().into(),
        label: String::from_utf8_lossy(&bytes(CKA_LABEL)).into_owned(),
        id: bytes(CKA_ID),
        tenant: bytes(CKA_KEYWARD_TENANT),
        created: attributes.ulong(CKA_KEYWARD_CREATED).unwrap_or(0),
        fingerprint: bytes(CKA_KEYWARD_FINGERPRINT),
        history: bytes(CKA_KEYWARD_HISTORY),
        registered: None,
        policy: attributes
            .bytes(CKA_KEYWARD_POLICY)
            .filter(|policy| !policy.is_empty())
            .map(<[u8]>::to_vec),
    }
}
