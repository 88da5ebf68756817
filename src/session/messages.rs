//! Processes of messages under one key: what is kept between messages, and the message in progress.

use crate::error::{Error, Result};
use crate::mechanism::iv::Ivs;
use crate::mechanism::kept::Kept;
use crate::mechanism::message::{Aead, Envelope, Form, MessageParams, SealStream};
use crate::mechanism::operation::{Signer, Verifier};
use crate::mechanism::row::Row;
use crate::object::Object;
use cryptoki_sys::CKA_PRIVATE;
use std::sync::Arc;

/// The key of a process, and the mechanism.
pub struct Terms {
    /// The mechanism.
    pub row: &'static Row,
    /// The key.
    pub key: Arc<Object>,
}

impl Terms {
    /// Whether a logout ends the process.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.key.attributes().is(CKA_PRIVATE)
    }
}

/// What every process of encrypted messages keeps.
struct Cipher {
    aead: Arc<dyn Aead>,
    form: Form,
}

impl Cipher {
    /// Checks the parameter of a message.
    fn check(&self, params: &MessageParams) -> Result<()> {
        if params.form != self.form {
            return Err(Error::MechanismParamInvalid(
                "the parameter of another mechanism",
            ));
        }
        self.aead.check(params.iv.len(), params.tag.len())
    }
}

/// Encryption of messages.
pub struct Sealing {
    /// Key and mechanism.
    pub terms: Terms,
    cipher: Cipher,
    ivs: Ivs,
    stream: Option<Sealed>,
}

/// A message that is being encrypted.
struct Sealed {
    stream: Box<dyn SealStream>,
    tag: usize,
}

impl Sealing {
    /// Begins a process.
    #[must_use]
    pub fn new(terms: Terms, aead: Arc<dyn Aead>, form: Form) -> Self {
        Sealing {
            terms,
            cipher: Cipher { aead, form },
            ivs: Ivs::default(),
            stream: None,
        }
    }

    /// Whether a message is in progress.
    #[must_use]
    pub fn in_message(&self) -> bool {
        self.stream.is_some()
    }

    /// Checks the parameter of a message, before anything is done with it.
    ///
    /// # Errors
    /// `MechanismParamInvalid`.
    pub fn check(&self, params: &MessageParams) -> Result<()> {
        self.cipher.check(params)
    }

    /// Encrypts a whole message into `out`, as long as `plain`, with the parameter's IV or the next
    /// generated one. IV and tag are left in the parameter.
    ///
    /// # Errors
    /// Those of the IV and of the mechanism; nothing is written to `out` then.
    pub fn whole(
        &mut self,
        params: &mut MessageParams,
        aad: &[u8],
        plain: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        if params.whole.is_some_and(|whole| whole != length(plain)) {
            return Err(Error::DataLenRange);
        }
        self.ivs
            .next(params.generator, params.fixed_bits, &mut params.iv)?;
        let envelope = Envelope {
            iv: &params.iv,
            aad,
            tag_length: params.tag.len(),
        };
        self.cipher.aead.seal(envelope, plain, out, &mut params.tag)
    }

    /// Begins a message in parts. The IV is left in the parameter.
    ///
    /// # Errors
    /// As [`Sealing::whole`]; `FunctionNotSupported` for mechanisms that take no parts.
    pub fn begin(&mut self, params: &mut MessageParams, aad: &[u8]) -> Result<()> {
        self.ivs
            .next(params.generator, params.fixed_bits, &mut params.iv)?;
        let tag = params.tag.len();
        let envelope = Envelope {
            iv: &params.iv,
            aad,
            tag_length: tag,
        };
        let stream = self.cipher.aead.begin(envelope, params.whole)?;
        self.stream = Some(Sealed { stream, tag });
        Ok(())
    }

    /// Encrypts a part into `out`, as long as `plain`; with `last`, ends the message and leaves its tag in
    /// that parameter. The message ends with every error.
    ///
    /// # Errors
    /// `OperationNotInitialized` without a message; those of the mechanism.
    pub fn part(
        &mut self,
        last: Option<&mut MessageParams>,
        plain: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        let mut own = self.stream.take().ok_or(Error::OperationNotInitialized)?;
        if last.as_ref().is_some_and(|last| last.tag.len() != own.tag) {
            return Err(OTHER_TAG);
        }
        own.stream.update(plain, out)?;
        match last {
            Some(params) => own.stream.finish(&mut params.tag),
            None => {
                self.stream = Some(own);
                Ok(())
            }
        }
    }

    /// Ends the message in progress, if there is one.
    pub fn abandon(&mut self) {
        self.stream = None;
    }
}

/// Decryption of messages.
pub struct Opening {
    /// Key and mechanism.
    pub terms: Terms,
    cipher: Cipher,
    message: Option<Collected>,
}

