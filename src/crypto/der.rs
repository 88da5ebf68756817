//! The few DER structures that keys travel in: OCTET STRING, SubjectPublicKeyInfo (RFC 5280) and
//! PKCS#8 PrivateKeyInfo (RFC 5958), on the crates of RustCrypto, which refuse what is not strict DER.
#![forbid(unsafe_code)]

mod scheme;

use super::ec::Curve;
use super::rsa::{Imported, Parts};
use super::scheme::Scheme;
use crate::secret::SecretBytes;
use pkcs8::der::asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef};
use pkcs8::der::{Decode, Encode};
use pkcs8::{AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
const P224: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.33");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const SECP256K1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");
const BRAINPOOL_224: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.5");
const BRAINPOOL_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.7");
const BRAINPOOL_320: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.9");
const BRAINPOOL_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.11");
const BRAINPOOL_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.13");

/// What a public key is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublicNumbers<'a> {
    /// Modulus and exponent, big-endian.
    Rsa(&'a [u8], &'a [u8]),
    /// Curve and uncompressed point.
    Ec(Curve, &'a [u8]),
    /// The encoded point.
    Ed25519(&'a [u8]),
    /// The u coordinate.
    X25519(&'a [u8]),
    /// The public key of a scheme.
    Scheme(Scheme, &'a [u8]),
}

/// What a private key is made of, to be written.
#[derive(Clone, Copy)]
pub enum PrivateNumbers<'a> {
    /// Every number.
    Rsa(&'a Parts),
    /// Curve, private number (as long as a coordinate) and, where it is known, the uncompressed point.
    Ec(Curve, &'a [u8], Option<&'a [u8]>),
    /// The seed.
    Ed25519(&'a [u8]),
    /// The private number.
    X25519(&'a [u8]),
    /// The seed, where there is one and it is known, and the private key of a scheme.
    Scheme(Scheme, Option<&'a [u8]>, &'a [u8]),
}

/// A private key as it was read, borrowed from its encoding. Nothing is checked but the form.
#[derive(Clone, Copy)]
pub enum ReadPrivate<'a> {
    /// Every number.
    Rsa(Imported<'a>),
    /// Curve and private number.
    Ec(Curve, &'a [u8]),
    /// The seed.
    Ed25519(&'a [u8]),
    /// The private number.
    X25519(&'a [u8]),
    /// The seed and the private key of a scheme; at least one is there.
    Scheme(Scheme, Option<&'a [u8]>, Option<&'a [u8]>),
}

/// The DER of an OCTET STRING.
#[must_use]
pub fn octet_string(content: &[u8]) -> Vec<u8> {
    element(0x04, content)
}

/// The content of an OCTET STRING; `None` unless the bytes are one in strict DER and nothing else.
#[must_use]
pub fn read_octet_string(encoded: &[u8]) -> Option<&[u8]> {
    <&OctetStringRef>::from_der(encoded)
        .ok()
        .map(OctetStringRef::as_bytes)
}

/// One DER element with a tag of one byte.
#[must_use]
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let bytes = content.len().to_be_bytes();
    let significant = bytes
        .iter()
        .skip_while(|byte| **byte == 0)
        .copied()
        .collect::<Vec<_>>();
    let mut out = vec![tag];
    match (u8::try_from(content.len()), u8::try_from(significant.len())) {
        (Ok(short @ 0..=0x7f), _) => out.push(short),
        (_, Ok(count)) => {
            out.push(0x80 | count);
            out.extend_from_slice(&significant);
        }
        (_, Err(_)) => {}
    }
    out.extend_from_slice(content);
    out
}

/// The DER of an object identifier of a curve.
#[must_use]
pub fn curve_identifier(curve: Curve) -> Vec<u8> {
    element(0x06, identifier(curve).as_bytes())
}

fn identifier(curve: Curve) -> ObjectIdentifier {
    match curve {
        Curve::P224 => P224,
        Curve::P256 => P256,
        Curve::P384 => P384,
        Curve::P521 => P521,
        Curve::Secp256k1 => SECP256K1,
        Curve::Brainpool224 => BRAINPOOL_224,
        Curve::Brainpool256 => BRAINPOOL_256,
        Curve::Brainpool320 => BRAINPOOL_320,
        Curve::Brainpool384 => BRAINPOOL_384,
        Curve::Brainpool512 => BRAINPOOL_512,
    }
}

fn curve(identifier: ObjectIdentifier) -> Option<Curve> {
    Curve::ALL
        .into_iter()
        .find(|curve| self::identifier(*curve) == identifier)
}

/// The DER of SubjectPublicKeyInfo (RFC 3279 for RSA, RFC 5480 for the curves, RFC 8410 for Ed25519
/// and X25519; for the rest see `scheme`).
/// `None` only for lengths beyond what DER can tell.
#[must_use]
pub fn public_key_info(key: PublicNumbers<'_>) -> Option<Vec<u8>> {
    match key {
        PublicNumbers::Rsa(modulus, exponent) => {
            let key = pkcs1::RsaPublicKeyRef {
                modulus: UintRef::new(modulus).ok()?,
                public_exponent: UintRef::new(exponent).ok()?,
            };
            subject_key(RSA, Some(AnyRef::NULL), &key.to_der().ok()?)
        }
        PublicNumbers::Ec(curve, point) => {
            subject_key(EC, Some(AnyRef::from(&identifier(curve))), point)
        }
        PublicNumbers::Ed25519(point) => subject_key(ED25519, None, point),
        PublicNumbers::X25519(u) => subject_key(X25519, None, u),
        PublicNumbers::Scheme(own, key) => subject_key(scheme::identifier(own), None, key),
    }
}

fn subject_key(
    oid: ObjectIdentifier,
    parameters: Option<AnyRef<'_>>,
    key: &[u8],
) -> Option<Vec<u8>> {
    let algorithm = AlgorithmIdentifierRef { oid, parameters };
    let subject_public_key = BitStringRef::from_bytes(key).ok()?;
    SubjectPublicKeyInfoRef {
        algorithm,
        subject_public_key,
    }
    .to_der()
    .ok()
}

/// The DER of PrivateKeyInfo. `None` only for lengths beyond what DER can tell.
#[must_use]
pub fn private_key_info(key: PrivateNumbers<'_>) -> Option<SecretBytes> {
    match key {
        PrivateNumbers::Rsa(parts) => {
            let inner = Zeroizing::new(rsa_private_key(parts)?);
            wrapped(RSA, Some(AnyRef::NULL), &inner)
        }
        PrivateNumbers::Ec(curve, number, point) => {
            let key = sec1::EcPrivateKey {
                private_key: number,
                parameters: None,
                public_key: point,
            };
            let inner = Zeroizing::new(key.to_der().ok()?);
            wrapped(EC, Some(AnyRef::from(&identifier(curve))), &inner)
        }
        PrivateNumbers::Ed25519(seed) => {
            wrapped(ED25519, None, &Zeroizing::new(octet_string(seed)))
        }
        PrivateNumbers::X25519(number) => {
            wrapped(X25519, None, &Zeroizing::new(octet_string(number)))
        }
        PrivateNumbers::Scheme(own, seed, key) => {
            let inner = scheme::write(own, seed, key);
            wrapped(scheme::identifier(own), None, &inner)
        }
    }
}

fn rsa_private_key(parts: &Parts) -> Option<Vec<u8>> {
    pkcs1::RsaPrivateKeyRef {
        modulus: UintRef::new(&parts.modulus).ok()?,
        public_exponent: UintRef::new(&parts.public_exponent).ok()?,
        private_exponent: UintRef::new(parts.private_exponent.expose()).ok()?,
        prime1: UintRef::new(parts.prime_1.expose()).ok()?,
        prime2: UintRef::new(parts.prime_2.expose()).ok()?,
        exponent1: UintRef::new(parts.exponent_1.expose()).ok()?,
        exponent2: UintRef::new(parts.exponent_2.expose()).ok()?,
        coefficient: UintRef::new(parts.coefficient.expose()).ok()?,
        other_prime_infos: None,
    }
    .to_der()
    .ok()
}

fn wrapped(
    oid: ObjectIdentifier,
    parameters: Option<AnyRef<'_>>,
    key: &[u8],
) -> Option<SecretBytes> {
    let algorithm = AlgorithmIdentifierRef { oid, parameters };
    PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(key).ok()?)
        .to_der()
        .ok()
        .map(SecretBytes::take)
}

/// Reads a PrivateKeyInfo, of version 1 or 2. `None` unless it is strict DER with nothing after it and of a
/// type that this module knows.
#[must_use]
pub fn read_private_key_info(encoded: &[u8]) -> Option<ReadPrivate<'_>> {
    let info = PrivateKeyInfoRef::from_der(encoded).ok()?;
    let inner = info.private_key.as_bytes();
    let parameters = info.algorithm.parameters;
    match info.algorithm.oid {
        RSA => {
            let none = parameters.is_none_or(|parameters| parameters == AnyRef::NULL);
            none.then(|| read_rsa(inner)).flatten()
        }
        EC => {
            let curve = curve(parameters?.decode_as::<ObjectIdentifier>().ok()?)?;
            let key = sec1::EcPrivateKey::from_der(inner).ok()?;
            let named = key
                .parameters
                .and_then(|parameters| parameters.named_curve());
            let agrees = named.is_none_or(|named| named == identifier(curve));
            agrees.then_some(ReadPrivate::Ec(curve, key.private_key))
        }
        ED25519 if parameters.is_none() => read_octet_string(inner).map(ReadPrivate::Ed25519),
        X25519 if parameters.is_none() => read_octet_string(inner).map(ReadPrivate::X25519),
        oid if parameters.is_none() => {
            let own = scheme::named(oid)?;
            let (seed, key) = scheme::read(own, inner)?;
            Some(ReadPrivate::Scheme(own, seed, key))
        }
        _ => None,
    }
}

fn read_rsa(encoded: &[u8]) -> Option<ReadPrivate<'_>> {
    let key = pkcs1::RsaPrivateKeyRef::from_der(encoded).ok()?;
    key.other_prime_infos
        .is_none()
        .then_some(ReadPrivate::Rsa(Imported {
            modulus: key.modulus.as_bytes(),
            public_exponent: key.public_exponent.as_bytes(),
            private_exponent: key.private_exponent.as_bytes(),
            primes: Some([key.prime1.as_bytes(), key.prime2.as_bytes()]),
            exponents: Some([key.exponent1.as_bytes(), key.exponent2.as_bytes()]),
            coefficient: Some(key.coefficient.as_bytes()),
        }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octet_strings_of_every_length_form_are_read_back() {
        for length in [0, 1, 127, 128, 255, 256, 65_536] {
            let content = vec![7; length];
            assert_eq!(
                read_octet_string(&octet_string(&content)),
                Some(content.as_slice())
            );
        }
    }

    #[test]
    fn octet_strings_that_are_not_strict_are_refused() {
        let bad: [&[u8]; 6] = [
            &[],
            &[4],
            &[4, 2, 1],
            &[4, 1, 1, 1],
            &[4, 0x81, 1, 1],
            &[0x24, 3, 4, 1, 1],
        ];
        for bytes in bad {
            assert_eq!(read_octet_string(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn ed25519_private_key_of_rfc_8410_is_read_and_written() {
        let seed = [0xd4; 32];
        let encoded = private_key_info(PrivateNumbers::Ed25519(&seed)).unwrap();
        let head = [
            0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
        ];
        assert_eq!(encoded.expose(), [&head[..], &seed].concat());
        let read = read_private_key_info(encoded.expose());
        assert!(matches!(read, Some(ReadPrivate::Ed25519(own)) if own == seed));
    }

    #[test]
    fn trailing_bytes_after_a_private_key_are_refused() {
        let mut encoded = private_key_info(PrivateNumbers::X25519(&[1; 32]))
            .unwrap()
            .expose()
            .to_vec();
        assert!(read_private_key_info(&encoded).is_some());
        encoded.push(0);
        assert!(read_private_key_info(&encoded).is_none());
    }
}
