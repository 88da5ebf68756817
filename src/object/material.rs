//! Key material from outside: is it a key at all, and what follows from it. The arithmetic is
//! `crypto`'s; here it is joined to attributes.

pub use crate::crypto::curve::NamedCurve;

use super::attribute::{AttributeType, Attributes, Value};
use super::parameter_sets;
use super::schema::family::Family;
use crate::crypto::curve::Unread;
use crate::crypto::known::{self, Families};
use crate::crypto::rsa::{self, Imported};
use crate::crypto::{ec, edwards, montgomery};
use crate::error::{Error, Result};
use cryptoki_sys::{
    CKA_COEFFICIENT, CKA_EC_PARAMS, CKA_EC_POINT, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_MODULUS,
    CKA_PRIME_1, CKA_PRIME_2, CKA_PRIVATE_EXPONENT, CKA_PUBLIC_EXPONENT, CKA_VALUE,
};

/// The curve that `CKA_EC_PARAMS` names; `None` when it is none of ours.
#[must_use]
pub fn curve(params: &[u8]) -> Option<NamedCurve> {
    NamedCurve::read(params).ok()
}

/// The curve of a key's or template's parameters.
///
/// # Errors
/// `CurveNotSupported` for another curve, `AttributeValueInvalid` for bytes that name none.
pub fn checked_curve(params: &[u8]) -> Result<NamedCurve> {
    NamedCurve::read(params).map_err(|unread| match unread {
        Unread::Unknown => Error::CurveNotSupported,
        Unread::Malformed => Error::AttributeValueInvalid(CKA_EC_PARAMS),
    })
}

/// The algorithms that a key from outside is checked by.
const fn needs(family: Family) -> Families {
    match family {
        Family::RsaPublic | Family::RsaPrivate => Families::RSA,
        Family::EcPublic | Family::EcPrivate => Families::EC,
        Family::EdwardsPublic | Family::EdwardsPrivate => Families::ED25519,
        Family::MontgomeryPublic | Family::MontgomeryPrivate => Families::X25519,
        Family::MlKemPublic | Family::MlKemPrivate => Families::ML_KEM,
        Family::MlDsaPublic | Family::MlDsaPrivate => Families::ML_DSA,
        Family::SlhDsaPublic | Family::SlhDsaPrivate => Families::SLH_DSA,
        Family::DomainParameters
        | Family::Data
        | Family::X509Certificate
        | Family::AttributeCertificate
        | Family::Aes
        | Family::Generic
        | Family::AesXts
        | Family::ChaCha20
        | Family::Poly1305
        | Family::Mechanism
        | Family::Profile
        | Family::Trust
        | Family::Validation => Families::NONE,
    }
}

/// Checks a key that came from outside, brings it into the form in which keys are kept, and adds what
/// follows from it.
///
/// # Errors
/// `AttributeValueInvalid` of the attribute at fault, `TemplateIncomplete`, `CurveNotSupported`.
pub(super) fn complete(family: Family, key: &mut Attributes) -> Result<()> {
    known::ready(needs(family))?;
    match family {
        Family::RsaPublic => rsa_public(key),
        Family::RsaPrivate => rsa_private(key),
        Family::EcPublic | Family::EdwardsPublic | Family::MontgomeryPublic => {
            let curve = curve_of(family, key)?;
            let point = needed(key, CKA_EC_POINT)?;
            let point = kept_point(curve, point);
            let point = point.ok_or(Error::AttributeValueInvalid(CKA_EC_POINT))?;
            key.set(CKA_EC_POINT, Value::Bytes(point));
            Ok(())
        }
        Family::EcPrivate | Family::EdwardsPrivate | Family::MontgomeryPrivate => {
            let curve = curve_of(family, key)?;
            curve_private(curve, key)
        }
        Family::MlKemPublic | Family::MlDsaPublic | Family::SlhDsaPublic => {
            parameter_sets::complete_public(key)
        }
        Family::MlKemPrivate | Family::MlDsaPrivate | Family::SlhDsaPrivate => {
            parameter_sets::complete_private(key)
        }
        Family::DomainParameters => checked_curve(needed(key, CKA_EC_PARAMS)?).map(drop),
        Family::Data
        | Family::X509Certificate
        | Family::AttributeCertificate
        | Family::Aes
        | Family::Generic
        | Family::AesXts
        | Family::ChaCha20
        | Family::Poly1305
        | Family::Mechanism
        | Family::Profile
        | Family::Trust
        | Family::Validation => Ok(()),
    }
}

