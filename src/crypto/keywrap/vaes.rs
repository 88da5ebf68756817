//! Key wrap in VAES: sixteen independent wraps under one key, interleaved.
//!
//! One wrap is a chain of blocks, each waiting for the one before it; sixteen wraps side by side keep the
//! AES units busy. A register holds the blocks of several lanes, each block with A in its low half and
//! R in its high one; the semiblocks of all lanes stand side by side in a [`Row`] laid out in the same
//! way, so that the loop moves nothing between lanes.
//!
//! # Why the `unsafe` here is sound
//!
//! 1. *Features.* [`Width::find`] answers a width only after it found the features that the functions of
//!    that width are compiled for, and these functions are called for that width only.
//! 2. *Pointers.* Vectors are read from and written to [`Row`]s, 256 bytes aligned to 64, in four pieces
//!    of 64 or eight of 32 bytes: the pieces tile the row exactly, and a row is borrowed for as long.
#![expect(
    unsafe_code,
    reason = "functions compiled for processor features found at run time"
)]

use super::aesni::{Both, RoundKeys, Schedule, with_keys};
use core::arch::x86_64::{
    __m256i, __m512i, _mm256_aesdec_epi128, _mm256_aesdeclast_epi128, _mm256_aesenc_epi128,
    _mm256_aesenclast_epi128, _mm256_and_si256, _mm256_andnot_si256, _mm256_broadcastsi128_si256,
    _mm256_load_si256, _mm256_or_si256, _mm256_set_epi64x, _mm256_store_si256, _mm256_xor_si256,
    _mm256_zeroupper, _mm512_aesdec_epi128, _mm512_aesdeclast_epi128, _mm512_aesenc_epi128,
    _mm512_aesenclast_epi128, _mm512_and_si512, _mm512_andnot_si512, _mm512_broadcast_i32x4,
    _mm512_load_si512, _mm512_or_si512, _mm512_set4_epi64, _mm512_store_si512, _mm512_xor_si512,
};
use zeroize::Zeroize;

/// Wraps that run side by side.
pub(super) const LANES: usize = 16;

/// One semiblock of each lane, at `2 * lane` for A or at `2 * lane + 1` for R, as the module's head says.
/// Erased on drop.
#[derive(Clone)]
#[repr(C, align(64))]
pub(super) struct Row([[u64; 2]; LANES]);

impl Row {
    /// A row of zeros.
    pub(super) const ZERO: Row = Row([[0; 2]; LANES]);

    /// The semiblock A of each lane, in the order of memory.
    pub(super) fn a(&mut self) -> impl Iterator<Item = &mut u64> {
        self.0.iter_mut().map(|[a, _]| a)
    }

    /// The semiblock R of each lane, in the order of memory.
    pub(super) fn r(&mut self) -> impl Iterator<Item = &mut u64> {
        self.0.iter_mut().map(|[_, r]| r)
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// How wide the processor's VAES is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Width {
    /// 512 bits, four lanes a register.
    Bits512,
    /// 256 bits, two lanes a register.
    Bits256,
}

impl Width {
    /// The widest form that the processor has.
    pub(super) fn find() -> Option<Self> {
        if is_x86_feature_detected!("vaes") && is_x86_feature_detected!("avx512f") {
            Some(Width::Bits512)
        } else {
            Self::find_256()
        }
    }

    /// The form of 256 bits, if the processor has it.
    pub(super) fn find_256() -> Option<Self> {
        let found = is_x86_feature_detected!("vaes") && is_x86_feature_detected!("avx2");
        found.then_some(Width::Bits256)
    }

    /// RFC 3394, 2.2.1, in all lanes: `a` holds initial values and then the first semiblocks, `r` a
    /// row for each semiblock of the data.
    pub(super) fn wrap(self, schedule: &Schedule, a: &mut Row, r: &mut [Row]) {
        with_keys!(schedule, keys => match self {
            // SAFETY: `find` found the features of this width.
            Width::Bits512 => unsafe { bits512::wrap(keys, a, r) },
            // SAFETY: as above.
            Width::Bits256 => unsafe { bits256::wrap(keys, a, r) },
        });
    }

