//! Known answers from `data/`, in the form `{"source": "...", "cases": [{"mechanism": "...", ...}]}`.
//! Other than Wycheproof's they also tell what a signature must be.

use crate::bench::{Bench, LACKING, both, hex, same, trimmed, verified};
use crate::report::{Report, Verdict};
use crate::support::{Mech, Outcome, Template, der, hash_mgf};
use cryptoki_sys::*;
use serde_json::Value;

const FILES: &[(&str, &str)] = &[
    ("known digest", include_str!("data/digest.json")),
    ("known aes", include_str!("data/aes.json")),
    ("known cts", include_str!("data/cts.json")),
    ("known chacha", include_str!("data/chacha.json")),
    ("known kdf", include_str!("data/kdf.json")),
    ("known keywrap", include_str!("data/keywrap.json")),
    ("known eddsa", include_str!("data/eddsa.json")),
    ("known rsa", include_str!("data/rsa.json")),
    ("known hmac", include_str!("data/hmac.json")),
    ("known kbkdf", include_str!("data/kbkdf.json")),
    ("known acvp", include_str!("data/acvp.json")),
    ("known mldsa", include_str!("data/mldsa.json")),
];

/// Runs the files whose names hold `only`.
pub(crate) fn all(bench: &Bench, only: &str) -> Vec<Report> {
    FILES
        .iter()
        .filter(|(name, _)| name.contains(only))
        .map(|(name, json)| run(bench, name, json))
        .collect()
}

fn run(bench: &Bench, name: &str, json: &str) -> Report {
    let set: Value = serde_json::from_str(json).expect("JSON");
    let mut report = Report::new(name);
    let cases = set["cases"].as_array().expect("cases");
    let mut dk = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let id = format!(
            "{number} ({})",
            case["mechanism"].as_str().unwrap_or_default()
        );
        // The first case of the RSA file holds the key of all.
        let verdict = match case["mechanism"].as_str().expect("a mechanism") {
            "AES-ECB" => cipher(bench, case, &Mech::plain(CKM_AES_ECB)),
            "AES-CBC" => cipher(bench, case, &Mech::bytes(CKM_AES_CBC, &hex(case, "iv"))),
            "AES-CTR" => {
                let counter = hex(case, "iv").try_into().expect("16 bytes");
                cipher(bench, case, &Mech::ctr(128, counter))
            }
            "AES-CFB1" => cipher(bench, case, &Mech::bytes(CKM_AES_CFB1, &hex(case, "iv"))),
            "AES-CFB8" => cipher(bench, case, &Mech::bytes(CKM_AES_CFB8, &hex(case, "iv"))),
            "AES-CFB128" => cipher(bench, case, &Mech::bytes(CKM_AES_CFB128, &hex(case, "iv"))),
            "AES-OFB" => cipher(bench, case, &Mech::bytes(CKM_AES_OFB, &hex(case, "iv"))),
            "AES-CTS" => cipher(bench, case, &Mech::bytes(CKM_AES_CTS, &hex(case, "iv"))),
            "ChaCha20" => {
                let mech = Mech::chacha20(&hex(case, "counter"), &hex(case, "iv"));
                let key = Template::secret(CKK_CHACHA20).bytes(CKA_VALUE, &hex(case, "key"));
                cipher_with(bench, key, case, &mech)
            }
            "Poly1305" => poly1305(bench, case),
            "AES-KW" => keywrap(bench, case, CKM_AES_KEY_WRAP),
            "AES-KWP" => keywrap(bench, case, CKM_AES_KEY_WRAP_KWP),
            "Ed25519" => eddsa(bench, case),
            "RSA-PKCS1" => rsa(bench, &cases[0]["privateKey"], case),
            _ if name == "known kdf" || name == "known kbkdf" => crate::kdf::known(bench, case),
            _ if name == "known acvp" || name == "known mldsa" => {
                crate::schemes::known(bench, case, &mut dk)
            }
            mac if name == "known hmac" => hmac(bench, mac, case),
            hash => digest(bench, hash, case),
        };
        let expected = case["result"].as_str().unwrap_or("valid");
        report.count(&id, expected, verdict);
    }
    report
}

