//! The names of the hash functions, shared by everything that is built on one.

/// A hash function of FIPS 180-4 or FIPS 202, MD5 (RFC 1321), or BLAKE2b (RFC 7693) by the bits of its digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "each variant is its function's name")]
pub enum Hash {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha512_224,
    Sha512_256,
    Sha3_224,
    Sha3_256,
    Sha3_384,
    Sha3_512,
    Blake2b160,
    Blake2b256,
    Blake2b384,
    Blake2b512,
}

impl Hash {
    /// Every hash.
    pub const ALL: [Hash; 16] = [
        Hash::Md5,
        Hash::Sha1,
        Hash::Sha224,
        Hash::Sha256,
        Hash::Sha384,
        Hash::Sha512,
        Hash::Sha512_224,
        Hash::Sha512_256,
        Hash::Sha3_224,
        Hash::Sha3_256,
        Hash::Sha3_384,
        Hash::Sha3_512,
        Hash::Blake2b160,
        Hash::Blake2b256,
        Hash::Blake2b384,
        Hash::Blake2b512,
    ];

    /// The length of the digest in bytes.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Hash::Md5 => 16,
            Hash::Sha1 | Hash::Blake2b160 => 20,
            Hash::Sha224 | Hash::Sha512_224 | Hash::Sha3_224 => 28,
            Hash::Sha256 | Hash::Sha512_256 | Hash::Sha3_256 | Hash::Blake2b256 => 32,
            Hash::Sha384 | Hash::Sha3_384 | Hash::Blake2b384 => 48,
            Hash::Sha512 | Hash::Sha3_512 | Hash::Blake2b512 => 64,
        }
    }
}
