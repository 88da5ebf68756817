//! The hashes of AWS-LC by our names.

use crate::crypto::hash::Hash;
use aws_lc_sys::EVP_MD;

/// AWS-LC's table for a hash: a static constant, never freed. `None` for what AWS-LC lacks.
pub(super) fn table_of(hash: Hash) -> Option<*const EVP_MD> {
    // SAFETY: these functions take nothing and return pointers to static constants.
    Some(unsafe {
        match hash {
            Hash::Md5 => aws_lc_sys::EVP_md5(),
            Hash::Sha1 => aws_lc_sys::EVP_sha1(),
            Hash::Sha224 => aws_lc_sys::EVP_sha224(),
            Hash::Sha256 => aws_lc_sys::EVP_sha256(),
            Hash::Sha384 => aws_lc_sys::EVP_sha384(),
            Hash::Sha512 => aws_lc_sys::EVP_sha512(),
            Hash::Sha512_224 => aws_lc_sys::EVP_sha512_224(),
            Hash::Sha512_256 => aws_lc_sys::EVP_sha512_256(),
            Hash::Sha3_224 => aws_lc_sys::EVP_sha3_224(),
            Hash::Sha3_256 => aws_lc_sys::EVP_sha3_256(),
            Hash::Sha3_384 => aws_lc_sys::EVP_sha3_384(),
            Hash::Sha3_512 => aws_lc_sys::EVP_sha3_512(),
            Hash::Blake2b256 => aws_lc_sys::EVP_blake2b256(),
            Hash::Blake2b160 | Hash::Blake2b384 | Hash::Blake2b512 => return None,
        }
    })
}
