//! `CKM_ECDH_AES_KEY_WRAP` and its two successors (PKCS #11 3.2, sections 6.3.24 to 6.3.27): under a temporary AES
//! key that a key pair made for once agrees on. Its public half comes first: raw, or for
//! `CKM_ECDH_COF_AES_KEY_WRAP` as DER OCTET STRING.

use super::ecdh;
use crate::crypto::der::octet_string;
use crate::error::{Error, Result};
use crate::mechanism::params::Params;
use crate::mechanism::transport::{self, key_length, split, wrapped_length};
use crate::object::Object;
use crate::secret::SecretBytes;
use cryptoki_sys::CKD_NULL;
use std::sync::Arc;

/// How the public half stands before the wrapped key.
#[derive(Clone, Copy)]
pub(super) enum Head {
    /// As it is.
    Raw,
    /// As DER OCTET STRING.
    Der,
}

impl Head {
    /// The public half in this form.
    fn write(self, public: Vec<u8>) -> Vec<u8> {
        match self {
            Head::Raw => public,
            Head::Der => octet_string(&public),
        }
    }

    /// The length of the head in bytes: that of an uncompressed point, or what the DER says.
    fn length(self, public: usize, wrapped: &[u8]) -> Result<usize> {
        let length = match (self, wrapped) {
            (Head::Raw, _) => public,
            (Head::Der, [0x04, length @ 0..=0x7f, ..]) => 2 + usize::from(*length),
            (Head::Der, [0x04, 0x81, length, ..]) => 3 + usize::from(*length),
            (Head::Der, [] | [_] | [_, _]) => return Err(Error::WrappedKeyLenRange),
            (Head::Der, _) => return Err(Error::WrappedKeyInvalid),
        };
        Ok(length)
    }
}

/// The parameters of the agreement, how much of the secret is asked for, and the length of the temporary key
/// in bytes.
fn read(params: Params<'_>) -> Result<(Params<'_>, Option<usize>, usize)> {
    let Params::EcdhAes { bits, kdf, shared } = params else {
        return Err(Error::MechanismParamInvalid(
            "the mechanism takes CK_ECDH_AES_KEY_WRAP_PARAMS",
        ));
    };
    let length = key_length(bits)?;
    let agreement = Params::Ecdh1 {
        kdf,
        shared,
        public: &[],
    };
    // A bare secret is cut at its end, where CKM_ECDH1_DERIVE would cut its front.
    let asked = (kdf != CKD_NULL).then_some(length);
    Ok((agreement, asked, length))
}

/// The temporary key: the first bytes of what was agreed on.
fn temporary(agreed: &SecretBytes, length: usize) -> Result<SecretBytes> {
    agreed
        .expose()
        .get(..length)
        .map(SecretBytes::copy_of)
        .ok_or(Error::MechanismParamInvalid(
            "the curve's secret is shorter than the temporary key; a key derivation function helps",
        ))
}

pub(super) fn length(params: Params<'_>, key: &Object, length: usize, head: Head) -> Result<usize> {
    let (agreement, _, _) = read(params)?;
    let public = ecdh::encapsulated_length(agreement, key).map_err(as_wrapping)?;
    wrapped_length(head.write(vec![0; public]).len(), length)
}

pub(super) fn wrap(
    params: Params<'_>,
    key: &Arc<Object>,
    plain: &[u8],
    out: &mut [u8],
    head: Head,
) -> Result<usize> {
    let (agreement, asked, length) = read(params)?;
    let (public, agreed) = ecdh::encapsulate(agreement, key, asked).map_err(as_wrapping)?;
    let temporary = temporary(&agreed, length)?;
    transport::wrap(&head.write(public), &temporary, plain, out)
}

pub(super) fn unwrap(
    params: Params<'_>,
    key: &Arc<Object>,
    wrapped: &[u8],
    head: Head,
) -> Result<SecretBytes> {
    let (agreement, asked, length) = read(params)?;
    let public = ecdh::encapsulated_length(agreement, key).map_err(as_unwrapping)?;
    let (public, body) = split(wrapped, head.length(public, wrapped)?)?;
    // A point that is none is public: nothing secret has been done yet.
    let agreed = ecdh::decapsulate(agreement, key, public, asked).map_err(as_unwrapping)?;
    transport::unwrap(Ok(temporary(&agreed, length)?), length, body)
}

fn as_wrapping(error: Error) -> Error {
    match error == Error::KeyTypeInconsistent {
        true => Error::WrappingKeyTypeInconsistent,
        false => error,
    }
}

fn as_unwrapping(error: Error) -> Error {
    match error == Error::KeyTypeInconsistent {
        true => Error::UnwrappingKeyTypeInconsistent,
        false => error,
    }
}
