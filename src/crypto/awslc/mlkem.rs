//! ML-KEM.

use super::owned::Owned;
use super::raw::RawKey;
use super::succeeded;
use crate::secret::SecretBytes;
use aws_lc_sys::{EVP_PKEY_CTX, EVP_PKEY_KEM, NID_MLKEM512, NID_MLKEM768, NID_MLKEM1024};
use std::os::raw::c_int;
use std::ptr::null_mut;

/// A parameter set of AWS-LC.
#[derive(Clone, Copy)]
pub(crate) struct Parameters(c_int);

impl Parameters {
    /// ML-KEM-512.
    pub(crate) const MLKEM_512: Parameters = Parameters(NID_MLKEM512);
    /// ML-KEM-768.
    pub(crate) const MLKEM_768: Parameters = Parameters(NID_MLKEM768);
    /// ML-KEM-1024.
    pub(crate) const MLKEM_1024: Parameters = Parameters(NID_MLKEM1024);

    /// An empty context in which a key is made.
    fn maker(self) -> Option<Owned<EVP_PKEY_CTX>> {
        // SAFETY: no pointer but a null engine; `take` checks for null.
        let context =
            unsafe { Owned::take(aws_lc_sys::EVP_PKEY_CTX_new_id(EVP_PKEY_KEM, null_mut())) }?;
        // SAFETY: the context is live.
        let ready = succeeded(unsafe { aws_lc_sys::EVP_PKEY_keygen_init(context.as_ptr()) })
            && succeeded(unsafe {
                aws_lc_sys::EVP_PKEY_CTX_kem_set_params(context.as_ptr(), self.0)
            });
        ready.then_some(context)
    }
}

/// A key: an encapsulation key, a decapsulation key, or both halves.
pub(crate) struct Key(RawKey);

impl Key {
    /// Both halves from the seed, d and z (FIPS 203, algorithm 16). `None` unless it has 64 bytes.
    pub(crate) fn from_seed(parameters: Parameters, seed: &[u8]) -> Option<Self> {
        let context = parameters.maker()?;
        let (mut key, mut length) = (null_mut(), seed.len());
        // SAFETY: the context is live; AWS-LC compares the length with its own before it reads the seed.
        let code = unsafe {
            aws_lc_sys::EVP_PKEY_keygen_deterministic(
                context.as_ptr(),
                &raw mut key,
                seed.as_ptr(),
                &raw mut length,
            )
        };
        // SAFETY: null, or a fresh key that nobody else owns.
        let key = unsafe { RawKey::take(key) }?;
        succeeded(code).then_some(Key(key))
    }

    /// An encapsulation key. `None` unless its length is right; the encoding itself is looked at by
    /// [`Key::encapsulate`].
    pub(crate) fn public(parameters: Parameters, encoded: &[u8]) -> Option<Self> {
        // SAFETY: pointer and length are of one slice; `take` checks for null.
        let key = unsafe {
            RawKey::take(aws_lc_sys::EVP_PKEY_kem_new_raw_public_key(
                parameters.0,
                encoded.as_ptr(),
                encoded.len(),
            ))
        }?;
        Some(Key(key))
    }

    /// Both halves from their encodings. `None` unless each is one (FIPS 203, sections 7.2 and 7.3) and they
    /// belong together.
    pub(crate) fn pair(parameters: Parameters, public: &[u8], private: &[u8]) -> Option<Self> {
        // SAFETY: pointers and lengths are of one slice each; `take` checks for null.
        let key = unsafe {
            RawKey::take(aws_lc_sys::EVP_PKEY_kem_new_raw_key(
                parameters.0,
                public.as_ptr(),
                public.len(),
                private.as_ptr(),
                private.len(),
            ))
        }?;
        // SAFETY: the key is live, and the function only reads it.
        succeeded(unsafe { aws_lc_sys::EVP_PKEY_kem_check_key(key.as_ptr()) }).then_some(Key(key))
    }

    /// The encapsulation key, `length` bytes.
    pub(crate) fn public_key(&self, length: usize) -> Option<Vec<u8>> {
        self.0.public(length)
    }

    /// The decapsulation key, `length` bytes.
    pub(crate) fn private_key(&self, length: usize) -> Option<SecretBytes> {
        self.0.private(length)
    }

    /// A ciphertext of `length` bytes, and the `shared` bytes of secret that it carries. `None` for an
    /// encapsulation key that is none.
    pub(crate) fn encapsulate(
        &self,
        length: usize,
        shared: usize,
    ) -> Option<(Vec<u8>, SecretBytes)> {
        let context = self.0.context()?;
        let (mut ciphertext, mut secret) = (vec![0; length], SecretBytes::zeroed(shared));
        let (mut length, mut shared) = (length, shared);
        let room = secret.expose_mut();
        // SAFETY: the context is live; pointers and lengths are of one slice each, and AWS-LC refuses
        // what is too short.
        let code = unsafe {
            aws_lc_sys::EVP_PKEY_encapsulate(
                context.as_ptr(),
                ciphertext.as_mut_ptr(),
                &raw mut length,
                room.as_mut_ptr(),
                &raw mut shared,
            )
        };
        let whole = length == ciphertext.len() && shared == secret.len();
        (succeeded(code) && whole).then_some((ciphertext, secret))
    }

    /// The `shared` bytes of secret in a ciphertext. `None` unless its length is right.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8], shared: usize) -> Option<SecretBytes> {
        let context = self.0.context()?;
        let mut secret = SecretBytes::zeroed(shared);
        let mut length = shared;
        let room = secret.expose_mut();
        // SAFETY: the context is live; pointers and lengths are of one slice each, and AWS-LC refuses
        // what has another length than its own.
        let code = unsafe {
            aws_lc_sys::EVP_PKEY_decapsulate(
                context.as_ptr(),
                room.as_mut_ptr(),
                &raw mut length,
                ciphertext.as_ptr(),
                ciphertext.len(),
            )
        };
        (succeeded(code) && length == shared).then_some(secret)
    }
}
