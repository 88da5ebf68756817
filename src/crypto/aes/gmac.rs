//! GMAC (SP 800-38D, section 3): GCM of a message that is authenticated only.

use super::{GcmShape, Key};
use crate::crypto::awslc::gcm::Stream;
use crate::error::{Error, Result};
use subtle::ConstantTimeEq;

/// A MAC in progress. AWS-LC wipes its context when it is released.
pub struct Gmac {
    /// The message so far; `None` once it got too long.
    stream: Option<Stream>,
    /// The length of the tag in bytes.
    tag: usize,
}

impl Gmac {
    /// Starts a message that begins with the shape's authenticated data.
    ///
    /// # Errors
    /// `HostMemory`.
    pub fn new(key: &Key, shape: GcmShape<'_>) -> Result<Self> {
        let stream = Stream::new(key.bytes(), shape.iv(), shape.aad());
        Ok(Gmac {
            stream: Some(stream.ok_or(Error::HostMemory)?),
            tag: shape.tag_length(),
        })
    }

    /// Takes the next part.
    pub fn update(&mut self, data: &[u8]) {
        let took = self
            .stream
            .as_mut()
            .is_some_and(|stream| stream.authenticate(data).is_some());
        if !took {
            self.stream = None;
        }
    }

    /// Writes the tag, of `out.len()` bytes.
    ///
    /// # Errors
    /// `DataLenRange` for a message of 2^61 bytes and more.
    pub fn finish(self, out: &mut [u8]) -> Result<()> {
        let whole = self.stream.and_then(Stream::finish);
        let whole = whole.ok_or(Error::DataLenRange)?;
        let start = whole.get(..out.len());
        out.copy_from_slice(start.ok_or(Error::Internal("GMAC length"))?);
        Ok(())
    }

    /// Whether `tag` is the right one, in constant time.
    #[must_use]
    pub fn verify(self, tag: &[u8]) -> bool {
        let length = self.tag;
        let whole = self.stream.and_then(Stream::finish);
        whole.is_some_and(|whole| {
            tag.len() == length && whole.get(..length).is_some_and(|own| own.ct_eq(tag).into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_gcm_without_a_plaintext() {
        let key = Key::new(&[5; 32]).unwrap();
        let mut whole = [0; 16];
        let sealed = GcmShape::new(&[6; 12], b"authenticated", 16).unwrap();
        key.gcm_encrypt(sealed, &[], &mut whole).unwrap();
        let empty = GcmShape::new(&[6; 12], &[], 16).unwrap();
        let mut mac = Gmac::new(&key, empty).unwrap();
        mac.update(b"authen");
        mac.update(b"ticated");
        let mut tag = [0; 16];
        mac.finish(&mut tag).unwrap();
        assert_eq!(tag, whole);
        for (given, good) in [(&tag[..], true), (&tag[..12], false), (&[0; 16], false)] {
            let mut mac = Gmac::new(&key, empty).unwrap();
            mac.update(b"authenticated");
            assert_eq!(mac.verify(given), good);
        }
    }
}
