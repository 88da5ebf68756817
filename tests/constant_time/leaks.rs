//! Functions that leak on purpose: each tool must find them, or it finds nothing.

use std::hint::black_box;

/// A branch on a secret.
#[inline(never)]
pub(crate) fn branches(secret: &[u8]) -> u8 {
    if black_box(secret[0]) & 1 == 1 {
        black_box(3)
    } else {
        black_box(5)
    }
}

/// An address made from a secret.
#[inline(never)]
pub(crate) fn looks_up(secret: &[u8]) -> u8 {
    let table = black_box([7u8; 256]);
    table[usize::from(secret[0])]
}

/// A comparison that stops at the first difference.
#[inline(never)]
pub(crate) fn compares_early(secret: &[u8]) -> u8 {
    for (place, byte) in (0u8..).zip(secret) {
        if black_box(*byte) != 0xa6 {
            return black_box(place);
        }
    }
    0
}
