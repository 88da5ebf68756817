//! C objects owned by Rust, and big integers as bytes.

use super::{forget_errors, succeeded};
use crate::secret::SecretBytes;
use aws_lc_sys::{
    BIGNUM, EC_KEY, EC_POINT, ECDSA_SIG, EVP_AEAD_CTX, EVP_CIPHER_CTX, EVP_PKEY, EVP_PKEY_CTX,
};
use std::ptr::NonNull;

/// A type of AWS-LC with its own function to release it.
///
/// # Safety
/// `release` must be the function that AWS-LC pairs with the constructors of the type.
pub(super) unsafe trait Release {
    /// Releases the object.
    ///
    /// # Safety
    /// `object` came from a constructor of the type and is used by nobody afterwards.
    unsafe fn release(object: *mut Self);
}

macro_rules! release_with {
    ($($kind:ident by $function:ident),+ $(,)?) => {$(
        // SAFETY: AWS-LC's headers name this function as the one that frees the type.
        unsafe impl Release for $kind {
            unsafe fn release(object: *mut Self) {
                // SAFETY: the caller passes ownership, as the trait demands.
                unsafe { aws_lc_sys::$function(object) }
            }
        }
    )+};
}

release_with!(
    BIGNUM by BN_clear_free,
    EC_KEY by EC_KEY_free,
    EC_POINT by EC_POINT_clear_free,
    ECDSA_SIG by ECDSA_SIG_free,
    EVP_AEAD_CTX by EVP_AEAD_CTX_free,
    EVP_CIPHER_CTX by EVP_CIPHER_CTX_free,
    EVP_PKEY by EVP_PKEY_free,
    EVP_PKEY_CTX by EVP_PKEY_CTX_free,
);

/// A C object that is released when it goes out of scope.
pub(super) struct Owned<T: Release>(NonNull<T>);

impl<T: Release> Owned<T> {
    /// Takes over what a constructor of AWS-LC returned; `None` when it failed.
    ///
    /// # Safety
    /// `object` is null or a fresh object that nobody else owns.
    pub(super) unsafe fn take(object: *mut T) -> Option<Self> {
        let owned = NonNull::new(object).map(Owned);
        if owned.is_none() {
            forget_errors();
        }
        owned
    }

    /// The pointer, for a call that does not keep it.
    pub(super) fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }

    /// Gives the object to C code that will release it.
    pub(super) fn into_raw(self) -> *mut T {
        let pointer = self.0.as_ptr();
        std::mem::forget(self);
        pointer
    }
}

impl<T: Release> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: `take` promised sole ownership, and drop runs once.
        unsafe { T::release(self.0.as_ptr()) }
    }
}

/// An unsigned big integer.
pub(super) type Number = Owned<BIGNUM>;

impl Number {
    /// Reads big-endian bytes; leading zeros are allowed.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        // SAFETY: pointer and length are of one slice; a null result argument asks for a new number,
        // which `take` owns.
        unsafe {
            Self::take(aws_lc_sys::BN_bin2bn(
                bytes.as_ptr(),
                bytes.len(),
                std::ptr::null_mut(),
            ))
        }
    }
}

/// The big-endian bytes of a number, `length` of them, or as many as it needs.
///
/// # Safety
/// `number` is null or points to a live number.
pub(super) unsafe fn bytes_of(number: *const BIGNUM, length: Option<usize>) -> Option<SecretBytes> {
    if number.is_null() {
        return None;
    }
    // SAFETY: not null, and live as the caller promises.
    let own = usize::try_from(unsafe { aws_lc_sys::BN_num_bytes(number) }).ok()?;
    let mut out = SecretBytes::zeroed(length.unwrap_or(own));
    let room = out.expose_mut();
    // SAFETY: pointer and length are of one slice; the function fails when the number needs more.
    succeeded(unsafe { aws_lc_sys::BN_bn2bin_padded(room.as_mut_ptr(), room.len(), number) })
        .then_some(out)
}
