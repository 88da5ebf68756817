//! From SubjectPublicKeyInfo to the attributes of a public key object, and to the id that people expect.

use crate::failure::Failure;
use cryptoki_sys::*;
use keyward_pkcs11::crypto::der::{element, octet_string};
use keyward_pkcs11::crypto::hash::Hash;
use keyward_pkcs11::object::attribute::{AttributeType, Value};
use keyward_pkcs11::secret::SecretBytes;
use pkcs8::der::Decode;
use pkcs8::der::asn1::{AnyRef, UintRef};
use pkcs8::{ObjectIdentifier, SubjectPublicKeyInfoRef};

/// The tag of an object identifier in DER.
const IDENTIFIER: u8 = 0x06;

/// The types of keys by the identifiers of their algorithms (RFC 8017, 5480, 8410, 9881, 9909, 9935, 3279).
/// A number behind it is the parameter set.
const ALGORITHMS: &[(&str, u64, Option<u64>)] = &[
    ("1.2.840.113549.1.1.1", CKK_RSA, None),
    ("1.2.840.10045.2.1", CKK_EC, None),
    ("1.3.101.112", CKK_EC_EDWARDS, None),
    ("1.3.101.113", CKK_EC_EDWARDS, None),
    ("1.3.101.110", CKK_EC_MONTGOMERY, None),
    ("1.3.101.111", CKK_EC_MONTGOMERY, None),
    ("2.16.840.1.101.3.4.4.1", CKK_ML_KEM, Some(CKP_ML_KEM_512)),
    ("2.16.840.1.101.3.4.4.2", CKK_ML_KEM, Some(CKP_ML_KEM_768)),
    ("2.16.840.1.101.3.4.4.3", CKK_ML_KEM, Some(CKP_ML_KEM_1024)),
    ("2.16.840.1.101.3.4.3.17", CKK_ML_DSA, Some(CKP_ML_DSA_44)),
    ("2.16.840.1.101.3.4.3.18", CKK_ML_DSA, Some(CKP_ML_DSA_65)),
    ("2.16.840.1.101.3.4.3.19", CKK_ML_DSA, Some(CKP_ML_DSA_87)),
    (
        "2.16.840.1.101.3.4.3.20",
        CKK_SLH_DSA,
        Some(CKP_SLH_DSA_SHA2_128S),
    ),
    (
        "2.16.840.1.101.3.4.3.21",
        CKK_SLH_DSA,
        Some(CKP_SLH_DSA_SHA2_128F),
    ),
    (
        "2.16.840.1.101.3.4.3.22",
        CKK_SLH_DSA,
        Some(CKP_SLH_DSA_SHA2_192S),
    ),
    (
        "2.16.840.1.101.3.4.3.23",
        CKK_SLH_DSA,
        Some(CKP_SLH_DSA_SHA2_192F),
    ),
    (
        "2.16.840.1.101.3.4.3.24",
        CKK_SLH_DSA,
        Some(CKP_SLH_DSA_SHA2_256S),
    ),
    (
        "2.16.840.1.101.3.4.3.25",
        CKK_SLH_DSA,
        Some(CKP_SLH_DSA_SHA2_256F),
    ),
    (
        "2.16.840.1.101.3.4.3.26",
        CKK_SLH_DSA,
        Some(CKP_SLH_DSA_SHAKE_128S),
    ),
    (
        "2.16.840.1.101.3.4.3.27",
        CKK_SLH_DSA,
        Some(CKP_SLH_DSA_SHAKE_128F),
    ),
    (
        "2.16.840.1.101.3.4.3.28",
        CKK_SLH_DSA,
        Some(CKP_SLH_DSA_SHAKE_192S),
    ),
    (
        "2.16.840.1.101.3.4.3.29",
        CKK_SLH_DSA,
        Some(CKP_SLH_DSA_SHAKE_192F),
    ),
    (
        "2.16.840.1.101.3.4.3.30",
        CKK_SLH_DSA,
        Some(CKP_SLH_DSA_SHAKE_256S),
    ),
    (
        "2.16.840.1.101.3.4.3.31",
        CKK_SLH_DSA,
        Some(CKP_SLH_DSA_SHAKE_256F),
    ),
    ("1.2.840.113549.1.3.1", CKK_DH, None),
    ("1.2.840.10046.2.1", CKK_X9_42_DH, None),
    ("1.2.840.10040.4.1", CKK_DSA, None),
];

