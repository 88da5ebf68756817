//! RSA (RFC 8017): keys of 2048 to 8192 bits, signatures, encryption and the raw operations.
//!
//! Private operations run on AWS-LC: blinded, by the Chinese remainders, checked before they are given
//! out. The `rsa` crate, whose private operations are slower and were once open to timing attacks
//! (RUSTSEC-2023-0071), only completes imported keys, and is the other half of the differential tests.
#![forbid(unsafe_code)]

mod implicit_rejection;
mod key;
mod pkcs1;

pub use key::{Imported, Parts, PrivateKey, PublicKey};
pub use pkcs1::{digest_info, signed_data};

/// The smallest key, in bits, that signs, decrypts, encrypts or is made.
pub const MIN_BITS: usize = 2048;
/// The smallest key, in bits, that verifies: old signatures stay verifiable.
pub const MIN_VERIFY_BITS: usize = 1024;
/// The largest key in bits.
pub const MAX_BITS: usize = 8192;

/// The parameters of PSS (RFC 8017, section 9.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pss {
    /// The hash that made the digest.
    pub hash: super::hash::Hash,
    /// The hash of the mask generation function MGF1.
    pub mgf: super::hash::Hash,
    /// The length of the salt in bytes: made so, and enforced when verifying.
    pub salt: usize,
}

impl Pss {
    /// Whether a key of `bits` bits has room for the encoding.
    #[must_use]
    pub fn fits(&self, bits: usize) -> bool {
        let encoded = bits.saturating_sub(1).div_ceil(8);
        self.hash
            .length()
            .checked_add(self.salt)
            .and_then(|sum| sum.checked_add(2))
            .is_some_and(|need| need <= encoded)
    }
}

/// The parameters of OAEP (RFC 8017, section 7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Oaep<'a> {
    /// The hash of the label.
    pub hash: super::hash::Hash,
    /// The hash of the mask generation function MGF1.
    pub mgf: super::hash::Hash,
    /// The label, often empty.
    pub label: &'a [u8],
}

impl Oaep<'_> {
    /// The longest message in bytes for a modulus of `size` bytes; `None` when there is no room at all.
    #[must_use]
    pub fn capacity(&self, size: usize) -> Option<usize> {
        size.checked_sub(2 * self.hash.length() + 2)
    }
}

/// The longest message in bytes for PKCS#1 v1.5 padding in a modulus of `size` bytes.
#[must_use]
pub fn pkcs1_capacity(size: usize) -> usize {
    size.saturating_sub(11)
}
