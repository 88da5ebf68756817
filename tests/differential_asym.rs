//! Each asymmetric primitive against the other implementation: RSA against the `rsa` crate, the curves
//! against RustCrypto's, Ed25519 and X25519 against dalek's. What one makes, the other must take.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test fails by panicking"
)]

use keyward_pkcs11::crypto::ec::{self, Curve};
use keyward_pkcs11::crypto::edwards::{self, Variant};
use keyward_pkcs11::crypto::hash::Hash;
use keyward_pkcs11::crypto::rsa::{self as own, Imported, Oaep, Pss, digest_info};
use keyward_pkcs11::crypto::{der, montgomery};
use keyward_pkcs11::error::Error;
use rand::{Rng, RngExt};
use rsa::pkcs8::EncodePrivateKey;
use rsa::signature::hazmat::PrehashVerifier;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BoxedUint, RsaPrivateKey, RsaPublicKey};
use sha2::Digest;
use std::sync::LazyLock;

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

/// One key for all tests: making them is the slow part.
static KEY: LazyLock<(own::PrivateKey, own::PublicKey, RsaPrivateKey)> = LazyLock::new(|| {
    let key = own::PrivateKey::generate(2048, &[1, 0, 1]).unwrap();
    let parts = key.parts().unwrap();
    let public = own::PublicKey::new(&parts.modulus, &parts.public_exponent).unwrap();
    let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
    let other = RsaPrivateKey::from_components(
        number(&parts.modulus),
        number(&parts.public_exponent),
        number(parts.private_exponent.expose()),
        vec![
            number(parts.prime_1.expose()),
            number(parts.prime_2.expose()),
        ],
    )
    .unwrap();
    (key, public, other)
});

/// Runs `$body` with `$hash` naming the hash here and `$other` its type there, for every hash.
macro_rules! for_each_hash {
    ($hash:ident, $other:ident => $body:block) => {
        for_each_hash!(@one $hash, $other, $body, Hash::Sha1, sha1::Sha1);
        for_each_hash!(@one $hash, $other, $body, Hash::Sha224, sha2::Sha224);
        for_each_hash!(@one $hash, $other, $body, Hash::Sha256, sha2::Sha256);
        for_each_hash!(@one $hash, $other, $body, Hash::Sha384, sha2::Sha384);
        for_each_hash!(@one $hash, $other, $body, Hash::Sha512, sha2::Sha512);
        for_each_hash!(@one $hash, $other, $body, Hash::Sha512_224, sha2::Sha512_224);
        for_each_hash!(@one $hash, $other, $body, Hash::Sha512_256, sha2::Sha512_256);
        for_each_hash!(@one $hash, $other, $body, Hash::Sha3_224, sha3::Sha3_224);
        for_each_hash!(@one $hash, $other, $body, Hash::Sha3_256, sha3::Sha3_256);
        for_each_hash!(@one $hash, $other, $body, Hash::Sha3_384, sha3::Sha3_384);
        for_each_hash!(@one $hash, $other, $body, Hash::Sha3_512, sha3::Sha3_512);
    };
    (@one $hash:ident, $other:ident, $body:block, $variant:expr, $type:ty) => {{
        let $hash = $variant;
        type $other = $type;
        $body
    }};
}

#[test]
fn pkcs1_signatures_agree_for_every_hash() {
    let (key, public, other) = &*KEY;
    for_each_hash!(hash, H => {
        let digest = H::digest(random(100));
        let mut signature = vec![0; key.size()];
        key.sign_pkcs1(&digest_info(hash, &digest), &mut signature).unwrap();
        let theirs = other.sign(rsa::Pkcs1v15Sign::new::<H>(), &digest).unwrap();
        assert_eq!(signature, theirs, "{hash:?}");
        public.verify_pkcs1(&digest_info(hash, &digest), &theirs).unwrap();
        signature[9] ^= 1;
        let bad = public.verify_pkcs1(&digest_info(hash, &digest), &signature);
        assert_eq!(bad, Err(Error::SignatureInvalid));
    });
}

