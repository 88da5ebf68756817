//! Derivations of secret keys from secret keys.

pub(super) mod encrypt;
pub(super) mod hash;
pub(super) mod hkdf;
pub mod simple;
pub mod sp800;
pub mod tls;

use super::params::ParamKind;
use super::row::{Operations, Row};
use crate::crypto::known::Families;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKA_VALUE_LEN, CKK_AES, CKK_AES_XTS, CKK_BLAKE2B_160_HMAC, CKK_BLAKE2B_256_HMAC,
    CKK_BLAKE2B_384_HMAC, CKK_BLAKE2B_512_HMAC, CKK_CHACHA20, CKK_GENERIC_SECRET, CKK_HKDF,
    CKK_MD5_HMAC, CKK_POLY1305, CKK_SHA_1_HMAC, CKK_SHA3_224_HMAC, CKK_SHA3_256_HMAC,
    CKK_SHA3_384_HMAC, CKK_SHA3_512_HMAC, CKK_SHA224_HMAC, CKK_SHA256_HMAC, CKK_SHA384_HMAC,
    CKK_SHA512_224_HMAC, CKK_SHA512_256_HMAC, CKK_SHA512_HMAC,
};

/// The longest value that a derivation gives, in bytes: that of the longest generic secret.
const LONGEST: usize = 1 << 16;

/// Every type of secret key.
pub(super) const SECRETS: &[u64] = &[
    CKK_GENERIC_SECRET,
    CKK_AES,
    CKK_AES_XTS,
    CKK_CHACHA20,
    CKK_POLY1305,
    CKK_HKDF,
    CKK_SHA_1_HMAC,
    CKK_SHA224_HMAC,
    CKK_SHA256_HMAC,
    CKK_SHA384_HMAC,
    CKK_SHA512_HMAC,
    CKK_SHA512_224_HMAC,
    CKK_SHA512_256_HMAC,
    CKK_SHA3_224_HMAC,
    CKK_SHA3_256_HMAC,
    CKK_SHA3_384_HMAC,
    CKK_SHA3_512_HMAC,
    CKK_MD5_HMAC,
    CKK_BLAKE2B_160_HMAC,
    CKK_BLAKE2B_256_HMAC,
    CKK_BLAKE2B_384_HMAC,
    CKK_BLAKE2B_512_HMAC,
];

/// A row for keys of up to [`LONGEST`] bytes.
const fn row(
    mechanism: u64,
    name: &'static str,
    key_types: &'static [u64],
    params: ParamKind,
    operations: Operations,
) -> Row {
    Row {
        mechanism,
        name,
        key_sizes: (1, 65_536),
        key_types,
        more_flags: 0,
        needs: Families::DERIVATION,
        params,
        operations,
    }
}

/// The value of a key.
fn value(key: &Object) -> Result<&SecretBytes> {
    key.secret_value().ok_or(Error::KeyTypeInconsistent)
}

/// The first bytes of a value, all where no length is wanted.
fn cut(whole: SecretBytes, length: Option<usize>) -> Result<SecretBytes> {
    match length {
        None => Ok(whole),
        Some(length) if length == whole.len() => Ok(whole),
        Some(length) => whole
            .expose()
            .get(..length)
            .filter(|start| !start.is_empty())
            .map(SecretBytes::copy_of)
            .ok_or(Error::AttributeValueInvalid(CKA_VALUE_LEN)),
    }
}

/// A length that the template must name, up to [`LONGEST`].
fn wanted(length: Option<usize>) -> Result<usize> {
    let length = length.ok_or(Error::TemplateIncomplete(CKA_VALUE_LEN))?;
    if (1..=LONGEST).contains(&length) {
        Ok(length)
    } else {
        Err(Error::AttributeValueInvalid(CKA_VALUE_LEN))
    }
}
