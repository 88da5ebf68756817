//! Private keys as PKCS#8 `PrivateKeyInfo` (PKCS #11 3.2, section 6.7): what a secret key wraps.

use super::row::Generated;
use super::rsa;
use crate::crypto::curve::NamedCurve;
use crate::crypto::der::{PrivateNumbers, ReadPrivate, private_key_info, read_private_key_info};
use crate::crypto::rsa::{Parts, PrivateKey};
use crate::crypto::{ec, edwards, montgomery};
use crate::error::{Error, Result};
use crate::object::attribute::{Attributes, Value};
use crate::object::parameter_sets::{numbers, scheme_of};
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKA_COEFFICIENT, CKA_EC_PARAMS, CKA_EC_POINT, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_MODULUS,
    CKA_PARAMETER_SET, CKA_PRIME_1, CKA_PRIME_2, CKA_PRIVATE_EXPONENT, CKA_PUBLIC_EXPONENT,
    CKA_SEED, CKA_VALUE, CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY, CKK_RSA,
};

/// The DER of a private key object.
///
/// # Errors
/// `KeyNotWrappable` for objects that are no private key of a type that has such a form.
pub fn encode(attributes: &Attributes) -> Result<SecretBytes> {
    match attributes.key_type() {
        Some(CKK_RSA) => {
            let numbers = rsa::private_numbers(attributes).map_err(|_| Error::KeyNotWrappable)?;
            let parts = PrivateKey::load(&numbers)
                .ok_or(Error::KeyNotWrappable)?
                .parts()?;
            private_key_info(PrivateNumbers::Rsa(&parts))
        }
        Some(CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY) => {
            let parameters = attributes
                .bytes(CKA_EC_PARAMS)
                .ok_or(Error::KeyNotWrappable)?;
            let value = attributes
                .secret(CKA_VALUE)
                .ok_or(Error::KeyNotWrappable)?
                .expose();
            match NamedCurve::read(parameters).map_err(|_| Error::KeyNotWrappable)? {
                NamedCurve::Weierstrass(curve) => {
                    let key = ec::PrivateKey::new(curve, value).ok_or(Error::KeyNotWrappable)?;
                    let (number, point) = (key.number()?, key.public_point()?);
                    private_key_info(PrivateNumbers::Ec(curve, number.expose(), Some(&point)))
                }
                NamedCurve::Ed25519 => private_key_info(PrivateNumbers::Ed25519(value)),
                NamedCurve::X25519 => private_key_info(PrivateNumbers::X25519(value)),
            }
        }
        _ => {
            let scheme = scheme_of(attributes).ok_or(Error::KeyNotWrappable)?;
            let value = attributes.secret(CKA_VALUE).ok_or(Error::KeyNotWrappable)?;
            let seed = attributes.secret(CKA_SEED).map(SecretBytes::expose);
            private_key_info(PrivateNumbers::Scheme(scheme, seed, value.expose()))
        }
    }
    .ok_or(Error::KeyNotWrappable)
}

/// The encoding without the zeros, at most seven, with which AES key wrap fills it up to whole semiblocks
/// (PKCS #11 3.2, section 6.16.3). DER says itself how long it is.
fn without_fill(encoded: &[u8]) -> &[u8] {
    let (header, body) = match encoded {
        [0x30, length @ 0..=0x7f, ..] => (2, usize::from(*length)),
        [0x30, 0x81, length, ..] => (3, usize::from(*length)),
        [0x30, 0x82, high, low, ..] => (4, usize::from(u16::from_be_bytes([*high, *low]))),
        _ => return encoded,
    };
    match encoded.split_at_checked(header + body) {
        Some((key, fill)) if fill.len() < 8 && fill.iter().all(|byte| *byte == 0) => key,
        _ => encoded,
    }
}