#[test]
fn pss_signatures_agree_for_every_hash_and_salt() {
    let (key, public, other) = &*KEY;
    let theirs = RsaPublicKey::from(other);
    for_each_hash!(hash, H => {
        for salt in [0, 1, hash.length(), 100] {
            let digest = H::digest(random(100));
            let pss = Pss { hash, mgf: hash, salt };
            let mut signature = vec![0; key.size()];
            key.sign_pss(&digest, pss, &mut signature).unwrap();
            theirs.verify(rsa::Pss::<H>::new_with_salt(salt), &digest, &signature).unwrap();
            let made = other
                .sign_with_rng(&mut rand::rng(), rsa::Pss::<H>::new_with_salt(salt), &digest)
                .unwrap();
            public.verify_pss(&digest, pss, &made).unwrap();
            let longer = Pss { salt: salt + 1, ..pss };
            assert_eq!(public.verify_pss(&digest, longer, &made), Err(Error::SignatureInvalid));
        }
    });
}

#[test]
fn pss_takes_a_mask_hash_of_its_own() {
    let (key, public, _) = &*KEY;
    let digest = sha2::Sha512::digest(b"x");
    let pss = Pss {
        hash: Hash::Sha512,
        mgf: Hash::Sha1,
        salt: 20,
    };
    let mut signature = vec![0; key.size()];
    key.sign_pss(&digest, pss, &mut signature).unwrap();
    public.verify_pss(&digest, pss, &signature).unwrap();
    let equal = Pss {
        mgf: Hash::Sha512,
        ..pss
    };
    assert_eq!(
        public.verify_pss(&digest, equal, &signature),
        Err(Error::SignatureInvalid)
    );
}

#[test]
fn pss_refuses_what_does_not_fit() {
    let (key, _, _) = &*KEY;
    let mut signature = vec![0; key.size()];
    let pss = |salt| Pss {
        hash: Hash::Sha256,
        mgf: Hash::Sha256,
        salt,
    };
    assert!(pss(222).fits(2048) && !pss(223).fits(2048) && !pss(usize::MAX).fits(2048));
    key.sign_pss(&[1; 32], pss(222), &mut signature).unwrap();
    assert_eq!(
        key.sign_pss(&[1; 32], pss(223), &mut signature),
        Err(Error::DataLenRange)
    );
    assert_eq!(
        key.sign_pss(&[1; 31], pss(32), &mut signature),
        Err(Error::DataLenRange)
    );
}

#[test]
fn oaep_agrees_for_every_hash_with_unequal_mask_and_label() {
    let (key, public, other) = &*KEY;
    let theirs = RsaPublicKey::from(other);
    for_each_hash!(hash, H => {
        for (mgf, label) in [(hash, &b""[..]), (Hash::Sha1, &b"a label"[..])] {
            let oaep = Oaep { hash, mgf, label };
            let message = random(oaep.capacity(key.size()).unwrap());
            let mut cipher = vec![0; key.size()];
            public.encrypt_oaep(&message, oaep, &mut cipher).unwrap();
            assert_eq!(key.decrypt_oaep(&cipher, oaep).unwrap().expose(), message);
            let (plain, made) = if label.is_empty() {
                let padding = rsa::Oaep::<H>::new;
                (
                    other.decrypt(padding(), &cipher).unwrap(),
                    theirs.encrypt(&mut rand::rng(), padding(), &message).unwrap(),
                )
            } else {
                let padding = || rsa::Oaep::<H, sha1::Sha1>::new_with_mgf_hash_and_label(label);
                (
                    other.decrypt(padding(), &cipher).unwrap(),
                    theirs.encrypt(&mut rand::rng(), padding(), &message).unwrap(),
                )
            };
            assert_eq!(plain, message);
            assert_eq!(key.decrypt_oaep(&made, oaep).unwrap().expose(), message);
            let wrong = Oaep { label: b"other", ..oaep };
            assert_eq!(key.decrypt_oaep(&made, wrong).err(), Some(Error::EncryptedDataInvalid));
            let long = random(message.len() + 1);
            assert_eq!(public.encrypt_oaep(&long, oaep, &mut cipher), Err(Error::DataLenRange));
        }
    });
}

