//! Sharing of a secret among people, so that some of them together have it and fewer know nothing of it
//! (A. Shamir, "How to share a secret", 1979): for each byte a polynomial over the field of 256 elements
//! with the reduction polynomial of AES (FIPS 197 section 4). No table and no branch depends on the secret.
#![forbid(unsafe_code)]

use super::random;
use crate::error::{Error, Result};
use zeroize::Zeroizing;

/// The length in bytes of a secret.
pub const LEN: usize = 32;

/// One person's part of a secret: the values of the polynomials at a place. Erased on drop.
#[derive(Clone)]
pub struct Part {
    /// The place, from 1.
    pub place: u8,
    /// The values.
    pub values: Zeroizing<[u8; LEN]>,
}

/// Splits a secret into `count` parts, any `threshold` of which give it back.
///
/// # Errors
/// `BadArguments` unless 1 ≤ threshold ≤ count; those of the random generator.
pub fn split(secret: &[u8; LEN], threshold: u8, count: u8) -> Result<Vec<Part>> {
    if threshold == 0 || threshold > count {
        return Err(Error::BadArguments(
            "the threshold must be from 1 to the number of shares",
        ));
    }
    let mut higher = Vec::with_capacity(threshold.into());
    for _ in 1..threshold {
        higher.push(Zeroizing::new(random::array::<LEN>()?));
    }
    Ok((1..=count)
        .map(|place| part(secret, &higher, place))
        .collect())
}

/// The value at `place` of the polynomials that `secret` and `higher` are the coefficients of (Horner).
fn part(secret: &[u8; LEN], higher: &[Zeroizing<[u8; LEN]>], place: u8) -> Part {
    let mut values = Zeroizing::new([0; LEN]);
    let coefficients = higher.iter().rev().map(|own| &**own).chain([secret]);
    for coefficient in coefficients {
        for (value, own) in values.iter_mut().zip(coefficient) {
            *value = multiply(*value, place) ^ own;
        }
    }
    Part { place, values }
}

/// The secret of parts at different places: the values at 0 of the polynomials through them (Lagrange).
/// Too few parts, or parts of different secrets, give something else.
///
/// # Errors
/// `BadArguments` when a place is 0 or comes twice.
pub fn combine(parts: &[Part]) -> Result<Zeroizing<[u8; LEN]>> {
    let mut secret = Zeroizing::new([0; LEN]);
    for own in parts {
        let mut factor = 1;
        let others = parts.iter().filter(|other| !std::ptr::eq(*other, own));
        for other in others {
            if other.place == own.place {
                return Err(Error::BadArguments("a share comes twice"));
            }
            factor = multiply(
                factor,
                multiply(other.place, inverse(own.place ^ other.place)),
            );
        }
        if own.place == 0 {
            return Err(Error::BadArguments("a share has no number"));
        }
        for (sum, value) in secret.iter_mut().zip(own.values.iter()) {
            *sum ^= multiply(*value, factor);
        }
    }
    Ok(secret)
}

/// The product of two field elements.
fn multiply(a: u8, b: u8) -> u8 {
    let (mut product, mut shifted) = (0, a);
    for bit in 0..8 {
        product ^= shifted & (b >> bit & 1).wrapping_neg();
        shifted = shifted << 1 ^ 0x1b & (shifted >> 7).wrapping_neg();
    }
    product
}

/// The inverse of a field element, its 254th power; 0 for 0.
fn inverse(a: u8) -> u8 {
    let mut power = a;
    for _ in 0..6 {
        power = multiply(multiply(power, power), a);
    }
    multiply(power, power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_that_of_the_standard() {
        // FIPS 197 section 4.2.
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
        for a in 1..=255 {
            assert_eq!(multiply(a, inverse(a)), 1, "{a}");
        }
    }

    #[test]
    fn enough_parts_give_the_secret_and_fewer_do_not() {
        let secret = [0xa5; LEN];
        let parts = split(&secret, 3, 5).unwrap();
        for (a, b, c) in [(0, 1, 2), (0, 2, 4), (4, 3, 1), (2, 4, 3)] {
            let some = [parts[a].clone(), parts[b].clone(), parts[c].clone()];
            assert_eq!(*combine(&some).unwrap(), secret);
        }
        assert_eq!(*combine(&parts).unwrap(), secret);
        assert_ne!(*combine(&parts[..2]).unwrap(), secret);
        assert!(combine(&[parts[0].clone(), parts[0].clone()]).is_err());
        for (threshold, count) in [(0, 1), (3, 2)] {
            assert!(split(&secret, threshold, count).is_err());
        }
        assert_eq!(
            *combine(&split(&secret, 255, 255).unwrap()).unwrap(),
            secret
        );
    }

    /// Two parts of one byte, by hand: f(x) = 0x53 + 0xca x.
    #[test]
    fn parts_lie_on_the_polynomial() {
        let higher = [Zeroizing::new([0xca; LEN])];
        for place in [1, 2, 0x80, 255] {
            let value = part(&[0x53; LEN], &higher, place).values[0];
            assert_eq!(value, 0x53 ^ multiply(0xca, place));
        }
        assert_eq!(multiply(0xca, 0x53), 1);
    }
}
