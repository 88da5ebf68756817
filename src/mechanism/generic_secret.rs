//! Secret keys that are just random bytes: generic secrets, and what every secret key generation shares.

use super::params::{ParamKind, Params};
use super::row::{Generated, Operations, Row};
use crate::crypto::known::Families;
use crate::error::{Error, Result};
use crate::object::attribute::{Template, Value};
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKA_KEY_TYPE, CKA_VALUE, CKA_VALUE_LEN, CKK_GENERIC_SECRET, CKM_GENERIC_SECRET_KEY_GEN,
};

/// The longest generic secret or HMAC key that is generated, in bytes.
pub(in crate::mechanism) const LONGEST: u64 = 8192;

/// Generic secret key generation (PKCS #11 3.2, section 6.8). Key sizes are in bits.
pub(super) const ROWS: &[Row] = &[Row {
    mechanism: CKM_GENERIC_SECRET_KEY_GEN,
    name: "CKM_GENERIC_SECRET_KEY_GEN",
    key_sizes: (8, 8 * LONGEST),
    key_types: &[CKK_GENERIC_SECRET],
    more_flags: 0,
    needs: Families::NONE,
    params: ParamKind::None,
    operations: Operations {
        generate: Some(generate),
        ..Operations::NONE
    },
}];

fn generate(_: Params<'_>, template: &Template) -> Result<Generated> {
    random_key(CKK_GENERIC_SECRET, template, |length| {
        (1..=LONGEST).contains(&length)
    })
}

/// A random key of the type, as long in bytes as the template's `CKA_VALUE_LEN` says.
///
/// # Errors
/// `TemplateIncomplete` without a length, `AttributeValueInvalid` unless it is `allowed`.
pub(super) fn random_key(
    key_type: u64,
    template: &Template,
    allowed: impl Fn(u64) -> bool,
) -> Result<Generated> {
    let asked = template
        .ulong(CKA_VALUE_LEN)
        .ok_or(Error::TemplateIncomplete(CKA_VALUE_LEN))?;
    let length = usize::try_from(asked)
        .ok()
        .filter(|_| allowed(asked))
        .ok_or(Error::AttributeValueInvalid(CKA_VALUE_LEN))?;
    Ok(vec![
        (CKA_KEY_TYPE, Value::Ulong(key_type)),
        (CKA_VALUE_LEN, Value::Ulong(asked)),
        (CKA_VALUE, Value::secret(SecretBytes::random(length)?)),
    ])
}