#[test]
fn pkcs1_encryption_agrees_and_broken_padding_gives_the_same_substitute() {
    let (key, public, other) = &*KEY;
    let theirs = RsaPublicKey::from(other);
    for length in [0, 1, 32, 245] {
        let message = random(length);
        let mut cipher = vec![0; key.size()];
        public.encrypt_pkcs1(&message, &mut cipher).unwrap();
        assert_eq!(
            other.decrypt(rsa::Pkcs1v15Encrypt, &cipher).unwrap(),
            message
        );
        let made = theirs
            .encrypt(&mut rand::rng(), rsa::Pkcs1v15Encrypt, &message)
            .unwrap();
        assert_eq!(key.decrypt_pkcs1(&made, None).unwrap().expose(), message);
    }
    for _ in 0..200 {
        let mut noise = random(key.size());
        noise[0] = 0;
        let substitute = key.decrypt_pkcs1(&noise, None).unwrap();
        assert_eq!(
            substitute.expose(),
            other.decrypt(rsa::Pkcs1v15Encrypt, &noise).unwrap()
        );
        assert!(substitute.len() <= own::pkcs1_capacity(key.size()));
    }
    assert_eq!(
        public.encrypt_pkcs1(&[0; 246], &mut [0; 256]),
        Err(Error::DataLenRange)
    );
    assert_eq!(
        key.decrypt_pkcs1(&[1; 255], None).err(),
        Some(Error::EncryptedDataLenRange)
    );
    assert_eq!(
        key.decrypt_pkcs1(&[0xff; 256], None).err(),
        Some(Error::EncryptedDataInvalid)
    );
}

#[test]
fn keys_of_other_lengths_are_replaced_without_a_word() {
    let (key, public, _) = &*KEY;
    let mut cipher = vec![0; key.size()];
    public.encrypt_pkcs1(&[7; 24], &mut cipher).unwrap();
    let decrypt = |lengths: &[usize]| key.decrypt_pkcs1(&cipher, Some(lengths)).unwrap();
    assert_eq!(decrypt(&[24]).expose(), [7; 24]);
    assert_eq!(decrypt(&[16, 24, 32]).expose(), [7; 24]);
    let substitute = decrypt(&[16, 32]);
    assert!([16, 32].contains(&substitute.len()) && substitute.expose()[..16] != [7; 16]);
    assert_eq!(substitute, decrypt(&[16, 32]));
    let mut seen = [false; 3];
    for last in 0..50 {
        let mut noise = cipher.clone();
        noise[255] ^= last + 1;
        let length = key
            .decrypt_pkcs1(&noise, Some(&[16, 24, 32]))
            .unwrap()
            .len();
        seen[(length - 16) / 8] = true;
    }
    assert_eq!(seen, [true; 3]);
    assert!(key.decrypt_pkcs1(&cipher, Some(&[])).is_err());
    assert!(key.decrypt_pkcs1(&cipher, Some(&[1000])).is_err());
}

#[test]
fn implicit_rejection_gives_the_messages_of_the_draft() {
    let text = include_str!("vectors/rsa_implicit_rejection.json");
    let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
    let hex = |value: &serde_json::Value| hex(value.as_str().unwrap());
    let mut count = 0;
    for group in vectors["groups"].as_array().unwrap() {
        let encoded = hex(&group["key"]);
        let Some(der::ReadPrivate::Rsa(numbers)) = der::read_private_key_info(&encoded) else {
            panic!("not an RSA key")
        };
        let key = own::PrivateKey::import(&numbers).unwrap();
        for case in group["cases"].as_array().unwrap() {
            let message = key.decrypt_pkcs1(&hex(&case["ciphertext"]), None).unwrap();
            assert_eq!(message.expose(), hex(&case["message"]), "{}", case["id"]);
            count += 1;
        }
    }
    assert!(count >= 20, "only {count} vectors");
}

