//! Key derivation with a pseudorandom function (SP 800-108), in its three modes. Where counter, length and other
//! data stand in the function's input is the caller's to say, as the publication leaves it open; no crate lets
//! one say it, so the loops are written here, over HMAC and CMAC.
#![forbid(unsafe_code)]

use super::digest::MAX_LENGTH;
use super::{aes, cmac, hmac};
use crate::error::{Error, Result};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The pseudorandom function, under its key.
pub enum Prf {
    /// HMAC with any hash.
    Hmac(Box<hmac::Key>),
    /// AES-CMAC.
    Cmac(Arc<aes::Key>),
}

/// How a number is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Number {
    /// Its bits: 8, 16, 24 or 32 for counters, up to 64 for lengths.
    pub bits: u32,
    /// Whether the least significant byte comes first.
    pub little_endian: bool,
}

/// A part of the function's input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part<'a> {
    /// What the mode iterates: the counter, or the last block.
    Iteration,
    /// The counter, in the modes that iterate something else.
    Counter(Number),
    /// The same bytes every time.
    Bytes(&'a [u8]),
}

/// What is iterated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode<'a> {
    /// Section 4.1: a counter.
    Counter(Number),
    /// Section 4.2: the last block, first this one.
    Feedback(&'a [u8]),
    /// Section 4.3: a pipeline of its own.
    DoublePipeline,
}

impl Number {
    /// The number in this form; `None` when it does not fit, or the form is none.
    #[must_use]
    pub fn write(self, number: u64) -> Option<Vec<u8>> {
        let bytes = usize::try_from(self.bits / 8).ok()?;
        let good = self.bits.is_multiple_of(8) && (1..=8).contains(&bytes);
        let fits = self.bits >= 64 || number >> self.bits == 0;
        if !good || !fits {
            return None;
        }
        let whole = number.to_be_bytes();
        let mut written = whole.get(8 - bytes..)?.to_vec();
        if self.little_endian {
            written.reverse();
        }
        Some(written)
    }

    /// Whether counters may be written so.
    fn counts(self) -> bool {
        matches!(self.bits, 8 | 16 | 24 | 32)
    }
}

impl Prf {
    /// The length of a block in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        match self {
            Prf::Hmac(key) => key.hash().length(),
            Prf::Cmac(_) => cmac::OUTPUT_SIZE,
        }
    }

    /// The function of the parts, one after the other.
    fn block<'p>(&self, parts: impl Iterator<Item = &'p [u8]>) -> Result<Block> {
        let mut block = Block {
            bytes: Zeroizing::new([0; MAX_LENGTH]),
            length: self.length(),
        };
        let out = block.bytes.get_mut(..block.length).unwrap_or_default();
        match self {
            Prf::Hmac(key) => {
                let mut mac = key.begin();
                parts.for_each(|part| mac.update(part));
                mac.finish(out)?;
            }
            Prf::Cmac(key) => {
                let mut mac = cmac::Mac::new(key);
                parts.for_each(|part| mac.update(part));
                out.copy_from_slice(mac.finish().as_slice());
            }
        }
        Ok(block)
    }
}

/// A block of output.
struct Block {
    bytes: Zeroizing<[u8; MAX_LENGTH]>,
    length: usize,
}

impl Block {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Fills `out` with one block after the other; the last one may be cut.
///
/// # Errors
/// `MechanismParamInvalid` for a counter that is no number of 8, 16, 24 or 32 bits; `KeySizeRange` when `out`
/// needs more blocks than the counter counts.
pub fn derive(prf: &Prf, mode: Mode<'_>, parts: &[Part<'_>], out: &mut [u8]) -> Result<()> {
    let counters = parts.iter().filter_map(|part| match part {
        Part::Counter(format) => Some(*format),
        Part::Iteration | Part::Bytes(_) => None,
    });
    let own = if let Mode::Counter(format) = mode {
        Some(format)
    } else {
        None
    };
    if !counters.chain(own).all(Number::counts) {
        return Err(Error::MechanismParamInvalid("counter of 8 to 32 bits"));
    }
    let mut iterated = Iterated::start(mode, parts);
    for (chunk, counter) in out.chunks_mut(prf.length()).zip(1u64..) {
        let written = |format: Number| format.write(counter).ok_or(Error::KeySizeRange);
        iterated.step(prf, mode, counter)?;
        let mut input: Vec<Vec<u8>> = Vec::new();
        for part in parts {
            if let Part::Counter(format) = part {
                input.push(written(*format)?);
            }
        }
        let mut counters = input.iter();
        let block = prf.block(parts.iter().map(|part| match part {
            Part::Iteration => iterated.bytes(),
            Part::Counter(_) => counters.next().map_or(&[][..], Vec::as_slice),
            Part::Bytes(bytes) => bytes,
        }))?;
        let start = block.bytes().get(..chunk.len());
        chunk.copy_from_slice(start.ok_or(Error::Internal("KDF block"))?);
        iterated.after(mode, block);
    }
    Ok(())
}

