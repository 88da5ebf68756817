//! What an unwrap found, as a mask.
#![forbid(unsafe_code)]

use super::{SEMIBLOCK, Semiblock};
use crate::error::{Error, Result};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};

/// Whether an unwrap is valid and how long its plaintext is, not yet looked at.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Verdict {
    valid: Choice,
    length: u64,
}

impl Verdict {
    /// Looks at the verdict: the length of the plaintext in bytes.
    ///
    /// # Errors
    /// `WrappedKeyInvalid` when the integrity check failed.
    pub fn accept(self) -> Result<usize> {
        if bool::from(self.valid) {
            usize::try_from(self.length).map_err(|_| Error::WrappedKeyInvalid)
        } else {
            Err(Error::WrappedKeyInvalid)
        }
    }

    /// The verdict of KW: `a` must be the initial value. Otherwise erases `r`.
    pub(super) fn of_kw(a: Semiblock, iv: Semiblock, r: &mut [Semiblock]) -> Self {
        let valid = a.ct_eq(&iv);
        keep_if(valid, r);
        Verdict {
            valid,
            length: bytes(r),
        }
    }

    /// The verdict of KWP (RFC 5649, 3). Otherwise erases `r`.
    pub(super) fn of_kwp(a: Semiblock, iv: [u8; 4], r: &mut [Semiblock]) -> Self {
        let [a0, a1, a2, a3, l0, l1, l2, l3] = a;
        let length = u64::from(u32::from_be_bytes([l0, l1, l2, l3]));
        let most = bytes(r);
        // 1) The upper half is the constant.
        let mut valid = [a0, a1, a2, a3].ct_eq(&iv);
        // 2) The length fits the number of semiblocks: 8(n-1) < length <= 8n.
        let least = most.saturating_sub(u64::try_from(SEMIBLOCK).unwrap_or_default());
        valid &= length.ct_gt(&least) & !length.ct_gt(&most);
        // 3) The padding, which can stand in the last semiblock only, is zeros.
        for (byte, place) in r.last().into_iter().flatten().zip(least..) {
            let padding = !length.ct_gt(&place);
            valid &= !padding | byte.ct_eq(&0);
        }
        keep_if(valid, r);
        Verdict { valid, length }
    }

    /// The verdict of KW over PKCS#7 padding: `a` must be the initial value, and the last semiblock end
    /// in 1 to 8 bytes of that value each. Otherwise erases `r`.
    pub(super) fn of_pkcs7(a: Semiblock, iv: Semiblock, r: &mut [Semiblock]) -> Self {
        let last = r.last().copied().unwrap_or_default();
        let [.., count] = last;
        let mut valid = a.ct_eq(&iv) & !count.ct_eq(&0) & !count.ct_gt(&8);
        for (byte, from_end) in last.iter().rev().zip(0u8..) {
            let padding = count.ct_gt(&from_end);
            valid &= !padding | byte.ct_eq(&count);
        }
        keep_if(valid, r);
        Verdict {
            valid,
            length: bytes(r).saturating_sub(u64::from(count)),
        }
    }
}

/// The length of semiblocks in bytes.
fn bytes(r: &[Semiblock]) -> u64 {
    u64::try_from(r.as_flattened().len()).unwrap_or(u64::MAX)
}

/// Zeros everything unless `valid`.
fn keep_if(valid: Choice, r: &mut [Semiblock]) {
    for semiblock in r {
        let whole = u64::from_ne_bytes(*semiblock);
        *semiblock = u64::conditional_select(&0, &whole, valid).to_ne_bytes();
    }
}
