//! Hash functions: SHA-1 and SHA-2 (FIPS 180-4), SHA-3 (FIPS 202), BLAKE2b (RFC 7693), MD5 (RFC 1321).
#![forbid(unsafe_code)]

use super::hash::Hash;
use crate::error::{Error, Result};
use crate::secret::SecretBytes;
use blake2::Blake2b;
use blake2::digest::consts::{U20, U32, U48, U64};
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::digest::{FixedOutputReset, Output, OutputSizeUser, Update};
use zeroize::Zeroize;

/// The longest digest of any hash, in bytes.
pub const MAX_LENGTH: usize = 64;
/// The longest input block of any hash (SHA3-224), in bytes.
pub const MAX_BLOCK: usize = 144;

impl Hash {
    /// The length of an input block in bytes, as HMAC uses it (for SHA-3 the rate).
    #[must_use]
    pub const fn block_length(self) -> usize {
        match self {
            Hash::Md5 | Hash::Sha1 | Hash::Sha224 | Hash::Sha256 => 64,
            Hash::Sha384 | Hash::Sha512 | Hash::Sha512_224 | Hash::Sha512_256 => 128,
            Hash::Blake2b160 | Hash::Blake2b256 | Hash::Blake2b384 | Hash::Blake2b512 => 128,
            Hash::Sha3_224 => 144,
            Hash::Sha3_256 => 136,
            Hash::Sha3_384 => 104,
            Hash::Sha3_512 => 72,
        }
    }

    /// Starts a digest.
    #[must_use]
    pub fn begin(self) -> Digest {
        Digest(match self {
            Hash::Md5 => State::Md5(md5::Md5::default()),
            Hash::Sha1 => State::Sha1(sha1::Sha1::default()),
            Hash::Sha224 => State::Sha224(sha2::Sha224::default()),
            Hash::Sha256 => State::Sha256(sha2::Sha256::default()),
            Hash::Sha384 => State::Sha384(sha2::Sha384::default()),
            Hash::Sha512 => State::Sha512(sha2::Sha512::default()),
            Hash::Sha512_224 => State::Sha512_224(sha2::Sha512_224::default()),
            Hash::Sha512_256 => State::Sha512_256(sha2::Sha512_256::default()),
            Hash::Sha3_224 => State::Sha3_224(sha3::Sha3_224::default()),
            Hash::Sha3_256 => State::Sha3_256(sha3::Sha3_256::default()),
            Hash::Sha3_384 => State::Sha3_384(sha3::Sha3_384::default()),
            Hash::Sha3_512 => State::Sha3_512(sha3::Sha3_512::default()),
            Hash::Blake2b160 => State::Blake2b160(Blake2b::default()),
            Hash::Blake2b256 => State::Blake2b256(Blake2b::default()),
            Hash::Blake2b384 => State::Blake2b384(Blake2b::default()),
            Hash::Blake2b512 => State::Blake2b512(Blake2b::default()),
        })
    }

    /// Hashes the parts, one after the other, into the first [`Hash::length`] bytes of
    /// `out`; answers that length. Allocates nothing.
    ///
    /// # Errors
    /// `BufferTooSmall` when `out` is shorter.
    pub fn digest(self, parts: &[&[u8]], out: &mut [u8]) -> Result<usize> {
        let mut digest = self.begin();
        for part in parts {
            digest.update(part);
        }
        digest.finish(out)
    }
}

/// A digest in progress. Its state is erased on drop.
#[derive(Clone)]
pub struct Digest(State);

#[derive(Clone)]
enum State {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha224(sha2::Sha224),
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
    Sha512_224(sha2::Sha512_224),
    Sha512_256(sha2::Sha512_256),
    Sha3_224(sha3::Sha3_224),
    Sha3_256(sha3::Sha3_256),
    Sha3_384(sha3::Sha3_384),
    Sha3_512(sha3::Sha3_512),
    Blake2b160(Blake2b<U20>),
    Blake2b256(Blake2b<U32>),
    Blake2b384(Blake2b<U48>),
    Blake2b512(Blake2b<U64>),
}

/// Runs `$body` with `$hash` bound to the state, whichever function's it is; for BLAKE2b `$other`, if it is
/// given.
macro_rules! with_state {
    ($state:expr, $hash:ident => $body:expr) => {
        with_state!($state, $hash => $body, $hash => $body)
    };
    ($state:expr, $hash:ident => $body:expr, $blake:ident => $other:expr) => {
        match $state {
            State::Md5($hash) => $body,
            State::Sha1($hash) => $body,
            State::Sha224($hash) => $body,
            State::Sha256($hash) => $body,
            State::Sha384($hash) => $body,
            State::Sha512($hash) => $body,
            State::Sha512_224($hash) => $body,
            State::Sha512_256($hash) => $body,
            State::Sha3_224($hash) => $body,
            State::Sha3_256($hash) => $body,
            State::Sha3_384($hash) => $body,
            State::Sha3_512($hash) => $body,
            State::Blake2b160($blake) => $other,
            State::Blake2b256($blake) => $other,
            State::Blake2b384($blake) => $other,
            State::Blake2b512($blake) => $other,
        }
    };
}

