//! AES keys (FIPS 197), prepared once and used from many threads, and the modes that use them.
//!
//! A key prepares nothing but what it is used for: the block cipher's schedule, the tables of GCM and
//! the schedule of key wrap each come into being at their first use, so that a key that is unwrapped,
//! used once and forgotten pays for that one use only.
#![forbid(unsafe_code)]

mod ccm;
mod ctr;
mod cts;
mod feedback;
mod gcm;
mod gmac;
mod once;
mod padding;
mod stream;
mod xts;

pub use ccm::CcmShape;
pub use ctr::Ctr;
pub use cts::CtsStream;
pub use feedback::{Feedback, FeedbackStream};
pub use gcm::{GcmDecryptor, GcmEncryptor, GcmShape, MAX_GCM_LENGTH};
pub use gmac::Gmac;
pub use once::{ONCE_TAG, open_once, seal_once};
pub use stream::{BlockStream, Direction, Mode};
pub use xts::{MAX_XTS_LENGTH, XtsKey};

use super::keywrap;
use crate::error::{Error, Result};
use crate::secret::{AES_STACK, SecretBytes, apart};
use aes::cipher::inout::InOutBuf;
use aes::cipher::typenum::U16;
use aes::cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit,
    IvState, KeyInit,
};
use once_cell::race::OnceBox;
use std::sync::Arc;
use zeroize::Zeroize;

/// The length of a block in bytes.
pub const BLOCK: usize = 16;

/// An AES key of 16, 24 or 32 bytes. Immutable; erased on drop.
pub struct Key {
    bytes: Arc<SecretBytes>,
    schedule: OnceBox<Schedule>,
    wrap: OnceBox<keywrap::Key>,
    gcm: gcm::Tables,
}

/// The schedule of the block cipher, one variant for each length of key.
pub(super) enum Schedule {
    Aes128(aes::Aes128),
    Aes192(aes::Aes192),
    Aes256(aes::Aes256),
}

/// Runs `$body` with `$cipher` bound to the schedule, whichever length it has.
macro_rules! with_cipher {
    ($key:expr, $cipher:ident => $body:expr) => {
        match $key.schedule() {
            Schedule::Aes128($cipher) => $body,
            Schedule::Aes192($cipher) => $body,
            Schedule::Aes256($cipher) => $body,
        }
    };
}
use with_cipher;

