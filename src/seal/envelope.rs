//! How bytes are sealed under a long-lived symmetric key: AES-256-GCM under a key of its own for
//! every sealing, with a commitment to the long-lived key. `docs/formats.md`, "Sealed bytes".

use crate::crypto::aes::{ONCE_TAG, open_once, seal_once};
use crate::crypto::hash::Hash;
use crate::crypto::hmac::Key as HmacKey;
use crate::crypto::kdf;
use crate::crypto::random::{ThreadGenerator, array};
use crate::error::Result;
use crate::secret::SecretBytes;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The length in bytes of the random salt that makes the key of one sealing.
pub const SALT_LEN: usize = 24;
/// The length in bytes of the commitment to the sealing key.
pub const COMMITMENT_LEN: usize = 32;
/// By how many bytes a sealing is longer than what it seals.
pub const OVERHEAD: usize = SALT_LEN + COMMITMENT_LEN + ONCE_TAG;

/// SHA-256 over the parts, one after the other.
#[must_use]
pub fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut output = [0; 32];
    // The only failure is an output shorter than the hash.
    let _ = Hash::Sha256.digest(parts, &mut output);
    output
}

/// HKDF-Expand with SHA-256 (RFC 5869 section 2.3) from a uniformly random `root` of 32 bytes, which
/// section 3.3 allows to use without the extract step. `info` is the label and then the context.
#[must_use]
pub fn expand(root: &[u8; 32], label: &str, context: &[u8]) -> Zeroizing<[u8; 32]> {
    output(&keyed(root), label.as_bytes(), context)
}

/// HMAC-SHA-256 of `message`.
#[must_use]
pub fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut output = [0; 32];
    // The only failure is an output longer than the hash.
    let _ = keyed(key).mac(&[message], &mut output);
    output
}

/// Whether two values of the same meaning are equal, in constant time.
#[must_use]
pub fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

/// `N` random bytes. Panics, and so fails the call that it is in, when the operating system gives no
/// randomness.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::Rng::fill_bytes(&mut ThreadGenerator, &mut bytes);
    bytes
}

/// HKDF (RFC 5869) from secret input of any distribution, such as a stretched passphrase.
///
/// # Errors
/// None that an output of 32 bytes can meet.
pub fn extract_and_expand(salt: &[u8], input: &[u8], info: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let mut output = Zeroizing::new([0; 32]);
    kdf::hkdf(Hash::Sha256, salt, input, &[info], output.as_mut())?;
    Ok(output)
}

/// A key of HMAC-SHA-256, prepared.
fn keyed(key: &[u8; 32]) -> HmacKey {
    HmacKey::new(Hash::Sha256, key)
}

/// One block of HKDF-Expand.
fn output(key: &HmacKey, label: &[u8], context: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut output = Zeroizing::new([0; 32]);
    // As in `mac`.
    let _ = key.mac(&[label, context, &[1]], output.as_mut());
    output
}

/// A long-lived key that seals. It keeps the keyed state of HMAC, so that a sealing costs four
/// compressions of SHA-256 to derive, and erases it on drop.
pub struct SealingKey(HmacKey);

impl SealingKey {
    /// The sealing key that `label` names among those of a uniformly random `root`.
    #[must_use]
    pub fn derive(root: &[u8; 32], label: &str) -> Self {
        SealingKey(keyed(&expand(root, label, &[])))
    }

    /// Seals `plaintext` and authenticates `associated` with it.
    ///
    /// # Errors
    /// `HostMemory`, `DataLenRange` beyond 64 GiB, and those of the random generator.
    pub fn seal(&self, associated: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        self.seal_with_salt(&array()?, associated, plaintext)
    }

    /// As [`SealingKey::seal`], with a given salt: it must never come twice with other contents.
    pub(crate) fn seal_with_salt(
        &self,
        salt: &[u8; SALT_LEN],
        associated: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>> {
        let mut sealed = Vec::with_capacity(plaintext.len().saturating_add(OVERHEAD));
        sealed.extend_from_slice(salt);
        sealed.extend_from_slice(&*output(&self.0, b"commit", salt));
        seal_once(
            &output(&self.0, b"key", salt),
            associated,
            plaintext,
            &mut sealed,
        )?;
        Ok(sealed)
    }

    /// Opens what [`SealingKey::seal`] sealed with the same associated data; `None` when anything of
    /// it was changed or it is under another key.
    #[must_use]
    pub fn open(&self, associated: &[u8], sealed: &[u8]) -> Option<SecretBytes> {
        let (salt, rest) = sealed.split_first_chunk::<SALT_LEN>()?;
        let (commitment, body) = rest.split_first_chunk::<COMMITMENT_LEN>()?;
        if !same(commitment, &output(&self.0, b"commit", salt)) {
            return None;
        }
        open_once(&output(&self.0, b"key", salt), associated, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealings_open_and_nothing_else_does() {
        let key = SealingKey::derive(&[7; 32], "test");
        let sealed = key.seal(b"header", b"body").unwrap();
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
        let [one, other] = [(); 2].map(|()| key.seal(b"", b"body").unwrap());
        assert_ne!(one, other);
    }

    #[test]
    fn expand_is_hkdf_expand() {
        let root = [9; 32];
        let mut wanted = [0; 32];
        kdf::hkdf_expand(Hash::Sha256, &root, &[b"label context"], &mut wanted).unwrap();
        assert_eq!(*expand(&root, "label", b" context"), wanted);
    }
}
