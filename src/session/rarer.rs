//! The operations of a session that few callers use: message recovery, verifying a signature that is known
//! beforehand, and those by message.

use super::active::Active;
use super::messages::{Opening, Sealing, Signing, Verifying};
use crate::error::{Error, Result};
use crate::mechanism::operation::{Recoverer, Signer, Verifier};

/// These operations, one of each kind.
#[derive(Default)]
#[expect(missing_docs, reason = "each field is named by its kind")]
pub struct Rarer {
    pub sign_recover: Option<Active<dyn Signer>>,
    pub verify_recover: Option<Active<dyn Recoverer>>,
    pub verify_signature: Option<Active<Known>>,
    pub seal: Option<Sealing>,
    pub open: Option<Opening>,
    pub sign: Option<Signing>,
    pub verify: Option<Verifying>,
}

impl Rarer {
    /// Ends every operation with a private key (after a logout).
    pub fn cancel_private(&mut self) {
        self.sign_recover.take_if(|active| active.private);
        self.verify_recover.take_if(|active| active.private);
        self.verify_signature.take_if(|active| active.private);
        self.seal.take_if(|own| own.terms.is_private());
        self.open.take_if(|own| own.terms.is_private());
        self.sign.take_if(|own| own.terms.is_private());
        self.verify.take_if(|own| own.terms.is_private());
    }

    /// Whether any is in progress.
    #[must_use]
    pub fn any(&self) -> bool {
        self.sign_recover.is_some()
            || self.verify_recover.is_some()
            || self.verify_signature.is_some()
            || self.seal.is_some()
            || self.open.is_some()
            || self.sign.is_some()
            || self.verify.is_some()
    }
}

/// A verification of a signature that was given first.
pub struct Known {
    verifier: Box<dyn Verifier>,
    signature: Vec<u8>,
}

impl Known {
    /// Keeps the signature.
    ///
    /// # Errors
    /// `HostMemory`.
    pub fn new(verifier: Box<dyn Verifier>, signature: &[u8]) -> Result<Self> {
        let mut kept = Vec::new();
        kept.try_reserve_exact(signature.len())
            .map_err(|_| Error::HostMemory)?;
        kept.extend_from_slice(signature);
        Ok(Known {
            verifier,
            signature: kept,
        })
    }

    /// Takes the next part.
    ///
    /// # Errors
    /// Those of the mechanism.
    pub fn update(&mut self, data: &[u8]) -> Result<()> {
        self.verifier.update(data)
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// `SignatureLenRange`, `SignatureInvalid`, and those of the mechanism.
    pub fn finish(&mut self) -> Result<()> {
        self.verifier.finish(&self.signature)
    }

    /// Checks the signature of `data` at once.
    ///
    /// # Errors
    /// As [`Known::finish`].
    pub fn whole(&mut self, data: &[u8]) -> Result<()> {
        self.verifier.whole(data, &self.signature)
    }
}
