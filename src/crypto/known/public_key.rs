//! Known answers of signatures, agreement and encapsulation. What has randomness in it is made and undone as well.

use super::answers::{Answers, same};
use crate::crypto::ec::Curve;
use crate::crypto::edwards::Variant;
use crate::crypto::hash::Hash;
use crate::crypto::prehash::Form;
use crate::crypto::rsa::{Imported, Oaep, Pss, digest_info};
use crate::crypto::{ec as curves, edwards, mldsa as lattice, mlkem as kem, montgomery};
use crate::crypto::{rsa as numbers, slhdsa as hash_based};
use crate::error::{Error, Result};

const NO_KEY: Error = Error::Internal("a known key that is none");

/// The SHA-256 of what is too long to be kept.
fn sha256(bytes: &[u8]) -> Result<[u8; 32]> {
    let mut digest = [0; 32];
    Hash::Sha256.digest(&[bytes], &mut digest)?;
    Ok(digest)
}

/// RSA: PKCS#1 v1.5 signatures, PSS and OAEP.
pub(super) fn rsa(known: Answers<'_>) -> Result<()> {
    let part = |name: &str| known.bytes(&format!("rsa.{name}"));
    let (modulus, exponent) = (part("modulus")?, part("public-exponent")?);
    let (prime_1, prime_2) = (part("prime-1")?, part("prime-2")?);
    let (exponent_1, exponent_2) = (part("exponent-1")?, part("exponent-2")?);
    let private = numbers::PrivateKey::load(&Imported {
        modulus: &modulus,
        public_exponent: &exponent,
        private_exponent: &part("private-exponent")?,
        primes: Some([&prime_1, &prime_2]),
        exponents: Some([&exponent_1, &exponent_2]),
        coefficient: Some(&part("coefficient")?),
    });
    let private = private.ok_or(NO_KEY)?;
    let public = numbers::PublicKey::new(&modulus, &exponent).ok_or(NO_KEY)?;
    let digest = sha256(b"abc")?;
    let data = digest_info(Hash::Sha256, &digest);
    let mut signature = vec![0; private.size()];
    private.sign_pkcs1(&data, &mut signature)?;
    known.compare("rsa.signature.answer", &signature)?;
    public.verify_pkcs1(&data, &signature)?;
    let pss = Pss {
        hash: Hash::Sha256,
        mgf: Hash::Sha256,
        salt: 32,
    };
    public.verify_pss(&digest, pss, &part("pss.answer")?)?;
    let oaep = Oaep {
        hash: Hash::Sha256,
        mgf: Hash::Sha256,
        label: &[],
    };
    let plain = private.decrypt_oaep(&part("oaep.ciphertext")?, oaep)?;
    known.compare("rsa.oaep.answer", plain.expose())
}

/// ECDSA and ECDH.
pub(super) fn ec(known: Answers<'_>) -> Result<()> {
    for (curve, name, hash) in [
        (Curve::P224, "p224", Hash::Sha224),
        (Curve::P256, "p256", Hash::Sha256),
        (Curve::P384, "p384", Hash::Sha256),
        (Curve::P521, "p521", Hash::Sha256),
    ] {
        let part = |what: &str| format!("ecdsa.{name}.{what}");
        let private = curves::PrivateKey::new(curve, &known.bytes(&part("private"))?);
        let private = private.ok_or(NO_KEY)?;
        let point = private.public_point()?;
        known.compare(&part("public.answer"), &point)?;
        let public = curves::PublicKey::new(curve, &point).ok_or(NO_KEY)?;
        let mut digest = vec![0; hash.length()];
        hash.digest(&[b"sample"], &mut digest)?;
        public.verify(&digest, &known.bytes(&part("signature.answer"))?)?;
        let mut signature = vec![0; curve.signature_size()];
        private.sign(&digest, &mut signature)?;
        public.verify(&digest, &signature)?;
    }
    let private = curves::PrivateKey::new(Curve::P256, &known.bytes("ecdh.private")?);
    let secret = private.ok_or(NO_KEY)?.agree(&known.bytes("ecdh.peer")?);
    known.compare("ecdh.answer", secret.ok_or(NO_KEY)?.expose())
}

