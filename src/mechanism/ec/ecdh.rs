//! ECDH key derivation (PKCS #11 3.2, sections 6.3.20 and 6.3.21), with and without cofactor: that of every
//! curve here is 1, and X25519 clears its own.

use super::keys;
use crate::crypto::curve::NamedCurve;
use crate::crypto::ec::PrivateKey;
use crate::crypto::hash::Hash;
use crate::crypto::{kdf, montgomery};
use crate::error::{Error, Result};
use crate::mechanism::params::Params;
use crate::object::Object;
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKA_VALUE_LEN, CKD_BLAKE2B_160_KDF, CKD_BLAKE2B_256_KDF, CKD_BLAKE2B_384_KDF,
    CKD_BLAKE2B_512_KDF, CKD_NULL, CKD_SHA1_KDF, CKD_SHA1_KDF_SP800, CKD_SHA3_224_KDF,
    CKD_SHA3_224_KDF_SP800, CKD_SHA3_256_KDF, CKD_SHA3_256_KDF_SP800, CKD_SHA3_384_KDF,
    CKD_SHA3_384_KDF_SP800, CKD_SHA3_512_KDF, CKD_SHA3_512_KDF_SP800, CKD_SHA224_KDF,
    CKD_SHA224_KDF_SP800, CKD_SHA256_KDF, CKD_SHA256_KDF_SP800, CKD_SHA384_KDF,
    CKD_SHA384_KDF_SP800, CKD_SHA512_KDF, CKD_SHA512_KDF_SP800,
};
use std::sync::Arc;

/// The longest key that a derivation gives, in bytes: more serves nobody but who wants us busy.
const LONGEST: usize = 1 << 16;

/// Fills a key from hash, shared secret and shared data.
type Fill = fn(Hash, &[u8], &[u8], &mut [u8]) -> Result<()>;

/// How the shared secret becomes a key.
#[derive(Clone, Copy)]
enum Kdf {
    /// Not at all.
    Null,
    /// ANSI X9.63.
    X963(Hash),
    /// SP 800-56A, section 5.8.1.1.
    Sp800(Hash),
}

impl Kdf {
    fn named(kdf: u64) -> Result<Self> {
        Ok(match kdf {
            CKD_NULL => Kdf::Null,
            CKD_SHA1_KDF => Kdf::X963(Hash::Sha1),
            CKD_SHA224_KDF => Kdf::X963(Hash::Sha224),
            CKD_SHA256_KDF => Kdf::X963(Hash::Sha256),
            CKD_SHA384_KDF => Kdf::X963(Hash::Sha384),
            CKD_SHA512_KDF => Kdf::X963(Hash::Sha512),
            CKD_SHA3_224_KDF => Kdf::X963(Hash::Sha3_224),
            CKD_SHA3_256_KDF => Kdf::X963(Hash::Sha3_256),
            CKD_SHA3_384_KDF => Kdf::X963(Hash::Sha3_384),
            CKD_SHA3_512_KDF => Kdf::X963(Hash::Sha3_512),
            CKD_BLAKE2B_160_KDF => Kdf::X963(Hash::Blake2b160),
            CKD_BLAKE2B_256_KDF => Kdf::X963(Hash::Blake2b256),
            CKD_BLAKE2B_384_KDF => Kdf::X963(Hash::Blake2b384),
            CKD_BLAKE2B_512_KDF => Kdf::X963(Hash::Blake2b512),
            CKD_SHA1_KDF_SP800 => Kdf::Sp800(Hash::Sha1),
            CKD_SHA224_KDF_SP800 => Kdf::Sp800(Hash::Sha224),
            CKD_SHA256_KDF_SP800 => Kdf::Sp800(Hash::Sha256),
            CKD_SHA384_KDF_SP800 => Kdf::Sp800(Hash::Sha384),
            CKD_SHA512_KDF_SP800 => Kdf::Sp800(Hash::Sha512),
            CKD_SHA3_224_KDF_SP800 => Kdf::Sp800(Hash::Sha3_224),
            CKD_SHA3_256_KDF_SP800 => Kdf::Sp800(Hash::Sha3_256),
            CKD_SHA3_384_KDF_SP800 => Kdf::Sp800(Hash::Sha3_384),
            CKD_SHA3_512_KDF_SP800 => Kdf::Sp800(Hash::Sha3_512),
            _ => {
                return Err(Error::MechanismParamInvalid(
                    "the key derivation function is unknown",
                ));
            }
        })
    }

    /// `length` bytes of key, or as many as there are: all of a bare secret, one hash of the others.
    fn derive(
        self,
        secret: &SecretBytes,
        shared: &[u8],
        length: Option<usize>,
    ) -> Result<SecretBytes> {
        let (hash, derive): (Hash, Fill) = match self {
            Kdf::Null => return last(secret, length.unwrap_or(secret.len())),
            Kdf::X963(hash) => (hash, kdf::x963),
            Kdf::Sp800(hash) => (hash, kdf::sp800_56a),
        };
        let length = length.unwrap_or(hash.length());
        if length == 0 || length > LONGEST {
            return Err(Error::AttributeValueInvalid(CKA_VALUE_LEN));
        }
        let mut key = SecretBytes::zeroed(length);
        derive(hash, secret.expose(), shared, key.expose_mut())?;
        Ok(key)
    }
}

