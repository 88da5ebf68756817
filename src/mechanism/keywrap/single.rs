//! Key wrap of data: encryption and decryption in one part.

use super::Form;
use crate::crypto::aes::Key;
use crate::crypto::keywrap::SEMIBLOCK;
use crate::error::{Error, Result};
use crate::mechanism::aes::key;
use crate::mechanism::operation::Cipher;
use crate::object::Object;
use std::sync::Arc;

pub(super) fn encryption(form: Form, object: &Arc<Object>) -> Result<Box<dyn Cipher>> {
    Ok(Box::new(Encryption {
        form,
        key: key(object)?,
    }))
}

pub(super) fn decryption(form: Form, object: &Arc<Object>) -> Result<Box<dyn Cipher>> {
    Ok(Box::new(Decryption {
        form,
        key: key(object)?,
    }))
}

struct Encryption {
    form: Form,
    key: Arc<Key>,
}

struct Decryption {
    form: Form,
    key: Arc<Key>,
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

    fn whole_bound(&self, input: usize) -> usize {
        // Whatever the scheme adds fits into two semiblocks.
        input.saturating_add(2 * SEMIBLOCK)
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let needed = self
            .form
            .wrapped_length(input.len())
            .ok_or(Error::DataLenRange)?;
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        self.form.wrap(&self.key, input, out)
    }
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

    fn whole_bound(&self, input: usize) -> usize {
        input.saturating_sub(SEMIBLOCK)
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        // Out of a buffer of its own, so that the caller's sees whole plaintexts only.
        let (plain, length) = self.form.unwrap(&self.key, input).map_err(as_data)?;
        let plain = plain.expose().get(..length).unwrap_or_default();
        out.get_mut(..length)
            .ok_or(Error::BufferTooSmall(length))?
            .copy_from_slice(plain);
        Ok(length)
    }
}

/// What is a wrapped key to `C_UnwrapKey` is data to `C_Decrypt`.
fn as_data(error: Error) -> Error {
    if error == Error::WrappedKeyLenRange {
        Error::EncryptedDataLenRange
    } else if error == Error::WrappedKeyInvalid {
        Error::EncryptedDataInvalid
    } else {
        error
    }
}
