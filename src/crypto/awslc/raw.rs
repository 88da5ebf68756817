//! Keys that AWS-LC knows by their raw encodings alone: what ML-KEM and ML-DSA share.

use super::owned::Owned;
use super::succeeded;
use crate::secret::SecretBytes;
use aws_lc_sys::{EVP_PKEY, EVP_PKEY_CTX};
use std::os::raw::c_int;
use std::ptr::null_mut;

/// A key that never changes.
pub(super) struct RawKey(Owned<EVP_PKEY>);

// SAFETY: see point 3 of the module: all operations are `&self` and leave the key as it is; a context
// counts its reference to the key atomically.
unsafe impl Send for RawKey {}
// SAFETY: as for `Send`.
unsafe impl Sync for RawKey {}

/// Writes an encoding to a place of a length, and leaves the length written there.
type Write = unsafe extern "C" fn(*const EVP_PKEY, *mut u8, *mut usize) -> c_int;

impl RawKey {
    /// Takes over what a constructor of AWS-LC returned; `None` when it failed.
    ///
    /// # Safety
    /// As [`Owned::take`].
    pub(super) unsafe fn take(key: *mut EVP_PKEY) -> Option<Self> {
        // SAFETY: the caller's promise, passed on.
        unsafe { Owned::take(key) }.map(RawKey)
    }

    /// A context in which the key does one operation.
    pub(super) fn context(&self) -> Option<Owned<EVP_PKEY_CTX>> {
        // SAFETY: the key is live, and the context holds it; no engine; `take` checks for null.
        unsafe { Owned::take(aws_lc_sys::EVP_PKEY_CTX_new(self.as_ptr(), null_mut())) }
    }

    pub(super) fn as_ptr(&self) -> *mut EVP_PKEY {
        self.0.as_ptr()
    }

    /// The public key, `length` bytes; `None` when it has another length or is not there.
    pub(super) fn public(&self, length: usize) -> Option<Vec<u8>> {
        let mut out = vec![0; length];
        self.write(aws_lc_sys::EVP_PKEY_get_raw_public_key, &mut out)
            .then_some(out)
    }

    /// The private key, `length` bytes; `None` when it has another length or is not there.
    pub(super) fn private(&self, length: usize) -> Option<SecretBytes> {
        let mut out = SecretBytes::zeroed(length);
        self.write(aws_lc_sys::EVP_PKEY_get_raw_private_key, out.expose_mut())
            .then_some(out)
    }

    fn write(&self, by: Write, out: &mut [u8]) -> bool {
        let mut length = out.len();
        // SAFETY: the key is live; pointer and length are of one slice, and AWS-LC refuses one that is too
        // short.
        let code = unsafe { by(self.as_ptr(), out.as_mut_ptr(), &raw mut length) };
        succeeded(code) && length == out.len()
    }
}
