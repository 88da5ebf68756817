//! Elliptic curves (PKCS #11 3.2, section 6.3): ECDSA on the short Weierstrass curves, and ECDH on them and
//! on Curve25519: the rows of the family.

mod ecdh;
mod ecdsa;
pub(super) mod keys;
mod transport;

use super::params::ParamKind;
use super::row::{Operations, Row};
use crate::crypto::hash::Hash;
use crate::crypto::known::Families;
use cryptoki_sys::{
    CKF_EC_COMPRESS, CKF_EC_CURVENAME, CKF_EC_F_P, CKF_EC_OID, CKF_EC_UNCOMPRESS, CKK_EC,
    CKK_EC_MONTGOMERY, CKM_EC_KEY_PAIR_GEN, CKM_ECDH_AES_KEY_WRAP, CKM_ECDH_COF_AES_KEY_WRAP,
    CKM_ECDH_X_AES_KEY_WRAP, CKM_ECDH1_COFACTOR_DERIVE, CKM_ECDH1_DERIVE, CKM_ECDSA,
    CKM_ECDSA_SHA1, CKM_ECDSA_SHA3_224, CKM_ECDSA_SHA3_256, CKM_ECDSA_SHA3_384, CKM_ECDSA_SHA3_512,
    CKM_ECDSA_SHA224, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384, CKM_ECDSA_SHA512,
};
use transport::Head;

/// What the curves of the family are and how they may be named.
pub(super) const FLAGS: u64 = CKF_EC_F_P | CKF_EC_OID | CKF_EC_CURVENAME | CKF_EC_UNCOMPRESS;

/// A row of the family.
macro_rules! ec_row {
    ($mechanism:ident, $sizes:expr, $types:expr, $params:expr, $($operation:ident: $start:expr),+ $(,)?) => {
        Row {
            mechanism: $mechanism,
            name: stringify!($mechanism),
            key_sizes: $sizes,
            key_types: $types,
            more_flags: FLAGS | CKF_EC_COMPRESS,
            needs: Families::EC,
            params: $params,
            operations: Operations { $($operation: Some($start),)+ ..Operations::NONE },
        }
    };
}

/// ECDSA with a hash.
macro_rules! hashed_row {
    ($mechanism:ident, $hash:expr) => {
        ec_row!(
            $mechanism,
            (224, 521),
            &[CKK_EC],
            ParamKind::None,
            sign: |_, key| ecdsa::sign_hashed($hash, key),
            verify: |_, key| ecdsa::verify_hashed($hash, key),
        )
    };
}

/// Key wrap by ECDH.
macro_rules! wrap_row {
    ($mechanism:ident, $sizes:expr, $types:expr, $head:ident) => {
        ec_row!(
            $mechanism,
            $sizes,
            $types,
            ParamKind::EcdhAes,
            wrap: (
                |params, key, length| transport::length(params, key, length, Head::$head),
                |params, key, plain, out| transport::wrap(params, key, plain, out, Head::$head),
            ),
            unwrap: |params, key, wrapped, _| {
                transport::unwrap(params, key, wrapped, Head::$head)
            },
        )
    };
}

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    ec_row!(
        CKM_EC_KEY_PAIR_GEN,
        (224, 521),
        &[CKK_EC],
        ParamKind::None,
        generate_pair: keys::pair,
    ),
    ec_row!(
        CKM_ECDSA,
        (224, 521),
        &[CKK_EC],
        ParamKind::None,
        sign: ecdsa::sign,
        verify: ecdsa::verify,
    ),
    hashed_row!(CKM_ECDSA_SHA1, Hash::Sha1),
    hashed_row!(CKM_ECDSA_SHA224, Hash::Sha224),
    hashed_row!(CKM_ECDSA_SHA256, Hash::Sha256),
    hashed_row!(CKM_ECDSA_SHA384, Hash::Sha384),
    hashed_row!(CKM_ECDSA_SHA512, Hash::Sha512),
    hashed_row!(CKM_ECDSA_SHA3_224, Hash::Sha3_224),
    hashed_row!(CKM_ECDSA_SHA3_256, Hash::Sha3_256),
    hashed_row!(CKM_ECDSA_SHA3_384, Hash::Sha3_384),
    hashed_row!(CKM_ECDSA_SHA3_512, Hash::Sha3_512),
    ec_row!(
        CKM_ECDH1_DERIVE,
        (224, 521),
        &[CKK_EC, CKK_EC_MONTGOMERY],
        ParamKind::Ecdh1,
        derive: ecdh::derive,
        encapsulate: (ecdh::encapsulated_length, ecdh::encapsulate),
        decapsulate: ecdh::decapsulate,
    ),
    ec_row!(
        CKM_ECDH1_COFACTOR_DERIVE,
        (224, 521),
        &[CKK_EC],
        ParamKind::Ecdh1,
        derive: ecdh::derive,
        encapsulate: (ecdh::encapsulated_length, ecdh::encapsulate),
        decapsulate: ecdh::decapsulate,
    ),
    wrap_row!(
        CKM_ECDH_AES_KEY_WRAP,
        (224, 521),
        &[CKK_EC, CKK_EC_MONTGOMERY],
        Raw
    ),
    wrap_row!(
        CKM_ECDH_X_AES_KEY_WRAP,
        (255, 255),
        &[CKK_EC_MONTGOMERY],
        Raw
    ),
    wrap_row!(CKM_ECDH_COF_AES_KEY_WRAP, (224, 521), &[CKK_EC], Der),
];
