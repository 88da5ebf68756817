//! Keys from passwords (PKCS #11 3.2, section 6.34): PBKDF2. Whoever made such a key knows it, so it counts as one
//! that came from outside: neither local nor always hidden.

use super::derive::SECRETS;
use super::params::{ParamKind, Params};
use super::row::{Generated, Operations, Row};
use crate::crypto::hash::Hash;
use crate::crypto::kdf::pbkdf2;
use crate::crypto::known::Families;
use crate::error::{Error, Result};
use crate::object::attribute::{Template, Value};
use crate::object::schema::family::Family;
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKA_ALWAYS_SENSITIVE, CKA_KEY_TYPE, CKA_LOCAL, CKA_NEVER_EXTRACTABLE, CKA_VALUE, CKA_VALUE_LEN,
    CKK_GENERIC_SECRET, CKM_PKCS5_PBKD2, CKO_SECRET_KEY, CKP_PKCS5_PBKD2_HMAC_SHA1,
    CKP_PKCS5_PBKD2_HMAC_SHA224, CKP_PKCS5_PBKD2_HMAC_SHA256, CKP_PKCS5_PBKD2_HMAC_SHA384,
    CKP_PKCS5_PBKD2_HMAC_SHA512, CKP_PKCS5_PBKD2_HMAC_SHA512_224, CKP_PKCS5_PBKD2_HMAC_SHA512_256,
};

/// The longest key in bytes.
const LONGEST: usize = 8192;

/// The row. It has no key sizes: the key is what comes out.
pub(super) const ROWS: &[Row] = &[Row {
    mechanism: CKM_PKCS5_PBKD2,
    name: "CKM_PKCS5_PBKD2",
    key_sizes: (0, 0),
    key_types: SECRETS,
    more_flags: 0,
    needs: Families::DERIVATION,
    params: ParamKind::Pbkdf2,
    operations: Operations {
        generate: Some(generate),
        ..Operations::NONE
    },
}];

fn generate(params: Params<'_>, template: &Template) -> Result<Generated> {
    let Params::Pbkdf2 {
        prf,
        salt,
        iterations,
        password,
    } = params
    else {
        return Err(Error::MechanismParamInvalid(
            "PBKDF2 takes CK_PKCS5_PBKD2_PARAMS2",
        ));
    };
    let hash = match prf {
        CKP_PKCS5_PBKD2_HMAC_SHA1 => Hash::Sha1,
        CKP_PKCS5_PBKD2_HMAC_SHA224 => Hash::Sha224,
        CKP_PKCS5_PBKD2_HMAC_SHA256 => Hash::Sha256,
        CKP_PKCS5_PBKD2_HMAC_SHA384 => Hash::Sha384,
        CKP_PKCS5_PBKD2_HMAC_SHA512 => Hash::Sha512,
        CKP_PKCS5_PBKD2_HMAC_SHA512_224 => Hash::Sha512_224,
        CKP_PKCS5_PBKD2_HMAC_SHA512_256 => Hash::Sha512_256,
        _ => {
            return Err(Error::MechanismParamInvalid(
                "the pseudorandom function is not one this module knows",
            ));
        }
    };
    let key_type = template.ulong(CKA_KEY_TYPE).unwrap_or(CKK_GENERIC_SECRET);
    let length = length(key_type, template)?;
    let mut key = SecretBytes::zeroed(length);
    pbkdf2(hash, password, salt, iterations, key.expose_mut())?;
    Ok(vec![
        (CKA_KEY_TYPE, Value::Ulong(key_type)),
        (CKA_VALUE, Value::secret(key)),
        (CKA_LOCAL, Value::Bool(false)),
        (CKA_ALWAYS_SENSITIVE, Value::Bool(false)),
        (CKA_NEVER_EXTRACTABLE, Value::Bool(false)),
    ])
}

/// The length in bytes that the template names, or the only one that the type has.
fn length(key_type: u64, template: &Template) -> Result<usize> {
    let lengths = Family::of(CKO_SECRET_KEY, Some(key_type)).and_then(Family::lengths);
    match (template.ulong(CKA_VALUE_LEN), lengths) {
        (Some(asked), _) => usize::try_from(asked)
            .ok()
            .filter(|length| (1..=LONGEST).contains(length))
            .filter(|length| lengths.is_none_or(|lengths| lengths.contains(length)))
            .ok_or(Error::AttributeValueInvalid(CKA_VALUE_LEN)),
        (None, Some([only])) => Ok(*only),
        (None, _) => Err(Error::TemplateIncomplete(CKA_VALUE_LEN)),
    }
}
