//! Attributes that follow from the key itself: `CKA_CHECK_VALUE` and `CKA_PUBLIC_KEY_INFO`.

use super::attribute::{Attributes, Value};
use super::material::{self, NamedCurve};
use super::parameter_sets;
use super::schema::family::Family;
use crate::crypto::aes;
use crate::crypto::der::{PublicNumbers, public_key_info as encode, read_octet_string};
use crate::crypto::hash::Hash;
use cryptoki_sys::{CKA_EC_PARAMS, CKA_EC_POINT, CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_VALUE};

/// The check value of a key or certificate, 3 bytes (PKCS #11 3.2, sections 4.6, 4.10, 6.8 and 6.9): the
/// start of a block of zeros encrypted for AES, of the SHA-1 of the value for the rest.
pub(super) fn check_value(attributes: &Attributes, family: Family) -> Option<Vec<u8>> {
    const LENGTH: usize = 3;
    let start = |bytes: &[u8]| bytes.get(..LENGTH).map(<[u8]>::to_vec);
    if family == Family::Aes {
        let key = aes::Key::new(attributes.secret(CKA_VALUE)?.expose()).ok()?;
        let mut block = [0; aes::BLOCK];
        key.ecb_encrypt(&[0; aes::BLOCK], &mut block).ok()?;
        return start(&block);
    }
    let value = attributes.value(CKA_VALUE).and_then(Value::as_bytes)?;
    let mut digest = [0; Hash::Sha1.length()];
    Hash::Sha1.digest(&[value], &mut digest).ok()?;
    start(&digest)
}

/// The SubjectPublicKeyInfo of a public or private key.
pub(super) fn public_key_info(attributes: &Attributes, family: Family) -> Option<Vec<u8>> {
    match family {
        Family::RsaPublic | Family::RsaPrivate => encode(PublicNumbers::Rsa(
            attributes.bytes(CKA_MODULUS)?,
            attributes.bytes(CKA_PUBLIC_EXPONENT)?,
        )),
        Family::EcPublic
        | Family::EcPrivate
        | Family::EdwardsPublic
        | Family::EdwardsPrivate
        | Family::MontgomeryPublic
        | Family::MontgomeryPrivate => {
            let stored = attributes.bytes(CKA_EC_POINT)?;
            let point = read_octet_string(stored).unwrap_or(stored);
            match material::curve(attributes.bytes(CKA_EC_PARAMS)?)? {
                NamedCurve::Weierstrass(curve) => encode(PublicNumbers::Ec(curve, point)),
                NamedCurve::Ed25519 => encode(PublicNumbers::Ed25519(point)),
                NamedCurve::X25519 => encode(PublicNumbers::X25519(point)),
            }
        }
        Family::MlKemPublic
        | Family::MlKemPrivate
        | Family::MlDsaPublic
        | Family::MlDsaPrivate
        | Family::SlhDsaPublic
        | Family::SlhDsaPrivate => {
            let (scheme, key) = parameter_sets::public_key(attributes)?;
            encode(PublicNumbers::Scheme(scheme, &key))
        }
        Family::Data
        | Family::X509Certificate
        | Family::AttributeCertificate
        | Family::Aes
        | Family::Generic
        | Family::AesXts
        | Family::ChaCha20
        | Family::Poly1305
        | Family::DomainParameters
        | Family::Mechanism
        | Family::Profile
        | Family::Trust
        | Family::Validation => None,
    }
}
