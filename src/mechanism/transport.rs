//! Wrapping under a temporary AES key that goes along (PKCS #11 3.2, sections 6.1.19 and 6.3.24 to 6.3.26): what
//! the forms by RSA and by ECDH share. The key itself is wrapped by KWP.

use crate::crypto::aes::Key;
use crate::crypto::keywrap::{self, DEFAULT_PADDED_IV, SEMIBLOCK};
use crate::error::{Error, Result};
use crate::secret::SecretBytes;

/// The length in bytes of a temporary key of `bits` bits.
///
/// # Errors
/// `MechanismParamInvalid` unless AES has such keys.
pub(super) fn key_length(bits: u64) -> Result<usize> {
    match bits {
        128 => Ok(16),
        192 => Ok(24),
        256 => Ok(32),
        _ => Err(Error::MechanismParamInvalid(
            "ulAESKeyBits is none of 128, 192 and 256",
        )),
    }
}

/// The length in bytes of a wrapped key of `length` bytes behind a head.
///
/// # Errors
/// `KeySizeRange` for a key that KWP cannot wrap.
pub(super) fn wrapped_length(head: usize, length: usize) -> Result<usize> {
    keywrap::Key::padded_length(length)
        .and_then(|body| body.checked_add(head))
        .ok_or(Error::KeySizeRange)
}

/// Writes the head, then the key wrapped under the temporary one; answers the length of both.
///
/// # Errors
/// `BufferTooSmall` when `out` is shorter; `KeySizeRange` as for [`wrapped_length`].
pub(super) fn wrap(
    head: &[u8],
    temporary: &SecretBytes,
    plain: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    let length = wrapped_length(head.len(), plain.len())?;
    let out = out.get_mut(..length).ok_or(Error::BufferTooSmall(length))?;
    let (first, body) = out
        .split_at_mut_checked(head.len())
        .ok_or(Error::BufferTooSmall(length))?;
    Key::new(temporary.expose())?
        .wrapping()?
        .wrap_padded(&DEFAULT_PADDED_IV, plain, body)?;
    first.copy_from_slice(head);
    Ok(length)
}

/// The head and the wrapped key behind it.
///
/// # Errors
/// `WrappedKeyLenRange` for lengths that no wrapped key has.
pub(super) fn split(wrapped: &[u8], head: usize) -> Result<(&[u8], &[u8])> {
    wrapped
        .split_at_checked(head)
        .filter(|(_, body)| body.len().is_multiple_of(SEMIBLOCK) && body.len() >= 2 * SEMIBLOCK)
        .ok_or(Error::WrappedKeyLenRange)
}

/// Unwraps under the temporary key that was found. Where none of the right length was, a random one takes its
/// place: whatever was wrong with head or body, the same steps end in the same error.
///
/// # Errors
/// `WrappedKeyInvalid`; when the system gives no randomness.
pub(super) fn unwrap(
    temporary: Result<SecretBytes>,
    length: usize,
    body: &[u8],
) -> Result<SecretBytes> {
    let substitute = SecretBytes::random(length)?;
    let own = match &temporary {
        Ok(own) if own.len() == length => own,
        Ok(_) | Err(_) => &substitute,
    };
    let key = Key::new(own.expose())?;
    let mut plain = SecretBytes::zeroed(body.len().saturating_sub(SEMIBLOCK));
    let length = key
        .wrapping()?
        .unwrap_padded(&DEFAULT_PADDED_IV, body, plain.expose_mut())?;
    plain
        .expose()
        .get(..length)
        .map(SecretBytes::copy_of)
        .ok_or(Error::WrappedKeyInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_wrong_temporary_key_is_one_error() {
        let temporary = || SecretBytes::copy_of(&[7; 32]);
        let mut out = [0; 3 + 32];
        assert_eq!(wrap(&[1, 2, 3], &temporary(), &[9; 24], &mut out), Ok(35));
        let (head, body) = split(&out, 3).unwrap();
        assert_eq!(head, [1, 2, 3]);
        let back = unwrap(Ok(temporary()), 32, body).unwrap();
        assert_eq!(back.expose(), [9; 24]);
        for bad in [
            Ok(SecretBytes::copy_of(&[7; 16])),
            Ok(SecretBytes::copy_of(&[8; 32])),
            Err(Error::EncryptedDataInvalid),
        ] {
            let refused = unwrap(bad, 32, body).map(|_| ());
            assert_eq!(refused, Err(Error::WrappedKeyInvalid));
        }
        assert_eq!(
            split(&out[..34], 3).map(|_| ()),
            Err(Error::WrappedKeyLenRange)
        );
        assert!(split(&out[..11], 3).is_err() && split(&out[..2], 3).is_err());
    }
}