/// A message that is being decrypted: nothing of it may be seen before its tag is checked.
struct Collected {
    iv: Vec<u8>,
    aad: Vec<u8>,
    tag: usize,
    sealed: Vec<u8>,
}

impl Opening {
    /// Begins a process.
    #[must_use]
    pub fn new(terms: Terms, aead: Arc<dyn Aead>, form: Form) -> Self {
        Opening {
            terms,
            cipher: Cipher { aead, form },
            message: None,
        }
    }

    /// Whether a message is in progress.
    #[must_use]
    pub fn in_message(&self) -> bool {
        self.message.is_some()
    }

    /// Checks the parameter of a message.
    ///
    /// # Errors
    /// `MechanismParamInvalid`.
    pub fn check(&self, params: &MessageParams) -> Result<()> {
        self.cipher.check(params)
    }

    /// Decrypts a whole message into `out`, as long as `sealed`.
    ///
    /// # Errors
    /// Those of the mechanism; nothing is written to `out` then.
    pub fn whole(
        &self,
        params: &MessageParams,
        aad: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        if params.whole.is_some_and(|whole| whole != length(sealed)) {
            return Err(Error::EncryptedDataLenRange);
        }
        let envelope = Envelope {
            iv: &params.iv,
            aad,
            tag_length: params.tag.len(),
        };
        self.cipher.aead.open(envelope, sealed, &params.tag, out)
    }

    /// Begins a message in parts.
    ///
    /// # Errors
    /// `HostMemory`.
    pub fn begin(&mut self, params: &MessageParams, aad: &[u8]) -> Result<()> {
        let mut kept = Vec::new();
        append(&mut kept, aad)?;
        self.message = Some(Collected {
            iv: params.iv.clone(),
            aad: kept,
            tag: params.tag.len(),
            sealed: Vec::new(),
        });
        Ok(())
    }

    /// Takes a part that is not the last.
    ///
    /// # Errors
    /// `OperationNotInitialized` without a message; `HostMemory`, which ends it.
    pub fn part(&mut self, sealed: &[u8]) -> Result<()> {
        let mut own = self.message.take().ok_or(Error::OperationNotInitialized)?;
        append(&mut own.sealed, sealed)?;
        self.message = Some(own);
        Ok(())
    }

    /// The length in bytes of the plaintext, when a last part of `part` bytes follows.
    ///
    /// # Errors
    /// `OperationNotInitialized` without a message.
    pub fn length(&self, part: usize) -> Result<usize> {
        let own = self.message.as_ref();
        let own = own.ok_or(Error::OperationNotInitialized)?;
        Ok(own.sealed.len().saturating_add(part))
    }

    /// Takes the last part and decrypts the message into `out`, of [`Opening::length`] bytes. Ends the
    /// message whatever the outcome.
    ///
    /// # Errors
    /// As [`Opening::whole`].
    pub fn last(&mut self, params: &MessageParams, part: &[u8], out: &mut [u8]) -> Result<()> {
        let mut own = self.message.take().ok_or(Error::OperationNotInitialized)?;
        append(&mut own.sealed, part)?;
        if params.tag.len() != own.tag {
            return Err(OTHER_TAG);
        }
        if params
            .whole
            .is_some_and(|whole| whole != length(&own.sealed))
        {
            return Err(Error::EncryptedDataLenRange);
        }
        let envelope = Envelope {
            iv: &own.iv,
            aad: &own.aad,
            tag_length: own.tag,
        };
        self.cipher
            .aead
            .open(envelope, &own.sealed, &params.tag, out)
    }

    /// Ends the message in progress, if there is one.
    pub fn abandon(&mut self) {
        self.message = None;
    }
}

/// Signing of messages.
pub struct Signing {
    /// Key and mechanism.
    pub terms: Terms,
    /// The mechanism's parameter.
    pub params: Kept,
    /// The message in progress.
    pub message: Option<Box<dyn Signer>>,
    /// Whether `C_Login(CKU_CONTEXT_SPECIFIC)` must come before the next message.
    pub pin_needed: bool,
}

/// Verification of messages.
pub struct Verifying {
    /// Key and mechanism.
    pub terms: Terms,
    /// The mechanism's parameter.
    pub params: Kept,
    /// The message in progress.
    pub message: Option<Box<dyn Verifier>>,
}

const OTHER_TAG: Error =
    Error::MechanismParamInvalid("another length of tag than the message began with");

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Appends with an allocation that may fail.
fn append(all: &mut Vec<u8>, more: &[u8]) -> Result<()> {
    all.try_reserve(more.len()).map_err(|_| Error::HostMemory)?;
    all.extend_from_slice(more);
    Ok(())
}
