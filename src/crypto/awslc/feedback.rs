//! AES in cipher feedback, output feedback and counter mode (SP 800-38A, sections 6.3 to 6.5) of AWS-LC, in
//! parts of any length.

use super::owned::Owned;
use super::succeeded;
use crate::crypto::aes::Feedback;
use aws_lc_sys::{EVP_CIPHER, EVP_CIPHER_CTX};
use std::os::raw::c_int;
use std::ptr;

/// Encryption or decryption in progress. AWS-LC wipes its context when it is released.
pub(crate) struct Stream(Owned<EVP_CIPHER_CTX>);

// SAFETY: a context is plain memory that belongs to no thread; it is changed through `&mut` only.
unsafe impl Send for Stream {}

impl Stream {
    /// Starts with a key of 16, 24 or 32 bytes; `None` for other lengths.
    pub(crate) fn new(mode: Feedback, encrypt: bool, key: &[u8], iv: &[u8; 16]) -> Option<Self> {
        Self::begin(table(mode, key.len())?, encrypt, key, iv)
    }

    /// Counter mode, which is the same both ways, from a first counter block of which all bits count.
    pub(crate) fn counter(key: &[u8], block: &[u8; 16]) -> Option<Self> {
        // SAFETY: these functions take nothing and return pointers to static constants.
        let table = unsafe {
            match key.len() {
                16 => aws_lc_sys::EVP_aes_128_ctr(),
                24 => aws_lc_sys::EVP_aes_192_ctr(),
                32 => aws_lc_sys::EVP_aes_256_ctr(),
                _ => return None,
            }
        };
        Self::begin(table, true, key, block)
    }

    /// Starts with a key of the length that the table is for.
    fn begin(table: *const EVP_CIPHER, encrypt: bool, key: &[u8], iv: &[u8; 16]) -> Option<Self> {
        // SAFETY: takes nothing; the result is null or fresh.
        let context = unsafe { Owned::take(aws_lc_sys::EVP_CIPHER_CTX_new()) }?;
        // SAFETY: a live context and a static table, which was chosen by the key's length; the IV has the
        // 16 bytes that every table here takes. The call copies both.
        let done = succeeded(unsafe {
            aws_lc_sys::EVP_CipherInit_ex(
                context.as_ptr(),
                table,
                ptr::null_mut(),
                key.as_ptr(),
                iv.as_ptr(),
                c_int::from(encrypt),
            )
        });
        done.then_some(Stream(context))
    }

    /// Takes the next part into `out`, which is as long. `None` on failure.
    pub(crate) fn update(&mut self, input: &[u8], out: &mut [u8]) -> Option<()> {
        if out.len() != input.len() {
            return None;
        }
        let mut parts = input.chunks(PART).zip(out.chunks_mut(PART));
        parts.all(|(part, out)| self.step(part, out)).then_some(())
    }

    /// Takes the next part in its own place. `None` on failure.
    pub(crate) fn update_in_place(&mut self, buffer: &mut [u8]) -> Option<()> {
        let mut parts = buffer.chunks_mut(PART);
        parts
            // SAFETY: both pointers are of the part, which is as long as itself.
            .all(|part| unsafe { self.run(part.as_ptr(), part.as_mut_ptr(), part.len()) })
            .then_some(())
    }

    fn step(&mut self, part: &[u8], out: &mut [u8]) -> bool {
        // SAFETY: both pointers are of slices of as many bytes, apart from each other.
        part.len() == out.len() && unsafe { self.run(part.as_ptr(), out.as_mut_ptr(), part.len()) }
    }

    /// # Safety
    /// `input` may be read and `out` written for `length` bytes. They are apart, or the same.
    unsafe fn run(&mut self, input: *const u8, out: *mut u8, length: usize) -> bool {
        let Ok(length) = c_int::try_from(length) else {
            return false;
        };
        let mut written = 0;
        let context = self.0.as_ptr();
        // SAFETY: a live context; the pointers are as the caller promises, and these modes write just what
        // they read, a byte after it was read.
        let done = succeeded(unsafe {
            aws_lc_sys::EVP_CipherUpdate(context, out, &raw mut written, input, length)
        });
        done && written == length
    }
}

/// The longest part that AWS-LC is handed at once: it counts in `int`, and bits in one of the modes.
const PART: usize = 1 << 24;

/// AWS-LC's table for a mode under a key of this length in bytes.
fn table(mode: Feedback, key_length: usize) -> Option<*const EVP_CIPHER> {
    use aws_lc_sys as c;
    // SAFETY: these functions take nothing and return pointers to static constants.
    unsafe {
        Some(match (mode, key_length) {
            (Feedback::Output, 16) => c::EVP_aes_128_ofb(),
            (Feedback::Output, 24) => c::EVP_aes_192_ofb(),
            (Feedback::Output, 32) => c::EVP_aes_256_ofb(),
            (Feedback::Cipher1, 16) => c::EVP_aes_128_cfb1(),
            (Feedback::Cipher1, 24) => c::EVP_aes_192_cfb1(),
            (Feedback::Cipher1, 32) => c::EVP_aes_256_cfb1(),
            (Feedback::Cipher8, 16) => c::EVP_aes_128_cfb8(),
            (Feedback::Cipher8, 24) => c::EVP_aes_192_cfb8(),
            (Feedback::Cipher8, 32) => c::EVP_aes_256_cfb8(),
            (Feedback::Cipher128, 16) => c::EVP_aes_128_cfb128(),
            (Feedback::Cipher128, 24) => c::EVP_aes_192_cfb128(),
            (Feedback::Cipher128, 32) => c::EVP_aes_256_cfb128(),
            _ => return None,
        })
    }
}
