//! RSA (PKCS #11 3.2, section 6.1): the rows of the family.

mod cipher;
mod generate;
mod kem;
mod keys;
mod sign;
mod transport;

pub(super) use keys::private_numbers;

use super::params::ParamKind;
use super::row::{Operations, Row};
use crate::crypto::hash::Hash;
use crate::crypto::known::Families;
use crate::crypto::rsa::{MAX_BITS, MIN_BITS};
use cryptoki_sys::{
    CKK_RSA, CKM_MD5_RSA_PKCS, CKM_RSA_AES_KEY_WRAP, CKM_RSA_PKCS, CKM_RSA_PKCS_KEY_PAIR_GEN,
    CKM_RSA_PKCS_OAEP, CKM_RSA_PKCS_PSS, CKM_RSA_X_509, CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS,
    CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224_RSA_PKCS_PSS, CKM_SHA3_256_RSA_PKCS,
    CKM_SHA3_256_RSA_PKCS_PSS, CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384_RSA_PKCS_PSS,
    CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512_RSA_PKCS_PSS, CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS,
    CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS,
    CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS,
};

/// A row of the family.
macro_rules! rsa_row {
    ($mechanism:ident, $params:expr, $($operation:ident: $start:expr),+ $(,)?) => {
        Row {
            mechanism: $mechanism,
            name: stringify!($mechanism),
            key_sizes: SIZES,
            key_types: &[CKK_RSA],
            more_flags: 0,
            needs: Families::RSA,
            params: $params,
            operations: Operations { $($operation: Some($start),)+ ..Operations::NONE },
        }
    };
}

/// PKCS#1 v1.5 signatures with a hash.
macro_rules! hashed_row {
    ($mechanism:ident, $hash:expr) => {
        rsa_row!(
            $mechanism,
            ParamKind::None,
            sign: |_, key| sign::sign_hashed($hash, key),
            verify: |_, key| sign::verify_hashed($hash, key),
        )
    };
}

/// PSS signatures with a hash.
macro_rules! pss_row {
    ($mechanism:ident, $hash:expr) => {
        rsa_row!(
            $mechanism,
            ParamKind::Pss,
            sign: |params, key| sign::sign_hashed_pss($hash, params, key),
            verify: |params, key| sign::verify_hashed_pss($hash, params, key),
        )
    };
}

/// Sizes in bits. Fits both types: [`MIN_BITS`] and [`MAX_BITS`] are below 2^14.
#[expect(clippy::as_conversions, reason = "widening, in a constant")]
const SIZES: (u64, u64) = (MIN_BITS as u64, MAX_BITS as u64);

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    rsa_row!(CKM_RSA_PKCS_KEY_PAIR_GEN, ParamKind::None, generate_pair: generate::pair),
    rsa_row!(
        CKM_RSA_PKCS,
        ParamKind::None,
        encrypt: cipher::encrypt_pkcs1,
        decrypt: cipher::decrypt_pkcs1,
        sign: sign::sign_pkcs1,
        verify: sign::verify_pkcs1,
        wrap: (cipher::wrap_length_pkcs1, cipher::wrap_pkcs1),
        unwrap: cipher::unwrap_pkcs1,
        sign_recover: sign::sign_pkcs1,
        verify_recover: sign::recover_pkcs1,
        encapsulate: (kem::encapsulated_length, kem::encapsulate_pkcs1),
        decapsulate: kem::decapsulate_pkcs1,
    ),
    rsa_row!(
        CKM_RSA_PKCS_OAEP,
        ParamKind::Oaep,
        encrypt: cipher::encrypt_oaep,
        decrypt: cipher::decrypt_oaep,
        wrap: (cipher::wrap_length_oaep, cipher::wrap_oaep),
        unwrap: cipher::unwrap_oaep,
        encapsulate: (kem::encapsulated_length, kem::encapsulate_oaep),
        decapsulate: kem::decapsulate_oaep,
    ),
    rsa_row!(
        CKM_RSA_AES_KEY_WRAP,
        ParamKind::RsaAes,
        wrap: (transport::length, transport::wrap),
        unwrap: transport::unwrap,
    ),
    rsa_row!(
        CKM_RSA_X_509,
        ParamKind::None,
        encrypt: cipher::encrypt_raw,
        decrypt: cipher::decrypt_raw,
        sign: sign::sign_raw,
        verify: sign::verify_raw,
        wrap: (cipher::wrap_length_raw, cipher::wrap_raw),
        unwrap: cipher::unwrap_raw,
        sign_recover: sign::sign_raw,
        verify_recover: sign::recover_raw,
    ),
    rsa_row!(CKM_RSA_PKCS_PSS, ParamKind::Pss, sign: sign::sign_pss, verify: sign::verify_pss),
    hashed_row!(CKM_MD5_RSA_PKCS, Hash::Md5),
    hashed_row!(CKM_SHA1_RSA_PKCS, Hash::Sha1),
    hashed_row!(CKM_SHA224_RSA_PKCS, Hash::Sha224),
    hashed_row!(CKM_SHA256_RSA_PKCS, Hash::Sha256),
    hashed_row!(CKM_SHA384_RSA_PKCS, Hash::Sha384),
    hashed_row!(CKM_SHA512_RSA_PKCS, Hash::Sha512),
    hashed_row!(CKM_SHA3_224_RSA_PKCS, Hash::Sha3_224),
    hashed_row!(CKM_SHA3_256_RSA_PKCS, Hash::Sha3_256),
    hashed_row!(CKM_SHA3_384_RSA_PKCS, Hash::Sha3_384),
    hashed_row!(CKM_SHA3_512_RSA_PKCS, Hash::Sha3_512),
    pss_row!(CKM_SHA1_RSA_PKCS_PSS, Hash::Sha1),
    pss_row!(CKM_SHA224_RSA_PKCS_PSS, Hash::Sha224),
    pss_row!(CKM_SHA256_RSA_PKCS_PSS, Hash::Sha256),
    pss_row!(CKM_SHA384_RSA_PKCS_PSS, Hash::Sha384),
    pss_row!(CKM_SHA512_RSA_PKCS_PSS, Hash::Sha512),
    pss_row!(CKM_SHA3_224_RSA_PKCS_PSS, Hash::Sha3_224),
    pss_row!(CKM_SHA3_256_RSA_PKCS_PSS, Hash::Sha3_256),
    pss_row!(CKM_SHA3_384_RSA_PKCS_PSS, Hash::Sha3_384),
    pss_row!(CKM_SHA3_512_RSA_PKCS_PSS, Hash::Sha3_512),
];
