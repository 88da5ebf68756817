//! Key derivation: HKDF (RFC 5869), the X9.63 function (SEC 1, section 3.6.1), the one-step function of
//! SP 800-56A (section 5.8.2.1, hash option), PBKDF2 and the pseudorandom functions of TLS.
#![forbid(unsafe_code)]

use super::awslc::kdf as awslc;
use super::digest::MAX_LENGTH;
use super::hash::Hash;
use super::hmac;
use crate::error::{Error, Result};
use zeroize::Zeroizing;

/// HKDF-Extract: the pseudorandom key of `hash` from `input`, into the first
/// [`Hash::length`] bytes of `out`; answers that length. No salt is an empty one.
///
/// # Errors
/// `BufferTooSmall` when `out` is shorter.
pub fn hkdf_extract(hash: Hash, salt: &[u8], input: &[u8], out: &mut [u8]) -> Result<usize> {
    let length = hash.length();
    let out = out.get_mut(..length).ok_or(Error::BufferTooSmall(length))?;
    hmac::Key::new(hash, salt).mac(&[input], out)?;
    Ok(length)
}

/// HKDF-Expand: `out.len()` bytes from a pseudorandom key; `info` is taken part after part.
///
/// # Errors
/// `KeySizeRange` when `out` is longer than 255 outputs of the hash; it is then untouched.
pub fn hkdf_expand(hash: Hash, key: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<()> {
    let length = hash.length();
    if out.len() > 255 * length {
        return Err(Error::KeySizeRange);
    }
    let key = hmac::Key::new(hash, key);
    let mut previous = Zeroizing::new([0; MAX_LENGTH]);
    let mut known = 0;
    for (block, counter) in out.chunks_mut(length).zip(1u8..=255) {
        let mut mac = key.begin();
        // T(n) = HMAC(PRK, T(n-1) | info | n), T(0) empty.
        mac.update(previous.get(..known).unwrap_or_default());
        info.iter().for_each(|part| mac.update(part));
        mac.update(&[counter]);
        let whole = previous
            .get_mut(..length)
            .ok_or(Error::Internal("HKDF block"))?;
        mac.finish(whole)?;
        known = length;
        block.copy_from_slice(
            whole
                .get(..block.len())
                .ok_or(Error::Internal("HKDF block"))?,
        );
    }
    Ok(())
}

/// HKDF, both steps: `out.len()` bytes from `input`.
///
/// # Errors
/// As [`hkdf_expand`].
pub fn hkdf(hash: Hash, salt: &[u8], input: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<()> {
    let mut key = Zeroizing::new([0; MAX_LENGTH]);
    let length = hkdf_extract(hash, salt, input, key.as_mut_slice())?;
    hkdf_expand(hash, key.get(..length).unwrap_or_default(), info, out)
}

/// The most steps of HMAC that a password is stretched by: a few seconds.
pub const MOST_STEPS: u64 = 20_000_000;

/// PBKDF2 (RFC 8018, section 5.2): `out.len()` bytes from a password.
///
/// # Errors
/// `MechanismParamInvalid` for no iterations, or when iterations times blocks are more than [`MOST_STEPS`].
pub fn pbkdf2(
    hash: Hash,
    password: &[u8],
    salt: &[u8],
    iterations: u64,
    out: &mut [u8],
) -> Result<()> {
    let blocks = u64::try_from(out.len().div_ceil(hash.length())).unwrap_or(u64::MAX);
    let steps = iterations.saturating_mul(blocks);
    let count = u32::try_from(iterations)
        .ok()
        .filter(|_| (1..=MOST_STEPS).contains(&steps))
        .ok_or(Error::MechanismParamInvalid("number of iterations"))?;
    awslc::pbkdf2(hash, password, salt, count, out).ok_or(Error::HostMemory)
}

/// The pseudorandom function of TLS 1.2 (RFC 5246, section 5) with a hash, that of TLS 1.0 and 1.1 (RFC 2246,
/// section 5) without: `out.len()` bytes from a secret, a label and a seed of two halves.
///
/// # Errors
/// `HostMemory`.
pub fn tls_prf(
    hash: Option<Hash>,
    secret: &[u8],
    label: &[u8],
    seed: [&[u8]; 2],
    out: &mut [u8],
) -> Result<()> {
    awslc::tls_prf(hash, secret, label, seed, out).ok_or(Error::HostMemory)
}

/// X9.63: the hash of `secret`, a counter from 1, and `info`, as often as `out` needs.
///
/// # Errors
/// `KeySizeRange` when `out` needs more than 2^32 - 1 hashes.
pub fn x963(hash: Hash, secret: &[u8], info: &[u8], out: &mut [u8]) -> Result<()> {
    counted(hash, out, |counter, block| {
        hash.digest(&[secret, counter, info], block)
    })
}

/// One-step key derivation of SP 800-56A: the hash of a counter from 1, `secret`, and `info`.
///
/// # Errors
/// `KeySizeRange` when `out` needs more than 2^32 - 1 hashes.
pub fn sp800_56a(hash: Hash, secret: &[u8], info: &[u8], out: &mut [u8]) -> Result<()> {
    counted(hash, out, |counter, block| {
        hash.digest(&[counter, secret, info], block)
    })
}

/// Fills `out` with blocks of a function of a 32-bit big-endian counter.
fn counted(
    hash: Hash,
    out: &mut [u8],
    block_of: impl Fn(&[u8], &mut [u8]) -> Result<usize>,
) -> Result<()> {
    let length = hash.length();
    if u32::try_from(out.len().div_ceil(length)).is_err() {
        return Err(Error::KeySizeRange);
    }
    let mut whole = Zeroizing::new([0; MAX_LENGTH]);
    for (block, counter) in out.chunks_mut(length).zip(1u32..) {
        block_of(&counter.to_be_bytes(), whole.as_mut_slice())?;
        block.copy_from_slice(
            whole
                .get(..block.len())
                .ok_or(Error::Internal("KDF block"))?,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_5869_case_1() {
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let mut out = [0; 42];
        hkdf(Hash::Sha256, &salt, &[0x0b; 22], &[&info], &mut out).unwrap();
        assert_eq!(out[..8], [0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a]);
        assert_eq!(out[38..], [0x87, 0x18, 0x58, 0x65]);
    }

    #[test]
    fn hkdf_gives_at_most_255_blocks() {
        let mut out = vec![0; 255 * 20 + 1];
        assert_eq!(
            hkdf(Hash::Sha1, &[], &[1], &[], &mut out),
            Err(Error::KeySizeRange)
        );
        assert_eq!(hkdf(Hash::Sha1, &[], &[1], &[], &mut out[1..]), Ok(()));
    }

    #[test]
    fn the_two_concatenations_differ_only_in_order() {
        let (mut out, mut expected) = ([0; 50], [0; 64]);
        x963(Hash::Sha256, b"Z", b"info", &mut out).unwrap();
        Hash::Sha256
            .digest(&[b"Z\0\0\0\x01info"], &mut expected)
            .unwrap();
        Hash::Sha256
            .digest(&[b"Z\0\0\0\x02info"], &mut expected[32..])
            .unwrap();
        assert_eq!(out, expected[..50]);
        sp800_56a(Hash::Sha256, b"Z", b"info", &mut out).unwrap();
        Hash::Sha256
            .digest(&[b"\0\0\0\x01Zinfo"], &mut expected)
            .unwrap();
        assert_eq!(out[..32], expected[..32]);
    }
}
