//! Saved states of operations: sealed under a secret that this process never gives away, so that nobody
//! makes one up or looks into one. They die with the module that made them.

use crate::crypto::aes::{ONCE_TAG, open_once, seal_once};
use crate::crypto::hash::Hash;
use crate::crypto::{hmac, random};
use crate::error::{Error, Result};
use crate::secret::SecretBytes;
use std::sync::OnceLock;

/// What every saved state begins with.
const MARK: &[u8; 8] = b"KWstate1";
/// The length in bytes of what makes the key of each saved state its own.
const SALT: usize = 32;

/// What the sealing adds to a state, in bytes.
pub const OVERHEAD: usize = MARK.len() + SALT + ONCE_TAG;

/// The secret under which states are sealed, made when it is first needed.
#[derive(Default)]
pub struct StateSecret(OnceLock<SecretBytes>);

impl StateSecret {
    /// Seals a state, bound to a place.
    ///
    /// # Errors
    /// `Internal` when the operating system gives no randomness; `HostMemory`.
    pub fn seal(&self, place: &[u8], state: &[u8]) -> Result<Vec<u8>> {
        let salt: [u8; SALT] = random::array()?;
        let mut sealed = [&MARK[..], &salt].concat();
        let key = self.key(&salt)?;
        seal_once(bytes_of(&key)?, place, state, &mut sealed)?;
        Ok(sealed)
    }

    /// Opens what [`StateSecret::seal`] sealed for the same place.
    ///
    /// # Errors
    /// `SavedStateInvalid` for anything else.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<SecretBytes> {
        let rest = sealed.strip_prefix(MARK).ok_or(Error::SavedStateInvalid)?;
        let (salt, rest) = rest
            .split_first_chunk::<SALT>()
            .ok_or(Error::SavedStateInvalid)?;
        open_once(bytes_of(&self.key(salt)?)?, place, rest).ok_or(Error::SavedStateInvalid)
    }

    /// The key of one state.
    fn key(&self, salt: &[u8; SALT]) -> Result<SecretBytes> {
        let secret = match self.0.get() {
            Some(secret) => secret,
            None => {
                let fresh = SecretBytes::random(SALT)?;
                self.0.get_or_init(|| fresh)
            }
        };
        let mut key = SecretBytes::zeroed(SALT);
        hmac::Key::new(Hash::Sha256, secret.expose()).mac(&[salt], key.expose_mut())?;
        Ok(key)
    }
}

fn bytes_of(key: &SecretBytes) -> Result<&[u8; SALT]> {
    let bytes = key.expose().try_into();
    bytes.map_err(|_| Error::Internal("the length of a key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_here_opens() {
        let (own, other) = (StateSecret::default(), StateSecret::default());
        let sealed = own.seal(b"place", b"state").unwrap();
        assert_eq!(sealed.len(), 5 + OVERHEAD);
        assert_eq!(own.open(b"place", &sealed).unwrap().expose(), b"state");
        assert_ne!(own.seal(b"place", b"state").unwrap(), sealed);
        let invalid = Err(Error::SavedStateInvalid);
        assert_eq!(own.open(b"else", &sealed).map(drop), invalid);
        assert_eq!(other.open(b"place", &sealed).map(drop), invalid);
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(own.open(b"place", &changed).map(drop), invalid);
            assert_eq!(own.open(b"place", &sealed[..place]).map(drop), invalid);
        }
    }
}
