//! XTS (SP 800-38E, IEEE 1619): the encryption of one data unit under a key of two halves.

use super::{BLOCK, Direction};
use crate::error::{Error, Result};
use aes::cipher::KeyInit;
use subtle::ConstantTimeEq;
use xts_mode::Xts128;

/// The longest data unit in bytes: 2^20 blocks (SP 800-38E, section 4).
pub const MAX_XTS_LENGTH: usize = BLOCK << 20;

/// A key of 32 or 64 bytes. Immutable; erased on drop, by the ciphers in it.
pub struct XtsKey(Halves);

enum Halves {
    Aes128(Box<Xts128<aes::Aes128>>),
    Aes256(Box<Xts128<aes::Aes256>>),
}

impl XtsKey {
    /// Prepares a key.
    ///
    /// # Errors
    /// `KeySizeRange` unless there are 32 or 64 bytes.
    pub fn new(key: &[u8]) -> Result<Self> {
        let (first, second) = key.split_at(key.len() / 2);
        let halves = if let (Ok(first), Ok(second)) = (first.try_into(), second.try_into()) {
            let (first, second): (&[u8; 16], &[u8; 16]) = (first, second);
            let cipher = |half: &[u8; 16]| aes::Aes128::new(half.into());
            Halves::Aes128(Box::new(Xts128::new(cipher(first), cipher(second))))
        } else if let (Ok(first), Ok(second)) = (first.try_into(), second.try_into()) {
            let (first, second): (&[u8; 32], &[u8; 32]) = (first, second);
            let cipher = |half: &[u8; 32]| aes::Aes256::new(half.into());
            Halves::Aes256(Box::new(Xts128::new(cipher(first), cipher(second))))
        } else {
            return Err(Error::KeySizeRange);
        };
        Ok(XtsKey(halves))
    }

    /// Whether the halves of a key differ, as they must (FIPS 140-3 implementation guidance, C.I).
    #[must_use]
    pub fn halves_differ(key: &[u8]) -> bool {
        let (first, second) = key.split_at(key.len() / 2);
        !bool::from(first.ct_eq(second))
    }

    /// Encrypts or decrypts one data unit into `out`, under the tweak: its number, least significant byte
    /// first.
    ///
    /// # Errors
    /// `DataLenRange` or `EncryptedDataLenRange` unless it has from 16 bytes to [`MAX_XTS_LENGTH`];
    /// `BufferTooSmall` unless `out` is as long.
    pub fn apply(
        &self,
        direction: Direction,
        tweak: [u8; BLOCK],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        if !(BLOCK..=MAX_XTS_LENGTH).contains(&input.len()) {
            return Err(match direction {
                Direction::Encrypt => Error::DataLenRange,
                Direction::Decrypt => Error::EncryptedDataLenRange,
            });
        }
        let needed = input.len();
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        out.copy_from_slice(input);
        let tweak = tweak.into();
        match (&self.0, direction) {
            (Halves::Aes128(key), Direction::Encrypt) => key.encrypt_sector(out, tweak),
            (Halves::Aes128(key), Direction::Decrypt) => key.decrypt_sector(out, tweak),
            (Halves::Aes256(key), Direction::Encrypt) => key.encrypt_sector(out, tweak),
            (Halves::Aes256(key), Direction::Decrypt) => key.decrypt_sector(out, tweak),
        }
        crate::crypto::keywrap::leave_vector_code();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IEEE 1619-2007, annex B, vector 1.
    #[test]
    fn ieee_1619_vector_1() {
        let key = XtsKey::new(&[0; 32]).unwrap();
        let mut out = [0; 32];
        key.apply(Direction::Encrypt, [0; 16], &[0; 32], &mut out)
            .unwrap();
        assert_eq!(out[..8], [0x91, 0x7c, 0xf6, 0x9e, 0xbd, 0x68, 0xb2, 0xec]);
        let mut back = [9; 32];
        key.apply(Direction::Decrypt, [0; 16], &out, &mut back)
            .unwrap();
        assert_eq!(back, [0; 32]);
    }

    #[test]
    fn short_units_and_odd_keys_are_refused() {
        let key = XtsKey::new(&[0; 64]).unwrap();
        let refused = key.apply(Direction::Encrypt, [0; 16], &[0; 15], &mut [0; 15]);
        assert_eq!(refused, Err(Error::DataLenRange));
        for length in [0, 16, 31, 33, 48, 63, 65] {
            assert!(XtsKey::new(&vec![1; length]).is_err(), "{length}");
        }
    }
}
