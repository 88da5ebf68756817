//! ML-KEM, ML-DSA and SLH-DSA as one: keys that are byte strings of a parameter set.
#![forbid(unsafe_code)]

use super::{mldsa, mlkem, slhdsa};
use crate::error::{Error, Result};
use crate::secret::SecretBytes;

/// A scheme and its parameter set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the standards' own")]
pub enum Scheme {
    MlKem(mlkem::Set),
    MlDsa(mldsa::Set),
    SlhDsa(slhdsa::Set),
}

/// A key pair as byte strings.
pub struct Pair {
    /// The seed that the private key was made from, where the scheme has one and it is known.
    pub seed: Option<SecretBytes>,
    /// The private key.
    pub private: SecretBytes,
    /// The public key.
    pub public: Vec<u8>,
}

impl Scheme {
    /// Every scheme with every set.
    pub fn all() -> impl Iterator<Item = Scheme> {
        let kem = mlkem::Set::ALL.into_iter().map(Scheme::MlKem);
        let lattice = mldsa::Set::ALL.into_iter().map(Scheme::MlDsa);
        let hash = slhdsa::Set::ALL.into_iter().map(Scheme::SlhDsa);
        kem.chain(lattice).chain(hash)
    }

    /// The length of a public key in bytes.
    #[must_use]
    pub const fn public_size(self) -> usize {
        match self {
            Scheme::MlKem(set) => set.public_size(),
            Scheme::MlDsa(set) => set.public_size(),
            Scheme::SlhDsa(set) => set.public_size(),
        }
    }

    /// The length of a private key in bytes.
    #[must_use]
    pub const fn private_size(self) -> usize {
        match self {
            Scheme::MlKem(set) => set.private_size(),
            Scheme::MlDsa(set) => set.private_size(),
            Scheme::SlhDsa(set) => set.private_size(),
        }
    }

    /// The length of a seed in bytes, where the scheme has one.
    #[must_use]
    pub const fn seed_size(self) -> Option<usize> {
        match self {
            Scheme::MlKem(_) => Some(mlkem::SEED_SIZE),
            Scheme::MlDsa(_) => Some(mldsa::SEED_SIZE),
            Scheme::SlhDsa(_) => None,
        }
    }

    /// Whether bytes are a public key.
    #[must_use]
    pub fn is_public(self, encoded: &[u8]) -> bool {
        match self {
            Scheme::MlKem(set) => mlkem::PublicKey::new(set, encoded).is_some(),
            Scheme::MlDsa(set) => encoded.len() == set.public_size(),
            Scheme::SlhDsa(set) => encoded.len() == set.public_size(),
        }
    }

    /// Makes a new pair.
    ///
    /// # Errors
    /// `HostMemory`; when the system gives no randomness.
    pub fn generate(self) -> Result<Pair> {
        if let Scheme::SlhDsa(set) = self {
            let key = slhdsa::PrivateKey::generate(set)?;
            return Ok(Pair {
                seed: None,
                private: key.encoded().duplicate(),
                public: key.public().to_vec(),
            });
        }
        let length = self.seed_size().unwrap_or_default();
        let seed = SecretBytes::random(length)?;
        self.from_seed(seed.expose()).ok_or(Error::HostMemory)
    }

    /// The pair of a seed. `None` for one of another length, and where the scheme has none.
    #[must_use]
    pub fn from_seed(self, seed: &[u8]) -> Option<Pair> {
        let (private, public) = match self {
            Scheme::MlKem(set) => {
                let key = mlkem::PrivateKey::from_seed(set, seed)?;
                (key.encoded().ok()?, key.public().ok()?)
            }
            Scheme::MlDsa(set) => {
                let key = mldsa::PrivateKey::from_seed(set, seed)?;
                (key.encoded().ok()?, key.public().ok()?)
            }
            Scheme::SlhDsa(_) => return None,
        };
        Some(Pair {
            seed: Some(SecretBytes::copy_of(seed)),
            private,
            public,
        })
    }

    /// The pair of a private key. `None` unless it is one that does not contradict itself.
    #[must_use]
    pub fn from_private(self, encoded: &[u8]) -> Option<Pair> {
        let public = match self {
            Scheme::MlKem(set) => mlkem::PrivateKey::new(set, encoded)?.public().ok()?,
            Scheme::MlDsa(set) => mldsa::PrivateKey::new(set, encoded)?.public().ok()?,
            Scheme::SlhDsa(set) => slhdsa::PrivateKey::new(set, encoded)?.public().to_vec(),
        };
        Some(Pair {
            seed: None,
            private: SecretBytes::copy_of(encoded),
            public,
        })
    }

    /// The public key of a private key that is known to be one.
    #[must_use]
    pub fn public_of(self, encoded: &[u8]) -> Option<Vec<u8>> {
        match self {
            Scheme::MlKem(set) => mlkem::public_part(set, encoded).map(<[u8]>::to_vec),
            Scheme::MlDsa(set) => mldsa::PrivateKey::new(set, encoded)?.public().ok(),
            Scheme::SlhDsa(set) => slhdsa::public_part(set, encoded).map(<[u8]>::to_vec),
        }
    }
}
