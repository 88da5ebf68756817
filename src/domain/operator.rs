//! An operator's key in a file, sealed under a passphrase. A key that another token holds signs through
//! [`Signer`] too.

use super::cbor::{Flaw, Reader, Writer, flawed};
use super::command::Approvals;
use super::cose::{Signer, Variant};
use super::ids::OperatorId;
use super::sealing::{SealingKey, extract_and_expand};
use super::state::governance::{OperatorCard, operator_id};
use crate::crypto::edwards::PrivateKey;
use crate::crypto::pin::{Cost, stretch as argon2id};
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::secret::SecretBytes;
use std::fmt;
use zeroize::Zeroizing;

/// The format of key files, which fixes the cost of stretching.
const FORMAT: u64 = 1;
/// The cost of stretching in format 1.
const COST: Cost = Cost {
    memory_kib: 64 * 1024,
    passes: 3,
    lanes: 1,
};
/// The shortest passphrase in bytes.
pub const MIN_PASSPHRASE: usize = 8;
/// The longest key file in bytes, before armour.
const MAX_FILE: usize = 1024;

/// Who can approve mandates: something that holds an operator's Ed25519 key.
pub trait OperatorSigner: Signer {
    /// The operator's name in a domain.
    fn operator_id(&self) -> OperatorId {
        operator_id(&self.public_key())
    }

    /// Adds this operator's approval to a mandate.
    ///
    /// # Errors
    /// Those of the place where the key is held.
    fn approve(&self, approvals: &mut Approvals) -> Result<()>
    where
        Self: Sized,
    {
        approvals.approve(self.operator_id(), self)
    }
}

/// An operator's key in memory. Erased on drop.
pub struct OperatorKey {
    seed: Zeroizing<[u8; 32]>,
    key: PrivateKey,
}

impl OperatorKey {
    /// A new key.
    ///
    /// # Errors
    /// None but those of the machine.
    pub fn generate() -> Result<Self> {
        Self::from_seed(Zeroizing::new(random::array()?))
    }

    /// The key of a seed of 32 bytes (RFC 8032 section 5.1.5).
    ///
    /// # Errors
    /// None that 32 bytes can meet.
    pub fn from_seed(seed: Zeroizing<[u8; 32]>) -> Result<Self> {
        let key = PrivateKey::new(seed.as_ref()).ok_or(Error::Internal("operator key"))?;
        Ok(OperatorKey { seed, key })
    }

    /// The card by which the operator joins a domain under the name `label`.
    ///
    /// # Errors
    /// A label of more than 64 bytes.
    pub fn card(&self, label: &str) -> Result<OperatorCard> {
        OperatorCard::make(label, self)
    }

    /// The key as the contents of a file, sealed under a passphrase. Takes a tenth of a second.
    ///
    /// # Errors
    /// A passphrase of fewer than 8 bytes.
    pub fn to_file(&self, passphrase: &SecretBytes) -> Result<Vec<u8>> {
        if passphrase.len() < MIN_PASSPHRASE {
            return Err(Error::PinLenRange);
        }
        let salt: [u8; 16] = random::array()?;
        let mut head = Writer::default();
        head.array(4)
            .uint(FORMAT)
            .bytes(&self.public_key())
            .bytes(&salt);
        let sealed = stretch(passphrase, &salt, FILE)?.seal(head.as_slice(), self.seed.as_ref())?;
        head.bytes(&sealed);
        Ok(head.into_vec())
    }

    /// Reads the contents of a key file. Takes a tenth of a second.
    ///
    /// # Errors
    /// [`Error::PinIncorrect`] for a wrong passphrase or a changed file, [`Error::Malformed`] for
    /// something else than a key file.
    pub fn from_file(bytes: &[u8], passphrase: &SecretBytes) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        reader.tuple("operator key file", 4)?;
        if reader.uint("key file format")? != FORMAT {
            return Err(flawed("key file format", Flaw::BadValue).into());
        }
        let public: [u8; 32] = reader.fixed("operator key")?;
        let salt: [u8; 16] = reader.fixed("salt")?;
        let head = bytes.get(..reader.position()).unwrap_or_default();
        let sealed = reader.bytes("sealed seed", MAX_FILE)?;
        reader.end("operator key file")?;
        let seed = stretch(passphrase, &salt, FILE)?
            .open(head, sealed)
            .ok_or(Error::PinIncorrect)?;
        let seed = seed.expose().try_into().map_err(|_| Error::PinIncorrect)?;
        let key = Self::from_seed(Zeroizing::new(seed))?;
        if key.public_key() != public {
            return Err(flawed("operator key", Flaw::BadValue).into());
        }
        Ok(key)
    }
}

impl Signer for OperatorKey {
    fn public_key(&self) -> [u8; 32] {
        *self.key.public().encoded()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        self.key.sign(message, Variant::Pure)
    }
}

impl OperatorSigner for OperatorKey {}

impl fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperatorKey({})", self.operator_id())
    }
}

/// What the key of an operator's file derives under.
const FILE: &str = "keyward/1 operator key file";

/// The key that a passphrase makes for the files that `label` names.
pub(super) fn stretch(
    passphrase: &SecretBytes,
    salt: &[u8; 16],
    label: &str,
) -> Result<SealingKey> {
    let stretched = argon2id(COST, passphrase.expose(), salt, b"", 32)?;
    let root = extract_and_expand(salt, stretched.expose(), label.as_bytes())?;
    Ok(SealingKey::derive(&root, label.trim_end_matches(" file")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_opens_with_its_passphrase_only() {
        let key = OperatorKey::generate().unwrap();
        let passphrase = SecretBytes::copy_of(b"correct horse");
        let file = key.to_file(&passphrase).unwrap();
        let back = OperatorKey::from_file(&file, &passphrase).unwrap();
        assert_eq!(back.public_key(), key.public_key());
        let wrong = SecretBytes::copy_of(b"wrong horse");
        assert_eq!(
            OperatorKey::from_file(&file, &wrong).err(),
            Some(Error::PinIncorrect)
        );
        let mut changed = file.clone();
        changed[10] ^= 1;
        assert!(OperatorKey::from_file(&changed, &passphrase).is_err());
        assert!(key.to_file(&SecretBytes::copy_of(b"short")).is_err());
    }
}
