//! Message-based encryption (PKCS #11 3.0, sections 5.9 and 5.11): one key, many messages, each with an IV
//! and a tag of its own that lie outside the ciphertext.
//!
//! A mechanism gives an [`Aead`]; the rest (generated IVs, parts, decryption that shows nothing
//! before the tag is checked) is the same for all.

use crate::error::{Error, Result};
use crate::object::Object;
use std::sync::Arc;

/// The longest tag of any mechanism, in bytes.
pub const MAX_TAG: usize = 16;

/// Which structure holds the parameter of one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `CK_GCM_MESSAGE_PARAMS`.
    Gcm,
    /// `CK_CCM_MESSAGE_PARAMS`.
    Ccm,
    /// `CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS`: the nonce is always the caller's.
    Poly1305,
}

/// What a mechanism offers for messages.
#[derive(Clone, Copy)]
pub struct Messages {
    /// The parameter of each message.
    pub form: Form,
    /// Prepares a key.
    pub start: fn(&Arc<Object>) -> Result<Arc<dyn Aead>>,
    /// Whether [`Aead::begin`] works, so that messages may be encrypted in parts. (They may always be
    /// decrypted so.)
    pub in_parts: bool,
    /// Whether it wraps keys in `C_WrapKeyAuthenticated`.
    pub wraps: bool,
}

/// What of a message is not its text.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The IV or nonce.
    pub iv: &'a [u8],
    /// The data that is authenticated only.
    pub aad: &'a [u8],
    /// The length of the tag in bytes.
    pub tag_length: usize,
}

/// A key that encrypts and authenticates whole messages.
pub trait Aead: Send + Sync {
    /// Whether IV and tag can have these lengths in bytes.
    ///
    /// # Errors
    /// `MechanismParamInvalid`.
    fn check(&self, iv: usize, tag: usize) -> Result<()>;
    /// Encrypts `plain` into `out`, which is as long; the tag fills `tag`, of [`Envelope::tag_length`] bytes.
    ///
    /// # Errors
    /// `DataLenRange`, `HostMemory`; nothing is written then.
    fn seal(
        &self,
        envelope: Envelope<'_>,
        plain: &[u8],
        out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<()>;
    /// Checks the tag, and only then writes the plaintext to `out`, which is as long as `sealed`.
    ///
    /// # Errors
    /// `EncryptedDataInvalid` when the tag is wrong, `EncryptedDataLenRange`, `HostMemory`; nothing is
    /// written then.
    fn open(&self, envelope: Envelope<'_>, sealed: &[u8], tag: &[u8], out: &mut [u8])
    -> Result<()>;
    /// Begins a message that is encrypted in parts; `whole` is its length in bytes where the parameter
    /// tells it.
    ///
    /// # Errors
    /// `FunctionNotSupported` for mechanisms that encrypt whole messages only.
    fn begin(&self, envelope: Envelope<'_>, whole: Option<u64>) -> Result<Box<dyn SealStream>> {
        let _ = (envelope, whole);
        Err(Error::FunctionNotSupported)
    }
}

/// A message that is encrypted in parts.
pub trait SealStream: Send {
    /// Encrypts the next part into `out`, which is as long.
    ///
    /// # Errors
    /// `DataLenRange`, `HostMemory`; nothing is written then.
    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<()>;
    /// Ends the message: its tag fills `tag`.
    ///
    /// # Errors
    /// `DataLenRange` for a message of another length than was told.
    fn finish(self: Box<Self>, tag: &mut [u8]) -> Result<()>;
}

/// The parameter of one message. Numbers are as the caller gave them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageParams {
    /// The structure it came in.
    pub form: Form,
    /// The IV that the caller gave; after an encryption, the one that was used.
    pub iv: Vec<u8>,
    /// How many of its first bits are the caller's where the rest is generated.
    pub fixed_bits: u64,
    /// Who makes the rest of the IV, `CKG_…`.
    pub generator: u64,
    /// The tag that the caller gave; after an encryption, the one that was made.
    pub tag: Vec<u8>,
    /// The length of the message in bytes, where the structure tells it.
    pub whole: Option<u64>,
}