/// HMAC, whole and shortened, with a key of its own type and with a generic secret.
fn hmac(bench: &Bench, name: &str, case: &Value) -> Verdict {
    let (full, general, kind) = match name {
        "HMAC-MD5" => (CKM_MD5_HMAC, CKM_MD5_HMAC_GENERAL, CKK_MD5_HMAC),
        "HMAC-BLAKE2b-160" => (
            CKM_BLAKE2B_160_HMAC,
            CKM_BLAKE2B_160_HMAC_GENERAL,
            CKK_BLAKE2B_160_HMAC,
        ),
        "HMAC-BLAKE2b-256" => (
            CKM_BLAKE2B_256_HMAC,
            CKM_BLAKE2B_256_HMAC_GENERAL,
            CKK_BLAKE2B_256_HMAC,
        ),
        "HMAC-BLAKE2b-384" => (
            CKM_BLAKE2B_384_HMAC,
            CKM_BLAKE2B_384_HMAC_GENERAL,
            CKK_BLAKE2B_384_HMAC,
        ),
        "HMAC-BLAKE2b-512" => (
            CKM_BLAKE2B_512_HMAC,
            CKM_BLAKE2B_512_HMAC_GENERAL,
            CKK_BLAKE2B_512_HMAC,
        ),
        other => panic!("{other}"),
    };
    if bench.lacks(&[full, general]) {
        return Verdict::NotApplicable(LACKING);
    }
    let (message, tag) = (hex(case, "msg"), hex(case, "tag"));
    let s = &bench.session;
    let of = |kind: CK_KEY_TYPE, mech: Mech, tag: &[u8]| {
        let key = Template::secret(kind)
            .bytes(CKA_VALUE, &hex(case, "key"))
            .yes(&[CKA_SIGN, CKA_VERIFY]);
        bench.with(&key, |key| {
            both(same("C_Sign", s.sign(&mech, key, &message), tag), || {
                both(
                    verified("C_Verify", s.verify(&mech, key, &message, tag)),
                    || same("C_SignUpdate", s.sign_parts(&mech, key, &message, 11), tag),
                )
            })
        })
    };
    both(of(kind, Mech::plain(full), &tag), || {
        let short = &tag[..10];
        of(CKK_GENERIC_SECRET, Mech::general(general, 10), short)
    })
}

fn digest(bench: &Bench, hash: &str, case: &Value) -> Verdict {
    let mechanism = match hash {
        "MD5" => CKM_MD5,
        "BLAKE2b-160" => CKM_BLAKE2B_160,
        "BLAKE2b-256" => CKM_BLAKE2B_256,
        "BLAKE2b-384" => CKM_BLAKE2B_384,
        "BLAKE2b-512" => CKM_BLAKE2B_512,
        "SHA-512/224" => CKM_SHA512_224,
        "SHA-512/256" => CKM_SHA512_256,
        other => hash_mgf(other).unwrap_or_else(|| panic!("{other}")).0,
    };
    if bench.lacks(&[mechanism]) {
        return Verdict::NotApplicable(LACKING);
    }
    let times = case["repeat"].as_u64().unwrap_or(1) as usize;
    let (message, expected) = (hex(case, "msg").repeat(times), hex(case, "digest"));
    let mech = Mech::plain(mechanism);
    let s = &bench.session;
    both(
        same("C_Digest", s.digest(&mech, &message), &expected),
        || {
            same(
                "C_DigestUpdate",
                s.digest_parts(&mech, &message, 1 + message.len() / 3),
                &expected,
            )
        },
    )
}

fn poly1305(bench: &Bench, case: &Value) -> Verdict {
    if bench.lacks(&[CKM_POLY1305]) {
        return Verdict::NotApplicable(LACKING);
    }
    let (message, tag) = (hex(case, "msg"), hex(case, "tag"));
    let mech = Mech::plain(CKM_POLY1305);
    let key = Template::secret(CKK_POLY1305).bytes(CKA_VALUE, &hex(case, "key"));
    let s = &bench.session;
    bench.with(&key.yes(&[CKA_SIGN, CKA_VERIFY]), |key| {
        both(same("C_Sign", s.sign(&mech, key, &message), &tag), || {
            both(
                same("C_SignUpdate", s.sign_parts(&mech, key, &message, 7), &tag),
                || verified("C_Verify", s.verify(&mech, key, &message, &tag)),
            )
        })
    })
}

fn cipher(bench: &Bench, case: &Value, mech: &Mech) -> Verdict {
    cipher_with(bench, Template::aes(&hex(case, "key")), case, mech)
}

fn cipher_with(bench: &Bench, key: Template, case: &Value, mech: &Mech) -> Verdict {
    if bench.lacks(&[mech.kind()]) {
        return Verdict::NotApplicable(LACKING);
    }
    let (message, ciphertext) = (hex(case, "msg"), hex(case, "ct"));
    let s = &bench.session;
    bench.with(&key.yes(&[CKA_ENCRYPT, CKA_DECRYPT]), |key| {
        let encrypted = same("C_Encrypt", s.encrypt(mech, key, &message), &ciphertext);
        both(encrypted, || {
            both(
                same("C_Decrypt", s.decrypt(mech, key, &ciphertext), &message),
                || {
                    let parts = s.encrypt_parts(mech, key, &message, 23);
                    both(same("C_EncryptUpdate", parts, &ciphertext), || {
                        same(
                            "C_DecryptUpdate",
                            s.decrypt_parts(mech, key, &ciphertext, 9),
                            &message,
                        )
                    })
                },
            )
        })
    })
}

