//! X25519 (RFC 7748), on AWS-LC.
#![forbid(unsafe_code)]

use super::awslc::curve25519::{KEY, x25519, x25519_public};
use crate::secret::SecretBytes;

/// The length of a public key, a private key and a shared secret in bytes.
pub const KEY_SIZE: usize = KEY;

/// The public key of a private one of 32 bytes.
#[must_use]
pub fn public(private: &[u8; KEY]) -> [u8; KEY] {
    x25519_public(private)
}

/// The shared secret of a private key and a peer's public key. `None` when it is all zero: the peer sent
/// a point of small order (RFC 7748, section 6.1).
#[must_use]
pub fn agree(private: &[u8; KEY], peer: &[u8; KEY]) -> Option<SecretBytes> {
    x25519(private, peer)
}
