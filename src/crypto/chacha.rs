//! ChaCha20 (RFC 8439, and the form with a 64-bit counter), ChaCha20-Poly1305 with nonces of 12 or 24 bytes, and
//! Poly1305 alone.
#![forbid(unsafe_code)]

use super::awslc::chacha as awslc;
use crate::error::{Error, Result};
use crate::secret::SecretBytes;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use chacha20::{ChaCha20, ChaCha20Legacy, XChaCha20};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The length of a key of ChaCha20 or Poly1305, in bytes.
pub const KEY: usize = 32;
/// The length of a tag in bytes.
pub const TAG: usize = 16;
/// The length of a block of key stream in bytes.
const BLOCK: u128 = 64;

/// Encryption or decryption with ChaCha20 in progress. Erased on drop.
pub struct Stream(Variant);

enum Variant {
    /// 12-byte nonce, 32-bit counter.
    Ietf(ChaCha20),
    /// 8-byte nonce, 64-bit counter.
    Original(ChaCha20Legacy),
    /// 24-byte nonce.
    Extended(XChaCha20),
}

/// Runs `$body` with `$cipher` bound to the cipher, whichever variant it is.
macro_rules! with_variant {
    ($stream:expr, $cipher:ident => $body:expr) => {
        match &mut $stream.0 {
            Variant::Ietf($cipher) => $body,
            Variant::Original($cipher) => $body,
            Variant::Extended($cipher) => $body,
        }
    };
}

impl Stream {
    /// Starts at a block. The nonce has 8, 12 or 24 bytes, and says the variant.
    ///
    /// # Errors
    /// `MechanismParamInvalid` for another nonce, or a block that the variant's counter does not reach.
    pub fn new(key: &[u8; KEY], nonce: &[u8], block: u64) -> Result<Self> {
        let key = key.into();
        let variant = if let Ok(nonce) = nonce.try_into() {
            let nonce: &[u8; 12] = nonce;
            Variant::Ietf(ChaCha20::new(key, nonce.into()))
        } else if let Ok(nonce) = nonce.try_into() {
            let nonce: &[u8; 8] = nonce;
            Variant::Original(ChaCha20Legacy::new(key, nonce.into()))
        } else if let Ok(nonce) = nonce.try_into() {
            let nonce: &[u8; 24] = nonce;
            Variant::Extended(XChaCha20::new(key, nonce.into()))
        } else {
            return Err(Error::MechanismParamInvalid("ChaCha20 nonce length"));
        };
        let mut stream = Stream(variant);
        let start = u128::from(block) * BLOCK;
        with_variant!(stream, cipher => cipher.try_seek(start))
            .map_err(|_| Error::MechanismParamInvalid("ChaCha20 block counter"))?;
        Ok(stream)
    }

    /// Adds the key stream to the next bytes.
    ///
    /// # Errors
    /// `DataLenRange` when the counter would wrap around; `BufferTooSmall` unless `out` is as long as `input`.
    /// Nothing has happened then.
    pub fn apply(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let out = out
            .get_mut(..input.len())
            .ok_or(Error::BufferTooSmall(input.len()))?;
        with_variant!(self, cipher => cipher.try_apply_keystream_b2b(input, out))
            .map_err(|_| Error::DataLenRange)
    }
}

/// A key of ChaCha20-Poly1305, prepared for one message.
pub struct Aead {
    key: super::awslc::gcm::Key,
}

impl Aead {
    /// Prepares a key for nonces of this length in bytes.
    ///
    /// # Errors
    /// `MechanismParamInvalid` unless it is 12 or 24.
    pub fn new(key: &[u8; KEY], nonce_length: usize) -> Result<Self> {
        let key = awslc::aead(key, nonce_length);
        let key = key.ok_or(Error::MechanismParamInvalid(
            "ChaCha20-Poly1305 takes a nonce of 96 or 192 bits",
        ))?;
        Ok(Aead { key })
    }

    /// Encrypts `input` and writes ciphertext and tag to `out`; answers their length.
    ///
    /// # Errors
    /// `BufferTooSmall` unless `out` holds `input` and the tag; `DataLenRange` beyond 2^38 - 64 bytes.
    pub fn encrypt(&self, nonce: &[u8], aad: &[u8], input: &[u8], out: &mut [u8]) -> Result<usize> {
        let needed = input.len().checked_add(TAG).ok_or(Error::DataLenRange)?;
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        let (body, tag) = out.split_at_mut(input.len());
        self.seal(nonce, aad, input, body, tag)?;
        Ok(needed)
    }