/// The attributes of the key in a `PrivateKeyInfo`, complete and not contradicting one another; that RSA
/// primes are prime is found out when the object is made. `kind` is the key type (`CKK_…`) that the
/// template asks for.
///
/// # Errors
/// `WrappedKeyInvalid` for anything else than a whole and valid private key of that type in strict DER.
pub fn decode(encoded: &SecretBytes, kind: u64) -> Result<Generated> {
    let encoded = without_fill(encoded.expose());
    let read = read_private_key_info(encoded).ok_or(Error::WrappedKeyInvalid)?;
    match (read, kind) {
        (ReadPrivate::Rsa(numbers), CKK_RSA) => {
            let key = PrivateKey::load(&numbers).ok_or(Error::WrappedKeyInvalid)?;
            Ok(rsa_attributes(key.parts()?))
        }
        (ReadPrivate::Ec(curve, number), CKK_EC) => {
            let key = ec::PrivateKey::new(curve, number).ok_or(Error::WrappedKeyInvalid)?;
            let curve = NamedCurve::Weierstrass(curve);
            Ok(curve_attributes(
                &curve.parameters(),
                key.number()?,
                curve,
                &key.public_point()?,
            ))
        }
        (ReadPrivate::Ed25519(seed), CKK_EC_EDWARDS) => {
            let key = edwards::PrivateKey::new(seed).ok_or(Error::WrappedKeyInvalid)?;
            let (curve, seed) = (NamedCurve::Ed25519, SecretBytes::copy_of(seed));
            Ok(curve_attributes(
                &curve.parameters(),
                seed,
                curve,
                key.public().encoded(),
            ))
        }
        (ReadPrivate::X25519(number), CKK_EC_MONTGOMERY) => {
            let own = number.try_into().map_err(|_| Error::WrappedKeyInvalid)?;
            let (curve, number) = (NamedCurve::X25519, SecretBytes::copy_of(number));
            Ok(curve_attributes(
                &curve.parameters(),
                number,
                curve,
                &montgomery::public(own),
            ))
        }
        (ReadPrivate::Scheme(scheme, seed, private), _) if numbers(scheme).0 == kind => {
            // What was computed from a seed, or contradicts it, is seen when the object is made.
            let part = |kind, own: &[u8]| (kind, Value::secret(SecretBytes::copy_of(own)));
            let mut attributes = vec![(CKA_PARAMETER_SET, Value::Ulong(numbers(scheme).1))];
            attributes.extend(seed.map(|own| part(CKA_SEED, own)));
            attributes.extend(private.map(|own| part(CKA_VALUE, own)));
            Ok(attributes)
        }
        _ => Err(Error::WrappedKeyInvalid),
    }
}

/// The attributes of an RSA private key.
pub(super) fn rsa_attributes(parts: Parts) -> Generated {
    vec![
        (CKA_MODULUS, Value::Bytes(parts.modulus)),
        (CKA_PUBLIC_EXPONENT, Value::Bytes(parts.public_exponent)),
        (CKA_PRIVATE_EXPONENT, Value::secret(parts.private_exponent)),
        (CKA_PRIME_1, Value::secret(parts.prime_1)),
        (CKA_PRIME_2, Value::secret(parts.prime_2)),
        (CKA_EXPONENT_1, Value::secret(parts.exponent_1)),
        (CKA_EXPONENT_2, Value::secret(parts.exponent_2)),
        (CKA_COEFFICIENT, Value::secret(parts.coefficient)),
    ]
}

/// The attributes of a private key on a curve; it keeps its public point, which tools ask for.
pub(super) fn curve_attributes(
    parameters: &[u8],
    value: SecretBytes,
    curve: NamedCurve,
    point: &[u8],
) -> Generated {
    vec![
        (CKA_EC_PARAMS, Value::Bytes(parameters.to_vec())),
        (CKA_EC_POINT, Value::Bytes(curve.show_point(point))),
        (CKA_VALUE, Value::secret(value)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fill_of_key_wrap_is_taken_off_and_nothing_else() {
        for length in [0usize, 5, 0x7f, 0x80, 0xff, 0x100, 2000] {
            let mut encoded = match length {
                0..0x80 => vec![0x30],
                0x80..0x100 => vec![0x30, 0x81],
                _ => vec![0x30, 0x82, length.to_be_bytes()[6]],
            };
            encoded.push(length.to_be_bytes()[7]);
            encoded.extend(vec![0; length]);
            let key = encoded.clone();
            for fill in 0..10 {
                let expected = if fill < 8 { &key } else { &encoded };
                assert_eq!(without_fill(&encoded), expected, "{length} and {fill}");
                encoded.push(0);
            }
            let mut other = key.clone();
            other.push(1);
            assert_eq!(without_fill(&other), other);
            assert_eq!(without_fill(&key[..key.len() - 1]), &key[..key.len() - 1]);
        }
    }
}