#[test]
fn raw_rsa_is_its_own_inverse() {
    let (key, public, _) = &*KEY;
    let mut input = random(key.size());
    input[0] = 0;
    let (mut once, mut twice) = (vec![0; key.size()], vec![0; key.size()]);
    key.raw(&input, &mut once).unwrap();
    public.raw(&once, &mut twice).unwrap();
    assert_eq!(twice, input);
    assert_eq!(key.raw(&[0; 256], &mut once), Err(Error::DataInvalid));
    assert_eq!(key.raw(&[0xff; 256], &mut once), Err(Error::DataInvalid));
    assert_eq!(key.raw(&[1; 255], &mut once), Err(Error::DataLenRange));
    assert_eq!(public.raw(&[0xff; 256], &mut once), Err(Error::DataInvalid));
}

#[test]
fn rsa_keys_travel_as_pkcs8_both_ways() {
    let (key, _, other) = &*KEY;
    let ours = der::private_key_info(der::PrivateNumbers::Rsa(&key.parts().unwrap())).unwrap();
    let theirs = other.to_pkcs8_der().unwrap();
    assert_eq!(ours.expose(), theirs.as_bytes());
}

#[test]
fn missing_rsa_numbers_are_computed() {
    let (key, _, _) = &*KEY;
    let parts = key.parts().unwrap();
    let bare = Imported {
        modulus: &parts.modulus,
        public_exponent: &parts.public_exponent,
        private_exponent: parts.private_exponent.expose(),
        ..Imported::default()
    };
    let primes = Some([parts.prime_1.expose(), parts.prime_2.expose()]);
    for numbers in [bare, Imported { primes, ..bare }] {
        let mut signature = vec![0; key.size()];
        own::PrivateKey::import(&numbers)
            .unwrap()
            .sign_pkcs1(b"data", &mut signature)
            .unwrap();
        KEY.1.verify_pkcs1(b"data", &signature).unwrap();
    }
}

#[test]
fn contradicting_rsa_keys_are_refused_at_once() {
    let (key, _, other) = &*KEY;
    let parts = key.parts().unwrap();
    let good = Imported {
        modulus: &parts.modulus,
        public_exponent: &parts.public_exponent,
        private_exponent: parts.private_exponent.expose(),
        primes: Some([parts.prime_1.expose(), parts.prime_2.expose()]),
        exponents: Some([parts.exponent_1.expose(), parts.exponent_2.expose()]),
        coefficient: Some(parts.coefficient.expose()),
    };
    assert!(own::PrivateKey::import(&good).is_some());
    let even = [parts.modulus.clone(), vec![0]].concat();
    let one = [1];
    let wrong_prime = (other.primes()[0].as_ref() + BoxedUint::from(2_u8)).to_be_bytes();
    let huge = vec![0xff; 300];
    let bad = [
        Imported {
            modulus: &even,
            ..good
        },
        Imported {
            modulus: &[],
            ..good
        },
        Imported {
            modulus: &huge,
            ..good
        },
        Imported {
            modulus: &parts.modulus[1..],
            ..good
        },
        Imported {
            public_exponent: &one,
            ..good
        },
        Imported {
            public_exponent: &[2],
            ..good
        },
        Imported {
            public_exponent: &[],
            ..good
        },
        Imported {
            public_exponent: &[3],
            ..good
        },
        Imported {
            public_exponent: &huge,
            ..good
        },
        Imported {
            private_exponent: &one,
            ..good
        },
        Imported {
            private_exponent: &huge,
            ..good
        },
        Imported {
            private_exponent: &[],
            ..good
        },
        Imported {
            primes: Some([&wrong_prime, parts.prime_2.expose()]),
            ..good
        },
        Imported {
            primes: Some([&parts.modulus, &one]),
            ..good
        },
        Imported {
            primes: Some([&one, &parts.modulus]),
            exponents: None,
            ..good
        },
        Imported {
            primes: Some([&[], &[]]),
            ..good
        },
        Imported {
            primes: Some([parts.prime_1.expose(), parts.prime_1.expose()]),
            ..good
        },
        Imported {
            exponents: Some([&one, parts.exponent_2.expose()]),
            ..good
        },
        Imported {
            coefficient: Some(&one),
            ..good
        },
        Imported {
            coefficient: Some(&huge),
            ..good
        },
        Imported {
            private_exponent: &[3],
            primes: None,
            ..good
        },
    ];
    for (place, numbers) in bad.iter().enumerate() {
        assert!(own::PrivateKey::import(numbers).is_none(), "case {place}");
    }
    assert!(own::PublicKey::new(&parts.modulus, &[3]).is_some());
    for exponent in [&[1][..], &[2], &[], &[0], &[2, 0, 0, 0, 1]] {
        assert!(own::PublicKey::new(&parts.modulus, exponent).is_none());
    }
    assert!(own::PublicKey::new(&even, &[3]).is_none());
    assert!(own::PublicKey::new(&[0xff; 127], &[3]).is_none());
    assert!(own::PublicKey::new(&[0xff; 1025], &[3]).is_none());
}