/// The last bytes of a secret: the standard cuts off its front.
fn last(secret: &SecretBytes, length: usize) -> Result<SecretBytes> {
    let start = secret.len().checked_sub(length).filter(|_| length > 0);
    start
        .and_then(|start| secret.expose().get(start..))
        .map(SecretBytes::copy_of)
        .ok_or(Error::AttributeValueInvalid(CKA_VALUE_LEN))
}

/// Derives a key of `length` bytes.
///
/// # Errors
/// `MechanismParamInvalid` for a function that is unknown, shared data without a function, or a public key
/// that is none of the curve; `AttributeValueInvalid` for a length that the function cannot give.
pub(super) fn derive(
    params: Params<'_>,
    key: &Arc<Object>,
    length: Option<usize>,
) -> Result<SecretBytes> {
    let (kdf, shared, public) = read(params)?;
    if public.is_empty() {
        return Err(Error::MechanismParamInvalid(
            "the other side's public key is missing",
        ));
    }
    let bad = Error::MechanismParamInvalid("the public key is not a point of the key's curve");
    let secret = agree(key, public)?.ok_or(bad)?;
    kdf.derive(&secret, shared, length)
}

/// Makes a key pair for once and agrees with it on a secret: the ciphertext is its public half, raw.
///
/// # Errors
/// `MechanismParamInvalid` as for [`derive`] and for a public key in the parameter.
pub(super) fn encapsulate(
    params: Params<'_>,
    key: &Arc<Object>,
    length: Option<usize>,
) -> Result<(Vec<u8>, SecretBytes)> {
    let (kdf, shared) = without_public(params)?;
    let curve = keys::curve(key.attributes())?;
    let peer = keys::point(key.attributes())?;
    let (public, secret) = match curve {
        NamedCurve::Weierstrass(curve) => {
            let own = PrivateKey::generate(curve)?;
            (own.public_point()?, own.agree(&peer))
        }
        NamedCurve::X25519 => {
            let own = SecretBytes::random(montgomery::KEY_SIZE)?;
            let public = montgomery_public(&own)?;
            (public, agree_x25519(&own, &peer)?)
        }
        NamedCurve::Ed25519 => return Err(Error::KeyTypeInconsistent),
    };
    // A public key object whose point gives no secret is none to encapsulate to.
    let secret = secret.ok_or(Error::KeyTypeInconsistent)?;
    Ok((public, kdf.derive(&secret, shared, length)?))
}

/// The length in bytes of the public half that [`encapsulate`] gives.
///
/// # Errors
/// As [`encapsulate`].
pub(super) fn encapsulated_length(params: Params<'_>, key: &Object) -> Result<usize> {
    without_public(params)?;
    keys::point(key.attributes()).map(|point| point.len())
}

/// The other side of [`encapsulate`].
///
/// # Errors
/// `WrappedKeyInvalid` for what is no point of the key's curve.
pub(super) fn decapsulate(
    params: Params<'_>,
    key: &Arc<Object>,
    ciphertext: &[u8],
    length: Option<usize>,
) -> Result<SecretBytes> {
    let (kdf, shared) = without_public(params)?;
    let secret = agree(key, ciphertext)?.ok_or(Error::WrappedKeyInvalid)?;
    kdf.derive(&secret, shared, length)
}

/// Reads the parameter.
fn read(params: Params<'_>) -> Result<(Kdf, &[u8], &[u8])> {
    let Params::Ecdh1 {
        kdf,
        shared,
        public,
    } = params
    else {
        return Err(Error::MechanismParamInvalid("ECDH needs its parameters"));
    };
    let kdf = Kdf::named(kdf)?;
    if matches!(kdf, Kdf::Null) && !shared.is_empty() {
        return Err(Error::MechanismParamInvalid(
            "CKD_NULL takes no shared data",
        ));
    }
    Ok((kdf, shared, public))
}

/// The parameter as encapsulation wants it.
fn without_public(params: Params<'_>) -> Result<(Kdf, &[u8])> {
    let (kdf, shared, public) = read(params)?;
    if public.is_empty() {
        Ok((kdf, shared))
    } else {
        Err(Error::MechanismParamInvalid(
            "encapsulation takes no public key in its parameter",
        ))
    }
}

/// The secret that a private key shares with a public one; `None` for what is no point of its curve.
fn agree(key: &Arc<Object>, public: &[u8]) -> Result<Option<SecretBytes>> {
    let curve = keys::curve(key.attributes())?;
    let Some(peer) = curve.read_point(public) else {
        return Ok(None);
    };
    match curve {
        NamedCurve::Weierstrass(_) => Ok(keys::private(key)?.agree(&peer)),
        NamedCurve::X25519 => agree_x25519(keys::value(key.attributes())?, &peer),
        NamedCurve::Ed25519 => Err(Error::KeyTypeInconsistent),
    }
}

/// The number of an X25519 key.
fn x25519(number: &SecretBytes) -> Result<&[u8; montgomery::KEY_SIZE]> {
    let number = number.expose();
    number.try_into().map_err(|_| Error::KeyTypeInconsistent)
}

fn montgomery_public(own: &SecretBytes) -> Result<Vec<u8>> {
    Ok(montgomery::public(x25519(own)?).to_vec())
}

fn agree_x25519(own: &SecretBytes, peer: &[u8]) -> Result<Option<SecretBytes>> {
    let (own, peer) = (x25519(own)?, peer.try_into().ok());
    Ok(peer.and_then(|peer| montgomery::agree(own, peer)))
}
