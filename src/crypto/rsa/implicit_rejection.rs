//! PKCS#1 v1.5 decryption that never says whether the padding was right: where it was not, the caller gets
//! a message derived from the key and the ciphertext, always the same for the same two
//! (draft-irtf-cfrg-rsa-guidance, section 7). Without such an answer, no oracle of Bleichenbacher's kind.

use crate::secret::SecretBytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::{
    Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater, ConstantTimeLess,
};

/// Bytes that come before the shortest separator: 00 02 and eight of filling.
const SHORTEST_FILLING: u16 = 8;

/// What replaces a message whose padding is wrong, for one key.
pub(super) struct Substitute(SecretBytes);

impl Substitute {
    /// Of the private exponent, as many bytes as the modulus.
    pub(super) fn new(private_exponent: &[u8]) -> Self {
        let mut hashed = Sha256::digest(private_exponent);
        let own = Self(SecretBytes::copy_of(&hashed));
        zeroize::Zeroize::zeroize(hashed.as_mut_slice());
        own
    }

    /// The message in the decrypted block `encoded` of `ciphertext`, or the substitute. A message of none
    /// of the lengths asked for is replaced as one with wrong padding is, by a substitute of one of them.
    /// Time and memory accesses tell the length of the result, which the caller sees anyhow, and nothing
    /// else. `None` when the block is shorter than 11 bytes, as no key's is, or no length fits it.
    pub(super) fn message(
        &self,
        ciphertext: &[u8],
        encoded: &SecretBytes,
        lengths: Option<&[usize]>,
    ) -> Option<SecretBytes> {
        let size = u16::try_from(encoded.len()).ok()?;
        let longest = size.checked_sub(2 + SHORTEST_FILLING)?;
        let fitting = |length: &usize| u16::try_from(*length).ok().filter(|own| *own < longest);
        let lengths = lengths.map(|all| all.iter().filter_map(fitting).collect::<Vec<_>>());
        if lengths.as_ref().is_some_and(Vec::is_empty) {
            return None;
        }
        let key = self.derivation_key(ciphertext)?;
        let candidates = pseudo_random(&key, b"length", 256)?;
        let mut block = pseudo_random(&key, b"message", encoded.len())?;

        let (separator, mut good) = find_separator(encoded);
        let length = match &lengths {
            None => substitute_length(&candidates, longest),
            Some(lengths) => {
                let own = size.wrapping_sub(separator).wrapping_sub(1);
                good &= lengths
                    .iter()
                    .fold(0_u8.ct_eq(&1), |any, length| any | length.ct_eq(&own));
                one_of(&candidates, lengths)
            }
        };
        let mut start = size.wrapping_sub(length);
        start.conditional_assign(&separator.wrapping_add(1), good);
        for (own, real) in block.expose_mut().iter_mut().zip(encoded.expose()) {
            own.conditional_assign(real, good);
        }
        block
            .expose()
            .get(usize::from(start)..)
            .map(SecretBytes::copy_of)
    }

    /// The key of the pseudo-random function, from this key and the ciphertext.
    fn derivation_key(&self, ciphertext: &[u8]) -> Option<SecretBytes> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose()).ok()?;
        mac.update(ciphertext);
        let mut key = mac.finalize().into_bytes();
        let own = SecretBytes::copy_of(&key);
        zeroize::Zeroize::zeroize(key.as_mut_slice());
        Some(own)
    }
}

/// The place of the first zero after 00 02, and whether the padding before it is right, with eight bytes of
/// filling or more.
fn find_separator(encoded: &SecretBytes) -> (u16, Choice) {
    let mut separator = 0_u16;
    let mut found = 0_u8.ct_eq(&1);
    let mut good = 1_u8.ct_eq(&1);
    for (place, byte) in (0_u16..).zip(encoded.expose()) {
        match place {
            0 => good &= byte.ct_eq(&0),
            1 => good &= byte.ct_eq(&2),
            _ => {
                let here = byte.ct_eq(&0) & !found;
                separator.conditional_assign(&place, here);
                found |= here;
            }
        }
    }
    (
        separator,
        good & found & !separator.ct_lt(&(2 + SHORTEST_FILLING)),
    )
}

/// One of the lengths, chosen by the first candidate.
fn one_of(candidates: &SecretBytes, lengths: &[u16]) -> u16 {
    let first = candidates
        .expose()
        .first_chunk()
        .map_or(0, |pair| u16::from_be_bytes(*pair));
    let count = u32::try_from(lengths.len()).unwrap_or(u32::MAX);
    let chosen = u32::from(first).wrapping_mul(count) >> 16;
    let mut length = 0;
    for (place, own) in (0_u32..).zip(lengths) {
        length.conditional_assign(own, place.ct_eq(&chosen));
    }
    length
}

/// The last of 128 candidates that is below `longest`, masked to its bits.
fn substitute_length(candidates: &SecretBytes, longest: u16) -> u16 {
    let mask = longest
        .checked_next_power_of_two()
        .map_or(u16::MAX, |power| {
            if power == longest {
                (power << 1).wrapping_sub(1)
            } else {
                power.wrapping_sub(1)
            }
        });
    let mut length = 0_u16;
    for pair in candidates.expose().chunks_exact(2) {
        let &[high, low] = pair else { continue };
        let candidate = u16::from_be_bytes([high, low]) & mask;
        length.conditional_assign(&candidate, longest.ct_gt(&candidate));
    }
    length
}

/// `length` bytes of the pseudo-random function: HMAC-SHA256 of a counter, the label and the length in bits.
fn pseudo_random(key: &SecretBytes, label: &[u8], length: usize) -> Option<SecretBytes> {
    let bits = u16::try_from(length.checked_mul(8)?).ok()?;
    let keyed = Hmac::<Sha256>::new_from_slice(key.expose()).ok()?;
    let mut out = SecretBytes::zeroed(length);
    for (counter, chunk) in (0_u16..).zip(out.expose_mut().chunks_mut(32)) {
        let mut mac = keyed.clone();
        mac.update(&counter.to_be_bytes());
        mac.update(label);
        mac.update(&bits.to_be_bytes());
        for (own, byte) in chunk.iter_mut().zip(mac.finalize().into_bytes()) {
            *own = byte;
        }
    }
    Some(out)
}
