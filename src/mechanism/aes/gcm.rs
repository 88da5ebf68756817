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

/// The most bytes of IV and additional data that need no memory of their own.
const SHORT: usize = 48;

/// A shape that outlives the call which gave it: IV and additional data in one piece.
struct OwnShape {
    short: [u8; SHORT],
    /// In place of `short`, where that is too short.
    long: Vec<u8>,
    iv: usize,
    aad: usize,
    tag: usize,
}

impl OwnShape {
    fn new(shape: GcmShape<'_>) -> Result<Self> {
        let (iv, aad) = (shape.iv(), shape.aad());
        let mut own = OwnShape {
            short: [0; SHORT],
            long: Vec::new(),
            iv: iv.len(),
            aad: aad.len(),
            tag: shape.tag_length(),
        };
        if let Some((start, rest)) = own.short.split_at_mut_checked(iv.len())
            && let Some(end) = rest.get_mut(..aad.len())
        {
            start.copy_from_slice(iv);
            end.copy_from_slice(aad);
            return Ok(own);
        }
        own.long
            .try_reserve_exact(iv.len().saturating_add(aad.len()))
            .map_err(|_| Error::HostMemory)?;
        own.long.extend_from_slice(iv);
        own.long.extend_from_slice(aad);
        Ok(own)
    }

    fn borrow(&self) -> Result<GcmShape<'_>> {
        let bytes = match self.long.is_empty() {
            true => &self.short,
            false => self.long.as_slice(),
        };
        let (iv, rest) = bytes.split_at_checked(self.iv).ok_or_else(mismatch)?;
        let aad = rest.get(..self.aad).ok_or_else(mismatch)?;
        GcmShape::new(iv, aad, self.tag)
    }
}

fn mismatch() -> Error {
    Error::Internal("GCM shape")
}

struct Encryption {
    key: Arc<Key>,
    shape: OwnShape,
    stream: Option<Box<GcmEncryptor>>,
}

impl Encryption {
    /// The message in parts, which the first part or the end begins.
    fn stream(&mut self) -> Result<&mut GcmEncryptor> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => Box::new(GcmEncryptor::new(&self.key, self.shape.borrow()?)?),
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
    stream: Option<Box<GcmDecryptor<Arc<Key>>>>,
}

impl Cipher for Decryption {
    fn update_bound(&self, _: usize) -> usize {
        0
    }

    fn update(&mut self, input: &[u8], _: &mut [u8]) -> Result<usize> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => Box::new(GcmDecryptor::new(
                Arc::clone(&self.key),
                self.shape.borrow()?,
            )?),
        };
        self.stream.insert(stream).update(input)?;
        Ok(0)
    }

    fn finish_bound(&self) -> usize {
        self.stream
            .as_ref()
            .map_or(0, |stream| stream.plain_length())
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
