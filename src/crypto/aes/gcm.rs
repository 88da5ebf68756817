//! Galois/counter mode (SP 800-38D) with IVs and tags of every length.
//!
//! Two implementations share the work, by measurement: AWS-LC, and for short messages with the usual 12-byte
//! IV and 16-byte tag the `aes-gcm` crate, on processors without vectors of 512 bits, where AWS-LC's call
//! costs more than its speed gains.

use super::{BLOCK, Key, first, keywrap};
use crate::crypto::awslc;
use crate::error::{Error, Result};
use crate::secret::{AES_STACK, apart};
use aes::cipher::KeyInit;
use aes::cipher::inout::InOutBuf;
use aes::cipher::typenum::U12;
use aes_gcm::aead::AeadInOut;
use aes_gcm::{AesGcm, Nonce};
use once_cell::race::OnceBox;
use std::ops::Deref;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// From this message length on, in bytes, AWS-LC is the faster one on a processor without wide vectors.
const LONG: usize = 768;
/// The longest plaintext in bytes (SP 800-38D, 5.2.1.1).
pub const MAX_GCM_LENGTH: u64 = (1 << 36) - 32;

/// What GCM prepares from a key, each at its first use.
#[derive(Default)]
pub(super) struct Tables {
    short: OnceBox<Short>,
    long: OnceLock<Option<awslc::gcm::Key>>,
}

/// The key for short messages, one variant for each length of key.
enum Short {
    Aes128(AesGcm<aes::Aes128Enc, U12>),
    Aes192(AesGcm<aes::Aes192Enc, U12>),
    Aes256(AesGcm<aes::Aes256Enc, U12>),
}

impl Short {
    /// Straight from the key: GCM never decrypts a block, so it needs half of the block cipher's schedule.
    fn new(key: &Key) -> Self {
        let bytes = key.bytes();
        match bytes.len() {
            16 => Short::Aes128(aes::Aes128Enc::new(&first(bytes).into()).into()),
            24 => Short::Aes192(aes::Aes192Enc::new(&first(bytes).into()).into()),
            _ => Short::Aes256(aes::Aes256Enc::new(&first(bytes).into()).into()),
        }
    }
}

/// Runs `$body` with `$cipher` bound to the key for short messages, whichever length it has.
macro_rules! with_short {
    ($short:expr, $cipher:ident => $body:expr) => {
        match $short {
            Short::Aes128($cipher) => $body,
            Short::Aes192($cipher) => $body,
            Short::Aes256($cipher) => $body,
        }
    };
}

/// The IV, the data that is authenticated only, and the tag's length in bytes.
#[derive(Clone, Copy, Debug)]
pub struct GcmShape<'a> {
    iv: &'a [u8],
    aad: &'a [u8],
    tag: usize,
}

impl<'a> GcmShape<'a> {
    /// Checks the lengths.
    ///
    /// # Errors
    /// `MechanismParamInvalid` for an empty IV or a tag length other than 4, 8 and 12 to 16 bytes
    /// (SP 800-38D, 5.2.1.2).
    pub fn new(iv: &'a [u8], aad: &'a [u8], tag: usize) -> Result<Self> {
        Self::check(iv.len(), tag)?;
        Ok(GcmShape { iv, aad, tag })
    }

    /// Checks the lengths in bytes of an IV and a tag.
    ///
    /// # Errors
    /// As [`GcmShape::new`].
    pub fn check(iv: usize, tag: usize) -> Result<()> {
        if iv == 0 {
            return Err(Error::MechanismParamInvalid("empty GCM IV"));
        }
        if !matches!(tag, 4 | 8 | 12..=16) {
            return Err(Error::MechanismParamInvalid("GCM tag length"));
        }
        Ok(())
    }

    /// The IV.
    #[must_use]
    pub fn iv(&self) -> &'a [u8] {
        self.iv
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

    /// The IV, when a message of this length is one for the short implementation.
    fn short(&self, length: usize) -> Option<&'a Nonce<U12>> {
        if length >= LONG || awslc::gcm::wide_vectors() {
            return None;
        }
        <&Nonce<U12>>::try_from(self.iv).ok()
    }
}

