//! AES-256-GCM under a key that is used for one message only, so that neither schedule nor nonce is kept.
//! AWS-LC sets up a fresh key and a short message in a third of the time that `aes-gcm` takes.

use super::super::awslc::gcm::Key;
use crate::error::{Error, Result};
use crate::secret::SecretBytes;

/// The length of the tag in bytes.
pub const ONCE_TAG: usize = 16;
/// A key used once needs no nonce of its own.
const NONCE: [u8; 12] = [0; 12];

/// Appends to `out` the ciphertext and tag of `plaintext`. The key must never be used again.
///
/// # Errors
/// `HostMemory`; `DataLenRange` beyond the 64 GiB of AES-GCM.
pub fn seal_once(
    key: &[u8; 32],
    associated: &[u8],
    plaintext: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    let start = out.len();
    let end = start
        .checked_add(plaintext.len())
        .ok_or(Error::DataLenRange)?;
    out.resize(end, 0);
    let body = out
        .get_mut(start..)
        .ok_or(Error::Internal("sealed length"))?;
    let key = Key::new(key, ONCE_TAG).ok_or(Error::HostMemory)?;
    let tag = key
        .seal(&NONCE, associated, plaintext, body)
        .ok_or(Error::DataLenRange)?;
    out.extend_from_slice(&tag);
    Ok(())
}

/// Opens what [`seal_once`] appended; `None` when it was changed.
#[must_use]
pub fn open_once(key: &[u8; 32], associated: &[u8], sealed: &[u8]) -> Option<SecretBytes> {
    let (body, tag) = sealed.split_last_chunk::<ONCE_TAG>()?;
    Key::new(key, ONCE_TAG)?.open(&NONCE, associated, body, tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes_gcm::aead::AeadInOut;
    use aes_gcm::{Aes256Gcm, KeyInit};

    #[test]
    fn the_other_implementation_agrees() {
        for length in [0, 1, 15, 16, 17, 120, 4096] {
            let plaintext = vec![7; length];
            let mut sealed = Vec::new();
            seal_once(&[1; 32], b"data", &plaintext, &mut sealed).unwrap();
            let mut other = plaintext.clone();
            let tag = Aes256Gcm::new(&[1; 32].into())
                .encrypt_inout_detached(&NONCE.into(), b"data", other.as_mut_slice().into())
                .unwrap();
            assert_eq!(sealed, [&other[..], &tag[..]].concat());
            let opened = open_once(&[1; 32], b"data", &sealed).unwrap();
            assert_eq!(opened.expose(), plaintext);
            assert!(open_once(&[1; 32], b"else", &sealed).is_none());
        }
    }
}