impl Digest {
    /// The length of the digest in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        fn size<H: OutputSizeUser>(_: &H) -> usize {
            H::output_size()
        }
        with_state!(&self.0, hash => size(hash))
    }

    /// Takes the next part.
    pub fn update(&mut self, data: &[u8]) {
        with_state!(&mut self.0, hash => hash.update(data));
    }

    /// The hash.
    #[must_use]
    pub fn hash(&self) -> Hash {
        match &self.0 {
            State::Md5(_) => Hash::Md5,
            State::Sha1(_) => Hash::Sha1,
            State::Sha224(_) => Hash::Sha224,
            State::Sha256(_) => Hash::Sha256,
            State::Sha384(_) => Hash::Sha384,
            State::Sha512(_) => Hash::Sha512,
            State::Sha512_224(_) => Hash::Sha512_224,
            State::Sha512_256(_) => Hash::Sha512_256,
            State::Sha3_224(_) => Hash::Sha3_224,
            State::Sha3_256(_) => Hash::Sha3_256,
            State::Sha3_384(_) => Hash::Sha3_384,
            State::Sha3_512(_) => Hash::Sha3_512,
            State::Blake2b160(_) => Hash::Blake2b160,
            State::Blake2b256(_) => Hash::Blake2b256,
            State::Blake2b384(_) => Hash::Blake2b384,
            State::Blake2b512(_) => Hash::Blake2b512,
        }
    }

    /// The state as bytes, from which the data so far can be told. `None` for BLAKE2b, whose crate keeps it to
    /// itself.
    #[must_use]
    pub fn save(&self) -> Option<SecretBytes> {
        fn bytes<H: SerializableState>(hash: &H) -> SecretBytes {
            let mut state = hash.serialize();
            let saved = SecretBytes::copy_of(&state);
            state.zeroize();
            saved
        }
        with_state!(&self.0, hash => Some(bytes(hash)), _hash => None)
    }

    /// Goes on from a state of the same hash; `None`, and unchanged, when it is none.
    pub fn restore(&mut self, state: &[u8]) -> Option<()> {
        fn read<H: SerializableState>(hash: &mut H, state: &[u8]) -> Option<()> {
            let state = <&SerializedState<H>>::try_from(state).ok()?;
            *hash = H::deserialize(state).ok()?;
            Some(())
        }
        with_state!(&mut self.0, hash => read(hash, state), _hash => None)
    }

    /// Writes the digest to the first bytes of `out`, answers its length, and starts anew.
    ///
    /// # Errors
    /// `BufferTooSmall` when `out` is shorter than the digest; the state is then unchanged.
    pub fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        with_state!(&mut self.0, hash => finish_into(hash, out))
    }
}

/// The digest straight into the caller's slice.
fn finish_into<H: FixedOutputReset>(hash: &mut H, out: &mut [u8]) -> Result<usize> {
    let length = H::output_size();
    let out = out.get_mut(..length).ok_or(Error::BufferTooSmall(length))?;
    let out: &mut Output<H> = out
        .try_into()
        .map_err(|_| Error::Internal("digest length"))?;
    hash.finalize_into_reset(out);
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha_256_of_abc_is_that_of_fips_180() {
        let mut out = [0; 32];
        Hash::Sha256.digest(&[b"a", b"bc"], &mut out).unwrap();
        assert_eq!(
            out,
            [
                0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae,
                0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61,
                0xf2, 0x00, 0x15, 0xad
            ]
        );
    }

    #[test]
    fn a_saved_state_goes_on() {
        for function in Hash::ALL {
            for length in [0, 1, 63, 64, 65, 200, 300] {
                let (first, second) = (vec![1; length], vec![2; 77]);
                let mut digest = function.begin();
                assert_eq!(digest.hash(), function);
                digest.update(&first);
                let Some(state) = digest.save() else {
                    continue;
                };
                let mut other = function.begin();
                other.update(b"forgotten");
                other.restore(state.expose()).unwrap();
                other.update(&second);
                let (mut own, mut whole) = ([0; MAX_LENGTH], [0; MAX_LENGTH]);
                other.finish(&mut own).unwrap();
                function.digest(&[&first, &second], &mut whole).unwrap();
                assert_eq!(own, whole, "{function:?} {length}");
                assert_eq!(other.restore(&state.expose()[1..]), None);
            }
        }
    }

    #[test]
    fn sizes_are_those_of_the_states() {
        for function in Hash::ALL {
            let mut digest = function.begin();
            assert_eq!(digest.length(), function.length());
            assert!(function.length() <= MAX_LENGTH && function.block_length() <= MAX_BLOCK);
            let needed = function.length();
            digest.update(b"kept");
            let mut short = vec![7; needed - 1];
            assert_eq!(
                digest.finish(&mut short),
                Err(Error::BufferTooSmall(needed))
            );
            assert!(short.iter().all(|byte| *byte == 7));
            let (mut first, mut second) = (vec![0; needed], vec![0; needed]);
            digest.finish(&mut first).unwrap();
            function.digest(&[b"kept"], &mut second).unwrap();
            assert_eq!(first, second);
        }
    }
}
