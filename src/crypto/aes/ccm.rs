//! Counter with CBC-MAC (SP 800-38C, RFC 3610), whole messages.

use super::Key;
use crate::crypto::awslc::ccm as awslc;
use crate::error::{Error, Result};
use crate::secret::SecretBytes;

/// The nonce, the data that is authenticated only, and the tag's length in bytes.
#[derive(Clone, Copy, Debug)]
pub struct CcmShape<'a> {
    nonce: &'a [u8],
    aad: &'a [u8],
    tag: usize,
}

impl<'a> CcmShape<'a> {
    /// Checks the lengths.
    ///
    /// # Errors
    /// `MechanismParamInvalid` for a nonce of other than 7 to 13 bytes, or a tag other than 4, 6, 8, 10, 12,
    /// 14 or 16 bytes.
    pub fn new(nonce: &'a [u8], aad: &'a [u8], tag: usize) -> Result<Self> {
        if !(7..=13).contains(&nonce.len()) {
            return Err(Error::MechanismParamInvalid("CCM nonce length"));
        }
        if !matches!(tag, 4 | 6 | 8 | 10 | 12 | 14 | 16) {
            return Err(Error::MechanismParamInvalid("CCM tag length"));
        }
        Ok(CcmShape { nonce, aad, tag })
    }

    /// The nonce.
    #[must_use]
    pub fn nonce(&self) -> &'a [u8] {
        self.nonce
    }

    /// The data that is authenticated only.
    #[must_use]
    pub fn aad(&self) -> &'a [u8] {
        self.aad
    }

    /// The length of the tag in bytes.
    #[must_use]
    pub fn tag_length(&self) -> usize {
        self.tag
    }

    /// Whether a message of so many bytes can be counted beside a nonce of this length, and by AWS-LC.
    #[must_use]
    pub fn takes(&self, length: usize) -> bool {
        let counter_bits = 8 * 15usize.saturating_sub(self.nonce.len());
        let fits = length
            .checked_shr(u32::try_from(counter_bits).unwrap_or(u32::MAX))
            .is_none_or(|beyond| beyond == 0);
        fits && i32::try_from(length).is_ok()
    }
}

impl Key {
    /// Encrypts `input` and writes ciphertext and tag to `out`; answers their length.
    ///
    /// # Errors
    /// `BufferTooSmall` unless `out` holds `input` and the tag; `DataLenRange` for a message that is too long
    /// for the nonce.
    pub fn ccm_encrypt(&self, shape: CcmShape<'_>, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let needed = input
            .len()
            .checked_add(shape.tag)
            .ok_or(Error::DataLenRange)?;
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        let (body, tag) = out.split_at_mut(input.len());
        self.ccm_seal(shape, input, body, tag)?;
        Ok(needed)
    }

    /// Encrypts `input` into `out`, which is as long; the tag fills `tag`, which has the shape's length.
    ///
    /// # Errors
    /// `DataLenRange` for a message that is too long for the nonce.
    pub fn ccm_seal(
        &self,
        shape: CcmShape<'_>,
        input: &[u8],
        out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<()> {
        if !shape.takes(input.len()) || tag.len() != shape.tag {
            return Err(Error::DataLenRange);
        }
        awslc::seal(self.bytes(), shape.nonce, shape.aad, input, out, tag)
            .ok_or(Error::DataLenRange)
    }

    /// Decrypts ciphertext and tag into a buffer of its own.
    ///
    /// # Errors
    /// `EncryptedDataLenRange` for input that no message has, `EncryptedDataInvalid` when the tag is wrong.
    pub fn ccm_decrypt(&self, shape: CcmShape<'_>, input: &[u8]) -> Result<SecretBytes> {
        let length = input.len().checked_sub(shape.tag);
        let (body, tag) = input.split_at(length.ok_or(Error::EncryptedDataLenRange)?);
        self.ccm_open(shape, body, tag)
    }

    /// Decrypts ciphertext with its tag apart into a buffer of its own.
    ///
    /// # Errors
    /// As [`Key::ccm_decrypt`].
    pub fn ccm_open(&self, shape: CcmShape<'_>, body: &[u8], tag: &[u8]) -> Result<SecretBytes> {
        if !shape.takes(body.len()) || tag.len() != shape.tag {
            return Err(Error::EncryptedDataLenRange);
        }
        let mut plain = SecretBytes::zeroed(body.len());
        let room = plain.expose_mut();
        awslc::open_into(self.bytes(), shape.nonce, shape.aad, body, tag, room)
            .ok_or(Error::EncryptedDataInvalid)?;
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sp_800_38c_example_1() {
        let key: Vec<u8> = (0x40..0x50).collect();
        let key = Key::new(&key).unwrap();
        let nonce: Vec<u8> = (0x10..0x17).collect();
        let aad: Vec<u8> = (0..8).collect();
        let shape = CcmShape::new(&nonce, &aad, 4).unwrap();
        let plain = [0x20, 0x21, 0x22, 0x23];
        let mut out = [0; 8];
        assert_eq!(key.ccm_encrypt(shape, &plain, &mut out), Ok(8));
        assert_eq!(out, [0x71, 0x62, 0x01, 0x5b, 0x4d, 0xac, 0x25, 0x5d]);
        assert_eq!(key.ccm_decrypt(shape, &out).unwrap().expose(), plain);
        out[7] ^= 1;
        assert!(matches!(
            key.ccm_decrypt(shape, &out),
            Err(Error::EncryptedDataInvalid)
        ));
    }

    #[test]
    fn an_empty_message_has_a_tag() {
        let key = Key::new(&[7; 24]).unwrap();
        let shape = CcmShape::new(&[1; 13], &[], 16).unwrap();
        let mut out = [0; 16];
        assert_eq!(key.ccm_encrypt(shape, &[], &mut out), Ok(16));
        assert!(key.ccm_decrypt(shape, &out).unwrap().is_empty());
    }

    #[test]
    fn a_long_nonce_leaves_room_for_short_messages() {
        assert!(!CcmShape::new(&[0; 13], &[], 4).unwrap().takes(65_536));
        assert!(CcmShape::new(&[0; 13], &[], 4).unwrap().takes(65_535));
        assert!(CcmShape::new(&[0; 7], &[], 4).unwrap().takes(65_536));
    }
}