    /// Encrypts `input` into `out`, which is as long; the tag fills `tag`, of [`TAG`] bytes.
    ///
    /// # Errors
    /// `DataLenRange` beyond 2^38 - 64 bytes, or for a tag of another length.
    pub fn seal(
        &self,
        nonce: &[u8],
        aad: &[u8],
        input: &[u8],
        out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<()> {
        let tag = tag.first_chunk_mut::<TAG>().ok_or(Error::DataLenRange)?;
        let made = self.key.seal(nonce, aad, input, out);
        *tag = made.ok_or(Error::DataLenRange)?;
        Ok(())
    }

    /// Decrypts ciphertext with its tag apart into a buffer of its own.
    ///
    /// # Errors
    /// `EncryptedDataInvalid` when the tag is wrong.
    pub fn open(&self, nonce: &[u8], aad: &[u8], sealed: &[u8], tag: &[u8]) -> Result<SecretBytes> {
        let plain = self.key.open(nonce, aad, sealed, tag);
        plain.ok_or(Error::EncryptedDataInvalid)
    }

    /// Decrypts ciphertext and tag into a buffer of its own.
    ///
    /// # Errors
    /// `EncryptedDataLenRange` for input shorter than a tag, `EncryptedDataInvalid` when the tag is wrong.
    pub fn decrypt(&self, nonce: &[u8], aad: &[u8], input: &[u8]) -> Result<SecretBytes> {
        let (body, tag) = input
            .split_last_chunk::<TAG>()
            .ok_or(Error::EncryptedDataLenRange)?;
        self.open(nonce, aad, body, tag)
    }
}

/// A Poly1305 authenticator in progress. Erased on drop.
pub struct Poly1305(awslc::Poly1305);

impl Poly1305 {
    /// Starts. A key must serve for one message only, or it can be computed from the tags.
    #[must_use]
    pub fn new(key: &[u8; KEY]) -> Self {
        Poly1305(awslc::Poly1305::new(key))
    }

    /// Takes the next part.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The tag.
    #[must_use]
    pub fn finish(self) -> Zeroizing<[u8; TAG]> {
        self.0.finish()
    }

    /// Whether `tag` is the right one, in constant time.
    #[must_use]
    pub fn verify(self, tag: &[u8]) -> bool {
        self.finish().as_slice().ct_eq(tag).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> [u8; KEY] {
        std::array::from_fn(|i| u8::try_from(i).unwrap())
    }

    /// RFC 8439, section 2.4.2.
    #[test]
    fn rfc_8439_chacha20() {
        let nonce = [0, 0, 0, 0, 0, 0, 0, 0x4a, 0, 0, 0, 0];
        let mut stream = Stream::new(&key(), &nonce, 1).unwrap();
        let mut out = [0; 8];
        stream.apply(b"Ladi", &mut out[..4]).unwrap();
        stream.apply(b"es a", &mut out[4..]).unwrap();
        assert_eq!(out, [0x6e, 0x2e, 0x35, 0x9a, 0x25, 0x68, 0xf9, 0x80]);
    }

    /// RFC 8439, section 2.5.2.
    #[test]
    fn rfc_8439_poly1305() {
        let key: [u8; 32] = [
            0x85, 0xd6, 0xbe, 0x78, 0x57, 0x55, 0x6d, 0x33, 0x7f, 0x44, 0x52, 0xfe, 0x42, 0xd5,
            0x06, 0xa8, 0x01, 0x03, 0x80, 0x8a, 0xfb, 0x0d, 0xb2, 0xfd, 0x4a, 0xbf, 0xf6, 0xaf,
            0x41, 0x49, 0xf5, 0x1b,
        ];
        let mut mac = Poly1305::new(&key);
        mac.update(b"Cryptographic Forum ");
        mac.update(b"Research Group");
        let tag = mac.finish();
        assert_eq!(tag[..6], [0xa8, 0x06, 0x1d, 0xc1, 0x30, 0x51]);
    }

    #[test]
    fn the_counter_does_not_wrap_around() {
        let last = u64::from(u32::MAX);
        let mut stream = Stream::new(&key(), &[0; 12], last).unwrap();
        assert_eq!(
            stream.apply(&[0; 128], &mut [0; 128]),
            Err(Error::DataLenRange)
        );
        assert!(Stream::new(&key(), &[0; 12], last + 1).is_err());
        assert!(Stream::new(&key(), &[0; 8], last + 1).is_ok());
        assert!(Stream::new(&key(), &[0; 11], 0).is_err());
    }
}
