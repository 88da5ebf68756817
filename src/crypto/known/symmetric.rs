//! Known answers of hash functions, MACs and ciphers.

use super::answers::{Answers, same};
use crate::crypto::aes::XtsKey;
use crate::crypto::aes::{self, CcmShape, Ctr, Direction, Feedback, FeedbackStream, GcmShape};
use crate::crypto::chacha::Aead;
use crate::crypto::digest::MAX_LENGTH;
use crate::crypto::hash::Hash;
use crate::crypto::{cmac, hmac as mac, keywrap};
use crate::error::{Error, Result};

/// The names of the hashes in the file.
const HASHES: [(Hash, &str); 16] = [
    (Hash::Md5, "md5"),
    (Hash::Sha1, "sha1"),
    (Hash::Sha224, "sha224"),
    (Hash::Sha256, "sha256"),
    (Hash::Sha384, "sha384"),
    (Hash::Sha512, "sha512"),
    (Hash::Sha512_224, "sha512-224"),
    (Hash::Sha512_256, "sha512-256"),
    (Hash::Sha3_224, "sha3-224"),
    (Hash::Sha3_256, "sha3-256"),
    (Hash::Sha3_384, "sha3-384"),
    (Hash::Sha3_512, "sha3-512"),
    (Hash::Blake2b160, "blake2b-160"),
    (Hash::Blake2b256, "blake2b-256"),
    (Hash::Blake2b384, "blake2b-384"),
    (Hash::Blake2b512, "blake2b-512"),
];

/// As many wraps as fill the lanes of every implementation, and some more.
const BATCH: usize = 37;

/// Every hash function.
pub(super) fn hashes(known: Answers<'_>) -> Result<()> {
    for (hash, name) in HASHES {
        let mut digest = [0; MAX_LENGTH];
        let length = hash.digest(&[b"abc"], &mut digest)?;
        let digest = digest.get(..length).unwrap_or_default();
        known.compare(&format!("digest.{name}.answer"), digest)?;
    }
    Ok(())
}

/// HMAC with a hash of each kind.
pub(super) fn hmac(known: Answers<'_>) -> Result<()> {
    for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha512, Hash::Sha3_256] {
        let own = HASHES.iter().find(|(own, _)| *own == hash);
        let (_, name) = own.ok_or(Error::Internal("a hash without a name"))?;
        let mut tag = vec![0; hash.length()];
        let data: &[u8] = b"what do ya want for nothing?";
        mac::Key::new(hash, b"Jefe").mac(&[data], &mut tag)?;
        known.compare(&format!("hmac.{name}.answer"), &tag)?;
    }
    Ok(())
}

/// AES as it is, in its modes, and CMAC.
pub(super) fn aes(known: Answers<'_>) -> Result<()> {
    block(known)?;
    modes(known)?;
    gcm(known)?;
    ccm(known)?;
    let key = aes::Key::new(&known.bytes("aes.cmac.key")?)?;
    let mut mac = cmac::Mac::new(&key);
    mac.update(&known.bytes("aes.cmac.data")?);
    known.compare("aes.cmac.answer", &*mac.finish())?;
    xts(known)
}

fn block(known: Answers<'_>) -> Result<()> {
    let key = aes::Key::new(&known.bytes("aes.ecb.key")?)?;
    let plain: [u8; aes::BLOCK] = known.array("aes.ecb.plain")?;
    let (mut sealed, mut back) = ([0; aes::BLOCK], [0; aes::BLOCK]);
    key.ecb_encrypt(&plain, &mut sealed)?;
    known.compare("aes.ecb.answer", &sealed)?;
    key.ecb_decrypt(&sealed, &mut back)?;
    same(&back, &plain)
}

/// CBC, CFB, OFB and counter mode.
fn modes(known: Answers<'_>) -> Result<()> {
    let bytes = known.bytes("aes.modes.key")?;
    let key = aes::Key::new(&bytes)?;
    let plain: [u8; 2 * aes::BLOCK] = known.array("aes.modes.plain")?;
    let iv: [u8; aes::BLOCK] = known.array("aes.modes.iv")?;
    let (mut sealed, mut back) = ([0; 2 * aes::BLOCK], [0; 2 * aes::BLOCK]);
    key.cbc_encrypt(&mut iv.clone(), &plain, &mut sealed)?;
    known.compare("aes.cbc.answer", &sealed)?;
    key.cbc_decrypt(&mut iv.clone(), &sealed, &mut back)?;
    same(&back, &plain)?;
    for (mode, name) in [
        (Feedback::Cipher128, "aes.cfb.answer"),
        (Feedback::Output, "aes.ofb.answer"),
    ] {
        FeedbackStream::new(&key, mode, Direction::Encrypt, &iv)?.apply(&plain, &mut sealed)?;
        known.compare(name, &sealed)?;
        FeedbackStream::new(&key, mode, Direction::Decrypt, &iv)?.apply(&sealed, &mut back)?;
        same(&back, &plain)?;
    }
    let counter = known.array("aes.modes.counter")?;
    Ctr::new(&key, counter, 128)?.apply(&plain, &mut sealed)?;
    known.compare("aes.ctr.answer", &sealed)
}

