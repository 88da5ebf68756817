//! Key wrap through the `aes` crate: constant-time on every processor, in hardware where the crate
//! finds it, bit-sliced elsewhere.
#![forbid(unsafe_code)]

use super::Semiblock;
use crate::error::{Error, Result};
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use zeroize::Zeroize;

/// A key schedule, one variant for each length of key. Erased on drop by the crate.
pub(super) enum Schedule {
    Aes128(aes::Aes128),
    Aes192(aes::Aes192),
    Aes256(aes::Aes256),
}

/// Runs `$body` with `$cipher` bound to the schedule, whichever length it has.
macro_rules! with_cipher {
    ($schedule:expr, $cipher:ident => $body:expr) => {
        match $schedule {
            Schedule::Aes128($cipher) => $body,
            Schedule::Aes192($cipher) => $body,
            Schedule::Aes256($cipher) => $body,
        }
    };
}

impl Schedule {
    /// Expands a key of 16, 24 or 32 bytes.
    pub(super) fn new(key: &[u8]) -> Result<Self> {
        let wrong = |_| Error::KeySizeRange;
        match key.len() {
            16 => aes::Aes128::new_from_slice(key)
                .map(Schedule::Aes128)
                .map_err(wrong),
            24 => aes::Aes192::new_from_slice(key)
                .map(Schedule::Aes192)
                .map_err(wrong),
            _ => aes::Aes256::new_from_slice(key)
                .map(Schedule::Aes256)
                .map_err(wrong),
        }
    }

    /// RFC 3394, 2.2.1, in place; answers the first semiblock.
    pub(super) fn wrap(&self, iv: Semiblock, r: &mut [Semiblock]) -> Semiblock {
        with_cipher!(self, cipher => {
            // 1) A is the initial value, R the plaintext.
            let mut a = iv;
            // 2) For j = 0 to 5, for i = 1 to n; t = n*j + i.
            let mut t = 0u64;
            for _ in 0..6 {
                for r in &mut *r {
                    t += 1;
                    // B = AES(K, A | R[i]).
                    let mut block = joined(a, *r);
                    cipher.encrypt_block(&mut block);
                    // A = MSB(64, B) ^ t; R[i] = LSB(64, B).
                    (a, *r) = halves(&mut block);
                    a = counted(a, t);
                }
            }
            // 3) C[0] = A, C[i] = R[i].
            a
        })
    }

    /// RFC 3394, 2.2.2, in place; answers the initial value found.
    pub(super) fn unwrap(&self, first: Semiblock, r: &mut [Semiblock]) -> Semiblock {
        with_cipher!(self, cipher => {
            // 1) A is the first semiblock, R the rest.
            let mut a = first;
            // 2) For j = 5 to 0, for i = n to 1; t = n*j + i.
            let mut t = 6 * u64::try_from(r.len()).unwrap_or_default();
            for _ in 0..6 {
                for r in r.iter_mut().rev() {
                    // B = AES-1(K, (A ^ t) | R[i]).
                    let mut block = joined(counted(a, t), *r);
                    cipher.decrypt_block(&mut block);
                    // A = MSB(64, B); R[i] = LSB(64, B).
                    (a, *r) = halves(&mut block);
                    t -= 1;
                }
            }
            a
        })
    }

    /// One block of two semiblocks, encrypted.
    pub(super) fn encrypt_pair(&self, a: Semiblock, r: Semiblock) -> (Semiblock, Semiblock) {
        let mut block = joined(a, r);
        with_cipher!(self, cipher => cipher.encrypt_block(&mut block));
        halves(&mut block)
    }

    /// One block of two semiblocks, decrypted.
    pub(super) fn decrypt_pair(&self, a: Semiblock, r: Semiblock) -> (Semiblock, Semiblock) {
        let mut block = joined(a, r);
        with_cipher!(self, cipher => cipher.decrypt_block(&mut block));
        halves(&mut block)
    }
}

/// A | R.
fn joined(a: Semiblock, r: Semiblock) -> aes::Block {
    let mut block = aes::Block::default();
    let (high, low) = block.as_chunks_mut().0.split_at_mut(1);
    high.fill(a);
    low.fill(r);
    block
}

/// The two halves of a block, which is erased.
fn halves(block: &mut aes::Block) -> (Semiblock, Semiblock) {
    let high = block.first_chunk().copied().unwrap_or_default();
    let low = block.last_chunk().copied().unwrap_or_default();
    block.zeroize();
    (high, low)
}

/// A ^ t, t as 64 bits in big-endian order.
fn counted(a: Semiblock, t: u64) -> Semiblock {
    (u64::from_be_bytes(a) ^ t).to_be_bytes()
}
