//! Ciphers that work on a whole message at once: its parts are kept until the end.

use super::operation::Cipher;
use crate::error::{Error, Result};
use zeroize::{Zeroize, Zeroizing};

/// Encryption or decryption of a whole message.
pub(super) trait Whole: Send {
    /// The length in bytes of the output for a message of `input` bytes.
    ///
    /// # Errors
    /// `DataLenRange` or `EncryptedDataLenRange` for what is no message.
    fn output_length(&self, input: usize) -> Result<usize>;
    /// The most bytes that a message may have in all; more are not kept.
    fn longest(&self) -> usize;
    /// Works on the message. `out` has the length that [`Whole::output_length`] gives. Of a decryption
    /// nothing is written unless it succeeds.
    ///
    /// # Errors
    /// Those of the mechanism.
    fn run(&self, input: &[u8], out: &mut [u8]) -> Result<()>;
    /// What is wrong with a message that is too long.
    fn too_long(&self) -> Error;
}

/// A message in progress. What is kept of it is erased on drop.
pub(super) struct Gathered<W> {
    work: W,
    data: Zeroizing<Vec<u8>>,
}

impl<W: Whole + 'static> Gathered<W> {
    /// Starts.
    pub(super) fn start(work: W) -> Box<dyn Cipher> {
        Box::new(Gathered {
            work,
            data: Zeroizing::default(),
        })
    }
}

impl<W: Whole> Gathered<W> {
    fn keep(&mut self, part: &[u8]) -> Result<()> {
        let total = self.data.len().checked_add(part.len());
        let total = total
            .filter(|total| *total <= self.work.longest())
            .ok_or_else(|| self.work.too_long())?;
        if total > self.data.capacity() {
            // Grown by hand, so that the old place is erased.
            let mut grown = Vec::new();
            grown
                .try_reserve_exact(total.saturating_mul(2))
                .map_err(|_| Error::HostMemory)?;
            grown.extend_from_slice(&self.data);
            self.data.zeroize();
            *self.data = grown;
        }
        self.data.extend_from_slice(part);
        Ok(())
    }
}

fn run<W: Whole>(work: &W, input: &[u8], out: &mut [u8]) -> Result<usize> {
    let needed = work.output_length(input.len())?;
    let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
    work.run(input, out)?;
    Ok(needed)
}

impl<W: Whole> Cipher for Gathered<W> {
    fn update_bound(&self, _: usize) -> usize {
        0
    }

    fn update(&mut self, input: &[u8], _: &mut [u8]) -> Result<usize> {
        self.keep(input)?;
        Ok(0)
    }

    fn finish_bound(&self) -> usize {
        // What is wrong with the length is said when the operation ends.
        self.work.output_length(self.data.len()).unwrap_or_default()
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        run(&self.work, &self.data, out)
    }

    fn whole_bound(&self, input: usize) -> usize {
        self.work.output_length(input).unwrap_or_default()
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        run(&self.work, input, out)
    }
}

/// Copies a decrypted message out, once it is known to be good.
pub(super) fn release(plain: &[u8], out: &mut [u8]) -> Result<()> {
    let out = out.get_mut(..plain.len());
    out.ok_or(Error::Internal("plaintext length"))?
        .copy_from_slice(plain);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Twice;

    impl Whole for Twice {
        fn output_length(&self, input: usize) -> Result<usize> {
            if input == 0 {
                Err(Error::DataLenRange)
            } else {
                Ok(2 * input)
            }
        }

        fn longest(&self) -> usize {
            9
        }

        fn run(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
            let (first, second) = out.split_at_mut(input.len());
            first.copy_from_slice(input);
            second.copy_from_slice(input);
            Ok(())
        }

        fn too_long(&self) -> Error {
            Error::DataLenRange
        }
    }

    #[test]
    fn parts_come_out_at_the_end_and_short_buffers_change_nothing() {
        let mut cipher = Gathered::start(Twice);
        assert_eq!(cipher.finish(&mut []), Err(Error::DataLenRange));
        for part in [&b"abc"[..], b"", b"de"] {
            assert_eq!(cipher.update(part, &mut []), Ok(0));
        }
        assert_eq!(cipher.finish_bound(), 10);
        let mut short = [7; 9];
        assert_eq!(cipher.finish(&mut short), Err(Error::BufferTooSmall(10)));
        assert_eq!(short, [7; 9]);
        let mut out = [0; 12];
        assert_eq!(cipher.finish(&mut out), Ok(10));
        assert_eq!(&out[..10], b"abcdeabcde");
        assert_eq!(cipher.update(&[0; 5], &mut []), Err(Error::DataLenRange));
    }
}