impl Key {
    /// Encrypts `input` and writes ciphertext and tag to `out`; answers their length. Allocates nothing
    /// but, once for each key, its tables.
    ///
    /// # Errors
    /// `BufferTooSmall` unless `out` holds `input` and the tag, `DataLenRange` beyond
    /// [`MAX_GCM_LENGTH`].
    pub fn gcm_encrypt(&self, shape: GcmShape<'_>, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let needed = input
            .len()
            .checked_add(shape.tag)
            .ok_or(Error::DataLenRange)?;
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        let (body, tag) = out.split_at_mut(input.len());
        self.gcm_seal(shape, input, body, tag)?;
        Ok(needed)
    }

    /// Encrypts `input` into `body`, which is as long, and writes the tag beside it, to `tag`.
    ///
    /// # Errors
    /// `DataLenRange` beyond [`MAX_GCM_LENGTH`]; `Internal` unless the slices have the lengths told.
    pub fn gcm_seal(
        &self,
        shape: GcmShape<'_>,
        input: &[u8],
        body: &mut [u8],
        tag_out: &mut [u8],
    ) -> Result<()> {
        check_length(input.len(), Error::DataLenRange)?;
        if (body.len(), tag_out.len()) != (input.len(), shape.tag) {
            return Err(LENGTHS);
        }
        let tag = match shape.short(input.len()) {
            Some(iv) => self.gcm_seal_short(iv, shape.aad, input, body)?,
            None => self
                .gcm_long()?
                .seal(shape.iv, shape.aad, input, body)
                .ok_or(FAILED)?,
        };
        tag_out.copy_from_slice(tag.get(..shape.tag).unwrap_or_default());
        Ok(())
    }

    /// Checks the tag at the end of `input`, and only then writes the plaintext to `out`; answers its
    /// length.
    ///
    /// # Errors
    /// `EncryptedDataLenRange` when `input` has no room for a tag or is too long, `EncryptedDataInvalid`
    /// when the tag is wrong, `BufferTooSmall`. Nothing is written then.
    pub fn gcm_decrypt(&self, shape: GcmShape<'_>, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let length = input
            .len()
            .checked_sub(shape.tag)
            .ok_or(Error::EncryptedDataLenRange)?;
        let out = out.get_mut(..length).ok_or(Error::BufferTooSmall(length))?;
        let (body, tag) = input.split_at(length);
        self.gcm_open(shape, body, tag, out)?;
        Ok(length)
    }

    /// Checks the tag beside the ciphertext `body`, and only then writes the plaintext to `out`, which is
    /// as long.
    ///
    /// # Errors
    /// `EncryptedDataLenRange` beyond [`MAX_GCM_LENGTH`], `EncryptedDataInvalid` when the tag is wrong;
    /// `Internal` unless the slices have the lengths told. Nothing is written then.
    pub fn gcm_open(
        &self,
        shape: GcmShape<'_>,
        body: &[u8],
        tag: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        check_length(body.len(), Error::EncryptedDataLenRange)?;
        if (out.len(), tag.len()) != (body.len(), shape.tag) {
            return Err(LENGTHS);
        }
        match (shape.short(body.len()), <&[u8; BLOCK]>::try_from(tag)) {
            (Some(iv), Ok(tag)) => self.gcm_open_short(iv, shape.aad, body, tag, out)?,
            _ => out.copy_from_slice(&self.gcm_open_long(shape, body, tag)?),
        }
        Ok(())
    }

    /// Encrypts with `aes-gcm`; the tag.
    fn gcm_seal_short(
        &self,
        iv: &Nonce<U12>,
        aad: &[u8],
        input: &[u8],
        body: &mut [u8],
    ) -> Result<[u8; BLOCK]> {
        let pair = InOutBuf::new(input, body).map_err(|_| LENGTHS)?;
        let sealed =
            with_short!(self.gcm_short(), cipher => cipher.encrypt_inout_detached(iv, aad, pair));
        keywrap::leave_vector_code();
        sealed.map(Into::into).map_err(|_| Error::DataLenRange)
    }

