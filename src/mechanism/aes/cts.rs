//! CBC with ciphertext stealing. The standard refers to the addendum of SP 800-38A, which has three forms; this
//! is the first, CS1, as in other modules: whole blocks come out as in CBC.

use super::key;
use super::modes::iv;
use crate::crypto::aes::{CtsStream, Direction, Key};
use crate::error::Result;
use crate::mechanism::operation::Cipher;
use crate::mechanism::params::Params;
use crate::mechanism::row::Operations;
use crate::object::Object;
use std::sync::Arc;

pub(super) const CTS: Operations = Operations {
    encrypt: Some(|params, object| start(Direction::Encrypt, params, object)),
    decrypt: Some(|params, object| start(Direction::Decrypt, params, object)),
    ..Operations::NONE
};

fn start(direction: Direction, params: Params<'_>, object: &Object) -> Result<Box<dyn Cipher>> {
    let stream = CtsStream::new(key(object)?, direction, iv(params)?);
    Ok(Box::new(stream))
}

impl Cipher for CtsStream<Arc<Key>> {
    fn update_bound(&self, input: usize) -> usize {
        self.update_length(input)
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        CtsStream::update(self, input, out)
    }

    fn finish_bound(&self) -> usize {
        self.finish_length()
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        CtsStream::finish(self, out)
    }

    fn whole_bound(&self, input: usize) -> usize {
        input
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        CtsStream::whole(self, input, out)
    }
}
