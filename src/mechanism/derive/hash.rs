//! The hash of a key as a key (PKCS #11 3.2, section 6.28).

use super::{SECRETS, cut, row, value};
use crate::crypto::hash::Hash;
use crate::error::Result;
use crate::mechanism::params::ParamKind;
use crate::mechanism::row::{Operations, Row};
use crate::object::Object;
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKM_BLAKE2B_160_KEY_DERIVE, CKM_BLAKE2B_256_KEY_DERIVE, CKM_BLAKE2B_384_KEY_DERIVE,
    CKM_BLAKE2B_512_KEY_DERIVE, CKM_MD5_KEY_DERIVATION, CKM_SHA1_KEY_DERIVATION,
    CKM_SHA3_224_KEY_DERIVATION, CKM_SHA3_256_KEY_DERIVATION, CKM_SHA3_384_KEY_DERIVATION,
    CKM_SHA3_512_KEY_DERIVATION, CKM_SHA224_KEY_DERIVATION, CKM_SHA256_KEY_DERIVATION,
    CKM_SHA384_KEY_DERIVATION, CKM_SHA512_224_KEY_DERIVATION, CKM_SHA512_256_KEY_DERIVATION,
    CKM_SHA512_KEY_DERIVATION, CKM_SHAKE_128_KEY_DERIVATION, CKM_SHAKE_256_KEY_DERIVATION,
};
use shake::{ExtendableOutput, Shake128, Shake256, XofReader};

macro_rules! derivation {
    ($mechanism:ident, $hash:ident) => {
        row(
            $mechanism,
            stringify!($mechanism),
            SECRETS,
            ParamKind::None,
            Operations {
                derive: Some(|_, base, length| cut(digest(Hash::$hash, base)?, length)),
                ..Operations::NONE
            },
        )
    };
}

macro_rules! extended {
    ($mechanism:ident, $function:ident, $length:literal) => {
        row(
            $mechanism,
            stringify!($mechanism),
            SECRETS,
            ParamKind::None,
            Operations {
                derive: Some(|_, base, length| {
                    cut(extended($function::default(), base, $length)?, length)
                }),
                ..Operations::NONE
            },
        )
    };
}

/// The rows. Key sizes are in bytes.
pub(in crate::mechanism) const ROWS: &[Row] = &[
    derivation!(CKM_MD5_KEY_DERIVATION, Md5),
    derivation!(CKM_SHA1_KEY_DERIVATION, Sha1),
    derivation!(CKM_SHA224_KEY_DERIVATION, Sha224),
    derivation!(CKM_SHA256_KEY_DERIVATION, Sha256),
    derivation!(CKM_SHA384_KEY_DERIVATION, Sha384),
    derivation!(CKM_SHA512_KEY_DERIVATION, Sha512),
    derivation!(CKM_SHA512_224_KEY_DERIVATION, Sha512_224),
    derivation!(CKM_SHA512_256_KEY_DERIVATION, Sha512_256),
    derivation!(CKM_SHA3_224_KEY_DERIVATION, Sha3_224),
    derivation!(CKM_SHA3_256_KEY_DERIVATION, Sha3_256),
    derivation!(CKM_SHA3_384_KEY_DERIVATION, Sha3_384),
    derivation!(CKM_SHA3_512_KEY_DERIVATION, Sha3_512),
    derivation!(CKM_BLAKE2B_160_KEY_DERIVE, Blake2b160),
    derivation!(CKM_BLAKE2B_256_KEY_DERIVE, Blake2b256),
    derivation!(CKM_BLAKE2B_384_KEY_DERIVE, Blake2b384),
    derivation!(CKM_BLAKE2B_512_KEY_DERIVE, Blake2b512),
    extended!(CKM_SHAKE_128_KEY_DERIVATION, Shake128, 32),
    extended!(CKM_SHAKE_256_KEY_DERIVATION, Shake256, 64),
];

fn digest(hash: Hash, base: &Object) -> Result<SecretBytes> {
    let mut out = SecretBytes::zeroed(hash.length());
    hash.digest(&[value(base)?.expose()], out.expose_mut())?;
    Ok(out)
}

/// As many bytes of an extendable function as the standard takes for its digest.
fn extended(
    mut function: impl ExtendableOutput,
    base: &Object,
    length: usize,
) -> Result<SecretBytes> {
    function.update(value(base)?.expose());
    let mut out = SecretBytes::zeroed(length);
    function.finalize_xof().read(out.expose_mut());
    Ok(out)
}
