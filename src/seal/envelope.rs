//! How bytes are sealed under a long-lived symmetric key: AES-256-GCM under a key of its own for
//! every sealing, with a commitment to the long-lived key. `docs/formats.md`, "Sealed bytes".

use crate::secret::SecretBytes;
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The length in bytes of the random salt that makes the key of one sealing.
pub const SALT_LEN: usize = 24;
/// The length in bytes of the commitment to the sealing key.
pub const COMMITMENT_LEN: usize = 32;
/// The length in bytes of the tag of AES-256-GCM.
pub const TAG_LEN: usize = 16;
/// By how many bytes a sealing is longer than what it seals.
pub const OVERHEAD: usize = SALT_LEN + COMMITMENT_LEN + TAG_LEN;

/// A key used once needs no nonce of its own.
const NONCE: [u8; 12] = [0; 12];

/// SHA-256 over the parts, one after the other.
#[must_use]
pub fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// HKDF-Expand with SHA-256 (RFC 5869 section 2.3) from a uniformly random `root` of 32 bytes, which
/// section 3.3 allows to use without the extract step. `info` is the label and then the context.
#[must_use]
pub fn expand(root: &[u8; 32], label: &str, context: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut mac = keyed(root);
    mac.update(label.as_bytes());
    mac.update(context);
    mac.update(&[1]);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// HMAC-SHA-256 of `message`.
#[must_use]
pub fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    keyed(key)
        .chain_update(message)
        .finalize()
        .into_bytes()
        .into()
}

/// Whether two public values of the same meaning are equal, in constant time.
#[must_use]
pub fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

/// `N` random bytes.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::Rng::fill_bytes(&mut rand::rng(), &mut bytes);
    bytes
}

/// HKDF (RFC 5869) from secret input of any distribution, such as a stretched passphrase.
#[must_use]
pub fn extract_and_expand(salt: &[u8], input: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut output = Zeroizing::new([0; 32]);
    // The only failure is an output longer than 255 hashes.
    let _ = Hkdf::<Sha256>::new(Some(salt), input).expand(info, output.as_mut());
    output
}

/// The keyed state of HMAC-SHA-256.
fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC fills a key up to the block of 64 bytes with zeros (RFC 2104 section 2).
    let mut block = Zeroizing::new([0; 64]);
    if let Some(start) = block.first_chunk_mut::<32>() {
        *start = *key;
    }
    <Hmac<Sha256> as KeyInit>::new((&*block).into())
}

/// A long-lived key that seals. It keeps the keyed state of HMAC, so that a sealing costs four
/// compressions of SHA-256 to derive, and erases it on drop.
pub struct SealingKey(Hmac<Sha256>);

impl SealingKey {
    /// The sealing key that `label` names among those of a uniformly random `root`.
    #[must_use]
    pub fn derive(root: &[u8; 32], label: &str) -> Self {
        SealingKey(keyed(&expand(root, label, &[])))
    }

    /// Seals `plaintext` and authenticates `associated` with it.
    #[must_use]
    pub fn seal(&self, associated: &[u8], plaintext: &[u8]) -> Vec<u8> {
        self.seal_with_salt(random(), associated, plaintext)
    }

    /// As [`SealingKey::seal`], with a given salt: it must never come twice with other contents.
    pub(crate) fn seal_with_salt(
        &self,
        salt: [u8; SALT_LEN],
        associated: &[u8],
        plaintext: &[u8],
    ) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(plaintext.len().saturating_add(OVERHEAD));
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(&*self.output(b"commit", &salt));
        sealed.extend_from_slice(plaintext);
        let (_, body) = sealed.split_at_mut(SALT_LEN + COMMITMENT_LEN);
        // AES-GCM fails for more than 64 GiB only: no caller has that much in one slice of a token.
        let tag =
            self.cipher(&salt)
                .encrypt_inout_detached(&Nonce::from(NONCE), associated, body.into());
        match tag {
            Ok(tag) => sealed.extend_from_slice(&tag),
            Err(_) => sealed.clear(),
        }
        sealed
    }

    /// Opens what [`SealingKey::seal`] sealed with the same associated data; `None` when anything of
    /// it was changed or it is under another key.
    #[must_use]
    pub fn open(&self, associated: &[u8], sealed: &[u8]) -> Option<SecretBytes> {
        let (salt, rest) = sealed.split_first_chunk::<SALT_LEN>()?;
        let (commitment, rest) = rest.split_first_chunk::<COMMITMENT_LEN>()?;
        let (body, tag) = rest.split_last_chunk::<TAG_LEN>()?;
        if !same(commitment, &self.output(b"commit", salt)) {
            return None;
        }
        let mut plaintext = SecretBytes::copy_of(body);
        self.cipher(salt)
            .decrypt_inout_detached(
                &Nonce::from(NONCE),
                associated,
                plaintext.expose_mut().into(),
                tag.into(),
            )
            .ok()?;
        Some(plaintext)
    }

    /// The AES-256-GCM key of one sealing.
    fn cipher(&self, salt: &[u8; SALT_LEN]) -> Aes256Gcm {
        Aes256Gcm::new((&*self.output(b"key", salt)).into())
    }

    /// HKDF-Expand for one block of output, from the kept state.
    fn output(&self, label: &[u8], salt: &[u8; SALT_LEN]) -> Zeroizing<[u8; 32]> {
        let mut mac = self.0.clone();
        mac.update(label);
        mac.update(salt);
        mac.update(&[1]);
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealings_open_and_nothing_else_does() {
        let key = SealingKey::derive(&[7; 32], "test");
        let sealed = key.seal(b"header", b"body");
        assert_eq!(sealed.len(), 4 + OVERHEAD);
        let opened = key.open(b"header", &sealed).expect("opens");
        assert_eq!(opened.expose(), b"body");
        assert!(key.open(b"other", &sealed).is_none());
        assert!(
            SealingKey::derive(&[7; 32], "rest")
                .open(b"header", &sealed)
                .is_none()
        );
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(b"header", &changed).is_none());
        }
        for length in 0..sealed.len() {
            assert!(key.open(b"header", &sealed[..length]).is_none());
        }
    }

    #[test]
    fn two_sealings_of_one_body_differ() {
        let key = SealingKey::derive(&[7; 32], "test");
        assert_ne!(key.seal(b"", b"body"), key.seal(b"", b"body"));
    }

    #[test]
    fn expand_is_hkdf_expand() {
        let root = [9; 32];
        let mut wanted = [0; 32];
        Hkdf::<Sha256>::from_prk(&root)
            .unwrap()
            .expand(b"label context", &mut wanted)
            .unwrap();
        assert_eq!(*expand(&root, "label", b" context"), wanted);
    }
}
