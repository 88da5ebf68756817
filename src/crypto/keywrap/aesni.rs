//! Key wrap in AES-NI: one wrap at a time, the round keys in registers.
//!
//! Each of the 6n blocks needs the one before it, so the time is that of one chain of AES rounds. Three
//! things are therefore moved off the chain by linearity: the first round key and the counter of the next
//! block are added to the last round key of this one, and the semiblock of the next block is whitened
//! before it is needed. What stays on the chain is the rounds and one shuffle.
//!
//! # Why the `unsafe` here is sound
//!
//! The only `unsafe` is calling a function compiled for processor features. A [`Schedule`] exists only if
//! [`Schedule::new`] found those features at run time, and every such call is made by a method of it (or
//! after the same check). No pointer is used: vectors are made from and turned into integers.
#![expect(
    unsafe_code,
    reason = "functions compiled for processor features found at run time"
)]

use super::Semiblock;
use crate::error::{Error, Result};
use core::arch::x86_64::{
    __m128i, _mm_aesdec_si128, _mm_aesdeclast_si128, _mm_aesenc_si128, _mm_aesenclast_si128,
    _mm_aesimc_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi32,
    _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_slli_si128, _mm_unpackhi_epi64, _mm_unpacklo_epi64,
    _mm_xor_si128, _mm256_zeroupper,
};
use zeroize::Zeroize;

/// The round keys of both directions, one variant for each length of key. Erased on drop.
pub(super) enum Schedule {
    Aes128(Both<9>),
    Aes192(Both<11>),
    Aes256(Both<13>),
}

/// The round keys of encryption and of the equivalent inverse cipher (FIPS 197, 5.3.5).
pub(super) struct Both<const MIDDLE: usize> {
    pub(super) encrypt: RoundKeys<MIDDLE>,
    pub(super) decrypt: RoundKeys<MIDDLE>,
}

/// The round keys of one direction.
#[derive(Clone)]
pub(super) struct RoundKeys<const MIDDLE: usize> {
    /// Added before the first round.
    pub(super) first: __m128i,
    /// Those of the whole rounds.
    pub(super) middle: [__m128i; MIDDLE],
    /// That of the last round, which mixes no columns.
    pub(super) last: __m128i,
}

/// Runs `$body` with `$keys` bound to the round keys, whichever length of key they are of.
macro_rules! with_keys {
    ($schedule:expr, $keys:ident => $body:expr) => {
        match $schedule {
            Schedule::Aes128($keys) => $body,
            Schedule::Aes192($keys) => $body,
            Schedule::Aes256($keys) => $body,
        }
    };
}
pub(super) use with_keys;

impl Schedule {
    /// Expands a key; `None` when the processor lacks AES-NI.
    ///
    /// # Errors
    /// `KeySizeRange` unless the key has 16, 24 or 32 bytes.
    pub(super) fn new(key: &[u8]) -> Result<Option<Self>> {
        if !is_x86_feature_detected!("aes") || !is_x86_feature_detected!("ssse3") {
            return Ok(None);
        }
        // SAFETY: `aes` and `ssse3` were just found.
        let schedule = unsafe { expand(key) };
        schedule.map(Some).ok_or(Error::KeySizeRange)
    }

    /// RFC 3394, 2.2.1, in place; answers the first semiblock.
    pub(super) fn wrap(&self, iv: Semiblock, r: &mut [Semiblock]) -> Semiblock {
        // SAFETY: a schedule exists only where `new` found `aes`.
        with_keys!(self, keys => unsafe { wrap_rounds(&keys.encrypt, iv, r) })
    }

    /// RFC 3394, 2.2.2, in place; answers the initial value found.
    pub(super) fn unwrap(&self, first: Semiblock, r: &mut [Semiblock]) -> Semiblock {
        // SAFETY: a schedule exists only where `new` found `aes`.
        with_keys!(self, keys => unsafe { unwrap_rounds(&keys.decrypt, first, r) })
    }

    /// One block of two semiblocks, encrypted.
    pub(super) fn encrypt_pair(&self, a: Semiblock, r: Semiblock) -> (Semiblock, Semiblock) {
        // SAFETY: a schedule exists only where `new` found `aes`.
        with_keys!(self, keys => unsafe { encrypt_pair(&keys.encrypt, a, r) })
    }

    /// One block of two semiblocks, decrypted.
    pub(super) fn decrypt_pair(&self, a: Semiblock, r: Semiblock) -> (Semiblock, Semiblock) {
        // SAFETY: a schedule exists only where `new` found `aes`.
        with_keys!(self, keys => unsafe { decrypt_pair(&keys.decrypt, a, r) })
    }
}

