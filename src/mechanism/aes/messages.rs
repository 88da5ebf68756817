//! GCM by message.

use super::key;
use crate::crypto::aes::{GcmEncryptor, GcmShape, Key};
use crate::error::Result;
use crate::mechanism::message::{Aead, Envelope, Form, Messages, SealStream};
use std::sync::Arc;

pub(super) const GCM: Messages = Messages {
    form: Form::Gcm,
    start: |object| Ok(Arc::new(Gcm(key(object)?))),
    in_parts: true,
    wraps: true,
};

struct Gcm(Arc<Key>);

fn shape(envelope: Envelope<'_>) -> Result<GcmShape<'_>> {
    GcmShape::new(envelope.iv, envelope.aad, envelope.tag_length)
}

impl Aead for Gcm {
    fn check(&self, iv: usize, tag: usize) -> Result<()> {
        GcmShape::check(iv, tag)
    }

    fn seal(
        &self,
        envelope: Envelope<'_>,
        plain: &[u8],
        out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<()> {
        self.0.gcm_seal(shape(envelope)?, plain, out, tag)
    }

    fn open(
        &self,
        envelope: Envelope<'_>,
        sealed: &[u8],
        tag: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        self.0.gcm_open(shape(envelope)?, sealed, tag, out)
    }

    fn begin(&self, envelope: Envelope<'_>, _: Option<u64>) -> Result<Box<dyn SealStream>> {
        Ok(Box::new(GcmEncryptor::new(&self.0, shape(envelope)?)?))
    }
}

impl SealStream for GcmEncryptor {
    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        GcmEncryptor::update(self, input, out)
    }

    fn finish(self: Box<Self>, tag: &mut [u8]) -> Result<()> {
        GcmEncryptor::finish(*self, tag).map(drop)
    }
}
