//! Signing and verifying with a MAC of any family.

use super::operation::{Signer, Verifier};
use super::params::Params;
use crate::error::{Error, Result};

/// A MAC in progress, whose first bytes are the signature.
pub(super) trait Mac: Send + Sized {
    /// Takes the next part.
    fn update(&mut self, data: &[u8]);
    /// Writes the first `out.len()` bytes of the MAC, which is at least as long.
    ///
    /// # Errors
    /// None that a mechanism can meet.
    fn finish(self, out: &mut [u8]) -> Result<()>;
    /// Whether `tag` is the start of the MAC, in constant time.
    fn verify(self, tag: &[u8]) -> bool;
}

/// A signature of `length` bytes in progress; no MAC once it has been made.
pub(super) struct MacOperation<M> {
    mac: Option<M>,
    length: usize,
}

impl<M: Mac> MacOperation<M> {
    /// Starts.
    pub(super) fn new(mac: M, length: usize) -> Self {
        MacOperation {
            mac: Some(mac),
            length,
        }
    }

    fn take(&mut self) -> Result<M> {
        self.mac.take().ok_or(Error::OperationNotInitialized)
    }

    fn add(&mut self, data: &[u8]) -> Result<()> {
        let mac = self.mac.as_mut().ok_or(Error::OperationNotInitialized)?;
        mac.update(data);
        Ok(())
    }
}

impl<M: Mac> Signer for MacOperation<M> {
    fn length(&self) -> usize {
        self.length
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.add(data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let length = self.length;
        let out = out.get_mut(..length).ok_or(Error::BufferTooSmall(length))?;
        self.take()?.finish(out)?;
        Ok(length)
    }
}

impl<M: Mac> Verifier for MacOperation<M> {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.add(data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        if signature.len() != self.length {
            return Err(Error::SignatureLenRange);
        }
        if self.take()?.verify(signature) {
            Ok(())
        } else {
            Err(Error::SignatureInvalid)
        }
    }
}

/// The length in bytes that `CK_MAC_GENERAL_PARAMS` asks for, or the whole one where the mechanism takes
/// no parameter.
///
/// # Errors
/// `MechanismParamInvalid` unless it is from 1 to `whole`.
pub(super) fn length(params: Params<'_>, whole: usize) -> Result<usize> {
    let Params::Ulong(asked) = params else {
        return Ok(whole);
    };
    usize::try_from(asked)
        .ok()
        .filter(|length| (1..=whole).contains(length))
        .ok_or(Error::MechanismParamInvalid("MAC length"))
}
