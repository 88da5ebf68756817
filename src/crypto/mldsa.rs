//! ML-DSA (FIPS 204): signatures and checks on AWS-LC. The deterministic variant, which AWS-LC does not offer,
//! is on the crate `ml-dsa`.
#![forbid(unsafe_code)]

use super::awslc::mldsa::{Key, MU, Parameters};
use super::prehash::Form;
use crate::error::{Error, Result};
use crate::secret::{SecretBytes, apart};
use ml_dsa::{ExpandedSigningKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams};
use shake::Shake256;
use shake::digest::{ExtendableOutput, Update, XofReader};

/// The length of a seed in bytes.
pub const SEED_SIZE: usize = 32;
/// The length of a message representative in bytes.
pub const MU_SIZE: usize = MU;
/// The stack in bytes that holds secrets in the deterministic variant.
const STACK: usize = 256 * 1024;

/// A parameter set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the standard's own")]
pub enum Set {
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

impl Set {
    /// Every set.
    pub const ALL: [Set; 3] = [Set::MlDsa44, Set::MlDsa65, Set::MlDsa87];

    /// The length of a public key in bytes (FIPS 204, table 2).
    #[must_use]
    pub const fn public_size(self) -> usize {
        match self {
            Set::MlDsa44 => 1312,
            Set::MlDsa65 => 1952,
            Set::MlDsa87 => 2592,
        }
    }

    /// The length of a private key in bytes.
    #[must_use]
    pub const fn private_size(self) -> usize {
        match self {
            Set::MlDsa44 => 2560,
            Set::MlDsa65 => 4032,
            Set::MlDsa87 => 4896,
        }
    }

    /// The length of a signature in bytes.
    #[must_use]
    pub const fn signature_size(self) -> usize {
        match self {
            Set::MlDsa44 => 2420,
            Set::MlDsa65 => 3309,
            Set::MlDsa87 => 4627,
        }
    }

    fn parameters(self) -> Parameters {
        match self {
            Set::MlDsa44 => Parameters::MLDSA_44,
            Set::MlDsa65 => Parameters::MLDSA_65,
            Set::MlDsa87 => Parameters::MLDSA_87,
        }
    }
}

/// A message on its way to its representative (FIPS 204, algorithm 7, step 6).
pub struct Message(Shake256);

impl Message {
    /// A message to be signed in this form under the public key whose hash is `of_key`.
    fn begin(of_key: &[u8; MU], form: &Form<'_>) -> Self {
        let mut hash = Shake256::default();
        hash.update(of_key);
        form.write(|part| hash.update(part));
        Message(hash)
    }

    /// Takes the next part: of the message, or of its digest.
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// The representative.
    #[must_use]
    pub fn finish(self) -> [u8; MU_SIZE] {
        let mut mu = [0; MU];
        self.0.finalize_xof().read(&mut mu);
        mu
    }
}

/// The hash of a public key that goes before every message.
fn hash_of(public: &[u8]) -> [u8; MU] {
    let mut hash = Shake256::default();
    hash.update(public);
    let mut out = [0; MU];
    hash.finalize_xof().read(&mut out);
    out
}

/// A public key.
pub struct PublicKey {
    set: Set,
    key: Key,
    hash: [u8; MU],
}

impl PublicKey {
    /// From its encoding. `None` unless its length is right.
    #[must_use]
    pub fn new(set: Set, encoded: &[u8]) -> Option<Self> {
        Some(PublicKey {
            set,
            key: Key::public(set.parameters(), encoded)?,
            hash: hash_of(encoded),
        })
    }

    /// Begins a message to be checked under this key.
    #[must_use]
    pub fn message(&self, form: &Form<'_>) -> Message {
        Message::begin(&self.hash, form)
    }

    /// Checks a signature of a message representative.
    ///
    /// # Errors
    /// `SignatureLenRange` or `SignatureInvalid`.
    pub fn verify(&self, mu: &[u8; MU_SIZE], signature: &[u8]) -> Result<()> {
        if signature.len() != self.set.signature_size() {
            return Err(Error::SignatureLenRange);
        }
        if self.key.verify(mu, signature) {
            Ok(())
        } else {
            Err(Error::SignatureInvalid)
        }
    }
}

/// A private key.
pub struct PrivateKey {
    set: Set,
    key: Key,
    hash: [u8; MU],
}

impl PrivateKey {
    /// From its seed. `None` unless it has [`SEED_SIZE`] bytes.
    #[must_use]
    pub fn from_seed(set: Set, seed: &[u8]) -> Option<Self> {
        if seed.len() == SEED_SIZE {
            Self::load(set, seed)
        } else {
            None
        }
    }

    /// From its encoding. `None` unless its length is right, its numbers are in their range, and its hash is
    /// that of the public key that follows from it.
    #[must_use]
    pub fn new(set: Set, encoded: &[u8]) -> Option<Self> {
        if encoded.len() == set.private_size() {
            Self::load(set, encoded)
        } else {
            None
        }
    }

    fn load(set: Set, bytes: &[u8]) -> Option<Self> {
        let key = Key::private(set.parameters(), bytes)?;
        let hash = hash_of(&key.public_key(set.public_size())?);
        Some(PrivateKey { set, key, hash })
    }

    /// The parameter set.
    #[must_use]
    pub fn set(&self) -> Set {
        self.set
    }

    /// The public key.
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

    /// Begins a message to be signed with this key.
    #[must_use]
    pub fn message(&self, form: &Form<'_>) -> Message {
        Message::begin(&self.hash, form)
    }

