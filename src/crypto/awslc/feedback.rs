//! AES in output and cipher feedback mode (SP 800-38A, sections 6.3 and 6.4) of AWS-LC, in parts of any length.

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
        let table = table(mode, key.len())?;
        // SAFETY: takes nothing; the result is null or fresh.
        let context = unsafe { Owned::take(aws_lc_sys::EVP_CIPHER_CTX_new()) }?;
        // SAFETY: a live context and a static table, which `table` chose by the key's length; the IV has the
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

    fn step(&mut self, part: &[u8], out: &mut [u8]) -> bool {
        let Ok(length) = c_int::try_from(part.len()) else {
            return false;
        };
        let mut written = 0;
        // SAFETY: a live context; both pointers are of slices of `length` bytes, apart from each other, and
        // these modes write just what they read.
        let done = succeeded(unsafe {
            aws_lc_sys::EVP_CipherUpdate(
                self.0.as_ptr(),
                out.as_mut_ptr(),
                &raw mut written,
                part.as_ptr(),
                length,
            )
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
