//! Known answers of the primitives that everything rests on, computed again by this program.

use super::{Check, Verdict, check};
use keyward_pkcs11::crypto::aes::{self, GcmShape};
use keyward_pkcs11::crypto::edwards::{PrivateKey, Variant};
use keyward_pkcs11::crypto::hash::Hash;
use keyward_pkcs11::crypto::hmac;
use keyward_pkcs11::crypto::keywrap;
use keyward_pkcs11::error::Result;

/// One test: what it is called, and what it gives beside what it must give.
type Test = (&'static str, fn() -> Result<(Vec<u8>, Vec<u8>)>);

const TESTS: [Test; 6] = [
    ("SHA-256", sha256),
    ("HMAC-SHA-256", hmac_sha256),
    ("AES-256", aes256),
    ("AES-256-GCM", gcm),
    ("AES key wrap", wrap),
    ("Ed25519", ed25519),
];

/// Whether every primitive gives its known answer.
pub(super) fn answers() -> Check {
    let subject = "self-test";
    let wrong = |(_, test): &&Test| !test().is_ok_and(|(given, known)| given == known);
    let wrong: Vec<&str> = TESTS.iter().filter(wrong).map(|(name, _)| *name).collect();
    if wrong.is_empty() {
        let names: Vec<&str> = TESTS.iter().map(|(name, _)| *name).collect();
        let finding = format!("{} give their known answers", names.join(", "));
        return check(Verdict::Good, subject, finding);
    }
    let finding = format!(
        "wrong answers of {}: use nothing that this program or module makes; try another machine",
        wrong.join(", ")
    );
    check(Verdict::Bad, subject, finding)
}

/// Bytes of a test vector.
fn hex(text: &str) -> Vec<u8> {
    crate::hex::bytes_in_hex(text)
        .map(|bytes| bytes.0)
        .unwrap_or_default()
}

/// FIPS 180-2, appendix B.1.
fn sha256() -> Result<(Vec<u8>, Vec<u8>)> {
    let mut digest = vec![0; Hash::Sha256.length()];
    Hash::Sha256.digest(&[b"abc"], &mut digest)?;
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    Ok((digest, hex(known)))
}

/// RFC 4231, test case 2.
fn hmac_sha256() -> Result<(Vec<u8>, Vec<u8>)> {
    let mut tag = vec![0; Hash::Sha256.length()];
    hmac::Key::new(Hash::Sha256, b"Jefe").mac(&[b"what do ya want for nothing?"], &mut tag)?;
    let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    Ok((tag, hex(known)))
}

/// FIPS 197, appendix C.3.
fn aes256() -> Result<(Vec<u8>, Vec<u8>)> {
    let key = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    let mut block = vec![0; aes::BLOCK];
    aes::Key::new(&key)?.ecb_encrypt(&hex("00112233445566778899aabbccddeeff"), &mut block)?;
    Ok((block, hex("8ea2b7ca516745bfeafc49904b496089")))
}

/// The GCM specification of McGrew and Viega, test case 14.
fn gcm() -> Result<(Vec<u8>, Vec<u8>)> {
    let mut sealed = vec![0; 32];
    let iv = [0; 12];
    let shape = GcmShape::new(&iv, &[], 16)?;
    aes::Key::new(&[0; 32])?.gcm_encrypt(shape, &[0; 16], &mut sealed)?;
    let known = "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919";
    Ok((sealed, hex(known)))
}

/// RFC 3394, section 4.6, both ways.
fn wrap() -> Result<(Vec<u8>, Vec<u8>)> {
    let kek = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    let key = hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f");
    let kek = keywrap::Key::new(&kek)?;
    let mut wrapped = vec![0; key.len() + keywrap::SEMIBLOCK];
    kek.wrap(&keywrap::DEFAULT_IV, &key, &mut wrapped)?;
    let mut back = vec![0; key.len()];
    kek.unwrap(&keywrap::DEFAULT_IV, &wrapped, &mut back)?;
    let known = "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21";
    Ok(([wrapped, back].concat(), [hex(known), key].concat()))
}

/// RFC 8032, section 7.1, test 1, made and verified.
fn ed25519() -> Result<(Vec<u8>, Vec<u8>)> {
    let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    let known = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
    let Some(key) = PrivateKey::new(&seed) else {
        return Ok((Vec::new(), hex(known)));
    };
    let signature = key.sign(&[], Variant::Pure)?;
    key.public().verify(&[], Variant::Pure, &signature)?;
    Ok((signature.to_vec(), hex(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_the_known_one() {
        for (name, test) in TESTS {
            let (given, known) = test().unwrap();
            assert!(!known.is_empty());
            assert_eq!(given, known, "{name}");
        }
    }
}