#[test]
fn composite_primes_are_refused() {
    // Both "primes" are products of two primes, every other number agrees: only a prime test tells.
    let small = || {
        RsaPrivateKey::new(&mut rand::rng(), 1024)
            .unwrap()
            .n()
            .as_ref()
            .clone()
    };
    let wide = |number: BoxedUint| BoxedUint::from_be_slice(&number.to_be_bytes(), 2048).unwrap();
    let (p, q) = (wide(small()), wide(small()));
    let n = p.clone() * q.clone();
    let less_one = |number: &BoxedUint| number.clone() - BoxedUint::one_with_precision(2048);
    let phi = less_one(&p) * less_one(&q);
    let e = BoxedUint::from_be_slice(&[1, 0, 1], phi.bits_precision()).unwrap();
    let d = Option::<BoxedUint>::from(e.invert_mod(&phi.to_nz().unwrap())).unwrap();
    let bytes = |number: &BoxedUint| number.to_be_bytes_trimmed_vartime().into_vec();
    let (n, d, p, q) = (bytes(&n), bytes(&d), bytes(&p), bytes(&q));
    let numbers = Imported {
        modulus: &n,
        public_exponent: &[1, 0, 1],
        private_exponent: &d,
        primes: Some([&p, &q]),
        ..Imported::default()
    };
    assert!(own::PrivateKey::import(&numbers).is_none());
}

#[test]
fn new_rsa_keys_have_the_size_asked_for() {
    for bits in [2048, 3072] {
        let key = own::PrivateKey::generate(bits, &[1, 0, 1]).unwrap();
        assert_eq!((key.bits(), key.size()), (bits, bits / 8));
        let parts = key.parts().unwrap();
        assert_eq!(parts.public_exponent, [1, 0, 1]);
    }
    assert!(own::PrivateKey::generate(2048, &[1, 0, 3]).is_some());
    for (bits, exponent) in [
        (1024, &[1, 0, 1][..]),
        (2047, &[1, 0, 1]),
        (8320, &[1, 0, 1]),
        (usize::MAX, &[1, 0, 1]),
        (2048, &[]),
        (2048, &[1]),
        (2048, &[3]),
        (2048, &[1, 0, 2]),
        (2048, &[0xff; 40]),
    ] {
        assert!(
            own::PrivateKey::generate(bits, exponent).is_none(),
            "{bits} {exponent:?}"
        );
    }
}

/// Runs `$body` with `$curve` naming the curve here and `$other` its crate, for every curve.
macro_rules! for_each_curve {
    ($curve:ident, $other:ident => $body:block) => {
        for_each_curve!(@one $curve, $other, $body, Curve::P256, p256);
        for_each_curve!(@one $curve, $other, $body, Curve::P384, p384);
        for_each_curve!(@one $curve, $other, $body, Curve::P521, p521);
        for_each_curve!(@one $curve, $other, $body, Curve::Secp256k1, k256);
    };
    (@one $curve:ident, $other:ident, $body:block, $variant:expr, $room:ident) => {{
        let $curve = $variant;
        use $room as $other;
        $body
    }};
}