fn needed(key: &Attributes, kind: AttributeType) -> Result<&[u8]> {
    let value = key.value(kind).and_then(Value::as_bytes);
    value.ok_or(Error::TemplateIncomplete(kind))
}

fn curve_of(family: Family, key: &Attributes) -> Result<NamedCurve> {
    let curve = checked_curve(needed(key, CKA_EC_PARAMS)?)?;
    let fits = match curve {
        NamedCurve::Weierstrass(_) => matches!(family, Family::EcPublic | Family::EcPrivate),
        NamedCurve::Ed25519 => matches!(family, Family::EdwardsPublic | Family::EdwardsPrivate),
        NamedCurve::X25519 => {
            matches!(family, Family::MontgomeryPublic | Family::MontgomeryPrivate)
        }
    };
    if fits {
        Ok(curve)
    } else {
        Err(Error::AttributeValueInvalid(CKA_EC_PARAMS))
    }
}

/// A public point in the form in which it is kept and shown. Callers may give it raw or as OCTET STRING.
/// `None` when it is no point of the curve.
fn kept_point(curve: NamedCurve, given: &[u8]) -> Option<Vec<u8>> {
    curve
        .read_point(given)
        .map(|point| curve.show_point(&point))
}

fn curve_private(curve: NamedCurve, key: &mut Attributes) -> Result<()> {
    let invalid = || Error::AttributeValueInvalid(CKA_VALUE);
    let number = needed(key, CKA_VALUE)?;
    let (number, point) = match curve {
        NamedCurve::Weierstrass(curve) => {
            let own = ec::PrivateKey::new(curve, number).ok_or_else(invalid)?;
            (Some(own.number()?), own.public_point()?)
        }
        NamedCurve::Ed25519 => {
            let own = edwards::PrivateKey::new(number).ok_or_else(invalid)?;
            (None, own.public().encoded().to_vec())
        }
        NamedCurve::X25519 => {
            let own = <&[u8; montgomery::KEY_SIZE]>::try_from(number).map_err(|_| invalid())?;
            (None, montgomery::public(own).to_vec())
        }
    };
    let point = curve.show_point(&point);
    if let Some(given) = key.bytes(CKA_EC_POINT)
        && kept_point(curve, given).as_ref() != Some(&point)
    {
        return Err(Error::AttributeValueInvalid(CKA_EC_POINT));
    }
    if let Some(number) = number {
        key.set(CKA_VALUE, Value::secret(number));
    }
    key.set(CKA_EC_POINT, Value::Bytes(point));
    Ok(())
}

fn rsa_public(key: &Attributes) -> Result<()> {
    let (modulus, exponent) = (needed(key, CKA_MODULUS)?, needed(key, CKA_PUBLIC_EXPONENT)?);
    match rsa::PublicKey::new(modulus, exponent) {
        Some(_) => Ok(()),
        None => Err(Error::AttributeValueInvalid(CKA_MODULUS)),
    }
}

fn rsa_private(key: &mut Attributes) -> Result<()> {
    let part = |kind| key.value(kind).and_then(Value::as_bytes);
    let both = |first, second| Some([part(first)?, part(second)?]);
    let numbers = Imported {
        modulus: needed(key, CKA_MODULUS)?,
        public_exponent: needed(key, CKA_PUBLIC_EXPONENT)?,
        private_exponent: needed(key, CKA_PRIVATE_EXPONENT)?,
        primes: both(CKA_PRIME_1, CKA_PRIME_2),
        exponents: both(CKA_EXPONENT_1, CKA_EXPONENT_2),
        coefficient: part(CKA_COEFFICIENT),
    };
    let own = rsa::PrivateKey::import(&numbers);
    let own = own
        .ok_or(Error::AttributeValueInvalid(CKA_PRIVATE_EXPONENT))?
        .parts()?;
    key.set(CKA_MODULUS, Value::Bytes(own.modulus));
    key.set(CKA_PUBLIC_EXPONENT, Value::Bytes(own.public_exponent));
    for (kind, number) in [
        (CKA_PRIVATE_EXPONENT, own.private_exponent),
        (CKA_PRIME_1, own.prime_1),
        (CKA_PRIME_2, own.prime_2),
        (CKA_EXPONENT_1, own.exponent_1),
        (CKA_EXPONENT_2, own.exponent_2),
        (CKA_COEFFICIENT, own.coefficient),
    ] {
        key.set(kind, Value::secret(number));
    }
    Ok(())
}
