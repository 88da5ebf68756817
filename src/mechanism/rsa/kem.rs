//! RSA as a key encapsulation: a random secret, encrypted (PKCS #11 3.2, sections 6.1.6 and 6.1.8).
//!
//! `CKM_RSA_X_509` encapsulates in the standard too. Its decapsulation gives the bare RSA function of
//! whatever it is handed, as a key that may be read; it is not offered.

use super::cipher::{Padding, unwrap};
use super::keys;
use crate::error::{Error, Result};
use crate::mechanism::params::Params;
use crate::object::Object;
use crate::secret::SecretBytes;
use cryptoki_sys::CKA_VALUE_LEN;
use std::sync::Arc;

pub(super) fn encapsulated_length(_: Params<'_>, key: &Object) -> Result<usize> {
    keys::encrypting(key).map(|key| key.size())
}

fn encapsulate(
    key: &Object,
    padding: &Padding,
    length: Option<usize>,
) -> Result<(Vec<u8>, SecretBytes)> {
    let key = keys::encrypting(key)?;
    let length = length.ok_or(Error::TemplateIncomplete(CKA_VALUE_LEN))?;
    if length > padding.capacity(key.size()) {
        return Err(Error::KeySizeRange);
    }
    let secret = SecretBytes::random(length)?;
    let mut ciphertext = vec![0; key.size()];
    padding.encrypt(&key, secret.expose(), &mut ciphertext)?;
    Ok((ciphertext, secret))
}

/// The length must be told: bad padding gives a secret of that length, by which nobody can tell it.
fn decapsulate(
    key: &Object,
    padding: &Padding,
    ciphertext: &[u8],
    length: Option<usize>,
) -> Result<SecretBytes> {
    let length = length.ok_or(Error::TemplateIncomplete(CKA_VALUE_LEN))?;
    unwrap(key, padding, ciphertext, Some(&[length]))
}

pub(super) fn encapsulate_pkcs1(
    _: Params<'_>,
    key: &Arc<Object>,
    length: Option<usize>,
) -> Result<(Vec<u8>, SecretBytes)> {
    encapsulate(key, &Padding::Pkcs1, length)
}

pub(super) fn decapsulate_pkcs1(
    _: Params<'_>,
    key: &Arc<Object>,
    ciphertext: &[u8],
    length: Option<usize>,
) -> Result<SecretBytes> {
    decapsulate(key, &Padding::Pkcs1, ciphertext, length)
}

pub(super) fn encapsulate_oaep(
    params: Params<'_>,
    key: &Arc<Object>,
    length: Option<usize>,
) -> Result<(Vec<u8>, SecretBytes)> {
    encapsulate(key, &Padding::oaep(params)?, length)
}

pub(super) fn decapsulate_oaep(
    params: Params<'_>,
    key: &Arc<Object>,
    ciphertext: &[u8],
    length: Option<usize>,
) -> Result<SecretBytes> {
    decapsulate(key, &Padding::oaep(params)?, ciphertext, length)
}