    /// Decrypts with `aes-gcm`, which checks the tag before it writes.
    fn gcm_open_short(
        &self,
        iv: &Nonce<U12>,
        aad: &[u8],
        body: &[u8],
        tag: &[u8; BLOCK],
        out: &mut [u8],
    ) -> Result<()> {
        let pair = InOutBuf::new(body, out).map_err(|_| LENGTHS)?;
        let opened = with_short!(self.gcm_short(), cipher =>
            cipher.decrypt_inout_detached(iv, aad, pair, tag.into()));
        keywrap::leave_vector_code();
        opened.map_err(|_| Error::EncryptedDataInvalid)
    }

    /// AWS-LC writes as it decrypts, so it gets a buffer of its own.
    fn gcm_open_long(
        &self,
        shape: GcmShape<'_>,
        body: &[u8],
        tag: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut plain = Zeroizing::new(Vec::new());
        plain
            .try_reserve_exact(body.len())
            .map_err(|_| Error::HostMemory)?;
        plain.resize(body.len(), 0);
        let good = if tag.len() == BLOCK {
            self.gcm_long()?
                .open_into(shape.iv, shape.aad, body, tag, &mut plain)
        } else {
            let key = awslc::gcm::Key::new(self.bytes(), tag.len()).ok_or(FAILED)?;
            key.open_into(shape.iv, shape.aad, body, tag, &mut plain)
        };
        if good {
            Ok(plain)
        } else {
            Err(Error::EncryptedDataInvalid)
        }
    }

    fn gcm_short(&self) -> &Short {
        if let Some(ready) = self.gcm.short.get() {
            return ready;
        }
        let fresh = apart::<AES_STACK, _>(|| Box::new(Short::new(self)));
        self.gcm.short.get_or_init(|| fresh)
    }

    fn gcm_long(&self) -> Result<&awslc::gcm::Key> {
        let prepare = || awslc::gcm::Key::new(self.bytes(), BLOCK);
        let long = self.gcm.long.get_or_init(prepare);
        long.as_ref().ok_or(Error::HostMemory)
    }
}

/// AWS-LC failed where its documentation knows no reason but memory.
const FAILED: Error = Error::HostMemory;
/// The callers here see to the lengths.
const LENGTHS: Error = Error::Internal("GCM lengths");

fn check_length(length: usize, error: Error) -> Result<()> {
    match u64::try_from(length) {
        Ok(length) if length <= MAX_GCM_LENGTH => Ok(()),
        _ => Err(error),
    }
}

/// An encryption in parts.
pub struct GcmEncryptor {
    stream: awslc::gcm::Stream,
    tag: usize,
    left: u64,
}

impl GcmEncryptor {
    /// Starts a message.
    ///
    /// # Errors
    /// `MechanismParamInvalid` for lengths that AWS-LC does not take (an IV beyond 2^31 - 1 bytes).
    pub fn new(key: &Key, shape: GcmShape<'_>) -> Result<Self> {
        let stream = awslc::gcm::Stream::new(key.bytes(), shape.iv, shape.aad)
            .ok_or(Error::MechanismParamInvalid("GCM lengths"))?;
        Ok(GcmEncryptor {
            stream,
            tag: shape.tag,
            left: MAX_GCM_LENGTH,
        })
    }