fn shifted_right_by_seven(number: &[u8]) -> Vec<u8> {
    let before = std::iter::once(&0).chain(number);
    before
        .zip(number)
        .map(|(high, low)| high << 1 | low >> 7)
        .collect()
}

#[test]
fn ecdsa_agrees_for_every_curve_and_digest_length() {
    for_each_curve!(curve, other => {
        let key = ec::PrivateKey::generate(curve).unwrap();
        let point = key.public_point().unwrap();
        let public = ec::PublicKey::new(curve, &point).unwrap();
        let theirs = other::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
        let signer = other::ecdsa::SigningKey::from_slice(key.number().unwrap().expose()).unwrap();
        // The other side wants half a field's length at least.
        for length in [33, 48, 64, 66, 100] {
            let mut digest = random(length);
            let mut signature = vec![0; curve.signature_size()];
            assert_eq!(key.sign(&digest, &mut signature), Ok(signature.len()));
            if curve == Curve::P521 && length > 65 {
                // The other side keeps whole bytes; the standard, and we, keep the first 521 bits.
                digest = shifted_right_by_seven(&digest[..66]);
            }
            // k256 takes the lower of the two values of s that fit; either proves ours.
            let parsed = other::ecdsa::Signature::from_slice(&signature).unwrap().normalize_s();
            assert_eq!(theirs.verify_prehash(&digest, &parsed).ok(), Some(()), "{curve:?} {length}");
            use rsa::signature::hazmat::PrehashSigner;
            let made: other::ecdsa::Signature = signer.sign_prehash(&digest).unwrap();
            if curve != Curve::P521 || length < 66 {
                public.verify(&digest, &made.to_bytes()).unwrap();
            }
            signature[5] ^= 1;
            assert_eq!(public.verify(&digest, &signature), Err(Error::SignatureInvalid));
        }
    });
}

#[test]
fn ecdh_agrees_for_every_curve() {
    for_each_curve!(curve, other => {
        let (mine, yours) =
            (ec::PrivateKey::generate(curve).unwrap(), ec::PrivateKey::generate(curve).unwrap());
        let point = yours.public_point().unwrap();
        let secret = other::SecretKey::from_slice(mine.number().unwrap().expose()).unwrap();
        let peer = other::PublicKey::from_sec1_bytes(&point).unwrap();
        use other::elliptic_curve::sec1::ToSec1Point;
        let expected =
            other::ecdh::diffie_hellman(secret.to_nonzero_scalar(), peer.as_affine());
        let shared = mine.agree(&point).unwrap();
        assert_eq!(shared.expose(), expected.raw_secret_bytes().as_slice());
        assert_eq!(yours.agree(&mine.public_point().unwrap()), Some(shared));
        assert_eq!(secret.public_key().to_sec1_point(false).as_bytes(), mine.public_point().unwrap());
        // A compressed point is the same point.
        let compressed = peer.to_sec1_point(true);
        assert_eq!(curve.uncompressed(compressed.as_bytes()), Some(point));
    });
}

#[test]
fn ecdsa_signatures_of_impossible_form_are_refused() {
    for curve in Curve::ALL {
        let key = ec::PrivateKey::generate(curve).unwrap();
        let public = ec::PublicKey::new(curve, &key.public_point().unwrap()).unwrap();
        let size = curve.signature_size();
        for length in [0, 1, size - 2, size - 1, size + 1, size + 2] {
            let bad = public.verify(&[1; 32], &vec![1; length]);
            assert_eq!(bad, Err(Error::SignatureLenRange), "{curve:?} {length}");
        }
        for byte in [0, 0xff] {
            let bad = public.verify(&[1; 32], &vec![byte; size]);
            assert_eq!(bad, Err(Error::SignatureInvalid), "{curve:?} {byte}");
        }
        let mut short = vec![0; size - 1];
        assert_eq!(
            key.sign(&[1; 32], &mut short),
            Err(Error::BufferTooSmall(size))
        );
    }
}

