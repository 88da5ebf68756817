//! RSA encryption, in one part, and what wraps keys by it: PKCS#1 v1.5, OAEP and raw.

use super::keys;
use crate::crypto::hash::Hash;
use crate::crypto::rsa::{Oaep, PrivateKey, PublicKey, pkcs1_capacity};
use crate::error::{Error, Result};
use crate::mechanism::hashes;
use crate::mechanism::operation::Cipher;
use crate::mechanism::params::Params;
use crate::mechanism::row::Lengths;
use crate::object::Object;
use crate::secret::SecretBytes;
use cryptoki_sys::CKA_VALUE_LEN;
use std::sync::Arc;

/// How a message becomes a number.
pub(super) enum Padding {
    Pkcs1,
    Oaep {
        hash: Hash,
        mgf: Hash,
        label: Vec<u8>,
    },
    /// Zeros before the message.
    None,
}

impl Padding {
    pub(super) fn oaep(params: Params<'_>) -> Result<Self> {
        let Params::Oaep { hash, mgf, label } = params else {
            return Err(Error::MechanismParamInvalid("OAEP needs its parameters"));
        };
        Ok(Padding::Oaep {
            hash: hashes::by_mechanism(hash)?,
            mgf: hashes::by_mask_generator(mgf)?,
            label: label.to_vec(),
        })
    }

    /// The longest message in bytes for a modulus of `size` bytes.
    pub(super) fn capacity(&self, size: usize) -> usize {
        match self {
            Padding::Pkcs1 => pkcs1_capacity(size),
            Padding::Oaep { hash, mgf, label } => Oaep {
                hash: *hash,
                mgf: *mgf,
                label,
            }
            .capacity(size)
            .unwrap_or(0),
            Padding::None => size,
        }
    }

    /// Encrypts into `out`, as long as the modulus.
    pub(super) fn encrypt(&self, key: &PublicKey, message: &[u8], out: &mut [u8]) -> Result<()> {
        match self {
            Padding::Pkcs1 => key.encrypt_pkcs1(message, out),
            Padding::Oaep { hash, mgf, label } => key.encrypt_oaep(
                message,
                Oaep {
                    hash: *hash,
                    mgf: *mgf,
                    label,
                },
                out,
            ),
            Padding::None => {
                let zeros = key
                    .size()
                    .checked_sub(message.len())
                    .ok_or(Error::DataLenRange)?;
                let mut block = SecretBytes::zeroed(key.size());
                let places = block.expose_mut().iter_mut().skip(zeros);
                places.zip(message).for_each(|(own, byte)| *own = *byte);
                key.raw(block.expose(), out)
            }
        }
    }

    /// Decrypts; `lengths` are those that a wrapped key may have.
    fn decrypt(&self, key: &PrivateKey, input: &[u8], lengths: Lengths<'_>) -> Result<SecretBytes> {
        match self {
            Padding::Pkcs1 => key.decrypt_pkcs1(input, lengths),
            Padding::Oaep { hash, mgf, label } => key.decrypt_oaep(
                input,
                Oaep {
                    hash: *hash,
                    mgf: *mgf,
                    label,
                },
            ),
            Padding::None => {
                if input.len() != key.size() {
                    return Err(Error::EncryptedDataLenRange);
                }
                let mut block = SecretBytes::zeroed(key.size());
                key.raw(input, block.expose_mut())
                    .map_err(|_| Error::EncryptedDataInvalid)?;
                Ok(block)
            }
        }
    }
}

/// The data as the mechanism takes it: in one part.
struct Encryption {
    key: Arc<PublicKey>,
    padding: Padding,
}

impl Cipher for Encryption {
    fn update_bound(&self, _: usize) -> usize {
        0
    }

    fn update(&mut self, _: &[u8], _: &mut [u8]) -> Result<usize> {
        Err(Error::OperationNotInitialized)
    }

    fn finish_bound(&self) -> usize {
        0
    }

    fn finish(&mut self, _: &mut [u8]) -> Result<usize> {
        Err(Error::OperationNotInitialized)
    }

    fn whole_bound(&self, _: usize) -> usize {
        self.key.size()
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let size = self.key.size();
        let out = out.get_mut(..size).ok_or(Error::BufferTooSmall(size))?;
        self.padding.encrypt(&self.key, input, out)?;
        Ok(size)
    }
}

struct Decryption {
    key: Arc<PrivateKey>,
    padding: Padding,
}

impl Cipher for Decryption {
    fn update_bound(&self, _: usize) -> usize {
        0
    }

    fn update(&mut self, _: &[u8], _: &mut [u8]) -> Result<usize> {
        Err(Error::OperationNotInitialized)
    }

    fn finish_bound(&self) -> usize {
        0
    }

    fn finish(&mut self, _: &mut [u8]) -> Result<usize> {
        Err(Error::OperationNotInitialized)
    }

    fn whole_bound(&self, _: usize) -> usize {
        self.padding.capacity(self.key.size())
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let plain = self.padding.decrypt(&self.key, input, None)?;
        let needed = plain.len();
        out.get_mut(..needed)
            .ok_or(Error::BufferTooSmall(needed))?
            .copy_from_slice(plain.expose());
        Ok(needed)
    }
}

fn encryption(key: &Object, padding: Padding) -> Result<Box<dyn Cipher>> {
    Ok(Box::new(Encryption {
        key: keys::encrypting(key)?,
        padding,
    }))
}

