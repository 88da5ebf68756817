//! Hashes as mechanism parameters name them.

use crate::crypto::hash::Hash;
use crate::error::{Error, Result};
use cryptoki_sys::{
    CKG_MGF1_SHA1, CKG_MGF1_SHA3_224, CKG_MGF1_SHA3_256, CKG_MGF1_SHA3_384, CKG_MGF1_SHA3_512,
    CKG_MGF1_SHA224, CKG_MGF1_SHA256, CKG_MGF1_SHA384, CKG_MGF1_SHA512, CKM_BLAKE2B_160,
    CKM_BLAKE2B_256, CKM_BLAKE2B_384, CKM_BLAKE2B_512, CKM_MD5, CKM_SHA_1, CKM_SHA3_224,
    CKM_SHA3_256, CKM_SHA3_384, CKM_SHA3_512, CKM_SHA224, CKM_SHA256, CKM_SHA384, CKM_SHA512,
    CKM_SHA512_224, CKM_SHA512_256,
};

/// The hash of a digest mechanism, as parameters of other mechanisms name it: neither MD5 nor BLAKE2b.
///
/// # Errors
/// `MechanismParamInvalid` when it is none.
pub(super) fn by_mechanism(mechanism: u64) -> Result<Hash> {
    Ok(match mechanism {
        CKM_SHA_1 => Hash::Sha1,
        CKM_SHA224 => Hash::Sha224,
        CKM_SHA256 => Hash::Sha256,
        CKM_SHA384 => Hash::Sha384,
        CKM_SHA512 => Hash::Sha512,
        CKM_SHA512_224 => Hash::Sha512_224,
        CKM_SHA512_256 => Hash::Sha512_256,
        CKM_SHA3_224 => Hash::Sha3_224,
        CKM_SHA3_256 => Hash::Sha3_256,
        CKM_SHA3_384 => Hash::Sha3_384,
        CKM_SHA3_512 => Hash::Sha3_512,
        _ => {
            return Err(Error::MechanismParamInvalid(
                "the hash is not one this module knows",
            ));
        }
    })
}

/// The digest mechanism of a hash.
pub(super) fn mechanism_of(hash: Hash) -> u64 {
    match hash {
        Hash::Md5 => CKM_MD5,
        Hash::Sha1 => CKM_SHA_1,
        Hash::Sha224 => CKM_SHA224,
        Hash::Sha256 => CKM_SHA256,
        Hash::Sha384 => CKM_SHA384,
        Hash::Sha512 => CKM_SHA512,
        Hash::Sha512_224 => CKM_SHA512_224,
        Hash::Sha512_256 => CKM_SHA512_256,
        Hash::Sha3_224 => CKM_SHA3_224,
        Hash::Sha3_256 => CKM_SHA3_256,
        Hash::Sha3_384 => CKM_SHA3_384,
        Hash::Sha3_512 => CKM_SHA3_512,
        Hash::Blake2b160 => CKM_BLAKE2B_160,
        Hash::Blake2b256 => CKM_BLAKE2B_256,
        Hash::Blake2b384 => CKM_BLAKE2B_384,
        Hash::Blake2b512 => CKM_BLAKE2B_512,
    }
}

/// The hash of a mask generation function.
///
/// # Errors
/// `MechanismParamInvalid` when it is none.
pub(super) fn by_mask_generator(generator: u64) -> Result<Hash> {
    Ok(match generator {
        CKG_MGF1_SHA1 => Hash::Sha1,
        CKG_MGF1_SHA224 => Hash::Sha224,
        CKG_MGF1_SHA256 => Hash::Sha256,
        CKG_MGF1_SHA384 => Hash::Sha384,
        CKG_MGF1_SHA512 => Hash::Sha512,
        CKG_MGF1_SHA3_224 => Hash::Sha3_224,
        CKG_MGF1_SHA3_256 => Hash::Sha3_256,
        CKG_MGF1_SHA3_384 => Hash::Sha3_384,
        CKG_MGF1_SHA3_512 => Hash::Sha3_512,
        _ => {
            return Err(Error::MechanismParamInvalid(
                "the mask generation function is not one this module knows",
            ));
        }
    })
}
