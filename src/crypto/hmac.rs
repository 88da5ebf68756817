//! HMAC (RFC 2104, FIPS 198-1) over every hash of [`super::digest`].
//!
//! The two keyed hash states are prepared once and cloned for each message, so that a short message
//! costs two compressions and no key work. Built here on the hash states themselves because the
//! general adapter of the `hmac` crate for SHA-3 leaves its padded key unerased; that crate is the
//! other half of the differential test.
#![forbid(unsafe_code)]

use super::digest::{Digest, MAX_BLOCK, MAX_LENGTH};
use super::hash::Hash;
use crate::error::{Error, Result};
use std::ops::Deref;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A key, prepared for one hash. Erased on drop.
#[derive(Clone)]
pub struct Key {
    hash: Hash,
    inner: Digest,
    outer: Digest,
}

impl Key {
    /// Prepares a key of any length, the empty one included.
    #[must_use]
    pub fn new(hash: Hash, key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; MAX_BLOCK]);
        let block = block.get_mut(..hash.block_length()).unwrap_or_default();
        // RFC 2104, section 2: a key longer than a block is hashed first.
        match block.get_mut(..key.len()) {
            Some(start) => start.copy_from_slice(key),
            None => {
                let mut hashed = hash.begin();
                hashed.update(key);
                // The digest is shorter than the block for every hash.
                let _ = hashed.finish(block);
            }
        }
        let mut inner = hash.begin();
        block.iter_mut().for_each(|byte| *byte ^= 0x36);
        inner.update(block);
        let mut outer = hash.begin();
        block.iter_mut().for_each(|byte| *byte ^= 0x36 ^ 0x5c);
        outer.update(block);
        Key { hash, inner, outer }
    }

    /// The hash.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Starts a message.
    #[must_use]
    pub fn begin(&self) -> Mac<&Key> {
        Mac::new(self)
    }

    /// The MAC of the parts, one after the other; `out` takes its first `out.len()` bytes.
    ///
    /// # Errors
    /// `BufferTooSmall` never; `Internal` when `out` is longer than the hash's output.
    pub fn mac(&self, parts: &[&[u8]], out: &mut [u8]) -> Result<()> {
        let mut mac = self.begin();
        for part in parts {
            mac.update(part);
        }
        mac.finish(out)
    }
}

/// A MAC in progress. Erased on drop.
#[derive(Clone)]
pub struct Mac<K> {
    key: K,
    inner: Digest,
}

impl<K: Deref<Target = Key>> Mac<K> {
    /// Starts a message.
    #[must_use]
    pub fn new(key: K) -> Self {
        let inner = key.inner.clone();
        Mac { key, inner }
    }

    /// The length of the whole MAC in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.inner.length()
    }

    /// Takes the next part.
    pub fn update(&mut self, data: &[u8]) {
        self.inner.update(data);
    }

    /// Writes the first `out.len()` bytes of the MAC.
    ///
    /// # Errors
    /// `Internal` when `out` is longer than the hash's output.
    pub fn finish(mut self, out: &mut [u8]) -> Result<()> {
        let full = self.finish_whole()?;
        let taken = full
            .get(..out.len())
            .ok_or(Error::Internal("HMAC output length"))?;
        out.copy_from_slice(taken);
        Ok(())
    }

    /// Whether `tag` is the start of the MAC, compared in constant time. An empty tag never is.
    #[must_use]
    pub fn verify(mut self, tag: &[u8]) -> bool {
        match self.finish_whole() {
            Ok(full) => match full.get(..tag.len()) {
                Some(start) => !tag.is_empty() && start.ct_eq(tag).into(),
                None => false,
            },
            Err(_) => false,
        }
    }

    /// The whole MAC; bytes beyond the hash's output are absent.
    fn finish_whole(&mut self) -> Result<Zeroizing<Whole>> {
        let mut inner = [0; MAX_LENGTH];
        let length = self.inner.finish(&mut inner)?;
        let mut outer = self.key.outer.clone();
        outer.update(inner.get(..length).unwrap_or_default());
        inner.zeroize();
        let mut whole = Zeroizing::new(Whole {
            bytes: [0; MAX_LENGTH],
            length,
        });
        outer.finish(&mut whole.bytes)?;
        Ok(whole)
    }
}

/// A MAC of the length that its hash gives.
#[derive(Zeroize)]
struct Whole {
    bytes: [u8; MAX_LENGTH],
    length: usize,
}

impl Whole {
    /// A part of the MAC, `None` when it is not that long.
    fn get(&self, range: std::ops::RangeTo<usize>) -> Option<&[u8]> {
        self.bytes.get(..self.length)?.get(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4231_case_2() {
        let key = Key::new(Hash::Sha256, b"Jefe");
        let mut out = [0; 32];
        key.mac(&[b"what do ya want ", b"for nothing?"], &mut out)
            .unwrap();
        assert_eq!(out[..8], [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e]);
        let mut mac = key.begin();
        mac.update(b"what do ya want for nothing?");
        assert!(mac.clone().verify(&out));
        assert!(mac.clone().verify(&out[..16]));
        assert!(!mac.clone().verify(&[]));
        out[31] ^= 1;
        assert!(!mac.verify(&out));
    }

    #[test]
    fn a_tag_longer_than_the_hash_is_refused() {
        let key = Key::new(Hash::Sha1, b"k");
        assert!(key.mac(&[], &mut [0; 21]).is_err());
        assert!(!key.begin().verify(&[0; 21]));
    }
}
