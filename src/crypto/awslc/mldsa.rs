//! ML-DSA over the representative of a message, mu (FIPS 204, algorithms 7 and 8).

use super::raw::RawKey;
use super::succeeded;
use crate::secret::SecretBytes;
use aws_lc_sys::{NID_MLDSA44, NID_MLDSA65, NID_MLDSA87};
use std::os::raw::c_int;

/// The length of a message representative in bytes.
pub(crate) const MU: usize = 64;

/// A parameter set of AWS-LC.
#[derive(Clone, Copy)]
pub(crate) struct Parameters(c_int);

impl Parameters {
    /// ML-DSA-44.
    pub(crate) const MLDSA_44: Parameters = Parameters(NID_MLDSA44);
    /// ML-DSA-65.
    pub(crate) const MLDSA_65: Parameters = Parameters(NID_MLDSA65);
    /// ML-DSA-87.
    pub(crate) const MLDSA_87: Parameters = Parameters(NID_MLDSA87);
}

/// A public key, or a private key with its public one.
pub(crate) struct Key(RawKey);

impl Key {
    /// A private key from its seed or its encoding, with the public key computed from it. `None` for another
    /// length, and for an encoding that is none.
    pub(crate) fn private(parameters: Parameters, encoded: &[u8]) -> Option<Self> {
        // SAFETY: pointer and length are of one slice; `take` checks for null.
        let key = unsafe {
            RawKey::take(aws_lc_sys::EVP_PKEY_pqdsa_new_raw_private_key(
                parameters.0,
                encoded.as_ptr(),
                encoded.len(),
            ))
        }?;
        Some(Key(key))
    }

    /// A public key. `None` unless its length is right; all bytes of that length are one.
    pub(crate) fn public(parameters: Parameters, encoded: &[u8]) -> Option<Self> {
        // SAFETY: pointer and length are of one slice; `take` checks for null.
        let key = unsafe {
            RawKey::take(aws_lc_sys::EVP_PKEY_pqdsa_new_raw_public_key(
                parameters.0,
                encoded.as_ptr(),
                encoded.len(),
            ))
        }?;
        Some(Key(key))
    }

    /// The public key, `length` bytes.
    pub(crate) fn public_key(&self, length: usize) -> Option<Vec<u8>> {
        self.0.public(length)
    }

    /// The private key, `length` bytes.
    pub(crate) fn private_key(&self, length: usize) -> Option<SecretBytes> {
        self.0.private(length)
    }

    /// Signs into `out`, which must have a signature's length, with fresh randomness (the hedged variant).
    pub(crate) fn sign(&self, mu: &[u8; MU], out: &mut [u8]) -> bool {
        let Some(context) = self.0.context() else {
            return false;
        };
        let mut length = out.len();
        // SAFETY: the context is live.
        let ready = succeeded(unsafe { aws_lc_sys::EVP_PKEY_sign_init(context.as_ptr()) });
        // SAFETY: the context is live; pointers and lengths are of one slice each, and AWS-LC refuses an
        // output that is too short.
        let signed = ready
            && succeeded(unsafe {
                aws_lc_sys::EVP_PKEY_sign(
                    context.as_ptr(),
                    out.as_mut_ptr(),
                    &raw mut length,
                    mu.as_ptr(),
                    mu.len(),
                )
            });
        signed && length == out.len()
    }

    /// Whether a signature fits.
    pub(crate) fn verify(&self, mu: &[u8; MU], signature: &[u8]) -> bool {
        let Some(context) = self.0.context() else {
            return false;
        };
        // SAFETY: the context is live.
        let ready = succeeded(unsafe { aws_lc_sys::EVP_PKEY_verify_init(context.as_ptr()) });
        // SAFETY: the context is live; pointers and lengths are of one slice each.
        ready
            && succeeded(unsafe {
                aws_lc_sys::EVP_PKEY_verify(
                    context.as_ptr(),
                    signature.as_ptr(),
                    signature.len(),
                    mu.as_ptr(),
                    mu.len(),
                )
            })
    }
}