fn keywrap(bench: &Bench, case: &Value, mechanism: CK_MECHANISM_TYPE) -> Verdict {
    if bench.lacks(&[mechanism]) {
        return Verdict::NotApplicable(LACKING);
    }
    let (message, wrapped) = (hex(case, "msg"), hex(case, "ct"));
    let mech = Mech::plain(mechanism);
    let s = &bench.session;
    let open = |t: Template| t.no(&[CKA_SENSITIVE]).yes(&[CKA_EXTRACTABLE]);
    bench.with(
        &Template::aes(&hex(case, "key")).yes(&[CKA_WRAP, CKA_UNWRAP]),
        |kek| {
            let secret = open(Template::secret(CKK_GENERIC_SECRET));
            let wrapping = bench.with(&secret.clone().bytes(CKA_VALUE, &message), |key| {
                same("C_WrapKey", s.wrap(&mech, kek, key), &wrapped)
            });
            both(wrapping, || {
                let value = (|| -> Outcome<Vec<u8>> {
                    let key = s.unwrap(&mech, kek, &wrapped, &secret)?;
                    let value = s.attribute(key, CKA_VALUE);
                    s.destroy(key)?;
                    value
                })();
                same("C_UnwrapKey", value, &message)
            })
        },
    )
}

fn eddsa(bench: &Bench, case: &Value) -> Verdict {
    let (message, signature) = (hex(case, "msg"), hex(case, "sig"));
    let mech = Mech::plain(CKM_EDDSA);
    let s = &bench.session;
    let key = |class: CK_OBJECT_CLASS| {
        Template::class(class)
            .ulong(CKA_KEY_TYPE, CKK_EC_EDWARDS)
            .bytes(CKA_EC_PARAMS, der::ED25519)
    };
    let private = key(CKO_PRIVATE_KEY)
        .bytes(CKA_VALUE, &hex(case, "private"))
        .yes(&[CKA_SIGN]);
    let public = key(CKO_PUBLIC_KEY)
        .bytes(CKA_EC_POINT, &der::octets(&hex(case, "public")))
        .yes(&[CKA_VERIFY]);
    both(
        bench.with(&private, |key| {
            same("C_Sign", s.sign(&mech, key, &message), &signature)
        }),
        || {
            bench.with(&public, |key| {
                verified("C_Verify", s.verify(&mech, key, &message, &signature))
            })
        },
    )
}

fn rsa(bench: &Bench, parts: &Value, case: &Value) -> Verdict {
    let mechanism = match case["sha"].as_str().expect("a hash") {
        "SHA-1" => CKM_SHA1_RSA_PKCS,
        "SHA-224" => CKM_SHA224_RSA_PKCS,
        "SHA-256" => CKM_SHA256_RSA_PKCS,
        "SHA-384" => CKM_SHA384_RSA_PKCS,
        "SHA-512" => CKM_SHA512_RSA_PKCS,
        "SHA3-224" => CKM_SHA3_224_RSA_PKCS,
        "SHA3-256" => CKM_SHA3_256_RSA_PKCS,
        "SHA3-384" => CKM_SHA3_384_RSA_PKCS,
        "SHA3-512" => CKM_SHA3_512_RSA_PKCS,
        other => panic!("{other}"),
    };
    if bench.lacks(&[mechanism]) {
        return Verdict::NotApplicable(LACKING);
    }
    let key = [
        (CKA_MODULUS, "modulus"),
        (CKA_PUBLIC_EXPONENT, "publicExponent"),
        (CKA_PRIVATE_EXPONENT, "privateExponent"),
        (CKA_PRIME_1, "prime1"),
        (CKA_PRIME_2, "prime2"),
        (CKA_EXPONENT_1, "exponent1"),
        (CKA_EXPONENT_2, "exponent2"),
        (CKA_COEFFICIENT, "coefficient"),
    ]
    .iter()
    .fold(
        Template::class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_RSA),
        |t, (kind, field)| t.bytes(*kind, trimmed(&hex(parts, field))),
    );
    let (message, signature) = (hex(case, "msg"), hex(case, "sig"));
    let mech = Mech::plain(mechanism);
    let s = &bench.session;
    bench.with(&key.yes(&[CKA_SIGN]), |key| {
        both(
            same("C_Sign", s.sign(&mech, key, &message), &signature),
            || {
                same(
                    "C_SignUpdate",
                    s.sign_parts(&mech, key, &message, 2),
                    &signature,
                )
            },
        )
    })
}