/// The wrapping loop. In the vectors A is the low half and R the high one, each in the order of memory.
#[target_feature(enable = "aes")]
fn wrap_rounds<const M: usize>(
    keys: &RoundKeys<M>,
    iv: Semiblock,
    r: &mut [Semiblock],
) -> Semiblock {
    let first_high = _mm_unpackhi_epi64(keys.first, keys.first);
    let folded = fold(keys);
    // 1) A is the initial value, R the plaintext. The chain carries A with the first round key added.
    let mut a = _mm_xor_si128(load(iv), keys.first);
    // 2) For j = 0 to 5, for i = 1 to n; t = n*j + i.
    let mut t = 0u64;
    for _ in 0..6 {
        for r in &mut *r {
            t = t.wrapping_add(1);
            let right = _mm_xor_si128(load(*r), first_high);
            let last = _mm_xor_si128(folded, counter(t));
            // B = AES(K, A | R[i]); A = MSB(64, B) ^ t; R[i] = LSB(64, B).
            let mut block = _mm_unpacklo_epi64(a, right);
            for key in &keys.middle {
                block = _mm_aesenc_si128(block, *key);
            }
            a = _mm_aesenclast_si128(block, last);
            *r = high(a);
        }
    }
    // 3) C[0] = A, C[i] = R[i].
    low(_mm_xor_si128(a, keys.first))
}

/// The unwrapping loop.
#[target_feature(enable = "aes")]
fn unwrap_rounds<const M: usize>(
    keys: &RoundKeys<M>,
    first: Semiblock,
    r: &mut [Semiblock],
) -> Semiblock {
    let first_high = _mm_unpackhi_epi64(keys.first, keys.first);
    let folded = fold(keys);
    // 1) A is the first semiblock, R the rest. The chain carries A ^ t with the first round key added.
    let mut t = 6 * u64::try_from(r.len()).unwrap_or_default();
    let mut a = _mm_xor_si128(_mm_xor_si128(load(first), counter(t)), keys.first);
    // 2) For j = 5 to 0, for i = n to 1; t = n*j + i.
    for _ in 0..6 {
        for r in r.iter_mut().rev() {
            // The counter that the next block will add.
            t = t.wrapping_sub(1);
            let right = _mm_xor_si128(load(*r), first_high);
            let last = _mm_xor_si128(folded, counter(t));
            // B = AES-1(K, (A ^ t) | R[i]); A = MSB(64, B); R[i] = LSB(64, B).
            let mut block = _mm_unpacklo_epi64(a, right);
            for key in &keys.middle {
                block = _mm_aesdec_si128(block, *key);
            }
            a = _mm_aesdeclast_si128(block, last);
            *r = high(a);
        }
    }
    // After the last block the counter to come was 0.
    low(_mm_xor_si128(a, keys.first))
}

/// The last round key, with the first one added to its half A: what leaves the block is then ready to
/// enter the next.
#[target_feature(enable = "aes")]
fn fold<const M: usize>(keys: &RoundKeys<M>) -> __m128i {
    let first_low = _mm_unpacklo_epi64(keys.first, _mm_xor_si128(keys.first, keys.first));
    _mm_xor_si128(keys.last, first_low)
}

#[target_feature(enable = "aes")]
fn encrypt_pair<const M: usize>(
    keys: &RoundKeys<M>,
    a: Semiblock,
    r: Semiblock,
) -> (Semiblock, Semiblock) {
    let mut block = _mm_xor_si128(_mm_unpacklo_epi64(load(a), load(r)), keys.first);
    for key in &keys.middle {
        block = _mm_aesenc_si128(block, *key);
    }
    block = _mm_aesenclast_si128(block, keys.last);
    (low(block), high(block))
}

#[target_feature(enable = "aes")]
fn decrypt_pair<const M: usize>(
    keys: &RoundKeys<M>,
    a: Semiblock,
    r: Semiblock,
) -> (Semiblock, Semiblock) {
    let mut block = _mm_xor_si128(_mm_unpacklo_epi64(load(a), load(r)), keys.first);
    for key in &keys.middle {
        block = _mm_aesdec_si128(block, *key);
    }
    block = _mm_aesdeclast_si128(block, keys.last);
    (low(block), high(block))
}

/// A semiblock in the low half.
#[target_feature(enable = "sse2")]
fn load(semiblock: Semiblock) -> __m128i {
    _mm_cvtsi64_si128(i64::from_le_bytes(semiblock))
}

/// The low half.
#[target_feature(enable = "sse2")]
fn low(block: __m128i) -> Semiblock {
    _mm_cvtsi128_si64(block).to_le_bytes()
}

/// The high half.
#[target_feature(enable = "sse2")]
fn high(block: __m128i) -> Semiblock {
    low(_mm_unpackhi_epi64(block, block))
}

/// The counter in big-endian order in the low half.
#[target_feature(enable = "sse2")]
fn counter(t: u64) -> __m128i {
    load(t.to_be_bytes())
}

/// Key expansion (FIPS 197, 5.2); `None` for a wrong length.
#[target_feature(enable = "aes,ssse3")]
fn expand(key: &[u8]) -> Option<Schedule> {
    match key.as_chunks().0 {
        [k0, k1] if key.len() == 16 => Some(Schedule::Aes128(expand_128(join(*k0, *k1)))),
        [k0, k1, k2] if key.len() == 24 => {
            Some(Schedule::Aes192(expand_192(join(*k0, *k1), load(*k2))))
        }
        [k0, k1, k2, k3] if key.len() == 32 => {
            Some(Schedule::Aes256(expand_256(join(*k0, *k1), join(*k2, *k3))))
        }
        _ => None,
    }
}

