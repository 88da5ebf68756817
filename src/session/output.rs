//! Where a call's output goes, and the two-call length rule (PKCS#11 3.2, section 5.2).

use crate::error::{Error, Result};

/// The caller's output buffer.
pub enum Output<'a> {
    /// The caller gave no buffer: it asks for the length.
    Length,
    /// The caller's buffer.
    Buffer(&'a mut [u8]),
}

impl Output<'_> {
    /// Whether the caller only asks for the length.
    #[must_use]
    pub fn is_query(&self) -> bool {
        matches!(self, Output::Length)
    }

    /// Tells the length that the caller needs, when nothing is ready.
    ///
    /// # Errors
    /// `BufferTooSmall`, unless the caller only asked.
    pub fn needs(self, length: usize) -> Result<usize> {
        match self {
            Output::Length => Ok(length),
            Output::Buffer(_) => Err(Error::BufferTooSmall(length)),
        }
    }

    /// Hands over bytes that are ready, or their number.
    ///
    /// # Errors
    /// `BufferTooSmall` with the number of bytes, none of them written.
    pub fn deliver(self, bytes: &[u8]) -> Result<usize> {
        match self {
            Output::Length => Ok(bytes.len()),
            Output::Buffer(buffer) => {
                let target = buffer.get_mut(..bytes.len());
                target
                    .ok_or_else(|| Error::BufferTooSmall(bytes.len()))?
                    .copy_from_slice(bytes);
                Ok(bytes.len())
            }
        }
    }
}
