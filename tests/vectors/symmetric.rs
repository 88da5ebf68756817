//! AES, HMAC and key wrap.

use crate::bench::{Bench, LACKING, both, hex, same, verified};
use crate::report::Verdict;
use crate::support::{Mech, Outcome, Template};
use cryptoki_sys::*;
use serde_json::Value;

/// A key that only the vector needs.
fn aes(key: &[u8], usages: &[CK_ATTRIBUTE_TYPE]) -> Template {
    Template::aes(key).yes(usages)
}

/// As [`cipher_with`], of AES.
fn cipher(bench: &Bench, test: &Value, mech: impl Fn() -> Mech, ciphertext: &[u8]) -> Verdict {
    let key = Template::aes(&hex(test, "key"));
    cipher_with(bench, key, test, mech, ciphertext)
}

/// Encrypts where the vector is valid, decrypts always.
pub(crate) fn cipher_with(
    bench: &Bench,
    key: Template,
    test: &Value,
    mech: impl Fn() -> Mech,
    ciphertext: &[u8],
) -> Verdict {
    let message = hex(test, "msg");
    let s = &bench.session;
    bench.with(&key.yes(&[CKA_ENCRYPT, CKA_DECRYPT]), |key| {
        let decrypted = same("C_Decrypt", s.decrypt(&mech(), key, ciphertext), &message);
        if test["result"] != "valid" {
            return decrypted;
        }
        both(decrypted, || {
            both(
                same("C_Encrypt", s.encrypt(&mech(), key, &message), ciphertext),
                || {
                    let parts = s.encrypt_parts(&mech(), key, &message, 7);
                    both(same("C_EncryptUpdate", parts, ciphertext), || {
                        same(
                            "C_DecryptUpdate",
                            s.decrypt_parts(&mech(), key, ciphertext, 13),
                            &message,
                        )
                    })
                },
            )
        })
    })
}

pub(crate) fn cbc_pad(bench: &Bench, _group: &Value, test: &Value) -> Verdict {
    let (iv, ciphertext) = (hex(test, "iv"), hex(test, "ct"));
    cipher(
        bench,
        test,
        || Mech::bytes(CKM_AES_CBC_PAD, &iv),
        &ciphertext,
    )
}

pub(crate) fn gcm(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    let (iv, aad) = (hex(test, "iv"), hex(test, "aad"));
    let sealed = [hex(test, "ct"), hex(test, "tag")].concat();
    let tag = group["tagSize"].as_u64().expect("a tag size");
    cipher(bench, test, || Mech::gcm(&iv, &aad, tag), &sealed)
}

/// CMAC and HMAC; a shortened authenticator needs the mechanism that takes a length.
fn mac(
    bench: &Bench,
    group: &Value,
    test: &Value,
    key: Template,
    full: (CK_MECHANISM_TYPE, u64),
    general: CK_MECHANISM_TYPE,
) -> Verdict {
    let (message, tag) = (hex(test, "msg"), hex(test, "tag"));
    let bits = group["tagSize"].as_u64().expect("a tag size");
    let (mechanism, whole) = full;
    let short = bits != whole;
    if bench.lacks(&[mechanism]) {
        return Verdict::NotApplicable(LACKING);
    }
    if short && !bench.offers(general) {
        return Verdict::NotApplicable("shortened authenticator");
    }
    let mech = || {
        if short {
            Mech::general(general, bits / 8)
        } else {
            Mech::plain(mechanism)
        }
    };
    let s = &bench.session;
    bench.with(&key.yes(&[CKA_SIGN, CKA_VERIFY]), |key| {
        let once = verified("C_Verify", s.verify(&mech(), key, &message, &tag));
        let verdict = both(once, || {
            verified(
                "C_VerifyUpdate",
                s.verify_parts(&mech(), key, &message, &tag, 5),
            )
        });
        if test["result"] != "valid" {
            return verdict;
        }
        both(verdict, || {
            same("C_Sign", s.sign(&mech(), key, &message), &tag)
        })
    })
}

pub(crate) fn cmac(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    let key = Template::aes(&hex(test, "key"));
    mac(
        bench,
        group,
        test,
        key,
        (CKM_AES_CMAC, 128),
        CKM_AES_CMAC_GENERAL,
    )
}

