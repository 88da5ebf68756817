//! What an unwrap found, as a mask.
//!
//! Masks are words of all ones or all zeros, made by arithmetic alone. (The `subtle` crate would serve
//! in release builds; in others its own assertions branch on what it hides.)
#![forbid(unsafe_code)]

use super::{SEMIBLOCK, Semiblock};
use crate::error::{Error, Result};
use std::hint::black_box;

/// Whether an unwrap is valid and how long its plaintext is, not yet looked at.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Verdict {
    /// All ones or all zeros.
    valid: u64,
    length: u64,
}

impl Verdict {
    /// Looks at the verdict: the length of the plaintext in bytes.
    ///
    /// # Errors
    /// `WrappedKeyInvalid` when the integrity check failed.
    pub fn accept(self) -> Result<usize> {
        if self.valid == 0 {
            return Err(Error::WrappedKeyInvalid);
        }
        usize::try_from(self.length).map_err(|_| Error::WrappedKeyInvalid)
    }

    /// The verdict on KW: `a` must be the initial value. Otherwise erases `r`.
    pub(super) fn of_kw(a: Semiblock, iv: Semiblock, r: &mut [Semiblock]) -> Self {
        let valid = equal(u64::from_ne_bytes(a), u64::from_ne_bytes(iv));
        let length = bytes(r);
        Verdict { valid, length }.erase_unless_valid(r)
    }

    /// The verdict on KWP (RFC 5649, 3). Otherwise erases `r`.
    pub(super) fn of_kwp(a: Semiblock, iv: [u8; 4], r: &mut [Semiblock]) -> Self {
        let [a0, a1, a2, a3, l0, l1, l2, l3] = a;
        let length = u64::from(u32::from_be_bytes([l0, l1, l2, l3]));
        let most = bytes(r);
        // 1) The upper half is the constant.
        let upper = u64::from(u32::from_ne_bytes([a0, a1, a2, a3]));
        let mut valid = equal(upper, u64::from(u32::from_ne_bytes(iv)));
        // 2) The length fits the number of semiblocks: 8(n-1) < length <= 8n.
        let least = most.saturating_sub(u64::try_from(SEMIBLOCK).unwrap_or_default());
        valid &= less(least, length) & !less(most, length);
        // 3) The padding, which can stand in the last semiblock only, is zeros.
        for (byte, place) in r.last().into_iter().flatten().zip(least..) {
            let padding = !less(place, length);
            valid &= !padding | equal(u64::from(*byte), 0);
        }
        Verdict { valid, length }.erase_unless_valid(r)
    }

    /// The verdict on KW over PKCS#7 padding: `a` must be the initial value, and the last semiblock end
    /// in 1 to 8 bytes of that value each. Otherwise erases `r`.
    pub(super) fn of_pkcs7(a: Semiblock, iv: Semiblock, r: &mut [Semiblock]) -> Self {
        let last = r.last().copied().unwrap_or_default();
        let [.., count] = last.map(u64::from);
        let mut valid = equal(u64::from_ne_bytes(a), u64::from_ne_bytes(iv));
        valid &= less(0, count) & less(count, 9);
        for (byte, from_end) in last.iter().rev().zip(0u64..) {
            let padding = less(from_end, count);
            valid &= !padding | equal(u64::from(*byte), count);
        }
        let length = bytes(r).wrapping_sub(count);
        Verdict { valid, length }.erase_unless_valid(r)
    }

    /// Zeros everything unless valid.
    fn erase_unless_valid(self, r: &mut [Semiblock]) -> Self {
        // Keeps the compiler from making a branch of the mask.
        let valid = black_box(self.valid);
        for semiblock in r {
            *semiblock = (u64::from_ne_bytes(*semiblock) & valid).to_ne_bytes();
        }
        self
    }
}

/// The length of semiblocks in bytes.
fn bytes(r: &[Semiblock]) -> u64 {
    u64::try_from(r.as_flattened().len()).unwrap_or(u64::MAX)
}

/// All ones when the two are equal.
fn equal(one: u64, other: u64) -> u64 {
    let difference = one ^ other;
    // The top bit of d | -d is set unless d is 0.
    ((difference | difference.wrapping_neg()) >> 63).wrapping_sub(1)
}

/// All ones when `one` is less than `other`, both below 2^63.
fn less(one: u64, other: u64) -> u64 {
    (one.wrapping_sub(other) >> 63).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_say_what_operators_say() {
        let values = [0, 1, 7, 8, 9, 255, 1 << 32, (1 << 63) - 1];
        for (one, other) in values
            .into_iter()
            .flat_map(|one| values.map(|other| (one, other)))
        {
            assert_eq!(equal(one, other), if one == other { u64::MAX } else { 0 });
            assert_eq!(less(one, other), if one < other { u64::MAX } else { 0 });
        }
        assert_eq!(equal(u64::MAX, 1 << 63), 0);
    }
}
