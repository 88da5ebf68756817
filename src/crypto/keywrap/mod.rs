//! AES key wrap: KW (RFC 3394, SP 800-38F 6.2) and KWP (RFC 5649, SP 800-38F 6.3), in constant time.
//!
//! # What is constant
//!
//! No branch and no memory address depends on a byte of the key, of the data, or of what comes out. An
//! unwrap computes its verdict as a mask from comparisons without branches, erases its output under
//! that mask, and only then hands the verdict out: [`Verdict::accept`] is the one place where it is
//! looked at, and it tells nothing but valid or not (and for KWP, when valid, the length). Lengths of
//! inputs and the choice of implementation are public. `tests/constant_time.rs` shows it with valgrind.
//!
//! # Implementations
//!
//! `aesni`: one wrap at a time, round keys in registers. `vaes`: sixteen independent wraps under one
//! key, interleaved. `portable`: through the `aes` crate, for every other processor, and the
//! oracle of the tests. Which one runs is decided once for each key, at run time.

#[cfg(target_arch = "x86_64")]
mod aesni;
mod batch;
mod padded;
mod pkcs7;
mod portable;
#[cfg(target_arch = "x86_64")]
mod vaes;
mod verdict;

pub use batch::Item;
pub use pkcs7::pkcs7_length;
pub use verdict::Verdict;

use crate::error::{Error, Result};

/// A half block, the unit of key wrap, in bytes.
pub const SEMIBLOCK: usize = 8;
/// The default initial value of KW (RFC 3394, 2.2.3.1).
pub const DEFAULT_IV: [u8; SEMIBLOCK] = [0xa6; SEMIBLOCK];
/// The default first half of the initial value of KWP (RFC 5649, 3).
pub const DEFAULT_PADDED_IV: [u8; 4] = [0xa6, 0x59, 0x59, 0xa6];

/// An AES key, prepared for wrapping and unwrapping. Erased on drop.
pub struct Key(Engine);

/// The implementation that this processor runs best.
enum Engine {
    #[cfg(target_arch = "x86_64")]
    Hardware(aesni::Schedule),
    Portable(portable::Schedule),
}

impl Key {
    /// Prepares a key of 16, 24 or 32 bytes.
    ///
    /// # Errors
    /// `KeySizeRange` for other lengths.
    pub fn new(key: &[u8]) -> Result<Self> {
        #[cfg(target_arch = "x86_64")]
        if let Some(schedule) = aesni::Schedule::new(key)? {
            return Ok(Key(Engine::Hardware(schedule)));
        }
        Self::portable(key)
    }

    /// Prepares a key for the portable implementation, whatever the processor offers.
    ///
    /// # Errors
    /// `KeySizeRange` unless it has 16, 24 or 32 bytes.
    pub fn portable(key: &[u8]) -> Result<Self> {
        portable::Schedule::new(key).map(|schedule| Key(Engine::Portable(schedule)))
    }