/// The HMAC mechanism, its output in bits, and the mechanism that takes a length, by the name that
/// Wycheproof gives the algorithm.
fn hmac_of(algorithm: &str) -> Option<((CK_MECHANISM_TYPE, u64), CK_MECHANISM_TYPE)> {
    Some(match algorithm {
        "HMACSHA1" => ((CKM_SHA_1_HMAC, 160), CKM_SHA_1_HMAC_GENERAL),
        "HMACSHA224" => ((CKM_SHA224_HMAC, 224), CKM_SHA224_HMAC_GENERAL),
        "HMACSHA256" => ((CKM_SHA256_HMAC, 256), CKM_SHA256_HMAC_GENERAL),
        "HMACSHA384" => ((CKM_SHA384_HMAC, 384), CKM_SHA384_HMAC_GENERAL),
        "HMACSHA512" => ((CKM_SHA512_HMAC, 512), CKM_SHA512_HMAC_GENERAL),
        "HMACSHA512/224" => ((CKM_SHA512_224_HMAC, 224), CKM_SHA512_224_HMAC_GENERAL),
        "HMACSHA512/256" => ((CKM_SHA512_256_HMAC, 256), CKM_SHA512_256_HMAC_GENERAL),
        "HMACSHA3-224" => ((CKM_SHA3_224_HMAC, 224), CKM_SHA3_224_HMAC_GENERAL),
        "HMACSHA3-256" => ((CKM_SHA3_256_HMAC, 256), CKM_SHA3_256_HMAC_GENERAL),
        "HMACSHA3-384" => ((CKM_SHA3_384_HMAC, 384), CKM_SHA3_384_HMAC_GENERAL),
        "HMACSHA3-512" => ((CKM_SHA3_512_HMAC, 512), CKM_SHA3_512_HMAC_GENERAL),
        _ => return None,
    })
}

pub(crate) fn hmac(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    let algorithm = group["algorithm"].as_str().expect("an algorithm");
    let (full, general) = hmac_of(algorithm).unwrap_or_else(|| panic!("{algorithm}"));
    let key = Template::secret(CKK_GENERIC_SECRET)
        .bytes(CKA_VALUE, &hex(test, "key"))
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE]);
    mac(bench, group, test, key, full, general)
}

/// What a wrapped generic secret holds, read from the open key that unwrapping gives.
fn unwrapped(
    bench: &Bench,
    mechanism: CK_MECHANISM_TYPE,
    kek: CK_OBJECT_HANDLE,
    wrapped: &[u8],
) -> Outcome<Vec<u8>> {
    let s = &bench.session;
    let template = Template::secret(CKK_GENERIC_SECRET)
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE]);
    let key = s.unwrap(&Mech::plain(mechanism), kek, wrapped, &template)?;
    let value = s.attribute(key, CKA_VALUE);
    s.destroy(key)?;
    value
}

/// Wraps where the vector is valid, unwraps always. Both keys are open ones, so that the policy for
/// sensitive keys has no say here.
fn keywrap(bench: &Bench, test: &Value, mechanism: CK_MECHANISM_TYPE) -> Verdict {
    if bench.lacks(&[mechanism]) {
        return Verdict::NotApplicable(LACKING);
    }
    let (message, wrapped) = (hex(test, "msg"), hex(test, "ct"));
    let s = &bench.session;
    bench.with(&aes(&hex(test, "key"), &[CKA_WRAP, CKA_UNWRAP]), |kek| {
        let verdict = same(
            "C_UnwrapKey",
            unwrapped(bench, mechanism, kek, &wrapped),
            &message,
        );
        if test["result"] != "valid" {
            return verdict;
        }
        both(verdict, || {
            let open = Template::secret(CKK_GENERIC_SECRET)
                .bytes(CKA_VALUE, &message)
                .no(&[CKA_SENSITIVE])
                .yes(&[CKA_EXTRACTABLE]);
            bench.with(&open, |key| {
                same(
                    "C_WrapKey",
                    s.wrap(&Mech::plain(mechanism), kek, key),
                    &wrapped,
                )
            })
        })
    })
}

pub(crate) fn kw(bench: &Bench, _group: &Value, test: &Value) -> Verdict {
    keywrap(bench, test, CKM_AES_KEY_WRAP)
}

pub(crate) fn kwp(bench: &Bench, _group: &Value, test: &Value) -> Verdict {
    keywrap(bench, test, CKM_AES_KEY_WRAP_KWP)
}

pub(crate) fn kw_pad(bench: &Bench, _group: &Value, test: &Value) -> Verdict {
    keywrap(bench, test, CKM_AES_KEY_WRAP_PAD)
}