fn gcm(known: Answers<'_>) -> Result<()> {
    let key = aes::Key::new(&known.bytes("aes.gcm.key")?)?;
    let (iv, aad) = (known.bytes("aes.gcm.iv")?, known.bytes("aes.gcm.aad")?);
    let plain = known.bytes("aes.gcm.plain")?;
    let mut sealed = vec![0; plain.len() + 16];
    key.gcm_encrypt(GcmShape::new(&iv, &aad, 16)?, &plain, &mut sealed)?;
    known.compare("aes.gcm.answer", &sealed)?;
    let mut back = vec![0; plain.len()];
    key.gcm_decrypt(GcmShape::new(&iv, &aad, 16)?, &sealed, &mut back)?;
    same(&back, &plain)?;
    // Long messages are another implementation's.
    let plain: Vec<u8> = plain.iter().copied().cycle().take(1024).collect();
    let mut sealed = vec![0; plain.len() + 16];
    key.gcm_encrypt(GcmShape::new(&iv, &aad, 16)?, &plain, &mut sealed)?;
    let mut digest = [0; Hash::Sha256.length()];
    Hash::Sha256.digest(&[&sealed], &mut digest)?;
    known.compare("aes.gcm-long.answer", &digest)?;
    let mut back = vec![0; plain.len()];
    key.gcm_decrypt(GcmShape::new(&iv, &aad, 16)?, &sealed, &mut back)?;
    same(&back, &plain)
}

fn ccm(known: Answers<'_>) -> Result<()> {
    let key = aes::Key::new(&known.bytes("aes.ccm.key")?)?;
    let (nonce, aad) = (known.bytes("aes.ccm.nonce")?, known.bytes("aes.ccm.aad")?);
    let plain = known.bytes("aes.ccm.plain")?;
    let mut sealed = vec![0; plain.len() + 4];
    key.ccm_encrypt(CcmShape::new(&nonce, &aad, 4)?, &plain, &mut sealed)?;
    known.compare("aes.ccm.answer", &sealed)?;
    let back = key.ccm_decrypt(CcmShape::new(&nonce, &aad, 4)?, &sealed)?;
    same(back.expose(), &plain)
}

fn xts(known: Answers<'_>) -> Result<()> {
    let key = XtsKey::new(&known.bytes("aes.xts.key")?)?;
    let tweak: [u8; aes::BLOCK] = known.array("aes.xts.tweak")?;
    let plain: [u8; 2 * aes::BLOCK] = known.array("aes.xts.plain")?;
    let (mut sealed, mut back) = ([0; 2 * aes::BLOCK], [0; 2 * aes::BLOCK]);
    key.apply(Direction::Encrypt, tweak, &plain, &mut sealed)?;
    known.compare("aes.xts.answer", &sealed)?;
    key.apply(Direction::Decrypt, tweak, &sealed, &mut back)?;
    same(&back, &plain)
}

/// AES key wrap, with and without padding, by the code for this processor and by that for any.
pub(super) fn key_wrap(known: Answers<'_>) -> Result<()> {
    let (key, plain) = (known.bytes("keywrap.key")?, known.bytes("keywrap.plain")?);
    for key in [keywrap::Key::new(&key)?, keywrap::Key::portable(&key)?] {
        let mut wrapped = vec![0; plain.len() + keywrap::SEMIBLOCK];
        key.wrap(&keywrap::DEFAULT_IV, &plain, &mut wrapped)?;
        known.compare("keywrap.answer", &wrapped)?;
        let mut back = vec![0; plain.len()];
        key.unwrap(&keywrap::DEFAULT_IV, &wrapped, &mut back)?;
        same(&back, &plain)?;
        batch(&key, &plain, &wrapped)?;
    }
    let key = keywrap::Key::new(&known.bytes("keywrap.padded.key")?)?;
    let plain = known.bytes("keywrap.padded.plain")?;
    let mut wrapped = known.bytes("keywrap.padded.answer")?;
    wrapped.fill(0);
    key.wrap_padded(&keywrap::DEFAULT_PADDED_IV, &plain, &mut wrapped)?;
    known.compare("keywrap.padded.answer", &wrapped)?;
    let mut back = vec![0; wrapped.len()];
    let length = key.unwrap_padded(&keywrap::DEFAULT_PADDED_IV, &wrapped, &mut back)?;
    same(back.get(..length).unwrap_or_default(), &plain)
}

/// Many wraps at once, which other instructions of the processor may do.
fn batch(key: &keywrap::Key, plain: &[u8], wrapped: &[u8]) -> Result<()> {
    let mut sealed = vec![vec![0; wrapped.len()]; BATCH];
    key.wrap_batch(&mut items(plain, &mut sealed))?;
    sealed.iter().try_for_each(|sealed| same(sealed, wrapped))?;
    let mut back = vec![vec![0; plain.len()]; BATCH];
    for verdict in key.unwrap_batch(&mut items(wrapped, &mut back))? {
        verdict.accept()?;
    }
    back.iter().try_for_each(|back| same(back, plain))
}

/// The same input for each of the outputs.
fn items<'a>(input: &'a [u8], outs: &'a mut [Vec<u8>]) -> Vec<keywrap::Item<'a>> {
    outs.iter_mut()
        .map(|out| keywrap::Item { input, out })
        .collect()
}

/// ChaCha20-Poly1305.
pub(super) fn chacha(known: Answers<'_>) -> Result<()> {
    let key = known.array("chacha.key")?;
    let (nonce, aad) = (known.bytes("chacha.nonce")?, known.bytes("chacha.aad")?);
    let plain = known.bytes("chacha.plain")?;
    let key = Aead::new(&key, nonce.len())?;
    let mut sealed = vec![0; plain.len() + 16];
    key.encrypt(&nonce, &aad, &plain, &mut sealed)?;
    known.compare("chacha.answer", &sealed)?;
    same(key.decrypt(&nonce, &aad, &sealed)?.expose(), &plain)
}