#[test]
fn points_off_the_curve_are_refused() {
    for curve in Curve::ALL {
        let key = ec::PrivateKey::generate(curve).unwrap();
        let point = key.public_point().unwrap();
        let size = curve.size();
        let mut off = point.clone();
        off[2 * size] ^= 1;
        let big = [&[4][..], &vec![0xff; 2 * size]].concat();
        let zero = [&[4][..], &vec![0; 2 * size]].concat();
        let bad: [&[u8]; 8] = [
            &off,
            &big,
            &zero,
            &[0],
            &[],
            &point[..2 * size],
            &point[1..],
            &[2, 1, 2, 3],
        ];
        for encoded in bad {
            assert!(
                ec::PublicKey::new(curve, encoded).is_none(),
                "{curve:?} {encoded:?}"
            );
            assert!(key.agree(encoded).is_none(), "{curve:?} {encoded:?}");
        }
        let foreign = Curve::ALL.into_iter().filter(|other| *other != curve);
        for other in foreign {
            let theirs = ec::PrivateKey::generate(other)
                .unwrap()
                .public_point()
                .unwrap();
            assert!(key.agree(&theirs).is_none(), "{curve:?} {other:?}");
        }
    }
}

#[test]
fn private_numbers_outside_the_order_are_refused() {
    let orders = [
        (
            Curve::P256,
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        ),
        (
            Curve::P384,
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        ),
        (
            Curve::P521,
            "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
        ),
        (
            Curve::Secp256k1,
            "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        ),
    ];
    for (curve, order) in orders {
        let order = hex(order);
        assert!(ec::PrivateKey::new(curve, &order).is_none());
        let mut last = order.clone();
        *last.last_mut().unwrap() -= 1;
        assert!(ec::PrivateKey::new(curve, &last).is_some(), "{curve:?}");
        assert!(ec::PrivateKey::new(curve, &[]).is_none());
        assert!(ec::PrivateKey::new(curve, &[0; 66]).is_none());
        assert!(ec::PrivateKey::new(curve, &[0xff; 1000]).is_none());
        let one = ec::PrivateKey::new(curve, &[1]).unwrap();
        assert_eq!(one.number().unwrap().len(), curve.size());
    }
}

#[test]
fn ec_keys_travel_as_pkcs8_both_ways() {
    for_each_curve!(curve, other => {
        use other::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey};
        let key = ec::PrivateKey::generate(curve).unwrap();
        let (number, point) = (key.number().unwrap(), key.public_point().unwrap());
        let numbers = der::PrivateNumbers::Ec(curve, number.expose(), Some(&point));
        let encoded = der::private_key_info(numbers).unwrap();
        let theirs = other::SecretKey::from_pkcs8_der(encoded.expose()).unwrap();
        assert_eq!(theirs.to_bytes().as_slice(), number.expose());
        let back = theirs.to_pkcs8_der().unwrap();
        let read = der::read_private_key_info(back.as_bytes());
        assert!(matches!(read, Some(der::ReadPrivate::Ec(c, n)) if c == curve && n == number.expose()));
        let info = der::public_key_info(der::PublicNumbers::Ec(curve, &point)).unwrap();
        assert_eq!(info, theirs.public_key().to_public_key_der().unwrap().as_bytes());
    });
}