    /// Signs a message representative into `out`, with fresh randomness or, where the caller must have the same
    /// signature each time, without.
    ///
    /// # Errors
    /// `BufferTooSmall` when `out` is shorter than a signature, `HostMemory`.
    pub fn sign(&self, mu: &[u8; MU_SIZE], deterministic: bool, out: &mut [u8]) -> Result<usize> {
        let length = self.set.signature_size();
        let out = out.get_mut(..length).ok_or(Error::BufferTooSmall(length))?;
        if deterministic {
            let encoded = self.encoded()?;
            apart::<STACK, _>(|| match self.set {
                Set::MlDsa44 => sign_without_randomness::<MlDsa44>(encoded.expose(), mu, out),
                Set::MlDsa65 => sign_without_randomness::<MlDsa65>(encoded.expose(), mu, out),
                Set::MlDsa87 => sign_without_randomness::<MlDsa87>(encoded.expose(), mu, out),
            })?;
        } else if !self.key.sign(mu, out) {
            return Err(Error::HostMemory);
        }
        Ok(length)
    }
}

/// The deterministic variant. The encoding has been checked when the key was made.
fn sign_without_randomness<P: MlDsaParams>(
    encoded: &[u8],
    mu: &[u8; MU],
    out: &mut [u8],
) -> Result<()> {
    let wrong = || Error::Internal("an ML-DSA key of the wrong length");
    #[expect(deprecated, reason = "keys may come without their seed")]
    let key = ExpandedSigningKey::<P>::from_expanded(encoded.try_into().map_err(|_| wrong())?);
    let signature = key.sign_mu_deterministic(mu.into()).encode();
    if out.len() != signature.len() {
        return Err(wrong());
    }
    out.copy_from_slice(&signature);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hash::Hash;
    use crate::crypto::prehash::Prehash;

    #[test]
    fn signatures_of_both_variants_are_verified_by_both_implementations() {
        fn peer<P: MlDsaParams>(seed: &[u8; 32], mu: &[u8; MU], signature: &[u8]) -> bool {
            let key = ExpandedSigningKey::<P>::from_seed(seed.into()).verifying_key();
            let signature = ml_dsa::Signature::<P>::try_from(signature).unwrap();
            key.verify_mu(mu.into(), &signature)
        }
        for set in Set::ALL {
            let seed = [9; SEED_SIZE];
            let private = PrivateKey::from_seed(set, &seed).unwrap();
            let public = PublicKey::new(set, &private.public().unwrap()).unwrap();
            let again = PrivateKey::new(set, private.encoded().unwrap().expose()).unwrap();
            let form = Form::Pure(b"context");
            let representative = |mut message: Message| {
                message.update(b"a message");
                message.finish()
            };
            let mu = representative(private.message(&form));
            assert_eq!(mu, representative(public.message(&form)));
            let mut signatures = Vec::new();
            for (key, deterministic) in [
                (&private, true),
                (&again, true),
                (&private, false),
                (&again, false),
            ] {
                let mut out = vec![0; set.signature_size()];
                key.sign(&mu, deterministic, &mut out).unwrap();
                public.verify(&mu, &out).unwrap();
                let verified = match set {
                    Set::MlDsa44 => peer::<MlDsa44>(&seed, &mu, &out),
                    Set::MlDsa65 => peer::<MlDsa65>(&seed, &mu, &out),
                    Set::MlDsa87 => peer::<MlDsa87>(&seed, &mu, &out),
                };
                assert!(verified);
                let mut bad = out.clone();
                bad[7] ^= 1;
                assert_eq!(public.verify(&mu, &bad), Err(Error::SignatureInvalid));
                signatures.push(out);
            }
            assert_eq!(signatures[0], signatures[1]);
            assert_ne!(signatures[0], signatures[2]);
            assert_ne!(signatures[2], signatures[3]);
            let hashed = private.message(&Form::Hashed(b"context", Prehash::Hash(Hash::Sha256)));
            assert_ne!(representative(hashed), mu);
        }
    }

    #[test]
    fn a_hashed_message_is_put_together_as_the_standard_says() {
        let seed = [5; SEED_SIZE];
        let private = PrivateKey::from_seed(Set::MlDsa44, &seed).unwrap();
        let mut digest = [0; 32];
        Hash::Sha256.digest(&[b"message"], &mut digest).unwrap();
        // FIPS 204, algorithm 4, steps 10 to 18, for SHA-256.
        let identifier = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01";
        let whole = [&[1, 3][..], b"ctx", identifier, &digest].concat();
        let form = Form::Hashed(b"ctx", Prehash::Hash(Hash::Sha256));
        let mut message = private.message(&form);
        message.update(&digest);
        let mut out = vec![0; Set::MlDsa44.signature_size()];
        private.sign(&message.finish(), false, &mut out).unwrap();
        let key = ExpandedSigningKey::<MlDsa44>::from_seed((&seed).into()).verifying_key();
        let signature = ml_dsa::Signature::<MlDsa44>::try_from(&out[..]).unwrap();
        assert!(key.verify_internal(&whole, &signature));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for set in Set::ALL {
            let private = PrivateKey::from_seed(set, &[4; SEED_SIZE]).unwrap();
            let good = private.encoded().unwrap().expose().to_vec();
            assert!(PrivateKey::new(set, &good[1..]).is_none());
            assert!(PrivateKey::from_seed(set, &good).is_none());
            assert!(PrivateKey::new(set, &[4; SEED_SIZE]).is_none());
            // The hash of the public key, and a coefficient out of its range.
            for place in [64, 128] {
                let mut bad = good.clone();
                bad[place] = !bad[place];
                bad[place + 1] = 0xff;
                assert!(PrivateKey::new(set, &bad).is_none(), "{set:?} {place}");
            }
        }
    }
}
