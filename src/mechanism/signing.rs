//! What signatures of every family share: hashing the data first, or taking it whole.

use super::operation::{Signer, Verifier};
use crate::crypto::digest::{Digest, MAX_LENGTH};
use crate::crypto::hash::Hash;
use crate::error::{Error, Result};

/// A key that signs what it is given at once: a digest, or the data itself.
pub(super) trait Sign: Send {
    /// The length of a signature in bytes.
    fn length(&self) -> usize;
    /// Signs into `out`, which has at least that length.
    ///
    /// # Errors
    /// Those of the mechanism.
    fn sign(&self, data: &[u8], out: &mut [u8]) -> Result<usize>;
}

/// A key that checks a signature of what it is given at once.
pub(super) trait Check: Send {
    /// Checks a signature.
    ///
    /// # Errors
    /// `SignatureLenRange`, `SignatureInvalid`, and those of the mechanism.
    fn check(&self, data: &[u8], signature: &[u8]) -> Result<()>;
}

/// Hashes the data, part by part, and hands the digest to the key.
pub(super) struct Hashed<K> {
    digest: Digest,
    key: K,
}

impl<K> Hashed<K> {
    pub(super) fn new(hash: Hash, key: K) -> Box<Self> {
        Box::new(Hashed {
            digest: hash.begin(),
            key,
        })
    }

    /// The digest of the data so far, and its length.
    fn digest(&mut self) -> Result<([u8; MAX_LENGTH], usize)> {
        let mut digest = [0; MAX_LENGTH];
        let length = self.digest.finish(&mut digest)?;
        Ok((digest, length))
    }
}

impl<K: Sign> Signer for Hashed<K> {
    fn length(&self) -> usize {
        self.key.length()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.digest.update(data);
        Ok(())
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let needed = self.key.length();
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        let (digest, length) = self.digest()?;
        self.key.sign(digest.get(..length).unwrap_or_default(), out)
    }
}

impl<K: Check> Verifier for Hashed<K> {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.digest.update(data);
        Ok(())
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let (digest, length) = self.digest()?;
        self.key
            .check(digest.get(..length).unwrap_or_default(), signature)
    }
}

/// Hands the data to the key as it is, in one part only: an operation in parts was never begun, which is what
/// the lists of codes for these calls have, and what other modules answer.
pub(super) struct Whole<K>(pub(super) K);

impl<K: Sign> Signer for Whole<K> {
    fn length(&self) -> usize {
        self.0.length()
    }

    fn update(&mut self, _: &[u8]) -> Result<()> {
        Err(Error::OperationNotInitialized)
    }

    fn finish(&mut self, _: &mut [u8]) -> Result<usize> {
        Err(Error::OperationNotInitialized)
    }

    fn whole(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        let needed = self.0.length();
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        self.0.sign(data, out)
    }
}

impl<K: Check> Verifier for Whole<K> {
    fn update(&mut self, _: &[u8]) -> Result<()> {
        Err(Error::OperationNotInitialized)
    }

    fn finish(&mut self, _: &[u8]) -> Result<()> {
        Err(Error::OperationNotInitialized)
    }

    fn whole(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        self.0.check(data, signature)
    }
}

/// Keeps the data of all parts and hands it over at the end, for signatures that go over it twice.
pub(super) struct Gathered<K> {
    data: Vec<u8>,
    key: K,
}

impl<K> Gathered<K> {
    pub(super) fn new(key: K) -> Box<Self> {
        Box::new(Gathered {
            data: Vec::new(),
            key,
        })
    }

    fn keep(&mut self, data: &[u8]) -> Result<()> {
        self.data
            .try_reserve(data.len())
            .map_err(|_| Error::HostMemory)?;
        self.data.extend_from_slice(data);
        Ok(())
    }
}

impl<K: Sign> Signer for Gathered<K> {
    fn length(&self) -> usize {
        self.key.length()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.keep(data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let needed = self.key.length();
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        self.key.sign(&self.data, out)
    }

    fn whole(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        let needed = self.key.length();
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        self.key.sign(data, out)
    }
}

impl<K: Check> Verifier for Gathered<K> {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.keep(data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        self.key.check(&self.data, signature)
    }

    fn whole(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        self.key.check(data, signature)
    }
}
