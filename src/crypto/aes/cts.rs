//! CBC with ciphertext stealing, form CS1 (SP 800-38A, addendum), in parts of any length.

use super::{BLOCK, Direction, Key, Schedule, with_cipher};
use crate::crypto::keywrap;
use crate::error::{Error, Result};
use aes::cipher::InnerIvInit;
use cts::{CbcCs1, Decrypt, Encrypt};
use std::ops::Deref;
use zeroize::Zeroize;

/// The most bytes that are held back: the last whole block and what may be stolen from it.
const HELD: usize = 2 * BLOCK;

/// Encryption or decryption in progress. Bytes held back are erased on drop.
pub struct CtsStream<K> {
    key: K,
    direction: Direction,
    chain: [u8; BLOCK],
    pending: [u8; HELD],
    held: usize,
}

impl<K: Deref<Target = Key>> CtsStream<K> {
    /// Starts.
    #[must_use]
    pub fn new(key: K, direction: Direction, iv: [u8; BLOCK]) -> Self {
        CtsStream {
            key,
            direction,
            chain: iv,
            pending: [0; HELD],
            held: 0,
        }
    }

    /// The number of bytes that [`CtsStream::update`] writes for `input` more bytes: all but the last 17 to 32.
    #[must_use]
    pub fn update_length(&self, input: usize) -> usize {
        let total = self.held.saturating_add(input);
        total.saturating_sub(BLOCK + 1) / BLOCK * BLOCK
    }

    /// Takes the next part and answers the number of bytes written.
    ///
    /// # Errors
    /// `BufferTooSmall`; nothing has happened then.
    pub fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let writes = self.update_length(input.len());
        let mut out = out.get_mut(..writes).ok_or(Error::BufferTooSmall(writes))?;
        let mut input = input;
        // First what is held, filled up from the input where it ends within a block.
        while self.held > 0 && !out.is_empty() {
            let missing = BLOCK.saturating_sub(self.held);
            let (fill, rest) = input.split_at(missing.min(input.len()));
            self.hold(fill);
            input = rest;
            let (block, after) = out.split_at_mut(BLOCK);
            let whole: [u8; BLOCK] = self.pending.first_chunk().copied().unwrap_or_default();
            self.blocks(&whole, block)?;
            self.pending.copy_within(BLOCK.., 0);
            self.held -= BLOCK;
            out = after;
        }
        let (whole, rest) = input.split_at(out.len());
        self.blocks(whole, out)?;
        self.hold(rest);
        Ok(writes)
    }

    /// Ends the data and answers the number of bytes written.
    ///
    /// # Errors
    /// `DataLenRange` or `EncryptedDataLenRange` for less than a block in all; `BufferTooSmall`, and nothing has
    /// happened then.
    pub fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let last = self.pending;
        let result = self.last(last.get(..self.held).unwrap_or_default(), out);
        let mut last = last;
        last.zeroize();
        result
    }

    /// How many bytes [`CtsStream::finish`] writes.
    #[must_use]
    pub fn finish_length(&self) -> usize {
        self.held
    }

    /// All the data at once, on a stream that has seen none.
    ///
    /// # Errors
    /// As [`CtsStream::finish`].
    pub fn whole(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.last(input, out)
    }

    /// The end of the data, with the chain so far.
    fn last(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let (needed, iv) = (input.len(), self.chain.into());
        let wrong = match self.direction {
            Direction::Encrypt => Error::DataLenRange,
            Direction::Decrypt => Error::EncryptedDataLenRange,
        };
        if needed < BLOCK {
            return Err(wrong);
        }
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        let done = with_cipher!(self.key, cipher => {
            let mode = CbcCs1::inner_iv_init(cipher, &iv);
            match self.direction {
                Direction::Encrypt => mode.encrypt_b2b(input, out),
                Direction::Decrypt => mode.decrypt_b2b(input, out),
            }
        });
        keywrap::leave_vector_code();
        done.map_err(|_| wrong)?;
        Ok(needed)
    }

    /// Whole blocks, in and out.
    fn blocks(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        match self.direction {
            Direction::Encrypt => self.key.cbc_encrypt(&mut self.chain, input, out),
            Direction::Decrypt => self.key.cbc_decrypt(&mut self.chain, input, out),
        }
    }

    /// Keeps bytes until more come.
    fn hold(&mut self, bytes: &[u8]) {
        for (own, byte) in self.pending.iter_mut().skip(self.held).zip(bytes) {
            *own = *byte;
        }
        self.held += bytes.len();
    }
}

impl<K> Drop for CtsStream<K> {
    fn drop(&mut self) {
        self.pending.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(key: &Key, direction: Direction, input: &[u8]) -> Vec<u8> {
        let mut out = vec![0; input.len()];
        let stream = CtsStream::new(key, direction, [4; 16]);
        assert_eq!(stream.whole(input, &mut out), Ok(input.len()));
        out
    }

    #[test]
    fn whole_blocks_are_plain_cbc() {
        let key = Key::new(&[8; 24]).unwrap();
        let mut cbc = [0; 48];
        key.cbc_encrypt(&mut [4; 16], &[1; 48], &mut cbc).unwrap();
        assert_eq!(whole(&key, Direction::Encrypt, &[1; 48]), cbc);
    }

    #[test]
    fn parts_of_every_length_give_the_same() {
        let key = Key::new(&[8; 16]).unwrap();
        let data: Vec<u8> = (0..100).collect();
        for length in 16..=data.len() {
            let expected = whole(&key, Direction::Encrypt, &data[..length]);
            assert_eq!(whole(&key, Direction::Decrypt, &expected), data[..length]);
            for part in [1, 5, 16, 17, 31, 33, 64] {
                for (direction, input, output) in [
                    (Direction::Encrypt, &data[..length], &expected[..]),
                    (Direction::Decrypt, &expected[..], &data[..length]),
                ] {
                    let mut stream = CtsStream::new(&key, direction, [4; 16]);
                    let mut out = vec![0; length];
                    let mut at = 0;
                    for piece in input.chunks(part) {
                        at += stream.update(piece, &mut out[at..]).unwrap();
                    }
                    at += stream.finish(&mut out[at..]).unwrap();
                    assert_eq!((at, &out[..]), (length, output), "{length} by {part}");
                }
            }
        }
    }

    #[test]
    fn less_than_a_block_is_refused() {
        let key = Key::new(&[8; 16]).unwrap();
        let mut stream = CtsStream::new(&key, Direction::Decrypt, [0; 16]);
        stream.update(&[0; 15], &mut []).unwrap();
        let refused = stream.finish(&mut [0; 15]);
        assert_eq!(refused, Err(Error::EncryptedDataLenRange));
    }
}
