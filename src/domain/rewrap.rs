//! What callers hold under a domain key that gave way to another, taken to the active one: key tokens, and
//! keys wrapped by AES key wrap, which do not name the key they are under.

use super::ids::DomainKeyId;
use super::key_token;
use super::keyring::{KeyState, Keyring, RingKey};
use crate::crypto::keywrap::{DEFAULT_IV, DEFAULT_PADDED_IV, Key};
use crate::error::{Error, Result};
use crate::secret::SecretBytes;

/// What was wrapped, under the active key, and the key that it was under; `None` when that is the active
/// one already.
///
/// # Errors
/// Those of [`key_token::open`]; `WrappedKeyInvalid` for what no key of the ring unwraps.
pub fn rewrap(ring: &Keyring, wrapped: &[u8]) -> Result<Option<(DomainKeyId, Vec<u8>)>> {
    if let Ok(header) = key_token::header(wrapped) {
        let from = header.domain_key;
        if from == ring.active().id() {
            return key_token::open(ring, wrapped).map(|_| None);
        }
        let fresh = key_token::reseal(ring, wrapped, &[])?;
        return Ok(Some((from, fresh)));
    }
    for own in ring.keys() {
        let key = Key::new(own.key.wrap().expose())?;
        let opened = match plain(&key, wrapped) {
            Some(opened) => Some((opened, false)),
            None => padded(&key, wrapped).map(|opened| (opened, true)),
        };
        if let Some((opened, pad)) = opened {
            return again(ring, own, &opened, pad);
        }
    }
    Err(Error::WrappedKeyInvalid)
}

/// Wraps what was opened under the active key, unless it was opened with it.
fn again(
    ring: &Keyring,
    from: &RingKey,
    opened: &SecretBytes,
    pad: bool,
) -> Result<Option<(DomainKeyId, Vec<u8>)>> {
    if from.state == KeyState::Active {
        return Ok(None);
    }
    let key = Key::new(ring.active().wrap().expose())?;
    let input = opened.expose();
    let length = if pad {
        Key::padded_length(input.len()).ok_or(Error::WrappedKeyLenRange)?
    } else {
        input.len().saturating_add(8)
    };
    let mut out = vec![0; length];
    if pad {
        key.wrap_padded(&DEFAULT_PADDED_IV, input, &mut out)?;
    } else {
        key.wrap(&DEFAULT_IV, input, &mut out)?;
    }
    Ok(Some((from.key.id(), out)))
}

/// RFC 3394.
fn plain(key: &Key, wrapped: &[u8]) -> Option<SecretBytes> {
    let mut out = SecretBytes::zeroed(wrapped.len().checked_sub(8)?);
    key.unwrap(&DEFAULT_IV, wrapped, out.expose_mut()).ok()?;
    Some(out)
}

/// RFC 5649.
fn padded(key: &Key, wrapped: &[u8]) -> Option<SecretBytes> {
    let mut out = SecretBytes::zeroed(wrapped.len().checked_sub(8)?);
    let length = key
        .unwrap_padded(&DEFAULT_PADDED_IV, wrapped, out.expose_mut())
        .ok()?;
    Some(SecretBytes::copy_of(out.expose().get(..length)?))
}
