//! What an operation in progress can do, whatever its mechanism. A session owns one of these.
//!
//! Output rule, for every method with an `out`: when `out` is too short for what this call would
//! really write, answer `BufferTooSmall(bytes needed)` with the state unchanged and not one byte
//! written; the caller may come again. Every other error ends the operation.

use crate::error::{Error, Result};
use crate::secret::SecretBytes;

/// Encryption or decryption in progress.
pub trait Cipher: Send {
    /// The most bytes that `update` could write for `input` more bytes.
    fn update_bound(&self, input: usize) -> usize;
    /// Takes the next part.
    ///
    /// # Errors
    /// By the output rule, and those of the mechanism.
    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize>;
    /// The most bytes that `finish` could write.
    fn finish_bound(&self) -> usize;
    /// Ends a multi-part operation.
    ///
    /// # Errors
    /// By the output rule, and those of the mechanism.
    fn finish(&mut self, out: &mut [u8]) -> Result<usize>;
    /// The most bytes that `whole` could write for `input` bytes.
    fn whole_bound(&self, input: usize) -> usize;
    /// The whole operation at once, on a state that has seen no `update`.
    ///
    /// # Errors
    /// By the output rule, and those of the mechanism.
    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize>;
}

/// Signing, or computing a MAC, in progress.
pub trait Signer: Send {
    /// The length of the signature in bytes (the most, where it varies).
    fn length(&self) -> usize;
    /// Takes the next part.
    ///
    /// # Errors
    /// `OperationNotInitialized` for mechanisms that sign in one part only; those of the mechanism.
    fn update(&mut self, data: &[u8]) -> Result<()>;
    /// Writes the signature.
    ///
    /// # Errors
    /// By the output rule, and those of the mechanism.
    fn finish(&mut self, out: &mut [u8]) -> Result<usize>;
    /// Signs `data` at once, on a state that has seen no `update`. The caller has checked that
    /// `out` holds at least [`Signer::length`] bytes.
    ///
    /// # Errors
    /// Those of the mechanism.
    fn whole(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        self.update(data)?;
        self.finish(out)
    }
}

/// Verifying in progress.
pub trait Verifier: Send {
    /// Takes the next part.
    ///
    /// # Errors
    /// `OperationNotInitialized` for mechanisms that verify in one part only; those of the mechanism.
    fn update(&mut self, data: &[u8]) -> Result<()>;
    /// Checks the signature.
    ///
    /// # Errors
    /// `SignatureLenRange` when its length is impossible, else `SignatureInvalid`.
    fn finish(&mut self, signature: &[u8]) -> Result<()>;
    /// Checks the signature of `data` at once, on a state that has seen no `update`.
    ///
    /// # Errors
    /// As [`Verifier::finish`], and those of the mechanism.
    fn whole(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        self.update(data)?;
        self.finish(signature)
    }
}

/// Verifying a signature that holds what was signed, in one part.
pub trait Recoverer: Send {
    /// The most bytes that `recover` could write.
    fn bound(&self) -> usize;
    /// Checks the signature and writes what was signed.
    ///
    /// # Errors
    /// By the output rule; `SignatureLenRange` when its length is impossible, else `SignatureInvalid`.
    fn recover(&mut self, signature: &[u8], out: &mut [u8]) -> Result<usize>;
}

/// Digesting in progress.
pub trait Digester: Send {
    /// The length of the digest in bytes.
    fn length(&self) -> usize;
    /// Takes the next part.
    fn update(&mut self, data: &[u8]);
    /// Writes the digest to `out`, which the caller has checked to be long enough, and starts anew.
    fn finish(&mut self, out: &mut [u8]) -> usize;
    /// The state, from which [`Digester::restore`] goes on; `None` where it cannot be saved.
    fn save(&self) -> Option<Saved> {
        None
    }
    /// Goes on from a state that [`Digester::save`] gave an operation of the same mechanism.
    ///
    /// # Errors
    /// `SavedStateInvalid`.
    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let _ = state;
        Err(Error::SavedStateInvalid)
    }
}

/// The saved state of a digest.
pub struct Saved {
    /// The mechanism, `CKM_…`.
    pub mechanism: u64,
    /// The state.
    pub state: SecretBytes,
}
