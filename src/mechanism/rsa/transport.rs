//! `CKM_RSA_AES_KEY_WRAP` (PKCS #11 3.2, sections 6.1.19 and 6.1.20): under a temporary AES key that RSA-OAEP wraps.

use super::cipher::{Padding, unwrap as unwrap_by, wrap as wrap_by, wrap_length as length_by};
use crate::error::{Error, Result};
use crate::mechanism::params::Params;
use crate::mechanism::row::Lengths;
use crate::mechanism::transport::{self, key_length, split, wrapped_length};
use crate::object::Object;
use crate::secret::SecretBytes;
use std::sync::Arc;

/// The padding, and the length of the temporary key in bytes.
fn read(params: Params<'_>) -> Result<(Padding, usize)> {
    let Params::RsaAes {
        bits,
        hash,
        mgf,
        label,
    } = params
    else {
        return Err(Error::MechanismParamInvalid(
            "the mechanism takes CK_RSA_AES_KEY_WRAP_PARAMS",
        ));
    };
    let length = key_length(bits)?;
    Ok((Padding::oaep(Params::Oaep { hash, mgf, label })?, length))
}

pub(super) fn length(params: Params<'_>, key: &Object, length: usize) -> Result<usize> {
    let (padding, temporary) = read(params)?;
    let head = length_by(key, &padding, temporary)?;
    wrapped_length(head, length)
}

pub(super) fn wrap(
    params: Params<'_>,
    key: &Arc<Object>,
    plain: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    let (padding, length) = read(params)?;
    let temporary = SecretBytes::random(length)?;
    let mut head = vec![0; length_by(key, &padding, length)?];
    wrap_by(key, &padding, temporary.expose(), &mut head)?;
    transport::wrap(&head, &temporary, plain, out)
}

pub(super) fn unwrap(
    params: Params<'_>,
    key: &Arc<Object>,
    wrapped: &[u8],
    _: Lengths<'_>,
) -> Result<SecretBytes> {
    let (padding, length) = read(params)?;
    let size = super::keys::private(key)
        .map_err(|_| Error::UnwrappingKeySizeRange)?
        .size();
    let (head, body) = split(wrapped, size)?;
    transport::unwrap(unwrap_by(key, &padding, head, None), length, body)
}
