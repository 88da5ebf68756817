//! ECB and CBC in parts of any length, with or without padding.

use super::{BLOCK, Key, padding};
use crate::error::{Error, Result};
use std::ops::Deref;
use zeroize::Zeroize;

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "plain words")]
pub enum Direction {
    Encrypt,
    Decrypt,
}

/// How blocks hang together, and what becomes of a broken last one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Each block alone; whole blocks only.
    Ecb,
    /// Each on the one before, the first on this IV; whole blocks only.
    Cbc([u8; BLOCK]),
    /// As `Cbc`, with PKCS#7 padding at the end.
    CbcPadded([u8; BLOCK]),
}

/// Encryption or decryption by blocks in progress. Bytes held back are erased on drop.
pub struct BlockStream<K> {
    key: K,
    direction: Direction,
    mode: Mode,
    pending: [u8; BLOCK],
    held: usize,
}

impl<K: Deref<Target = Key>> BlockStream<K> {
    /// Starts.
    #[must_use]
    pub fn new(key: K, direction: Direction, mode: Mode) -> Self {
        BlockStream {
            key,
            direction,
            mode,
            pending: [0; BLOCK],
            held: 0,
        }
    }

    /// Whether there is padding.
    fn padded(&self) -> bool {
        matches!(self.mode, Mode::CbcPadded(_))
    }

    /// The most bytes that [`BlockStream::whole`] can write for `input` bytes; `None` when no slice
    /// is that long.
    #[must_use]
    pub fn whole_bound(&self, input: usize) -> Option<usize> {
        match (self.padded(), self.direction) {
            (true, Direction::Encrypt) => Key::cbc_padded_length(input),
            _ => Some(input),
        }
    }

    /// All the data at once, on a stream that has seen none; answers the number of bytes written.
    ///
    /// # Errors
    /// As [`BlockStream::finish`]; nothing has happened then.
    pub fn whole(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let (key, length) = (&self.key, input.len());
        match (self.mode, self.direction) {
            (Mode::Ecb, Direction::Encrypt) => key.ecb_encrypt(input, out).map(|()| length),
            (Mode::Ecb, Direction::Decrypt) => key.ecb_decrypt(input, out).map(|()| length),
            (Mode::Cbc(mut iv), Direction::Encrypt) => {
                key.cbc_encrypt(&mut iv, input, out).map(|()| length)
            }
            (Mode::Cbc(mut iv), Direction::Decrypt) => {
                key.cbc_decrypt(&mut iv, input, out).map(|()| length)
            }
            (Mode::CbcPadded(iv), Direction::Encrypt) => key.cbc_pad_encrypt(&iv, input, out),
            (Mode::CbcPadded(iv), Direction::Decrypt) => key.cbc_pad_decrypt(&iv, input, out),
        }
    }

    /// The number of bytes that [`BlockStream::update`] writes for `input` more bytes.
    #[must_use]
    pub fn update_length(&self, input: usize) -> usize {
        let total = self.held.saturating_add(input);
        let rest = total % BLOCK;
        // The last block of a padded ciphertext waits until it is known to be the last.
        let waits = self.padded() && self.direction == Direction::Decrypt && rest == 0;
        if waits {
            total.saturating_sub(BLOCK)
        } else {
            total - rest
        }
    }

    /// Takes the next part and answers the number of bytes written.
    ///
    /// # Errors
    /// `BufferTooSmall`; nothing has happened then.
    pub fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let writes = self.update_length(input.len());
        let out = out.get_mut(..writes).ok_or(Error::BufferTooSmall(writes))?;
        if writes == 0 {
            self.hold(input);
            return Ok(0);
        }
        let (out_first, out_rest) = out.split_at_mut(if self.held > 0 { BLOCK } else { 0 });
        let (fill, input) = input.split_at(out_first.len() - self.held);
        if !out_first.is_empty() {
            self.hold(fill);
            let block = self.pending;
            self.blocks(&block, out_first)?;
            self.held = 0;
        }
        let (whole, rest) = input.split_at(out_rest.len());
        self.blocks(whole, out_rest)?;
        self.hold(rest);
        Ok(writes)
    }

    /// The most bytes that [`BlockStream::finish`] can write.
    #[must_use]
    pub fn finish_bound(&self) -> usize {
        if self.padded() { BLOCK } else { 0 }
    }

    /// Ends the data and answers the number of bytes written.
    ///
    /// # Errors
    /// `DataLenRange` or `EncryptedDataLenRange` for a broken last block, `EncryptedDataInvalid` for bad
    /// padding of whatever kind, `BufferTooSmall`; nothing has happened then.
    pub fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        match (self.padded(), self.direction) {
            (false, _) if self.held == 0 => Ok(0),
            (false, Direction::Encrypt) => Err(Error::DataLenRange),
            (false, Direction::Decrypt) => Err(Error::EncryptedDataLenRange),
            (true, Direction::Encrypt) => {
                let out = out.get_mut(..BLOCK).ok_or(Error::BufferTooSmall(BLOCK))?;
                let mut last = padding::pad(self.pending.get(..self.held).unwrap_or_default());
                let done = self.blocks(&last, out);
                last.zeroize();
                done.map(|()| BLOCK)
            }
            (true, Direction::Decrypt) if self.held != BLOCK => Err(Error::EncryptedDataLenRange),
            (true, Direction::Decrypt) => self.finish_padded(out),
        }
    }

    /// Takes the padding off the last block.
    fn finish_padded(&mut self, out: &mut [u8]) -> Result<usize> {
        let mode = self.mode;
        let block = self.pending;
        let mut tail = [0; BLOCK];
        self.blocks(&block, &mut tail)?;
        let result = release(&tail, out);
        tail.zeroize();
        if matches!(result, Err(Error::BufferTooSmall(_))) {
            self.mode = mode;
        }
        result
    }

    /// Whole blocks, in and out.
    fn blocks(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        match (&mut self.mode, self.direction) {
            (Mode::Ecb, Direction::Encrypt) => self.key.ecb_encrypt(input, out),
            (Mode::Ecb, Direction::Decrypt) => self.key.ecb_decrypt(input, out),
            (Mode::Cbc(chain) | Mode::CbcPadded(chain), Direction::Encrypt) => {
                self.key.cbc_encrypt(chain, input, out)
            }
            (Mode::Cbc(chain) | Mode::CbcPadded(chain), Direction::Decrypt) => {
                self.key.cbc_decrypt(chain, input, out)
            }
        }
    }

    /// Keeps bytes until their block is full; together they are at most one block.
    fn hold(&mut self, bytes: &[u8]) {
        for (own, byte) in self.pending.iter_mut().skip(self.held).zip(bytes) {
            *own = *byte;
        }
        self.held += bytes.len();
    }
}

/// The bytes of a last block that are not padding.
fn release(tail: &[u8; BLOCK], out: &mut [u8]) -> Result<usize> {
    let kept = padding::unpad(tail).ok_or(Error::EncryptedDataInvalid)?;
    let plain = tail.get(..kept).ok_or(Error::Internal("padding"))?;
    out.get_mut(..kept)
        .ok_or(Error::BufferTooSmall(kept))?
        .copy_from_slice(plain);
    Ok(kept)
}

impl<K> Drop for BlockStream<K> {
    fn drop(&mut self) {
        self.pending.zeroize();
    }
}