fn decryption(key: &Object, padding: Padding) -> Result<Box<dyn Cipher>> {
    Ok(Box::new(Decryption {
        key: keys::private(key)?,
        padding,
    }))
}

pub(super) fn encrypt_pkcs1(_: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Cipher>> {
    encryption(key, Padding::Pkcs1)
}

pub(super) fn decrypt_pkcs1(_: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Cipher>> {
    decryption(key, Padding::Pkcs1)
}

pub(super) fn encrypt_oaep(params: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Cipher>> {
    encryption(key, Padding::oaep(params)?)
}

pub(super) fn decrypt_oaep(params: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Cipher>> {
    decryption(key, Padding::oaep(params)?)
}

pub(super) fn encrypt_raw(_: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Cipher>> {
    encryption(key, Padding::None)
}

pub(super) fn decrypt_raw(_: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Cipher>> {
    decryption(key, Padding::None)
}

/// The length of a wrapped key: the modulus, if `length` bytes fit.
pub(super) fn wrap_length(key: &Object, padding: &Padding, length: usize) -> Result<usize> {
    let size = keys::encrypting(key).map_err(as_wrapping)?.size();
    if length > padding.capacity(size) {
        Err(Error::KeySizeRange)
    } else {
        Ok(size)
    }
}

/// Wraps into `out`, at least as long as [`wrap_length`] said.
pub(super) fn wrap(key: &Object, padding: &Padding, value: &[u8], out: &mut [u8]) -> Result<usize> {
    let key = keys::encrypting(key).map_err(as_wrapping)?;
    let size = key.size();
    let out = out.get_mut(..size).ok_or(Error::BufferTooSmall(size))?;
    padding
        .encrypt(&key, value, out)
        .map_err(|_| Error::KeySizeRange)?;
    Ok(size)
}

/// Unwraps, under the names that the errors have in unwrapping.
pub(super) fn unwrap(
    key: &Object,
    padding: &Padding,
    wrapped: &[u8],
    lengths: Lengths<'_>,
) -> Result<SecretBytes> {
    let key = keys::private(key).map_err(|error| {
        let size = (Error::KeySizeRange, Error::UnwrappingKeySizeRange);
        let kind = (
            Error::KeyTypeInconsistent,
            Error::UnwrappingKeyTypeInconsistent,
        );
        renamed(error, [size, kind])
    })?;
    padding.decrypt(&key, wrapped, lengths).map_err(|error| {
        let length = (Error::EncryptedDataLenRange, Error::WrappedKeyLenRange);
        let content = (Error::EncryptedDataInvalid, Error::WrappedKeyInvalid);
        renamed(error, [length, content])
    })
}

fn as_wrapping(error: Error) -> Error {
    let size = (Error::KeySizeRange, Error::WrappingKeySizeRange);
    let kind = (
        Error::KeyTypeInconsistent,
        Error::WrappingKeyTypeInconsistent,
    );
    renamed(error, [size, kind])
}

/// The name that an error has in another function.
fn renamed(error: Error, names: [(Error, Error); 2]) -> Error {
    let other = names.into_iter().find(|(own, _)| *own == error);
    other.map_or(error, |(_, other)| other)
}

pub(super) fn wrap_length_pkcs1(_: Params<'_>, key: &Object, length: usize) -> Result<usize> {
    wrap_length(key, &Padding::Pkcs1, length)
}

pub(super) fn wrap_pkcs1(
    _: Params<'_>,
    key: &Arc<Object>,
    value: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    wrap(key, &Padding::Pkcs1, value, out)
}

pub(super) fn unwrap_pkcs1(
    _: Params<'_>,
    key: &Arc<Object>,
    wrapped: &[u8],
    lengths: Lengths<'_>,
) -> Result<SecretBytes> {
    unwrap(key, &Padding::Pkcs1, wrapped, lengths)
}

pub(super) fn wrap_length_oaep(params: Params<'_>, key: &Object, length: usize) -> Result<usize> {
    wrap_length(key, &Padding::oaep(params)?, length)
}

pub(super) fn wrap_oaep(
    params: Params<'_>,
    key: &Arc<Object>,
    value: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    wrap(key, &Padding::oaep(params)?, value, out)
}

pub(super) fn unwrap_oaep(
    params: Params<'_>,
    key: &Arc<Object>,
    wrapped: &[u8],
    _: Lengths<'_>,
) -> Result<SecretBytes> {
    unwrap(key, &Padding::oaep(params)?, wrapped, None)
}

pub(super) fn wrap_length_raw(_: Params<'_>, key: &Object, length: usize) -> Result<usize> {
    wrap_length(key, &Padding::None, length)
}

pub(super) fn wrap_raw(
    _: Params<'_>,
    key: &Arc<Object>,
    value: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    wrap(key, &Padding::None, value, out)
}

/// As many bytes from the end as the template wants; it must say.
pub(super) fn unwrap_raw(
    _: Params<'_>,
    key: &Arc<Object>,
    wrapped: &[u8],
    lengths: Lengths<'_>,
) -> Result<SecretBytes> {
    let Some(&[length]) = lengths else {
        return Err(Error::TemplateIncomplete(CKA_VALUE_LEN));
    };
    let block = unwrap(key, &Padding::None, wrapped, None)?;
    let start = block
        .len()
        .checked_sub(length)
        .ok_or(Error::WrappedKeyLenRange)?;
    block
        .expose()
        .get(start..)
        .map(SecretBytes::copy_of)
        .ok_or(Error::WrappedKeyLenRange)
}
