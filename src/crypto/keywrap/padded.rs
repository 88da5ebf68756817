//! KWP, key wrap with padding (RFC 5649).
#![forbid(unsafe_code)]

use super::{Key, SEMIBLOCK, Verdict};
use crate::error::{Error, Result};

impl Key {
    /// The length in bytes of `input` bytes wrapped by KWP; `None` for 0 and for 2^32 or more.
    #[must_use]
    pub fn padded_length(input: usize) -> Option<usize> {
        u32::try_from(input).ok().filter(|length| *length > 0)?;
        input
            .div_ceil(SEMIBLOCK)
            .checked_add(1)?
            .checked_mul(SEMIBLOCK)
    }

    /// KWP: wraps `input`, 1 to 2^32 - 1 bytes, and answers the length written,
    /// [`Key::padded_length`].
    ///
    /// # Errors
    /// `DataLenRange` for other lengths; `BufferTooSmall`.
    pub fn wrap_padded(&self, iv: &[u8; 4], input: &[u8], out: &mut [u8]) -> Result<usize> {
        let needed = Self::padded_length(input.len()).ok_or(Error::DataLenRange)?;
        let length = u32::try_from(input.len()).map_err(|_| Error::DataLenRange)?;
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        let (first, r) = out
            .split_first_chunk_mut()
            .ok_or(Error::Internal("KWP lengths"))?;

        // RFC 5649, 4.1. 1) The data, padded with zeros to whole semiblocks.
        let (data, padding) = r.split_at_mut(input.len());
        data.copy_from_slice(input);
        padding.fill(0);
        let [i0, i1, i2, i3] = *iv;
        let [l0, l1, l2, l3] = length.to_be_bytes();
        let a = [i0, i1, i2, i3, l0, l1, l2, l3];
        // 2) One semiblock is a block with the initial value; more go through KW.
        match r.as_chunks_mut().0 {
            [only] => (*first, *only) = self.encrypt_pair(a, *only),
            r => self.wrap_rounds(first, &a, r),
        }
        Ok(needed)
    }

    /// KWP: unwraps `input` into `out`, which is at least one semiblock shorter, and answers the
    /// length of the plaintext; what follows it in `out` up to `input.len() - 8` bytes is zeros. When
    /// the integrity check fails, `out` is zeroed.
    ///
    /// # Errors
    /// `WrappedKeyLenRange` unless `input` is whole semiblocks, two or more; `BufferTooSmall`;
    /// `WrappedKeyInvalid` when the integrity check fails.
    pub fn unwrap_padded(&self, iv: &[u8; 4], input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.unwrap_padded_unread(iv, input, out)?.accept()
    }

    /// [`Key::unwrap_padded`] up to the verdict, which nobody has looked at yet.
    ///
    /// # Errors
    /// Those that lengths alone decide.
    pub fn unwrap_padded_unread(
        &self,
        iv: &[u8; 4],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<Verdict> {
        if !input.len().is_multiple_of(SEMIBLOCK) || input.len() < 2 * SEMIBLOCK {
            return Err(Error::WrappedKeyLenRange);
        }
        let (first, rest) = input.split_first_chunk().ok_or(Error::WrappedKeyLenRange)?;
        let out = out
            .get_mut(..rest.len())
            .ok_or(Error::BufferTooSmall(rest.len()))?;
        out.copy_from_slice(rest);

        // RFC 5649, 4.2. 1) Decrypts.
        let r = out.as_chunks_mut().0;
        let a = if let [only] = r {
            let (a, plain) = self.decrypt_pair(*first, *only);
            *only = plain;
            a
        } else {
            self.unwrap_rounds(*first, r)
        };
        // 2) and 3) The check of the initial value, length and padding.
        Ok(Verdict::of_kwp(a, *iv, r))
    }
}
