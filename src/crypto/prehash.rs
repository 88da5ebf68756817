//! What goes before a message that ML-DSA or SLH-DSA signs (FIPS 204, algorithms 2 and 4; FIPS 205, algorithms
//! 22 and 23): a byte for the form, a context, and for hashed messages the name of the hash.
#![forbid(unsafe_code)]

use super::digest::Digest;
use super::hash::Hash;
use crate::error::Result;
use shake::digest::{ExtendableOutput, Update, XofReader};
use shake::{Shake128, Shake256};

/// The longest context in bytes.
pub const LONGEST_CONTEXT: usize = 255;
/// The longest digest in bytes.
const LONGEST: usize = 64;

/// A hash that a message may be signed by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prehash {
    /// One with a digest of its own length: of SHA-2 or SHA-3.
    Hash(Hash),
    /// SHAKE128 with 32 bytes of output.
    Shake128,
    /// SHAKE256 with 64 bytes of output.
    Shake256,
}

/// The form in which a message is signed, with its context of at most [`LONGEST_CONTEXT`] bytes.
#[derive(Clone, Copy, Debug)]
pub enum Form<'a> {
    /// The message itself follows.
    Pure(&'a [u8]),
    /// Its digest follows.
    Hashed(&'a [u8], Prehash),
}

impl Form<'_> {
    /// Gives the parts of what goes before the message to `take`, in their order.
    pub(super) fn write(&self, mut take: impl FnMut(&[u8])) {
        let (form, context) = match self {
            Form::Pure(context) => (0, context),
            Form::Hashed(context, _) => (1, context),
        };
        let length = u8::try_from(context.len()).unwrap_or(u8::MAX);
        take(&[form, length]);
        take(context);
        if let Form::Hashed(_, hash) = self {
            take(&hash.identifier());
        }
    }
}

impl Prehash {
    /// The length of the digest in bytes.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Prehash::Hash(hash) => hash.length(),
            Prehash::Shake128 => 32,
            Prehash::Shake256 => 64,
        }
    }

    /// Starts a digest.
    #[must_use]
    pub fn begin(self) -> Hashing {
        match self {
            Prehash::Hash(hash) => Hashing::Hash(hash.begin()),
            Prehash::Shake128 => Hashing::Shake128(Shake128::default()),
            Prehash::Shake256 => Hashing::Shake256(Shake256::default()),
        }
    }

    /// The DER of the hash's object identifier, in NIST's arc of hashes.
    fn identifier(self) -> [u8; 11] {
        let last = match self {
            Prehash::Hash(Hash::Sha256) => 1,
            Prehash::Hash(Hash::Sha384) => 2,
            Prehash::Hash(Hash::Sha512) => 3,
            Prehash::Hash(Hash::Sha224) => 4,
            Prehash::Hash(Hash::Sha512_224) => 5,
            Prehash::Hash(Hash::Sha512_256) => 6,
            Prehash::Hash(Hash::Sha3_224) => 7,
            Prehash::Hash(Hash::Sha3_256) => 8,
            Prehash::Hash(Hash::Sha3_384) => 9,
            Prehash::Hash(Hash::Sha3_512) => 10,
            Prehash::Shake128 => 11,
            Prehash::Shake256 => 12,
            // These have no name in that arc; nothing offers them.
            Prehash::Hash(
                Hash::Md5
                | Hash::Sha1
                | Hash::Blake2b160
                | Hash::Blake2b256
                | Hash::Blake2b384
                | Hash::Blake2b512,
            ) => 0,
        };
        [
            0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last,
        ]
    }
}

/// A digest in progress.
pub enum Hashing {
    /// Of a hash with a digest of its own length.
    Hash(Digest),
    /// SHAKE128.
    Shake128(Shake128),
    /// SHAKE256.
    Shake256(Shake256),
}

impl Hashing {
    /// Takes the next part of the message.
    pub fn update(&mut self, part: &[u8]) {
        match self {
            Hashing::Hash(hash) => hash.update(part),
            Hashing::Shake128(hash) => hash.update(part),
            Hashing::Shake256(hash) => hash.update(part),
        }
    }

    /// The digest.
    ///
    /// # Errors
    /// None in practice.
    pub fn finish(&mut self) -> Result<Vec<u8>> {
        let mut out = vec![0; LONGEST];
        let length = match self {
            Hashing::Hash(hash) => hash.finish(&mut out)?,
            Hashing::Shake128(hash) => squeeze(std::mem::take(hash), &mut out, Prehash::Shake128),
            Hashing::Shake256(hash) => squeeze(std::mem::take(hash), &mut out, Prehash::Shake256),
        };
        out.truncate(length);
        Ok(out)
    }
}

fn squeeze(hash: impl ExtendableOutput, out: &mut [u8], of: Prehash) -> usize {
    hash.finalize_xof().read(out);
    of.length()
}
