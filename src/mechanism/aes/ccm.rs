//! CCM. The tag follows the ciphertext. The mode needs the message's length first, which the parameter states,
//! and works on the message as a whole.

use super::key;
use crate::crypto::aes::{CcmShape, Direction, Key};
use crate::error::{Error, Result};
use crate::mechanism::gathered::{Gathered, Whole, release};
use crate::mechanism::message::{Aead, Envelope, Form, Messages};
use crate::mechanism::operation::Cipher;
use crate::mechanism::params::Params;
use crate::mechanism::row::Operations;
use crate::object::Object;
use std::sync::Arc;

pub(super) const CCM: Operations = Operations {
    encrypt: Some(|params, object| start(Direction::Encrypt, params, object)),
    decrypt: Some(|params, object| start(Direction::Decrypt, params, object)),
    messages: Some(MESSAGES),
    ..Operations::NONE
};

/// The shape that the parameters describe, and the length of the plaintext in bytes.
fn shape(params: Params<'_>) -> Result<(CcmShape<'_>, usize)> {
    let Params::Ccm {
        length,
        nonce,
        aad,
        tag,
    } = params
    else {
        return Err(Error::MechanismParamInvalid("CCM takes CK_CCM_PARAMS"));
    };
    let tag = usize::try_from(tag).map_err(|_| Error::MechanismParamInvalid("CCM tag length"))?;
    let shape = CcmShape::new(nonce, aad, tag)?;
    let length = usize::try_from(length).ok().filter(|one| shape.takes(*one));
    let length = length.ok_or(Error::MechanismParamInvalid(
        "CCM takes no data of that length with a nonce of that length",
    ))?;
    Ok((shape, length))
}

fn start(
    direction: Direction,
    params: Params<'_>,
    object: &Arc<Object>,
) -> Result<Box<dyn Cipher>> {
    let (shape, length) = shape(params)?;
    let mut aad = Vec::new();
    aad.try_reserve_exact(shape.aad().len())
        .map_err(|_| Error::HostMemory)?;
    aad.extend_from_slice(shape.aad());
    Ok(Gathered::start(Message {
        direction,
        key: key(object)?,
        nonce: shape.nonce().to_vec(),
        aad,
        tag: shape.tag_length(),
        length,
    }))
}

const MESSAGES: Messages = Messages {
    form: Form::Ccm,
    start: |object| Ok(Arc::new(Ccm(key(object)?))),
    in_parts: false,
    wraps: true,
};

/// A key for many messages.
struct Ccm(Arc<Key>);

impl Aead for Ccm {
    fn check(&self, iv: usize, tag: usize) -> Result<()> {
        CcmShape::new([0; 16].get(..iv).unwrap_or_default(), &[], tag).map(drop)
    }

    fn seal(
        &self,
        envelope: Envelope<'_>,
        plain: &[u8],
        out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<()> {
        let shape = CcmShape::new(envelope.iv, envelope.aad, envelope.tag_length)?;
        self.0.ccm_seal(shape, plain, out, tag)
    }

    fn open(
        &self,
        envelope: Envelope<'_>,
        sealed: &[u8],
        tag: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        let shape = CcmShape::new(envelope.iv, envelope.aad, envelope.tag_length)?;
        release(self.0.ccm_open(shape, sealed, tag)?.expose(), out)
    }
}

/// A message to come.
struct Message {
    direction: Direction,
    key: Arc<Key>,
    nonce: Vec<u8>,
    aad: Vec<u8>,
    /// The lengths of tag and plaintext in bytes.
    tag: usize,
    length: usize,
}

impl Whole for Message {
    fn output_length(&self, input: usize) -> Result<usize> {
        let (takes, gives) = match self.direction {
            Direction::Encrypt => (self.length, self.length + self.tag),
            Direction::Decrypt => (self.length + self.tag, self.length),
        };
        if input == takes {
            Ok(gives)
        } else {
            Err(self.too_long())
        }
    }

    fn longest(&self) -> usize {
        match self.direction {
            Direction::Encrypt => self.length,
            Direction::Decrypt => self.length + self.tag,
        }
    }

    fn run(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let shape = CcmShape::new(&self.nonce, &self.aad, self.tag)?;
        match self.direction {
            Direction::Encrypt => self.key.ccm_encrypt(shape, input, out).map(drop),
            Direction::Decrypt => release(self.key.ccm_decrypt(shape, input)?.expose(), out),
        }
    }

    fn too_long(&self) -> Error {
        match self.direction {
            Direction::Encrypt => Error::DataLenRange,
            Direction::Decrypt => Error::EncryptedDataLenRange,
        }
    }
}