/// The type of key (`CKK_…`) and parameter set (`CKP_…`) that an algorithm's identifier stands for.
///
/// # Errors
/// `File` for an algorithm that is not known.
pub(super) fn algorithm(oid: ObjectIdentifier) -> Result<(u64, Option<u64>), Failure> {
    let written = oid.to_string();
    let known = ALGORITHMS.iter().find(|(known, _, _)| *known == written);
    known
        .map(|(_, kind, set)| (*kind, *set))
        .ok_or_else(|| Failure::File(format!("keys of the algorithm {written} are not supported")))
}

/// Class, type and numbers of a public key.
///
/// # Errors
/// `File` for what is no such key, or of an algorithm that is not known.
pub(super) fn template(info: &[u8]) -> Result<Vec<(AttributeType, Value)>, Failure> {
    let info = SubjectPublicKeyInfoRef::from_der(info).map_err(|_| damaged())?;
    let bits = info.subject_public_key.as_bytes().ok_or_else(damaged)?;
    let (kind, set) = algorithm(info.algorithm.oid)?;
    let mut template = vec![
        (CKA_CLASS, Value::Ulong(CKO_PUBLIC_KEY)),
        (CKA_KEY_TYPE, Value::Ulong(kind)),
    ];
    match kind {
        CKK_RSA => template.extend(rsa(bits)?),
        CKK_EC => template.extend(point(named_curve(info.algorithm.parameters)?, bits)),
        CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => {
            let curve = element(IDENTIFIER, info.algorithm.oid.as_bytes());
            template.extend(point(curve, bits));
        }
        _ => {
            let set = set.ok_or_else(|| {
                Failure::File("public keys of this type are not taken from files".to_owned())
            })?;
            template.push((CKA_PARAMETER_SET, Value::Ulong(set)));
            template.push((CKA_VALUE, Value::secret(SecretBytes::copy_of(bits))));
        }
    }
    Ok(template)
}

fn damaged() -> Failure {
    Failure::File("the public key is damaged".to_owned())
}

fn rsa(bits: &[u8]) -> Result<Vec<(AttributeType, Value)>, Failure> {
    let key = pkcs1::RsaPublicKeyRef::from_der(bits).map_err(|_| damaged())?;
    let number = |number: UintRef<'_>| Value::Bytes(number.as_bytes().to_vec());
    Ok(vec![
        (CKA_MODULUS, number(key.modulus)),
        (CKA_PUBLIC_EXPONENT, number(key.public_exponent)),
    ])
}

/// The parameters of a curve that is named, as an object keeps them.
fn named_curve(parameters: Option<AnyRef<'_>>) -> Result<Vec<u8>, Failure> {
    let named = parameters.and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
    let named = named.ok_or_else(|| {
        Failure::File(
            "the key does not name its curve: curves that are written out in numbers are not supported"
                .to_owned(),
        )
    })?;
    Ok(element(IDENTIFIER, named.as_bytes()))
}

fn point(curve: Vec<u8>, point: &[u8]) -> Vec<(AttributeType, Value)> {
    vec![
        (CKA_EC_PARAMS, Value::Bytes(curve)),
        (CKA_EC_POINT, Value::Bytes(octet_string(point))),
    ]
}

/// The id of a key, its public half and its certificate, if nobody gives one: SHA-1 of the public key's bits,
/// which is what certificate authorities write as subject key identifier (RFC 5280, section 4.2.1.2, method 1).
///
/// # Errors
/// `File` for what is no public key.
pub(super) fn id(info: &[u8]) -> Result<Vec<u8>, Failure> {
    let info = SubjectPublicKeyInfoRef::from_der(info).map_err(|_| damaged())?;
    let bits = info.subject_public_key.as_bytes().ok_or_else(damaged)?;
    let mut digest = vec![0; Hash::Sha1.length()];
    Hash::Sha1.digest(&[bits], &mut digest)?;
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_an_identifier() {
        for (oid, _, _) in ALGORITHMS {
            let oid: ObjectIdentifier = oid.parse().unwrap();
            assert!(algorithm(oid).is_ok());
        }
        assert!(algorithm("1.2.3".parse().unwrap()).is_err());
    }

    #[test]
    fn a_key_on_a_curve_gets_its_parameters_and_point() {
        // RFC 8410, section 10.1.
        let info = [
            &[
                0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
            ][..],
            &[7; 32],
        ]
        .concat();
        let made = template(&info).unwrap();
        assert!(made.contains(&(CKA_EC_PARAMS, Value::Bytes(vec![6, 3, 0x2b, 0x65, 0x70]))));
        assert!(made.contains(&(CKA_EC_POINT, Value::Bytes(octet_string(&[7; 32])))));
        assert_eq!(id(&info).unwrap().len(), 20);
        assert!(template(&info[1..]).is_err());
    }
}
