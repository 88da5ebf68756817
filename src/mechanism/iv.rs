//! Generated IVs (PKCS #11 3.2, section 6.13.2: the generator functions). An IV that comes twice under one
//! key breaks GCM and CCM, so what cannot be kept unique is refused.

use crate::crypto::random;
use crate::error::{Error, Result};
use cryptoki_sys::{
    CKG_GENERATE, CKG_GENERATE_COUNTER, CKG_GENERATE_COUNTER_XOR, CKG_GENERATE_RANDOM,
    CKG_NO_GENERATE,
};

/// The fewest bits that random IVs must have to themselves: with fewer they come twice too soon.
const LEAST_RANDOM_BITS: u64 = 64;
/// The fewest bits of an IV that is generated in the module's own way.
const LEAST_OWN_BITS: u64 = 32;
/// How many random IVs one key and process may have (SP 800-38D, section 8.3).
const MOST_RANDOM: u64 = 1 << 32;

/// The IVs of one process of messages.
#[derive(Default)]
pub struct Ivs {
    counting: Option<Counting>,
    random: u64,
}

/// Where a counter stands, and the terms under which it began: counters of other widths could meet.
struct Counting {
    generator: u64,
    fixed_bits: u64,
    /// What the count is added to or XORed with: the whole IV at the count 0.
    base: Vec<u8>,
    /// The IV given last, which callers often hand back in.
    last: Vec<u8>,
    /// The messages so far.
    count: u64,
}

impl Ivs {
    /// The next IV, in the place of what the caller gave.
    ///
    /// # Errors
    /// `MechanismParamInvalid` for an unknown generator, too few bits to generate, other terms than those
    /// a counter began with, and a counter that is used up.
    pub fn next(&mut self, generator: u64, fixed_bits: u64, iv: &mut [u8]) -> Result<()> {
        if generator == CKG_NO_GENERATE {
            return Ok(());
        }
        let free = free_bits(iv.len(), fixed_bits)?;
        match generator {
            CKG_GENERATE if free < LEAST_OWN_BITS => Err(invalid("too few bits to generate")),
            CKG_GENERATE_RANDOM if free < LEAST_RANDOM_BITS => {
                Err(invalid("too few bits for a random IV"))
            }
            CKG_GENERATE_RANDOM => self.random(fixed_bits, iv),
            CKG_GENERATE | CKG_GENERATE_COUNTER | CKG_GENERATE_COUNTER_XOR => {
                self.count(generator, fixed_bits, free, iv)
            }
            _ => Err(invalid("the IV generator is unknown")),
        }
    }

    fn random(&mut self, fixed_bits: u64, iv: &mut [u8]) -> Result<()> {
        if self.random >= MOST_RANDOM {
            return Err(invalid("too many random IVs"));
        }
        randomise(fixed_bits, iv)?;
        self.random += 1;
        Ok(())
    }

    fn count(&mut self, generator: u64, fixed_bits: u64, free: u64, iv: &mut [u8]) -> Result<()> {
        let mut counting = match self.counting.take() {
            Some(counting) => counting,
            None => Counting::begin(generator, fixed_bits, iv)?,
        };
        let answer = counting.next(generator, fixed_bits, free, iv);
        self.counting = Some(counting);
        answer
    }
}

impl Counting {
    fn begin(generator: u64, fixed_bits: u64, iv: &[u8]) -> Result<Self> {
        let mut base = iv.to_vec();
        match generator {
            // Counted on from a random place, no two processes with the same key are likely to meet.
            CKG_GENERATE => randomise(fixed_bits, &mut base)?,
            CKG_GENERATE_COUNTER => clear(fixed_bits, &mut base),
            _ => {}
        }
        Ok(Counting {
            generator,
            fixed_bits,
            last: base.clone(),
            base,
            count: 0,
        })
    }

    fn next(&mut self, generator: u64, fixed_bits: u64, free: u64, iv: &mut [u8]) -> Result<()> {
        let own = (self.generator, self.fixed_bits, self.base.len());
        if own != (generator, fixed_bits, iv.len()) {
            return Err(invalid("another IV generator than the messages began with"));
        }
        if free < 64 && self.count >> free != 0 || self.count == u64::MAX {
            return Err(invalid("the IV counter is used up"));
        }
        if generator == CKG_GENERATE_COUNTER_XOR {
            if *iv != *self.base && *iv != *self.last {
                return Err(invalid("the IV to be counted from changed"));
            }
            iv.copy_from_slice(&self.base);
            for (own, count) in iv.iter_mut().rev().zip(self.count.to_le_bytes()) {
                *own ^= count;
            }
        } else {
            // The fixed part is the caller's, each time.
            let fixed = iv.to_vec();
            iv.copy_from_slice(&self.base);
            add(self.count, iv);
            restore(fixed_bits, &fixed, iv);
        }
        self.last.copy_from_slice(iv);
        self.count += 1;
        Ok(())
    }
}

/// How many bits of the IV are generated.
fn free_bits(length: usize, fixed_bits: u64) -> Result<u64> {
    u64::try_from(length)
        .ok()
        .and_then(|length| length.checked_mul(8))
        .and_then(|bits| bits.checked_sub(fixed_bits))
        .filter(|free| *free > 0)
        .ok_or(invalid("no bits of the IV are left to generate"))
}

/// Which bits of the byte at `place` are fixed.
fn fixed_mask(fixed_bits: u64, place: usize) -> u8 {
    let before = u64::try_from(place).unwrap_or(u64::MAX).saturating_mul(8);
    match fixed_bits.saturating_sub(before) {
        0 => 0,
        bits @ 1..8 => !(0xff >> bits),
        _ => 0xff,
    }
}