/// What the mode iterates, as it stands.
struct Iterated(Zeroizing<Vec<u8>>);

impl Iterated {
    fn start(mode: Mode<'_>, parts: &[Part<'_>]) -> Self {
        let mut first = Zeroizing::new(Vec::new());
        match mode {
            Mode::Counter(_) => {}
            Mode::Feedback(iv) => first.extend_from_slice(iv),
            Mode::DoublePipeline => {
                for part in parts {
                    if let Part::Bytes(bytes) = part {
                        first.extend_from_slice(bytes);
                    }
                }
            }
        }
        Iterated(first)
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Before a block.
    fn step(&mut self, prf: &Prf, mode: Mode<'_>, counter: u64) -> Result<()> {
        match mode {
            Mode::Counter(format) => {
                *self.0 = format.write(counter).ok_or(Error::KeySizeRange)?;
            }
            Mode::Feedback(_) => {}
            Mode::DoublePipeline => {
                let next = prf.block(std::iter::once(self.bytes()))?;
                self.0 = Zeroizing::new(next.bytes().to_vec());
            }
        }
        if u32::try_from(counter).is_err() {
            return Err(Error::KeySizeRange);
        }
        Ok(())
    }

    /// After a block.
    fn after(&mut self, mode: Mode<'_>, block: Block) {
        if let Mode::Feedback(_) = mode {
            self.0 = Zeroizing::new(block.bytes().to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hash::Hash;

    const WIDE: Number = Number {
        bits: 32,
        little_endian: false,
    };

    fn hmac(parts: &[&[u8]]) -> [u8; 32] {
        let mut out = [0; 32];
        hmac::Key::new(Hash::Sha256, b"key")
            .mac(parts, &mut out)
            .unwrap();
        out
    }

    #[test]
    fn the_modes_are_those_of_the_publication() {
        let prf = Prf::Hmac(Box::new(hmac::Key::new(Hash::Sha256, b"key")));
        let parts = [Part::Iteration, Part::Bytes(b"label")];
        let mut out = [0; 48];
        derive(&prf, Mode::Counter(WIDE), &parts, &mut out).unwrap();
        assert_eq!(out[..32], hmac(&[&[0, 0, 0, 1], b"label"]));
        assert_eq!(out[32..], hmac(&[&[0, 0, 0, 2], b"label"])[..16]);

        derive(&prf, Mode::Feedback(b"iv"), &parts, &mut out).unwrap();
        let first = hmac(&[b"iv", b"label"]);
        assert_eq!(out[..32], first);
        assert_eq!(out[32..], hmac(&[&first, b"label"])[..16]);

        let parts = [
            Part::Iteration,
            Part::Counter(Number {
                bits: 16,
                little_endian: true,
            }),
            Part::Bytes(b"label"),
        ];
        derive(&prf, Mode::DoublePipeline, &parts, &mut out).unwrap();
        let one = hmac(&[b"label"]);
        assert_eq!(out[..32], hmac(&[&one, &[1, 0], b"label"]));
        let two = hmac(&[&one]);
        assert_eq!(out[32..], hmac(&[&two, &[2, 0], b"label"])[..16]);
    }

    #[test]
    fn a_counter_that_is_used_up_ends_the_derivation() {
        let prf = Prf::Hmac(Box::new(hmac::Key::new(Hash::Sha256, b"key")));
        let short = Number { bits: 8, ..WIDE };
        let mut out = vec![0; 256 * 32];
        let mode = Mode::Counter(short);
        let refused = derive(&prf, mode, &[Part::Iteration], &mut out);
        assert_eq!(refused, Err(Error::KeySizeRange));
        assert!(derive(&prf, mode, &[Part::Iteration], &mut out[32..]).is_ok());
        for bits in [0, 7, 12, 40, 64] {
            let mode = Mode::Counter(Number { bits, ..WIDE });
            assert!(derive(&prf, mode, &[Part::Iteration], &mut [0; 1]).is_err());
        }
    }
}