/// The round constants (FIPS 197, 5.2).
const RCON: [i32; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 0x1b, 0x36];

#[target_feature(enable = "aes,ssse3")]
fn expand_128(key: __m128i) -> Both<9> {
    let mut all = [key; 11];
    let mut last = key;
    for (slot, rcon) in all.iter_mut().skip(1).zip(RCON) {
        last = _mm_xor_si128(spread(last), sub_rot_word(last, ROT_WORD_3, rcon));
        *slot = last;
    }
    let [first, middle @ .., last] = all;
    both(RoundKeys {
        first,
        middle,
        last,
    })
}

#[target_feature(enable = "aes,ssse3")]
fn expand_192(key: __m128i, rest: __m128i) -> Both<11> {
    // Six words a step; round keys are cut from the sequence of all words, two semiblocks each.
    let mut words = [[0; 8]; 27];
    let (mut four, mut two) = (key, rest);
    for (slot, rcon) in words.as_chunks_mut::<3>().0.iter_mut().zip(RCON) {
        *slot = [low(four), high(four), low(two)];
        four = _mm_xor_si128(spread(four), sub_rot_word(two, ROT_WORD_1, rcon));
        two = _mm_xor_si128(two, _mm_slli_si128::<4>(two));
        two = _mm_xor_si128(two, _mm_shuffle_epi32::<0xff>(four));
    }
    let mut all = [key; 13];
    for (slot, [a, b]) in all.iter_mut().zip(words.as_chunks::<2>().0) {
        *slot = join(*a, *b);
    }
    words.zeroize();
    let [first, middle @ .., last] = all;
    both(RoundKeys {
        first,
        middle,
        last,
    })
}

#[target_feature(enable = "aes,ssse3")]
fn expand_256(key: __m128i, rest: __m128i) -> Both<13> {
    let mut all = [key; 15];
    let (mut even, mut odd) = (key, rest);
    for (slot, rcon) in all.as_chunks_mut::<2>().0.iter_mut().zip(RCON) {
        *slot = [even, odd];
        even = _mm_xor_si128(spread(even), sub_rot_word(odd, ROT_WORD_3, rcon));
        odd = _mm_xor_si128(spread(odd), sub_word(even));
    }
    let [first, middle @ .., last] = &mut all;
    *last = even;
    both(RoundKeys {
        first: *first,
        middle: *middle,
        last: *last,
    })
}

/// Each word with those before it added.
#[target_feature(enable = "sse2")]
fn spread(words: __m128i) -> __m128i {
    let words = _mm_xor_si128(words, _mm_slli_si128::<4>(words));
    _mm_xor_si128(words, _mm_slli_si128::<8>(words))
}

/// The bytes of word 3, turned by one.
const ROT_WORD_3: i32 = 0x0c0f_0e0d;
/// The bytes of word 1, turned by one.
const ROT_WORD_1: i32 = 0x0407_0605;

/// SubWord(RotWord(w)) ^ rcon in all four words; `from` names the bytes of w. Shifting rows does nothing
/// to four equal columns, so a last round is the S-box alone.
#[target_feature(enable = "aes,ssse3")]
fn sub_rot_word(words: __m128i, from: i32, rcon: i32) -> __m128i {
    let word = _mm_shuffle_epi8(words, _mm_set1_epi32(from));
    _mm_aesenclast_si128(word, _mm_set1_epi32(rcon))
}

/// SubWord of word 3 in all four words.
#[target_feature(enable = "aes")]
fn sub_word(words: __m128i) -> __m128i {
    _mm_aesenclast_si128(_mm_shuffle_epi32::<0xff>(words), _mm_set1_epi32(0))
}

/// Both directions from the keys of encryption.
#[target_feature(enable = "aes")]
fn both<const M: usize>(encrypt: RoundKeys<M>) -> Both<M> {
    let mut middle = encrypt.middle;
    middle.reverse();
    for key in &mut middle {
        *key = _mm_aesimc_si128(*key);
    }
    let decrypt = RoundKeys {
        first: encrypt.last,
        middle,
        last: encrypt.first,
    };
    Both { encrypt, decrypt }
}

/// Two semiblocks, the first in the low half.
#[target_feature(enable = "sse2")]
fn join(first: Semiblock, second: Semiblock) -> __m128i {
    _mm_set_epi64x(i64::from_le_bytes(second), i64::from_le_bytes(first))
}

impl<const M: usize> Drop for RoundKeys<M> {
    fn drop(&mut self) {
        self.first.zeroize();
        self.middle.zeroize();
        self.last.zeroize();
    }
}

/// Empties the upper halves of the vector registers, where there are any.
pub(super) fn zero_upper() {
    #[target_feature(enable = "avx")]
    fn zero() {
        _mm256_zeroupper();
    }
    if is_x86_feature_detected!("avx") {
        // SAFETY: `avx` was just found.
        unsafe { zero() }
    }
}