    /// The name of the implementation, for diagnosis.
    #[must_use]
    pub fn implementation(&self) -> &'static str {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Engine::Hardware(_) => "AES-NI",
            Engine::Portable(_) => "portable",
        }
    }

    /// KW: wraps `input`, two semiblocks or more, into `out`, which is one semiblock longer.
    ///
    /// # Errors
    /// `DataLenRange` unless `input` is whole semiblocks, two or more; `BufferTooSmall`.
    pub fn wrap(&self, iv: &[u8; SEMIBLOCK], input: &[u8], out: &mut [u8]) -> Result<()> {
        let (a, r) = place_for_wrap(input, out)?;
        self.wrap_rounds(a, iv, r);
        Ok(())
    }

    /// KW: unwraps `input`, three semiblocks or more, into `out`, which is one semiblock shorter, and
    /// zeros it when the integrity check fails.
    ///
    /// # Errors
    /// `WrappedKeyLenRange` unless `input` is whole semiblocks, three or more; `BufferTooSmall`;
    /// `WrappedKeyInvalid` when the integrity check fails.
    pub fn unwrap(&self, iv: &[u8; SEMIBLOCK], input: &[u8], out: &mut [u8]) -> Result<()> {
        self.unwrap_unread(iv, input, out)?.accept().map(|_| ())
    }

    /// [`Key::unwrap`] up to the verdict, which nobody has looked at yet.
    ///
    /// # Errors
    /// Those that lengths alone decide.
    pub fn unwrap_unread(
        &self,
        iv: &[u8; SEMIBLOCK],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<Verdict> {
        let (a, r) = place_for_unwrap(input, out)?;
        // 1) and 2) of RFC 3394, 2.2.2.
        let a = self.unwrap_rounds(a, r);
        // 3) The check of the initial value; the output is erased when it fails.
        Ok(Verdict::of_kw(a, *iv, r))
    }

    /// The rounds of KW over `r` in place: `a` is the initial value, `out_a` gets the first semiblock.
    fn wrap_rounds(&self, out_a: &mut [u8; SEMIBLOCK], a: &[u8; SEMIBLOCK], r: &mut [Semiblock]) {
        *out_a = match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Engine::Hardware(schedule) => schedule.wrap(*a, r),
            Engine::Portable(schedule) => schedule.wrap(*a, r),
        };
    }

    /// One block of two semiblocks, encrypted.
    fn encrypt_pair(&self, a: Semiblock, r: Semiblock) -> (Semiblock, Semiblock) {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Engine::Hardware(schedule) => schedule.encrypt_pair(a, r),
            Engine::Portable(schedule) => schedule.encrypt_pair(a, r),
        }
    }

    /// One block of two semiblocks, decrypted.
    fn decrypt_pair(&self, a: Semiblock, r: Semiblock) -> (Semiblock, Semiblock) {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Engine::Hardware(schedule) => schedule.decrypt_pair(a, r),
            Engine::Portable(schedule) => schedule.decrypt_pair(a, r),
        }
    }

    /// The rounds of the inverse over `r` in place; answers the initial value that was wrapped.
    fn unwrap_rounds(&self, a: [u8; SEMIBLOCK], r: &mut [Semiblock]) -> Semiblock {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Engine::Hardware(schedule) => schedule.unwrap(a, r),
            Engine::Portable(schedule) => schedule.unwrap(a, r),
        }
    }
}

/// One semiblock.
type Semiblock = [u8; SEMIBLOCK];

/// Checks the lengths of a wrap and copies the data to its place behind the first semiblock.
fn place_for_wrap<'o>(
    input: &[u8],
    out: &'o mut [u8],
) -> Result<(&'o mut Semiblock, &'o mut [Semiblock])> {
    if !input.len().is_multiple_of(SEMIBLOCK) || input.len() < 2 * SEMIBLOCK {
        return Err(Error::DataLenRange);
    }
    let needed = input
        .len()
        .checked_add(SEMIBLOCK)
        .ok_or(Error::DataLenRange)?;
    let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
    let (a, r) = out
        .split_first_chunk_mut()
        .ok_or(Error::Internal("key wrap lengths"))?;
    r.copy_from_slice(input);
    Ok((a, r.as_chunks_mut().0))
}

/// Checks the lengths of an unwrap and copies the data to its place; the first semiblock apart.
fn place_for_unwrap<'o>(
    input: &[u8],
    out: &'o mut [u8],
) -> Result<(Semiblock, &'o mut [Semiblock])> {
    if !input.len().is_multiple_of(SEMIBLOCK) || input.len() < 3 * SEMIBLOCK {
        return Err(Error::WrappedKeyLenRange);
    }
    let (a, r) = input.split_first_chunk().ok_or(Error::WrappedKeyLenRange)?;
    let out = out
        .get_mut(..r.len())
        .ok_or(Error::BufferTooSmall(r.len()))?;
    out.copy_from_slice(r);
    Ok((*a, out.as_chunks_mut().0))
}

/// Ends work in the wide vector registers, so that the SSE code after it does not pay for their upper
/// halves. The `aes` crate's VAES-512 code can leave them dirty.
pub(super) fn leave_vector_code() {
    #[cfg(target_arch = "x86_64")]
    aesni::zero_upper();
}

#[cfg(test)]
mod tests;
