//! ML-KEM (FIPS 203), on AWS-LC.
#![forbid(unsafe_code)]

use super::awslc::mlkem::{Key, Parameters};
use crate::error::{Error, Result};
use crate::secret::SecretBytes;

/// The length of a seed, d and z side by side, in bytes.
pub const SEED_SIZE: usize = 64;
/// The length of a shared secret in bytes.
pub const SHARED_SIZE: usize = 32;

/// A parameter set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the standard's own")]
pub enum Set {
    MlKem512,
    MlKem768,
    MlKem1024,
}

impl Set {
    /// Every set.
    pub const ALL: [Set; 3] = [Set::MlKem512, Set::MlKem768, Set::MlKem1024];

    /// The length of an encapsulation key in bytes.
    #[must_use]
    pub const fn public_size(self) -> usize {
        384 * self.rank() + 32
    }

    /// The length of a decapsulation key in bytes: the secret vector, the encapsulation key, its hash, and z.
    #[must_use]
    pub const fn private_size(self) -> usize {
        768 * self.rank() + 96
    }

    /// The length of a ciphertext in bytes.
    #[must_use]
    pub const fn ciphertext_size(self) -> usize {
        match self {
            Set::MlKem512 => 768,
            Set::MlKem768 => 1088,
            Set::MlKem1024 => 1568,
        }
    }

    /// The rank of the module, k.
    const fn rank(self) -> usize {
        match self {
            Set::MlKem512 => 2,
            Set::MlKem768 => 3,
            Set::MlKem1024 => 4,
        }
    }

    fn parameters(self) -> Parameters {
        match self {
            Set::MlKem512 => Parameters::MLKEM_512,
            Set::MlKem768 => Parameters::MLKEM_768,
            Set::MlKem1024 => Parameters::MLKEM_1024,
        }
    }
}

/// An encapsulation key.
pub struct PublicKey {
    set: Set,
    key: Key,
}

impl PublicKey {
    /// From its encoding. `None` unless its length is right and its coefficients are reduced (FIPS 203,
    /// section 7.2).
    #[must_use]
    pub fn new(set: Set, encoded: &[u8]) -> Option<Self> {
        let key = PublicKey {
            set,
            key: Key::public(set.parameters(), encoded)?,
        };
        // The check is the first step of encapsulation.
        key.encapsulate().ok().map(|_| key)
    }

    /// A fresh shared secret, and the ciphertext that carries it to the owner of the private key.
    ///
    /// # Errors
    /// `HostMemory`, the only way in which it fails.
    pub fn encapsulate(&self) -> Result<(Vec<u8>, SecretBytes)> {
        self.key
            .encapsulate(self.set.ciphertext_size(), SHARED_SIZE)
            .ok_or(Error::HostMemory)
    }
}

/// A decapsulation key.
pub struct PrivateKey {
    set: Set,
    key: Key,
}

impl PrivateKey {
    /// From its seed. `None` unless it has [`SEED_SIZE`] bytes.
    #[must_use]
    pub fn from_seed(set: Set, seed: &[u8]) -> Option<Self> {
        let key = Key::from_seed(set.parameters(), seed)?;
        Some(PrivateKey { set, key })
    }

    /// From its encoding. `None` unless its length is right, its hash is that of its encapsulation key, and it
    /// opens what is encapsulated to that.
    #[must_use]
    pub fn new(set: Set, encoded: &[u8]) -> Option<Self> {
        let public = public_part(set, encoded)?;
        let key = Key::pair(set.parameters(), public, encoded)?;
        Some(PrivateKey { set, key })
    }

    /// The encapsulation key.
    ///
    /// # Errors
    /// `HostMemory`, the only way in which it fails.
    pub fn public(&self) -> Result<Vec<u8>> {
        self.key
            .public_key(self.set.public_size())
            .ok_or(Error::HostMemory)
    }

    /// The encoding.
    ///
    /// # Errors
    /// `HostMemory`, the only way in which it fails.
    pub fn encoded(&self) -> Result<SecretBytes> {
        self.key
            .private_key(self.set.private_size())
            .ok_or(Error::HostMemory)
    }

    /// The shared secret in a ciphertext. One that was not made for this key gives a secret that nobody knows
    /// (FIPS 203, section 6.3).
    ///
    /// # Errors
    /// `WrappedKeyLenRange` for a ciphertext of another length, `HostMemory`.
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<SecretBytes> {
        if ciphertext.len() != self.set.ciphertext_size() {
            return Err(Error::WrappedKeyLenRange);
        }
        self.key
            .decapsulate(ciphertext, SHARED_SIZE)
            .ok_or(Error::HostMemory)
    }
}

/// The encapsulation key in the encoding of a decapsulation key (FIPS 203, algorithm 16). `None` unless the
/// encoding has the right length.
#[must_use]
pub fn public_part(set: Set, encoded: &[u8]) -> Option<&[u8]> {
    if encoded.len() != set.private_size() {
        return None;
    }
    let start = 384 * set.rank();
    encoded.get(start..start + set.public_size())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_every_set_agree() {
        for set in Set::ALL {
            let private = PrivateKey::from_seed(set, &[3; SEED_SIZE]).unwrap();
            let encoded = private.encoded().unwrap();
            let public = private.public().unwrap();
            assert_eq!(public_part(set, encoded.expose()), Some(&public[..]));
            let (ciphertext, secret) = PublicKey::new(set, &public).unwrap().encapsulate().unwrap();
            assert_eq!(ciphertext.len(), set.ciphertext_size());
            for key in [&private, &PrivateKey::new(set, encoded.expose()).unwrap()] {
                let opened = key.decapsulate(&ciphertext).unwrap();
                assert_eq!(opened.expose(), secret.expose());
            }
            let mut other = ciphertext.clone();
            other[5] ^= 1;
            assert_ne!(
                private.decapsulate(&other).unwrap().expose(),
                secret.expose()
            );
            assert!(private.decapsulate(&ciphertext[1..]).is_err());
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for set in Set::ALL {
            let private = PrivateKey::from_seed(set, &[4; SEED_SIZE]).unwrap();
            let good = private.encoded().unwrap().expose().to_vec();
            for place in [384 * set.rank(), good.len() - 64, good.len() - 33] {
                let mut bad = good.clone();
                bad[place] ^= 1;
                assert!(PrivateKey::new(set, &bad).is_none(), "{set:?} {place}");
            }
            // The secret vector: all ones is no reduced coefficient, and opens nothing.
            let mut bad = good.clone();
            bad[..3].fill(0xff);
            assert!(PrivateKey::new(set, &bad).is_none(), "{set:?}");
            let mut public = private.public().unwrap();
            public[..3].fill(0xff);
            assert!(PublicKey::new(set, &public).is_none(), "{set:?}");
            assert!(PrivateKey::from_seed(set, &[4; SEED_SIZE - 1]).is_none());
            assert!(PublicKey::new(set, &public[1..]).is_none());
        }
    }
}
