//! Ed25519 (RFC 8032), with the variants that take a context or a pre-hashed message, on AWS-LC.
#![forbid(unsafe_code)]

pub use super::awslc::curve25519::Variant;

use super::awslc::curve25519::{self, KEY, SIGNATURE, SigningKey};
use crate::error::{Error, Result};

/// The length of a public key, and of a private one, in bytes.
pub const KEY_SIZE: usize = KEY;
/// The length of a signature in bytes.
pub const SIGNATURE_SIZE: usize = SIGNATURE;

/// A public key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicKey([u8; KEY]);

impl PublicKey {
    /// From its encoding. `None` unless it is 32 bytes that encode a point, not one of the few of small
    /// order, under which one signature fits many messages.
    #[must_use]
    pub fn new(encoded: &[u8]) -> Option<Self> {
        let encoded: [u8; KEY] = encoded.try_into().ok()?;
        let point = ed25519_dalek::VerifyingKey::from_bytes(&encoded).ok()?;
        (!point.is_weak()).then_some(PublicKey(encoded))
    }

    /// The encoding.
    #[must_use]
    pub fn encoded(&self) -> &[u8; KEY] {
        &self.0
    }

    /// Checks a signature of a message; for [`Variant::Prehash`] of its SHA-512.
    ///
    /// # Errors
    /// `SignatureLenRange` or `SignatureInvalid`.
    pub fn verify(&self, message: &[u8], variant: Variant<'_>, signature: &[u8]) -> Result<()> {
        let signature = signature.try_into().map_err(|_| Error::SignatureLenRange)?;
        if curve25519::verify(&self.0, message, variant, signature) {
            Ok(())
        } else {
            Err(Error::SignatureInvalid)
        }
    }
}

/// A private key.
pub struct PrivateKey {
    key: SigningKey,
    public: PublicKey,
}

impl PrivateKey {
    /// From its seed. `None` unless it has 32 bytes.
    #[must_use]
    pub fn new(seed: &[u8]) -> Option<Self> {
        let key = SigningKey::from_seed(seed.try_into().ok()?);
        let public = PublicKey(key.public()?);
        Some(PrivateKey { key, public })
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message; for [`Variant::Prehash`] its SHA-512.
    ///
    /// # Errors
    /// `DataLenRange` for a context out of its range or a pre-hash of another length than 64 bytes.
    pub fn sign(&self, message: &[u8], variant: Variant<'_>) -> Result<[u8; SIGNATURE]> {
        self.key.sign(message, variant).ok_or(Error::DataLenRange)
    }
}
