//! How SoftHSM2 encrypts: a key for each token, AES-256, under a key that the PIN gives.
//!
//! A PIN's blob is salt (8 bytes), initialisation vector (16), and in AES-256-CBC with PKCS#7 padding three
//! known bytes and the token's key. The PIN's key is SHA-256 of salt and PIN, hashed again as often as 1,500
//! and the last byte of the salt say, the first time counted. A private object's values are each an
//! initialisation vector and AES-256-CBC under the token's key.

use keyward_pkcs11::crypto::aes;
use keyward_pkcs11::crypto::hash::Hash;
use keyward_pkcs11::error::Result;
use keyward_pkcs11::secret::SecretBytes;

const SALT: usize = 8;
/// How often a PIN is hashed at least.
const LEAST_PASSES: u32 = 1_500;
/// What stands before the token's key, if the PIN is right.
const MAGIC: &[u8] = b"RJR";

/// The key of a token's private values.
pub(super) struct DataKey(aes::Key);

impl DataKey {
    /// Opens a PIN's blob; `None` when the PIN is wrong.
    ///
    /// # Errors
    /// None but those of the primitives.
    pub(super) fn open(blob: &[u8], pin: &[u8]) -> Result<Option<DataKey>> {
        let Some((salt, sealed)) = blob.split_first_chunk::<SALT>() else {
            return Ok(None);
        };
        let key = aes::Key::new(stretched(salt, pin)?.expose())?;
        let Some(opened) = decrypt(&key, sealed) else {
            return Ok(None);
        };
        match opened.expose().strip_prefix(MAGIC) {
            Some(key) if key.len() == 32 => Ok(Some(DataKey(aes::Key::new(key)?))),
            _ => Ok(None),
        }
    }

    /// Opens a value; `None` when it is damaged. An empty one is empty.
    pub(super) fn decrypt(&self, sealed: &[u8]) -> Option<SecretBytes> {
        if sealed.is_empty() {
            return Some(SecretBytes::zeroed(0));
        }
        decrypt(&self.0, sealed)
    }
}

fn stretched(salt: &[u8; SALT], pin: &[u8]) -> Result<SecretBytes> {
    let [.., last] = salt;
    let mut state = SecretBytes::zeroed(Hash::Sha256.length());
    Hash::Sha256.digest(&[salt, pin], state.expose_mut())?;
    for _ in 1..LEAST_PASSES + u32::from(*last) {
        let before = state.duplicate();
        Hash::Sha256.digest(&[before.expose()], state.expose_mut())?;
    }
    Ok(state)
}

fn decrypt(key: &aes::Key, sealed: &[u8]) -> Option<SecretBytes> {
    let (iv, sealed) = sealed.split_first_chunk::<{ aes::BLOCK }>()?;
    let mut opened = SecretBytes::zeroed(sealed.len());
    let length = key.cbc_pad_decrypt(iv, sealed, opened.expose_mut()).ok()?;
    opened.expose().get(..length).map(SecretBytes::copy_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(key: &aes::Key, plain: &[u8]) -> Vec<u8> {
        let iv = [9; aes::BLOCK];
        let mut sealed = vec![0; plain.len() + aes::BLOCK];
        let length = key.cbc_pad_encrypt(&iv, plain, &mut sealed).unwrap();
        [&iv[..], &sealed[..length]].concat()
    }

    #[test]
    fn the_right_pin_opens_and_no_other() {
        let salt = [1, 2, 3, 4, 5, 6, 7, 0];
        let outer = aes::Key::new(stretched(&salt, b"1234").unwrap().expose()).unwrap();
        let inner = [MAGIC, &[7; 32][..]].concat();
        let blob = [&salt[..], &seal(&outer, &inner)].concat();
        let key = DataKey::open(&blob, b"1234").unwrap().unwrap();
        let value = seal(&aes::Key::new(&[7; 32]).unwrap(), b"a value");
        assert_eq!(key.decrypt(&value).unwrap().expose(), b"a value");
        assert!(key.decrypt(&[]).unwrap().is_empty());
        assert!(key.decrypt(&value[1..]).is_none());
        assert!(DataKey::open(&blob, b"1235").unwrap().is_none());
        assert!(DataKey::open(&blob[..20], b"1234").unwrap().is_none());
    }
}
