//! KW of data padded by PKCS#7 to whole semiblocks (PKCS #11 3.2, section 6.16, `…_PKCS7`).
#![forbid(unsafe_code)]

use super::{Key, SEMIBLOCK, Semiblock, Verdict, place_for_unwrap};
use crate::error::{Error, Result};

/// The length in bytes of `input` bytes padded and wrapped; `None` below 8, which pad to one semiblock
/// where KW needs two.
#[must_use]
pub fn pkcs7_length(input: usize) -> Option<usize> {
    let padded = (input / SEMIBLOCK).checked_add(1)?;
    let semiblocks = padded.checked_add(1).filter(|_| padded >= 2)?;
    semiblocks.checked_mul(SEMIBLOCK)
}

impl Key {
    /// Pads and wraps `input`, 8 bytes or more; answers the length written, [`pkcs7_length`].
    ///
    /// # Errors
    /// `DataLenRange` for fewer bytes; `BufferTooSmall`.
    pub fn wrap_pkcs7(&self, iv: &[u8; SEMIBLOCK], input: &[u8], out: &mut [u8]) -> Result<usize> {
        let needed = pkcs7_length(input.len()).ok_or(Error::DataLenRange)?;
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        let (a, r) = out.split_first_chunk_mut().ok_or(LENGTHS)?;
        let (data, padding) = r.split_at_mut(input.len());
        data.copy_from_slice(input);
        padding.fill(u8::try_from(padding.len()).map_err(|_| LENGTHS)?);
        let r: &mut [Semiblock] = r.as_chunks_mut().0;
        self.wrap_rounds(a, iv, r);
        Ok(needed)
    }

    /// Unwraps `input` into `out`, which is at least one semiblock shorter, and answers the length of
    /// the plaintext; the padding behind it is left in `out`. When the integrity check or the padding
    /// fails, `out` is zeroed.
    ///
    /// # Errors
    /// As [`Key::unwrap`].
    pub fn unwrap_pkcs7(
        &self,
        iv: &[u8; SEMIBLOCK],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        self.unwrap_pkcs7_unread(iv, input, out)?.accept()
    }

    /// [`Key::unwrap_pkcs7`] up to the verdict, which nobody has looked at yet.
    ///
    /// # Errors
    /// Those that lengths alone decide.
    pub fn unwrap_pkcs7_unread(
        &self,
        iv: &[u8; SEMIBLOCK],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<Verdict> {
        let (a, r) = place_for_unwrap(input, out)?;
        let a = self.unwrap_rounds(a, r);
        Ok(Verdict::of_pkcs7(a, *iv, r))
    }
}

/// The lengths were checked before.
const LENGTHS: Error = Error::Internal("key wrap lengths");
