//! OFB and CFB.

use super::key;
use super::modes::iv;
use crate::crypto::aes::{Direction, Feedback, FeedbackStream};
use crate::error::Result;
use crate::mechanism::operation::Cipher;
use crate::mechanism::params::Params;
use crate::mechanism::row::Operations;
use crate::object::Object;

macro_rules! feedback {
    ($mode:ident) => {
        Operations {
            encrypt: Some(|params, object| {
                start(Feedback::$mode, Direction::Encrypt, params, object)
            }),
            decrypt: Some(|params, object| {
                start(Feedback::$mode, Direction::Decrypt, params, object)
            }),
            ..Operations::NONE
        }
    };
}

pub(super) const OFB: Operations = feedback!(Output);
pub(super) const CFB1: Operations = feedback!(Cipher1);
pub(super) const CFB8: Operations = feedback!(Cipher8);
pub(super) const CFB128: Operations = feedback!(Cipher128);

fn start(
    mode: Feedback,
    direction: Direction,
    params: Params<'_>,
    object: &Object,
) -> Result<Box<dyn Cipher>> {
    let stream = FeedbackStream::new(&*key(object)?, mode, direction, &iv(params)?)?;
    Ok(Box::new(stream))
}

impl Cipher for FeedbackStream {
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