#[test]
fn ed25519_agrees() {
    use ed25519_dalek::{Signer, SigningKey, Verifier};
    let seed: [u8; 32] = rand::rng().random();
    let key = edwards::PrivateKey::new(&seed).unwrap();
    let theirs = SigningKey::from_bytes(&seed);
    assert_eq!(key.public().encoded(), theirs.verifying_key().as_bytes());
    let public = edwards::PublicKey::new(key.public().encoded()).unwrap();
    for length in [0, 1, 64, 1000] {
        let message = random(length);
        let signature = key.sign(&message, Variant::Pure).unwrap();
        assert_eq!(signature, theirs.sign(&message).to_bytes());
        theirs
            .verifying_key()
            .verify(&message, &signature.into())
            .unwrap();
        public.verify(&message, Variant::Pure, &signature).unwrap();
        let mut bad = signature;
        bad[40] ^= 1;
        assert_eq!(
            public.verify(&message, Variant::Pure, &bad),
            Err(Error::SignatureInvalid)
        );
    }
    assert_eq!(
        public.verify(b"", Variant::Pure, &[0; 63]),
        Err(Error::SignatureLenRange)
    );
    assert_eq!(
        key.sign(&[0; 63], Variant::Prehash(b"")),
        Err(Error::DataLenRange)
    );
    assert_eq!(
        key.sign(b"", Variant::Context(&[1; 256])),
        Err(Error::DataLenRange)
    );
}

#[test]
fn ed25519_with_context_gives_the_signature_of_rfc_8032() {
    // Section 7.2, the first vector.
    let key = edwards::PrivateKey::new(&hex(
        "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
    ))
    .unwrap();
    let message = hex("f726936d19c800494e3fdaff20b276a8");
    let signature = key.sign(&message, Variant::Context(b"foo")).unwrap();
    let expected = hex(concat!(
        "55a4cc2f70a54e04288c5f4cd1e45a7bb520b36292911876cada7323198dd87a",
        "8b36950b95130022907a7fb7c4e9b2d5f6cca685a587b4b21f4b888e4e7edb0d",
    ));
    assert_eq!(signature.to_vec(), expected);
    key.public()
        .verify(&message, Variant::Context(b"foo"), &expected)
        .unwrap();
    let other = key
        .public()
        .verify(&message, Variant::Context(b"bar"), &expected);
    assert_eq!(other, Err(Error::SignatureInvalid));
}

#[test]
fn prehashed_ed25519_gives_the_signature_of_rfc_8032() {
    // Section 7.3.
    let key = edwards::PrivateKey::new(&hex(
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
    ))
    .unwrap();
    let hashed = sha2::Sha512::digest(b"abc");
    let expected = hex(concat!(
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41",
        "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
    ));
    assert_eq!(
        key.sign(&hashed, Variant::Prehash(b"")).unwrap().to_vec(),
        expected
    );
    key.public()
        .verify(&hashed, Variant::Prehash(b""), &expected)
        .unwrap();
    let other = key
        .public()
        .verify(&hashed, Variant::Prehash(b"bar"), &expected);
    assert_eq!(other, Err(Error::SignatureInvalid));
}

#[test]
fn ed25519_points_of_small_order_and_no_points_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut nowhere = [0; 32];
    nowhere[0] = 2;
    for encoded in [&identity[..], &[0; 32], &nowhere, &[1; 31], &[]] {
        assert!(edwards::PublicKey::new(encoded).is_none(), "{encoded:?}");
    }
}

#[test]
fn x25519_agrees_and_refuses_points_of_small_order() {
    use x25519_dalek::{PublicKey, StaticSecret};
    for _ in 0..20 {
        let (mine, yours): ([u8; 32], [u8; 32]) = (rand::rng().random(), rand::rng().random());
        let theirs = StaticSecret::from(yours);
        let public = montgomery::public(&yours);
        assert_eq!(&public, PublicKey::from(&theirs).as_bytes());
        let shared = montgomery::agree(&mine, &public).unwrap();
        let expected = theirs.diffie_hellman(&PublicKey::from(montgomery::public(&mine)));
        assert_eq!(shared.expose(), expected.as_bytes());
    }
    let mut one = [0; 32];
    one[0] = 1;
    assert!(montgomery::agree(&[7; 32], &[0; 32]).is_none());
    assert!(montgomery::agree(&[7; 32], &one).is_none());
}