/// Puts the fixed bits back.
fn restore(fixed_bits: u64, from: &[u8], iv: &mut [u8]) {
    for (place, (own, fixed)) in iv.iter_mut().zip(from).enumerate() {
        let mask = fixed_mask(fixed_bits, place);
        *own = (fixed & mask) | (*own & !mask);
    }
}

fn clear(fixed_bits: u64, iv: &mut [u8]) {
    for (place, own) in iv.iter_mut().enumerate() {
        *own &= fixed_mask(fixed_bits, place);
    }
}

fn randomise(fixed_bits: u64, iv: &mut [u8]) -> Result<()> {
    let fixed = iv.to_vec();
    random::fill(iv)?;
    restore(fixed_bits, &fixed, iv);
    Ok(())
}

/// Adds to a big-endian number, whose carry beyond its first byte is lost.
fn add(count: u64, number: &mut [u8]) {
    let mut carry = false;
    let digits = count.to_le_bytes().into_iter().chain(std::iter::repeat(0));
    for (own, digit) in number.iter_mut().rev().zip(digits) {
        let (sum, over) = own.overflowing_add(digit);
        let (sum, over_again) = sum.overflowing_add(u8::from(carry));
        *own = sum;
        carry = over || over_again;
    }
}

fn invalid(why: &'static str) -> Error {
    Error::MechanismParamInvalid(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_counter_counts_from_zero_behind_the_fixed_bits() {
        let mut ivs = Ivs::default();
        for count in 0..300_u64 {
            let mut iv = [0xff; 12];
            ivs.next(CKG_GENERATE_COUNTER, 33, &mut iv).unwrap();
            assert_eq!(iv[..5], [0xff, 0xff, 0xff, 0xff, 0x80]);
            assert_eq!(iv[5..], count.to_be_bytes()[1..]);
        }
    }

    #[test]
    fn a_counter_that_is_used_up_is_refused() {
        for generator in [CKG_GENERATE_COUNTER, CKG_GENERATE_COUNTER_XOR] {
            let mut ivs = Ivs::default();
            let mut seen = HashSet::new();
            for _ in 0..4 {
                let mut iv = [7; 12];
                ivs.next(generator, 94, &mut iv).unwrap();
                assert!(seen.insert(iv));
            }
            for _ in 0..2 {
                assert!(ivs.next(generator, 94, &mut [7; 12]).is_err());
            }
        }
    }

    #[test]
    fn what_is_xored_with_the_counter_must_not_change() {
        let mut ivs = Ivs::default();
        let mut iv = [0x0f; 12];
        ivs.next(CKG_GENERATE_COUNTER_XOR, 32, &mut iv).unwrap();
        assert_eq!(iv, [0x0f; 12]);
        ivs.next(CKG_GENERATE_COUNTER_XOR, 32, &mut iv).unwrap();
        assert_eq!(iv[11], 0x0e);
        // The IV that came out, and the one that went in.
        ivs.next(CKG_GENERATE_COUNTER_XOR, 32, &mut iv).unwrap();
        assert_eq!(iv[11], 0x0d);
        let mut iv = [0x0f; 12];
        ivs.next(CKG_GENERATE_COUNTER_XOR, 32, &mut iv).unwrap();
        assert_eq!(iv[11], 0x0c);
        assert!(
            ivs.next(CKG_GENERATE_COUNTER_XOR, 32, &mut [0x10; 12])
                .is_err()
        );
    }

    #[test]
    fn a_counter_keeps_its_terms() {
        let mut ivs = Ivs::default();
        ivs.next(CKG_GENERATE_COUNTER, 32, &mut [0; 12]).unwrap();
        assert!(ivs.next(CKG_GENERATE_COUNTER, 40, &mut [0; 12]).is_err());
        assert!(ivs.next(CKG_GENERATE_COUNTER, 32, &mut [0; 13]).is_err());
        assert!(ivs.next(CKG_GENERATE, 32, &mut [0; 12]).is_err());
        assert!(ivs.next(CKG_GENERATE_COUNTER, 32, &mut [0; 12]).is_ok());
    }

    #[test]
    fn own_and_random_ivs_differ_and_keep_the_fixed_bits() {
        for (generator, fixed) in [
            (CKG_GENERATE, 0),
            (CKG_GENERATE, 64),
            (CKG_GENERATE_RANDOM, 0),
            (CKG_GENERATE_RANDOM, 32),
        ] {
            let (mut ivs, mut seen) = (Ivs::default(), HashSet::new());
            for _ in 0..1000 {
                let mut iv = [0x55; 12];
                ivs.next(generator, fixed, &mut iv).unwrap();
                let fixed = usize::try_from(fixed / 8).unwrap();
                assert!(iv[..fixed].iter().all(|byte| *byte == 0x55));
                assert!(seen.insert(iv));
            }
        }
    }

    #[test]
    fn too_few_bits_are_refused() {
        for (generator, fixed) in [
            (CKG_GENERATE, 65),
            (CKG_GENERATE, 96),
            (CKG_GENERATE, 97),
            (CKG_GENERATE, u64::MAX),
            (CKG_GENERATE_RANDOM, 33),
            (CKG_GENERATE_COUNTER, 96),
            (9, 0),
        ] {
            let answer = Ivs::default().next(generator, fixed, &mut [0; 12]);
            assert!(answer.is_err(), "{generator} {fixed}");
        }
        let mut iv = [3; 12];
        Ivs::default().next(CKG_NO_GENERATE, 500, &mut iv).unwrap();
        assert_eq!(iv, [3; 12]);
    }
}