/// Ed25519.
pub(super) fn ed25519(known: Answers<'_>) -> Result<()> {
    let key = edwards::PrivateKey::new(&known.bytes("ed25519.seed")?).ok_or(NO_KEY)?;
    known.compare("ed25519.public.answer", key.public().encoded())?;
    let message = known.bytes("ed25519.message")?;
    let signature = key.sign(&message, Variant::Pure)?;
    known.compare("ed25519.signature.answer", &signature)?;
    key.public().verify(&message, Variant::Pure, &signature)
}

/// X25519.
pub(super) fn x25519(known: Answers<'_>) -> Result<()> {
    let private = known.array("x25519.private")?;
    known.compare("x25519.public.answer", &montgomery::public(&private))?;
    let secret = montgomery::agree(&private, &known.array("x25519.peer")?).ok_or(NO_KEY)?;
    known.compare("x25519.answer", secret.expose())
}

/// ML-KEM.
pub(super) fn mlkem(known: Answers<'_>) -> Result<()> {
    let set = kem::Set::MlKem768;
    let private = kem::PrivateKey::from_seed(set, &known.bytes("mlkem.seed")?).ok_or(NO_KEY)?;
    let encoded = private.public()?;
    known.compare("mlkem.public.answer", &sha256(&encoded)?)?;
    let secret = private.decapsulate(&known.bytes("mlkem.ciphertext")?)?;
    known.compare("mlkem.answer", secret.expose())?;
    let public = kem::PublicKey::new(set, &encoded).ok_or(NO_KEY)?;
    let (ciphertext, secret) = public.encapsulate()?;
    same(private.decapsulate(&ciphertext)?.expose(), secret.expose())
}

/// ML-DSA.
pub(super) fn mldsa(known: Answers<'_>) -> Result<()> {
    let set = lattice::Set::MlDsa65;
    let private = lattice::PrivateKey::from_seed(set, &known.bytes("mldsa.seed")?);
    let private = private.ok_or(NO_KEY)?;
    let encoded = private.public()?;
    known.compare("mldsa.public.answer", &sha256(&encoded)?)?;
    let public = lattice::PublicKey::new(set, &encoded).ok_or(NO_KEY)?;
    let mut message = public.message(&Form::Pure(&[]));
    message.update(&known.bytes("mldsa.message")?);
    let message = message.finish();
    let mut signature = vec![0; set.signature_size()];
    private.sign(&message, true, &mut signature)?;
    known.compare("mldsa.signature.answer", &sha256(&signature)?)?;
    public.verify(&message, &signature)?;
    private.sign(&message, false, &mut signature)?;
    public.verify(&message, &signature)
}

/// SLH-DSA, with SHA-2 and with SHAKE.
pub(super) fn slhdsa(known: Answers<'_>) -> Result<()> {
    for (set, name) in [
        (hash_based::Set::Sha2_128f, "sha2-128f"),
        (hash_based::Set::Shake128f, "shake-128f"),
    ] {
        let encoded = known.bytes(&format!("slhdsa.{name}.private"))?;
        let private = hash_based::PrivateKey::new(set, &encoded).ok_or(NO_KEY)?;
        let (form, mut signature) = (Form::Pure(&[]), vec![0; set.signature_size()]);
        private.sign(&form, b"abc", true, &mut signature)?;
        known.compare(
            &format!("slhdsa.{name}.signature.answer"),
            &sha256(&signature)?,
        )?;
        let public = hash_based::PublicKey::new(set, private.public()).ok_or(NO_KEY)?;
        public.verify(&form, b"abc", &signature)?;
    }
    Ok(())
}
