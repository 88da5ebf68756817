//! Ed25519 and X25519.

use super::succeeded;
use crate::secret::SecretBytes;

/// Length of an Ed25519 or X25519 key in bytes.
pub(crate) const KEY: usize = 32;
/// Length of an Ed25519 signature in bytes.
pub(crate) const SIGNATURE: usize = 64;

/// How Ed25519 treats the message (RFC 8032, section 5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variant<'a> {
    /// Ed25519: the message as it is.
    Pure,
    /// Ed25519ctx: the message with a context of 1 to 255 bytes.
    Context(&'a [u8]),
    /// Ed25519ph: the message's SHA-512, with a context of up to 255 bytes.
    Prehash(&'a [u8]),
}

/// An Ed25519 private key: the seed, then the public key.
pub(crate) struct SigningKey(SecretBytes);

impl SigningKey {
    /// The key of a seed.
    pub(crate) fn from_seed(seed: &[u8; KEY]) -> Self {
        let mut pair = SecretBytes::zeroed(2 * KEY);
        let mut public = [0; KEY];
        // SAFETY: AWS-LC writes 32 bytes to the first, 64 to the second, reads 32 of the third; the
        // buffers are as long.
        unsafe {
            aws_lc_sys::ED25519_keypair_from_seed(
                public.as_mut_ptr(),
                pair.expose_mut().as_mut_ptr(),
                seed.as_ptr(),
            );
        }
        SigningKey(pair)
    }

    /// The public key.
    pub(crate) fn public(&self) -> Option<[u8; KEY]> {
        self.0.expose().last_chunk().copied()
    }

    /// Signs a message; for [`Variant::Prehash`] its SHA-512. `None` when a length is out of range.
    pub(crate) fn sign(&self, message: &[u8], variant: Variant<'_>) -> Option<[u8; SIGNATURE]> {
        let mut out = [0; SIGNATURE];
        let (to, key) = (out.as_mut_ptr(), self.0.expose().as_ptr());
        let (from, length) = (message.as_ptr(), message.len());
        // SAFETY: the key has 64 bytes, the signature 64, a pre-hash (checked) 64; other pointers and
        // lengths are of one slice each.
        let code = unsafe {
            match variant {
                Variant::Pure => aws_lc_sys::ED25519_sign(to, from, length, key),
                Variant::Context(context) => aws_lc_sys::ED25519ctx_sign(
                    to,
                    from,
                    length,
                    key,
                    context.as_ptr(),
                    context.len(),
                ),
                Variant::Prehash(context) => {
                    let _: &[u8; 64] = message.try_into().ok()?;
                    aws_lc_sys::ED25519ph_sign_digest(
                        to,
                        from,
                        key,
                        context.as_ptr(),
                        context.len(),
                    )
                }
            }
        };
        succeeded(code).then_some(out)
    }
}

/// Whether a signature fits the message (for [`Variant::Prehash`], its SHA-512) and the public key.
pub(crate) fn verify(
    public: &[u8; KEY],
    message: &[u8],
    variant: Variant<'_>,
    signature: &[u8; SIGNATURE],
) -> bool {
    let (from, length, signature, key) = (
        message.as_ptr(),
        message.len(),
        signature.as_ptr(),
        public.as_ptr(),
    );
    // SAFETY: fixed lengths by type, a pre-hash (checked) 64; other pointers and lengths are of one slice.
    let code = unsafe {
        match variant {
            Variant::Pure => aws_lc_sys::ED25519_verify(from, length, signature, key),
            Variant::Context(context) => aws_lc_sys::ED25519ctx_verify(
                from,
                length,
                signature,
                key,
                context.as_ptr(),
                context.len(),
            ),
            Variant::Prehash(_) if length != 64 => 0,
            Variant::Prehash(context) => aws_lc_sys::ED25519ph_verify_digest(
                from,
                signature,
                key,
                context.as_ptr(),
                context.len(),
            ),
        }
    };
    succeeded(code)
}

/// The X25519 public key of a private one.
pub(crate) fn x25519_public(private: &[u8; KEY]) -> [u8; KEY] {
    let mut out = [0; KEY];
    // SAFETY: both have the 32 bytes that AWS-LC writes and reads.
    unsafe { aws_lc_sys::X25519_public_from_private(out.as_mut_ptr(), private.as_ptr()) }
    out
}

/// The X25519 shared secret; `None` when it is all zero, as with a point of small order.
pub(crate) fn x25519(private: &[u8; KEY], peer: &[u8; KEY]) -> Option<SecretBytes> {
    let mut out = SecretBytes::zeroed(KEY);
    // SAFETY: all three have the 32 bytes that AWS-LC writes and reads.
    let code = unsafe {
        aws_lc_sys::X25519(
            out.expose_mut().as_mut_ptr(),
            private.as_ptr(),
            peer.as_ptr(),
        )
    };
    succeeded(code).then_some(out)
}
