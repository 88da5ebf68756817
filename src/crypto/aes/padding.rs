//! PKCS#7 padding (RFC 5652, section 6.3) of one AES block, read in constant time.

use super::BLOCK;
use subtle::{Choice, ConstantTimeEq, ConstantTimeGreater};

/// A block that starts with `rest` (fewer than 16 bytes) and ends in padding.
pub(super) fn pad(rest: &[u8]) -> [u8; BLOCK] {
    let missing = u8::try_from(BLOCK.saturating_sub(rest.len())).unwrap_or_default();
    let mut block = [missing; BLOCK];
    for (padded, byte) in block.iter_mut().zip(rest) {
        *padded = *byte;
    }
    block
}

/// How many bytes of the block are not padding; `None` when the padding is bad. No branch or address
/// depends on the block until that verdict.
pub(super) fn unpad(block: &[u8; BLOCK]) -> Option<usize> {
    let [.., count] = *block;
    let mut good = !count.ct_eq(&0) & !count.ct_gt(&16);
    for (byte, from_end) in block.iter().rev().zip(0u8..) {
        // A byte within the last `count` must equal `count`.
        let outside = !count.ct_gt(&from_end);
        good &= outside | byte.ct_eq(&count);
    }
    verdict(good, count)
}

/// The one branch on the verdict.
fn verdict(good: Choice, count: u8) -> Option<usize> {
    bool::from(good).then(|| BLOCK.saturating_sub(usize::from(count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_padded_is_unpadded() {
        for length in 0..BLOCK {
            let block = pad(&vec![9; length]);
            assert_eq!(unpad(&block), Some(length));
        }
    }

    #[test]
    fn every_wrong_byte_is_found() {
        for length in 0..BLOCK {
            for wrong in length..BLOCK {
                let mut block = pad(&vec![0; length]);
                block[wrong] ^= 0x80;
                assert_eq!(unpad(&block), None, "{length} {wrong}");
            }
        }
        assert_eq!(unpad(&[0; BLOCK]), None);
        assert_eq!(unpad(&[17; BLOCK]), None);
    }
}
