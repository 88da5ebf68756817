//! ChaCha20-Poly1305 (RFC 8439), XChaCha20-Poly1305, and Poly1305 alone, of AWS-LC.

use super::gcm::Key;
use crate::crypto::chacha::{KEY, TAG};
use aws_lc_sys::poly1305_state;
use zeroize::{Zeroize, Zeroizing};

/// Prepares a key of ChaCha20-Poly1305 for nonces of 12 or 24 bytes; `None` for other nonces.
pub(crate) fn aead(key: &[u8; KEY], nonce_length: usize) -> Option<Key> {
    // SAFETY: these functions take nothing and return pointers to static constants.
    let table = unsafe {
        match nonce_length {
            12 => aws_lc_sys::EVP_aead_chacha20_poly1305().as_ref(),
            24 => aws_lc_sys::EVP_aead_xchacha20_poly1305().as_ref(),
            _ => None,
        }
    };
    Key::of(table?, key, TAG)
}

/// A Poly1305 authenticator in progress. Erased on drop.
pub(crate) struct Poly1305(Box<poly1305_state>);

impl Poly1305 {
    /// Starts. The key must serve for one message only.
    pub(crate) fn new(key: &[u8; KEY]) -> Self {
        let mut state = Box::new([0; 512]);
        // SAFETY: a state of the size that the function's type states, and a key of 32 bytes. AWS-LC aligns
        // what it keeps inside the state itself.
        unsafe { aws_lc_sys::CRYPTO_poly1305_init(&raw mut *state, key.as_ptr()) };
        Poly1305(state)
    }

    /// Takes the next part.
    pub(crate) fn update(&mut self, data: &[u8]) {
        // SAFETY: a state that `new` made and nothing moved, since it aligns itself by its address; pointer
        // and length are of one slice.
        unsafe {
            aws_lc_sys::CRYPTO_poly1305_update(&raw mut *self.0, data.as_ptr(), data.len());
        }
    }

    /// The tag.
    pub(crate) fn finish(mut self) -> Zeroizing<[u8; TAG]> {
        let mut tag = Zeroizing::new([0; TAG]);
        // SAFETY: as in `update`, and a tag of 16 bytes.
        unsafe { aws_lc_sys::CRYPTO_poly1305_finish(&raw mut *self.0, tag.as_mut_ptr()) };
        tag
    }
}

impl Drop for Poly1305 {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
