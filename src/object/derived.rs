//! Attributes that follow from the key itself: `CKA_CHECK_VALUE` and `CKA_PUBLIC_KEY_INFO`.

use super::attribute::Attributes;
use super::material::{self, NamedCurve};
use super::schema::family::Family;
use crate::crypto::der::{PublicNumbers, public_key_info as encode, read_octet_string};
use cryptoki_sys::{CKA_EC_PARAMS, CKA_EC_POINT, CKA_MODULUS, CKA_PUBLIC_EXPONENT};

/// The check value of a key or certificate, 3 bytes (PKCS #11 3.2, sections 4.6 and 4.10).
pub(super) fn check_value(_attributes: &Attributes, _family: Family) -> Option<Vec<u8>> {
    None
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
        Family::Data
        | Family::X509Certificate
        | Family::AttributeCertificate
        | Family::Aes
        | Family::Generic
        | Family::DomainParameters
        | Family::Mechanism
        | Family::Profile => None,
    }
}