    /// Encrypts the next part into the first bytes of `out`.
    ///
    /// # Errors
    /// `BufferTooSmall` unless `out` is as long as `input`, `DataLenRange` beyond [`MAX_GCM_LENGTH`] in
    /// all. Nothing is written then.
    pub fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let out = out
            .get_mut(..input.len())
            .ok_or(Error::BufferTooSmall(input.len()))?;
        let length = u64::try_from(input.len()).map_err(|_| Error::DataLenRange)?;
        self.left = self.left.checked_sub(length).ok_or(Error::DataLenRange)?;
        self.stream.update(input, out).ok_or(FAILED)
    }

    /// The length of the tag in bytes.
    #[must_use]
    pub fn tag_length(&self) -> usize {
        self.tag
    }

    /// Writes the tag, which has room in `out`.
    ///
    /// # Errors
    /// `BufferTooSmall` otherwise; the message is lost then, so the caller asks first.
    pub fn finish(self, out: &mut [u8]) -> Result<usize> {
        let out = out
            .get_mut(..self.tag)
            .ok_or(Error::BufferTooSmall(self.tag))?;
        let tag = self.stream.finish().ok_or(FAILED)?;
        out.copy_from_slice(tag.get(..self.tag).unwrap_or_default());
        Ok(self.tag)
    }
}

/// A decryption in parts: the ciphertext is collected, because not a byte of plaintext may leave before
/// the tag at its end is checked.
pub struct GcmDecryptor<K> {
    key: K,
    iv: Vec<u8>,
    aad: Vec<u8>,
    tag: usize,
    collected: Vec<u8>,
}

impl<K: Deref<Target = Key>> GcmDecryptor<K> {
    /// Starts a message.
    ///
    /// # Errors
    /// `HostMemory`.
    pub fn new(key: K, shape: GcmShape<'_>) -> Result<Self> {
        let (mut iv, mut aad) = (Vec::new(), Vec::new());
        append(&mut iv, shape.iv)?;
        append(&mut aad, shape.aad)?;
        Ok(GcmDecryptor {
            key,
            iv,
            aad,
            tag: shape.tag,
            collected: Vec::new(),
        })
    }

    /// Takes the next part.
    ///
    /// # Errors
    /// `HostMemory`.
    pub fn update(&mut self, input: &[u8]) -> Result<()> {
        append(&mut self.collected, input)
    }

    /// The length of the plaintext so far in bytes.
    #[must_use]
    pub fn plain_length(&self) -> usize {
        self.collected.len().saturating_sub(self.tag)
    }

    /// Checks the tag and writes the plaintext.
    ///
    /// # Errors
    /// As [`Key::gcm_decrypt`]; after `BufferTooSmall` the call can be made again.
    pub fn finish(&self, out: &mut [u8]) -> Result<usize> {
        let shape = GcmShape {
            iv: &self.iv,
            aad: &self.aad,
            tag: self.tag,
        };
        self.key.gcm_decrypt(shape, &self.collected, out)
    }
}

/// Appends with an allocation that may fail.
fn append(all: &mut Vec<u8>, more: &[u8]) -> Result<()> {
    all.try_reserve(more.len()).map_err(|_| Error::HostMemory)?;
    all.extend_from_slice(more);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whichever of the two this processor would take, both are tried.
    #[test]
    fn the_two_implementations_agree() {
        let iv = [5; 12];
        for length in [16, 24, 32] {
            let key = Key::new(&[3; 32][..length]).unwrap();
            for size in [0, 1, 16, 33, LONG] {
                let plain = vec![6; size];
                let (mut short, mut long) = (vec![0; size], vec![0; size]);
                let tag = key.gcm_seal_short(&iv.into(), b"more", &plain, &mut short);
                let other = key
                    .gcm_long()
                    .unwrap()
                    .seal(&iv, b"more", &plain, &mut long);
                assert_eq!((tag.ok(), short), (other, long.clone()));

                let mut tag = other.unwrap();
                let mut opened = vec![7; size];
                let open = |tag: &[u8; BLOCK], out: &mut [u8]| {
                    key.gcm_open_short(&iv.into(), b"more", &long, tag, out)
                };
                open(&tag, &mut opened).unwrap();
                assert_eq!(opened, plain);
                tag[0] ^= 1;
                let mut untouched = vec![7; size];
                let refused = open(&tag, &mut untouched);
                assert_eq!(refused, Err(Error::EncryptedDataInvalid));
                assert_eq!(untouched, vec![7; size]);
            }
        }
    }
}
