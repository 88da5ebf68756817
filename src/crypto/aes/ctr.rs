//! Counter mode (SP 800-38A, 6.5) with a counter of any width.

use super::{BLOCK, Key, Schedule, keywrap, with_cipher};
use crate::crypto::awslc;
use crate::error::{Error, Result};
use aes::cipher::inout::InOutBuf;
use aes::cipher::{InnerIvInit, StreamCipherCore};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use std::ops::Deref;
use zeroize::{Zeroize, Zeroizing};

/// From this length on, in bytes, AWS-LC is the faster one.
const LONG: usize = 4096;

/// Encryption or decryption in counter mode. Its key stream is erased on drop.
pub struct Ctr<K> {
    key: K,
    /// The counter block of the next block.
    block: u128,
    /// Blocks until the counter wraps around; `None` for 2^128.
    left: Option<u128>,
    /// Key stream of the block begun, of which `unused` bytes at the end are still to be used.
    stream: [u8; BLOCK],
    unused: usize,
}

impl<K: Deref<Target = Key>> Ctr<K> {
    /// Starts at `block`, of which the last `bits` bits count.
    ///
    /// # Errors
    /// `MechanismParamInvalid` unless `bits` is from 1 to 128.
    pub fn new(key: K, block: [u8; BLOCK], bits: u64) -> Result<Self> {
        let block = u128::from_be_bytes(block);
        let left = match bits {
            // 2^bits less the counter's value.
            1..=127 => {
                let size = 1u128 << bits;
                Some(size - (block & (size - 1)))
            }
            // 2^128 less the counter's value, which for 0 is no u128.
            128 => Some(block.wrapping_neg()).filter(|left| *left != 0),
            _ => return Err(Error::MechanismParamInvalid("counter bits")),
        };
        Ok(Ctr {
            key,
            block,
            left,
            stream: [0; BLOCK],
            unused: 0,
        })
    }

    /// Adds the key stream to the next bytes. Allocates nothing.
    ///
    /// # Errors
    /// `DataLenRange` when the counter would wrap around, `BufferTooSmall` unless `out` is as long as
    /// `input`. Nothing is written then.
    pub fn apply(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let out = out
            .get_mut(..input.len())
            .ok_or(Error::BufferTooSmall(input.len()))?;
        let from_stream = input.len().min(self.unused);
        let needed = (input.len() - from_stream).div_ceil(BLOCK);
        self.spend(needed)?;

        let (old, input) = input.split_at(from_stream);
        let (old_out, out) = out.split_at_mut(from_stream);
        self.use_stream(old, old_out);

        let whole = input.len() - input.len() % BLOCK;
        let (blocks, rest) = input.split_at(whole);
        let (blocks_out, rest_out) = out.split_at_mut(whole);
        self.add_blocks(blocks, blocks_out)?;
        if !rest.is_empty() {
            let mut fresh = Zeroizing::new([0; BLOCK]);
            self.add_blocks(&[0; BLOCK], fresh.as_mut_slice())?;
            self.stream = *fresh;
            self.unused = BLOCK;
            self.use_stream(rest, rest_out);
        }
        Ok(())
    }

    /// Counts blocks off those left.
    fn spend(&mut self, blocks: usize) -> Result<()> {
        let blocks = u128::try_from(blocks).map_err(|_| Error::DataLenRange)?;
        self.left = match self.left {
            Some(left) => Some(left.checked_sub(blocks).ok_or(Error::DataLenRange)?),
            None if blocks == 0 => None,
            None => Some(u128::MAX - blocks + 1),
        };
        Ok(())
    }

    /// Uses up bytes of the block begun, which has as many.
    fn use_stream(&mut self, input: &[u8], out: &mut [u8]) {
        let used = BLOCK - self.unused;
        let pairs = input.iter().zip(out).zip(self.stream.iter().skip(used));
        pairs.for_each(|((byte, out), key)| *out = byte ^ key);
        self.unused -= input.len();
    }

    /// Whole blocks, all at once.
    fn add_blocks(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        if input.len() < LONG {
            self.add_few(input, out)?;
        } else {
            let block = self.block.to_be_bytes();
            let stream = awslc::feedback::Stream::counter(self.key.bytes(), &block);
            let done = stream.and_then(|mut stream| stream.update(input, out));
            done.ok_or(Error::HostMemory)?;
        }
        keywrap::leave_vector_code();
        // A wrap of the whole block was ruled out by `spend`, save after the very last one.
        let blocks = u128::try_from(input.len() / BLOCK).unwrap_or_default();
        self.block = self.block.wrapping_add(blocks);
        Ok(())
    }

    fn add_few(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let pairs =
            InOutBuf::new(input, out).map_err(|_| Error::Internal("counter mode lengths"))?;
        let (pairs, _) = pairs.into_chunks();
        with_cipher!(self.key, cipher => {
            let mut core: CtrCore<_, Ctr128BE> =
                CtrCore::inner_iv_init(cipher, &self.block.to_be_bytes().into());
            core.apply_keystream_blocks_inout(pairs);
        });
        Ok(())
    }
}

impl<K> Drop for Ctr<K> {
    fn drop(&mut self) {
        self.stream.zeroize();
    }
}