impl Key {
    /// Takes a copy of the key's bytes.
    ///
    /// # Errors
    /// `KeySizeRange` unless there are 16, 24 or 32.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        Self::sharing(&Arc::new(SecretBytes::copy_of(bytes)))
    }

    /// The key whose bytes these are. No copy of them is made, not even for a moment.
    ///
    /// # Errors
    /// As [`Key::new`].
    pub fn sharing(bytes: &Arc<SecretBytes>) -> Result<Self> {
        if !matches!(bytes.len(), 16 | 24 | 32) {
            return Err(Error::KeySizeRange);
        }
        Ok(Key {
            bytes: Arc::clone(bytes),
            schedule: OnceBox::new(),
            wrap: OnceBox::new(),
            gcm: gcm::Tables::default(),
        })
    }

    /// The length of the key in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// The key's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.expose()
    }

    /// The block cipher's schedule.
    pub(super) fn schedule(&self) -> &Schedule {
        if let Some(ready) = self.schedule.get() {
            return ready;
        }
        let fresh = apart::<AES_STACK, _>(|| Box::new(self.expand()));
        self.schedule.get_or_init(|| fresh)
    }

    /// The key as key wrap uses it.
    ///
    /// # Errors
    /// None that a key of one of the three lengths can meet.
    pub fn wrapping(&self) -> Result<&keywrap::Key> {
        if let Some(ready) = self.wrap.get() {
            return Ok(ready);
        }
        let fresh = apart::<AES_STACK, _>(|| keywrap::Key::new(self.bytes()).map(Box::new))?;
        Ok(self.wrap.get_or_init(|| fresh))
    }

    fn expand(&self) -> Schedule {
        let bytes = self.bytes();
        match bytes.len() {
            16 => Schedule::Aes128(aes::Aes128::new(&first(bytes).into())),
            24 => Schedule::Aes192(aes::Aes192::new(&first(bytes).into())),
            _ => Schedule::Aes256(aes::Aes256::new(&first(bytes).into())),
        }
    }

    /// ECB encryption (SP 800-38A, 6.1). Allocates nothing.
    ///
    /// # Errors
    /// `DataLenRange` unless `input` is whole blocks, `BufferTooSmall` unless `out` is as long.
    pub fn ecb_encrypt(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let blocks = whole_blocks(input, out, Error::DataLenRange)?;
        with_cipher!(self, cipher => cipher.encrypt_blocks_inout(blocks));
        keywrap::leave_vector_code();
        Ok(())
    }

    /// ECB decryption. Allocates nothing.
    ///
    /// # Errors
    /// `EncryptedDataLenRange` unless `input` is whole blocks, `BufferTooSmall` unless `out` is as long.
    pub fn ecb_decrypt(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let blocks = whole_blocks(input, out, Error::EncryptedDataLenRange)?;
        with_cipher!(self, cipher => cipher.decrypt_blocks_inout(blocks));
        keywrap::leave_vector_code();
        Ok(())
    }

    /// CBC encryption (SP 800-38A, 6.2). `chain` is the IV, and afterwards that of what follows.
    /// Allocates nothing.
    ///
    /// # Errors
    /// As [`Key::ecb_encrypt`].
    pub fn cbc_encrypt(&self, chain: &mut [u8; BLOCK], input: &[u8], out: &mut [u8]) -> Result<()> {
        let blocks = whole_blocks(input, out, Error::DataLenRange)?;
        with_cipher!(self, cipher => {
            let mut mode = cbc::Encryptor::inner_iv_init(cipher, &(*chain).into());
            mode.encrypt_blocks_inout(blocks);
            *chain = mode.iv_state().into();
        });
        Ok(())
    }

    /// CBC decryption. `chain` is the IV, and afterwards that of what follows. Allocates nothing.
    ///
    /// # Errors
    /// As [`Key::ecb_decrypt`].
    pub fn cbc_decrypt(&self, chain: &mut [u8; BLOCK], input: &[u8], out: &mut [u8]) -> Result<()> {
        let blocks = whole_blocks(input, out, Error::EncryptedDataLenRange)?;
        with_cipher!(self, cipher => {
            let mut mode = cbc::Decryptor::inner_iv_init(cipher, &(*chain).into());
            mode.decrypt_blocks_inout(blocks);
            *chain = mode.iv_state().into();
        });
        keywrap::leave_vector_code();
        Ok(())
    }

    /// The length in bytes of `input` bytes encrypted in CBC mode with PKCS#7 padding; `None` when no
    /// slice is that long.
    #[must_use]
    pub fn cbc_padded_length(input: usize) -> Option<usize> {
        (input / BLOCK).checked_add(1)?.checked_mul(BLOCK)
    }

    /// CBC encryption with PKCS#7 padding (RFC 5652, 6.3). Answers the length written. Allocates
    /// nothing.
    ///
    /// # Errors
    /// `DataLenRange` when no output could be that long, `BufferTooSmall`.
    pub fn cbc_pad_encrypt(&self, iv: &[u8; BLOCK], input: &[u8], out: &mut [u8]) -> Result<usize> {
        let needed = Self::cbc_padded_length(input.len()).ok_or(Error::DataLenRange)?;
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        let (whole, rest) = input.split_at(needed - BLOCK);
        let (out_whole, out_last) = out.split_at_mut(whole.len());
        let mut chain = *iv;
        self.cbc_encrypt(&mut chain, whole, out_whole)?;
        let mut last = padding::pad(rest);
        self.cbc_encrypt(&mut chain, &last, out_last)?;
        last.zeroize();
        Ok(needed)
    }

    /// CBC decryption with PKCS#7 padding. The padding is read in constant time, before anything is
    /// written. Answers the length of the plaintext. Allocates nothing.
    ///
    /// # Errors
    /// `EncryptedDataLenRange` unless `input` is whole blocks and at least one, `EncryptedDataInvalid`
    /// for bad padding of whatever kind, `BufferTooSmall` with the plaintext's length; nothing is
    /// written then.
    pub fn cbc_pad_decrypt(&self, iv: &[u8; BLOCK], input: &[u8], out: &mut [u8]) -> Result<usize> {
        let whole_length = input
            .len()
            .checked_sub(BLOCK)
            .ok_or(Error::EncryptedDataLenRange)?;
        if !input.len().is_multiple_of(BLOCK) {
            return Err(Error::EncryptedDataLenRange);
        }
        let (whole, last) = input.split_at(whole_length);
        let mut chain = whole.last_chunk().copied().unwrap_or(*iv);
        let mut tail = [0; BLOCK];
        self.cbc_decrypt(&mut chain, last, &mut tail)?;
        let kept = padding::unpad(&tail);
        let result = self.cbc_release(iv, whole, &tail, kept, out);
        tail.zeroize();
        result
    }

    /// Writes the plaintext once the padding is known to be good.
    fn cbc_release(
        &self,
        iv: &[u8; BLOCK],
        whole: &[u8],
        tail: &[u8; BLOCK],
        kept: Option<usize>,
        out: &mut [u8],
    ) -> Result<usize> {
        let tail = kept
            .and_then(|kept| tail.get(..kept))
            .ok_or(Error::EncryptedDataInvalid)?;
        let needed = whole.len() + tail.len();
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        let (out_whole, out_tail) = out.split_at_mut(whole.len());
        self.cbc_decrypt(&mut { *iv }, whole, out_whole)?;
        out_tail.copy_from_slice(tail);
        Ok(needed)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AES-{} key", self.length() * 8)
    }
}

/// The first bytes of a key, as an array.
fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

type Blocks<'i, 'o> = InOutBuf<'i, 'o, aes::Block>;

/// Input and output as pairs of blocks.
fn whole_blocks<'i, 'o>(
    input: &'i [u8],
    out: &'o mut [u8],
    uneven: Error,
) -> Result<Blocks<'i, 'o>> {
    if !input.len().is_multiple_of(BLOCK) {
        return Err(uneven);
    }
    let out = out
        .get_mut(..input.len())
        .ok_or(Error::BufferTooSmall(input.len()))?;
    let pairs = InOutBuf::new(input, out).map_err(|_| Error::Internal("block lengths"))?;
    Ok(pairs.into_chunks::<U16>().0)
}

#[cfg(test)]
mod tests;
