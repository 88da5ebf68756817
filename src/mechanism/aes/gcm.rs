//! GCM. The tag follows the ciphertext; a decryption gives nothing before its end.

use super::{key, messages};
use crate::crypto::aes::{GcmDecryptor, GcmEncryptor, GcmShape, Key};
use crate::error::{Error, Result};
use crate::mechanism::operation::Cipher;
use crate::mechanism::params::Params;
use crate::mechanism::row::Operations;
use crate::object::Object;
use std::sync::Arc;

pub(super) const GCM: Operations = Operations {
    encrypt: Some(encrypt),
    decrypt: Some(decrypt),
    messages: Some(messages::GCM),
    ..Operations::NONE
};

/// The shape that the parameters describe.
pub(super) fn shape(params: Params<'_>) -> Result<GcmShape<'_>> {
    let Params::Gcm { iv, aad, tag_bits } = params else {
        return Err(Error::MechanismParamInvalid("GCM takes CK_GCM_PARAMS"));
    };
    let whole_bytes = tag_bits.is_multiple_of(8).then_some(tag_bits / 8);
    let tag = whole_bytes.and_then(|tag| usize::try_from(tag).ok());
    GcmShape::new(
        iv,
        aad,
        tag.ok_or_else(|| Error::MechanismParamInvalid("GCM tag length"))?,
    )
}

fn encrypt(params: Params<'_>, object: &Arc<Object>) -> Result<Box<dyn Cipher>> {
    Ok(Box::new(Encryption {
        key: key(object)?,
        shape: OwnShape::new(shape(params)?)?,
        stream: None,
    }))
}

fn decrypt(params: Params<'_>, object: &Arc<Object>) -> Result<Box<dyn Cipher>> {
    Ok(Box::new(Decryption {
        key: key(object)?,
        shape: OwnShape::new(shape(params)?)?,
        stream: None,
    }))
}

/// A shape that outlives the call which gave it: IV and additional data in one piece.
struct OwnShape {
    bytes: Vec<u8>,
    iv: usize,
    tag: usize,
}

impl OwnShape {
    fn new(shape: GcmShape<'_>) -> Result<Self> {
        let (iv, aad) = (shape.iv(), shape.aad());
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(iv.len().saturating_add(aad.len()))
            .map_err(|_| Error::HostMemory)?;
        bytes.extend_from_slice(iv);
        bytes.extend_from_slice(aad);
        Ok(OwnShape {
            bytes,
            iv: iv.len(),
            tag: shape.tag_length(),
        })
    }

    fn borrow(&self) -> Result<GcmShape<'_>> {
        let (iv, aad) = self
            .bytes
            .split_at_checked(self.iv)
            .ok_or_else(|| Error::Internal("GCM shape"))?;
        GcmShape::new(iv, aad, self.tag)
    }
}

struct Encryption {
    key: Arc<Key>,
    shape: OwnShape,
    stream: Option<GcmEncryptor>,
}

impl Encryption {
    /// The message in parts, which the first part or the end begins.
    fn stream(&mut self) -> Result<&mut GcmEncryptor> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => GcmEncryptor::new(&self.key, self.shape.borrow()?)?,
        };
        Ok(self.stream.insert(stream))
    }
}

impl Cipher for Encryption {
    fn update_bound(&self, input: usize) -> usize {
        input
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.stream()?.update(input, out)?;
        Ok(input.len())
    }

    fn finish_bound(&self) -> usize {
        self.shape.tag
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        if out.len() < self.shape.tag {
            return Err(Error::BufferTooSmall(self.shape.tag));
        }
        self.stream()?;
        let stream = self
            .stream
            .take()
            .ok_or_else(|| Error::OperationNotInitialized)?;
        stream.finish(out)
    }

    fn whole_bound(&self, input: usize) -> usize {
        input.saturating_add(self.shape.tag)
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.key.gcm_encrypt(self.shape.borrow()?, input, out)
    }
}

struct Decryption {
    key: Arc<Key>,
    shape: OwnShape,
    stream: Option<GcmDecryptor<Arc<Key>>>,
}

impl Cipher for Decryption {
    fn update_bound(&self, _: usize) -> usize {
        0
    }

    fn update(&mut self, input: &[u8], _: &mut [u8]) -> Result<usize> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => GcmDecryptor::new(Arc::clone(&self.key), self.shape.borrow()?)?,
        };
        self.stream.insert(stream).update(input)?;
        Ok(0)
    }

    fn finish_bound(&self) -> usize {
        self.stream.as_ref().map_or(0, GcmDecryptor::plain_length)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        match &self.stream {
            Some(stream) => stream.finish(out),
            // Without any data there is no tag.
            None => Err(Error::EncryptedDataLenRange),
        }
    }

    fn whole_bound(&self, input: usize) -> usize {
        input.saturating_sub(self.shape.tag)
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.key.gcm_decrypt(self.shape.borrow()?, input, out)
    }
}