    /// RFC 3394, 2.2.2, in all lanes: `a` holds the first semiblocks and then the initial values found.
    pub(super) fn unwrap(self, schedule: &Schedule, a: &mut Row, r: &mut [Row]) {
        with_keys!(schedule, keys => match self {
            // SAFETY: `find` found the features of this width.
            Width::Bits512 => unsafe { bits512::unwrap(keys, a, r) },
            // SAFETY: as above.
            Width::Bits256 => unsafe { bits256::unwrap(keys, a, r) },
        });
    }
}

/// The loops for one width: registers, their number in a row, and the instructions.
macro_rules! kernel {
    (
        $name:ident, $features:literal, $vector:ty, $registers:literal,
        load $load:ident, store $store:ident, spread $spread:ident,
        xor $xor:ident, and $and:ident, andnot $andnot:ident, or $or:ident, low |$value:ident| $low:expr,
        enc $enc:ident $enclast:ident, dec $dec:ident $declast:ident
    ) => {
        mod $name {
            use super::*;

            /// The blocks of all lanes.
            type Blocks = [$vector; $registers];

            #[target_feature(enable = $features)]
            pub(super) fn wrap<const M: usize>(keys: &Both<M>, a: &mut Row, r: &mut [Row]) {
                let keys = Keys::new(&keys.encrypt);
                // 1) A is the initial values, R the plaintext.
                let mut left = read(a);
                // 2) For j = 0 to 5, for i = 1 to n; t = n*j + i.
                let mut t = 0u64;
                for _ in 0..6 {
                    for row in &mut *r {
                        t = t.wrapping_add(1);
                        // B = AES(K, A | R[i]).
                        let mut blocks = read(row);
                        join(&mut blocks, &left, keys.first);
                        for key in &keys.middle {
                            for block in &mut blocks {
                                *block = $enc(*block, *key);
                            }
                        }
                        for block in &mut blocks {
                            *block = $enclast(*block, keys.last);
                        }
                        // A = MSB(64, B) ^ t; R[i] = LSB(64, B).
                        split(&blocks, &mut left, low_half(t), row);
                    }
                }
                // 3) C[0] = A, C[i] = R[i].
                write(a, &left);
                _mm256_zeroupper();
            }

            #[target_feature(enable = $features)]
            pub(super) fn unwrap<const M: usize>(keys: &Both<M>, a: &mut Row, r: &mut [Row]) {
                let keys = Keys::new(&keys.decrypt);
                // 1) A is the first semiblocks, R the rest.
                let mut left = read(a);
                // 2) For j = 5 to 0, for i = n to 1; t = n*j + i.
                let mut t = 6 * u64::try_from(r.len()).unwrap_or_default();
                for _ in 0..6 {
                    for row in r.iter_mut().rev() {
                        // B = AES-1(K, (A ^ t) | R[i]).
                        let mut blocks = read(row);
                        join(&mut blocks, &left, $xor(keys.first, low_half(t)));
                        for key in &keys.middle {
                            for block in &mut blocks {
                                *block = $dec(*block, *key);
                            }
                        }
                        for block in &mut blocks {
                            *block = $declast(*block, keys.last);
                        }
                        // A = MSB(64, B); R[i] = LSB(64, B).
                        split(&blocks, &mut left, low_half(0), row);
                        t = t.wrapping_sub(1);
                    }
                }
                write(a, &left);
                _mm256_zeroupper();
            }

            /// The round keys, each repeated over the register.
            struct Keys<const M: usize> {
                first: $vector,
                middle: [$vector; M],
                last: $vector,
            }

            impl<const M: usize> Keys<M> {
                #[target_feature(enable = $features)]
                fn new(keys: &RoundKeys<M>) -> Self {
                    let mut middle = [$spread(keys.first); M];
                    for (wide, key) in middle.iter_mut().zip(&keys.middle) {
                        *wide = $spread(*key);
                    }
                    Keys {
                        first: $spread(keys.first),
                        middle,
                        last: $spread(keys.last),
                    }
                }
            }

            /// A | R in every lane, with `whitening` added; `blocks` holds R.
            #[target_feature(enable = $features)]
            fn join(blocks: &mut Blocks, left: &Blocks, whitening: $vector) {
                for (block, a) in blocks.iter_mut().zip(left) {
                    *block = $xor($or(*block, *a), whitening);
                }
            }

            /// A, with `counter` added, and R of every lane.
            #[target_feature(enable = $features)]
            fn split(blocks: &Blocks, left: &mut Blocks, counter: $vector, row: &mut Row) {
                let mut right = *blocks;
                for (a, r) in left.iter_mut().zip(&mut right) {
                    *a = $xor($and(*r, low_mask()), counter);
                    *r = $andnot(low_mask(), *r);
                }
                write(row, &right);
            }

            /// A counter in big-endian order in the low half of every lane.
            #[target_feature(enable = $features)]
            fn low_half(t: u64) -> $vector {
                let $value = i64::from_le_bytes(t.to_be_bytes());
                $low
            }

            /// Ones in the low half of every lane.
            #[target_feature(enable = $features)]
            fn low_mask() -> $vector {
                let $value = -1;
                $low
            }

            #[target_feature(enable = $features)]
            fn read(row: &Row) -> Blocks {
                let start = (&raw const *row).cast::<$vector>();
                let mut blocks = [low_half(0); $registers];
                for (block, place) in blocks.iter_mut().zip(0..$registers) {
                    // SAFETY: the registers tile the row, which is aligned to 64 bytes.
                    *block = unsafe { $load(start.add(place).cast()) };
                }
                blocks
            }

            #[target_feature(enable = $features)]
            fn write(row: &mut Row, blocks: &Blocks) {
                let start = (&raw mut *row).cast::<$vector>();
                for (block, place) in blocks.iter().zip(0..$registers) {
                    // SAFETY: the registers tile the row, which is aligned to 64 bytes.
                    unsafe { $store(start.add(place).cast(), *block) };
                }
            }
        }
    };
}

kernel!(
    bits512, "avx512f,vaes", __m512i, 4,
    load _mm512_load_si512, store _mm512_store_si512, spread _mm512_broadcast_i32x4,
    xor _mm512_xor_si512, and _mm512_and_si512, andnot _mm512_andnot_si512, or _mm512_or_si512,
    low |value| _mm512_set4_epi64(0, value, 0, value),
    enc _mm512_aesenc_epi128 _mm512_aesenclast_epi128,
    dec _mm512_aesdec_epi128 _mm512_aesdeclast_epi128
);

kernel!(
    bits256, "avx2,vaes", __m256i, 8,
    load _mm256_load_si256, store _mm256_store_si256, spread _mm256_broadcastsi128_si256,
    xor _mm256_xor_si256, and _mm256_and_si256, andnot _mm256_andnot_si256, or _mm256_or_si256,
    low |value| _mm256_set_epi64x(0, value, 0, value),
    enc _mm256_aesenc_epi128 _mm256_aesenclast_epi128,
    dec _mm256_aesdec_epi128 _mm256_aesdeclast_epi128
);
