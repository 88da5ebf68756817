//! ECB, CBC, CBC with padding, and CTR.

use super::key;
use crate::crypto::aes::{BLOCK, BlockStream, Ctr, Direction, Key, Mode};
use crate::error::{Error, Result};
use crate::mechanism::operation::Cipher;
use crate::mechanism::params::Params;
use crate::mechanism::row::Operations;
use crate::object::Object;
use std::sync::Arc;

pub(super) const ECB: Operations = Operations {
    encrypt: Some(|_, object| blocks(Direction::Encrypt, Mode::Ecb, object)),
    decrypt: Some(|_, object| blocks(Direction::Decrypt, Mode::Ecb, object)),
    ..Operations::NONE
};

pub(super) const CBC: Operations = Operations {
    encrypt: Some(|params, object| blocks(Direction::Encrypt, Mode::Cbc(iv(params)?), object)),
    decrypt: Some(|params, object| blocks(Direction::Decrypt, Mode::Cbc(iv(params)?), object)),
    ..Operations::NONE
};

pub(super) const CBC_PAD: Operations = Operations {
    encrypt: Some(|params, object| {
        blocks(Direction::Encrypt, Mode::CbcPadded(iv(params)?), object)
    }),
    decrypt: Some(|params, object| {
        blocks(Direction::Decrypt, Mode::CbcPadded(iv(params)?), object)
    }),
    ..Operations::NONE
};

pub(super) const CTR: Operations = Operations {
    encrypt: Some(counter),
    decrypt: Some(counter),
    ..Operations::NONE
};

/// The IV, or what takes its place.
pub(super) fn iv(params: Params<'_>) -> Result<[u8; BLOCK]> {
    let wrong = Error::MechanismParamInvalid("the mode takes an IV of 16 bytes");
    let Params::Bytes(iv) = params else {
        return Err(wrong);
    };
    iv.try_into().map_err(|_| wrong)
}

fn blocks(direction: Direction, mode: Mode, object: &Object) -> Result<Box<dyn Cipher>> {
    Ok(Box::new(BlockStream::new(key(object)?, direction, mode)))
}

impl Cipher for BlockStream<Arc<Key>> {
    fn update_bound(&self, input: usize) -> usize {
        self.update_length(input)
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        BlockStream::update(self, input, out)
    }

    fn finish_bound(&self) -> usize {
        BlockStream::finish_bound(self)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        BlockStream::finish(self, out)
    }

    fn whole_bound(&self, input: usize) -> usize {
        BlockStream::whole_bound(self, input).unwrap_or(usize::MAX)
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        BlockStream::whole(self, input, out)
    }
}

fn counter(params: Params<'_>, object: &Arc<Object>) -> Result<Box<dyn Cipher>> {
    let Params::Ctr { bits, block } = params else {
        return Err(Error::MechanismParamInvalid("CTR takes CK_AES_CTR_PARAMS"));
    };
    Ok(Box::new(Ctr::new(key(object)?, block, bits)?))
}

impl Cipher for Ctr<Arc<Key>> {
    fn update_bound(&self, input: usize) -> usize {
        input
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.apply(input, out)?;
        Ok(input.len())
    }

    fn finish_bound(&self) -> usize {
        0
    }

    fn finish(&mut self, _: &mut [u8]) -> Result<usize> {
        Ok(0)
    }

    fn whole_bound(&self, input: usize) -> usize {
        input
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.update(input, out)
    }
}
