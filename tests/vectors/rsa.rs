//! RSA: PKCS#1 v1.5 and PSS signatures, PKCS#1 v1.5 and OAEP decryption.

use crate::bench::{Bench, LACKING, both, decode, hex, same, trimmed, verified};
use crate::report::Verdict;
use crate::support::{Mech, Template, hash_mgf};
use cryptoki_sys::*;
use serde_json::Value;

const SIZES: &str = "RSA key outside 2048 to 8192 bits";
const NO_HASH: &str = "PKCS#11 has no mechanism with this hash";

struct Hash {
    name: &'static str,
    digest: CK_MECHANISM_TYPE,
    /// PKCS#1 v1.5 and PSS with this hash, where PKCS#11 has them.
    signatures: Option<(CK_MECHANISM_TYPE, CK_MECHANISM_TYPE)>,
    /// What stands before the digest in a PKCS#1 v1.5 signature.
    prefix: &'static str,
}

const HASHES: &[Hash] = &[
    Hash {
        name: "SHA-1",
        digest: CKM_SHA_1,
        signatures: Some((CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS)),
        prefix: "3021300906052b0e03021a05000414",
    },
    Hash {
        name: "SHA-224",
        digest: CKM_SHA224,
        signatures: Some((CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS)),
        prefix: "302d300d06096086480165030402040500041c",
    },
    Hash {
        name: "SHA-256",
        digest: CKM_SHA256,
        signatures: Some((CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS)),
        prefix: "3031300d060960864801650304020105000420",
    },
    Hash {
        name: "SHA-384",
        digest: CKM_SHA384,
        signatures: Some((CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS)),
        prefix: "3041300d060960864801650304020205000430",
    },
    Hash {
        name: "SHA-512",
        digest: CKM_SHA512,
        signatures: Some((CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS)),
        prefix: "3051300d060960864801650304020305000440",
    },
    Hash {
        name: "SHA-512/224",
        digest: CKM_SHA512_224,
        signatures: None,
        prefix: "302d300d06096086480165030402050500041c",
    },
    Hash {
        name: "SHA-512/256",
        digest: CKM_SHA512_256,
        signatures: None,
        prefix: "3031300d060960864801650304020605000420",
    },
    Hash {
        name: "SHA3-224",
        digest: CKM_SHA3_224,
        signatures: Some((CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224_RSA_PKCS_PSS)),
        prefix: "302d300d06096086480165030402070500041c",
    },
    Hash {
        name: "SHA3-256",
        digest: CKM_SHA3_256,
        signatures: Some((CKM_SHA3_256_RSA_PKCS, CKM_SHA3_256_RSA_PKCS_PSS)),
        prefix: "3031300d060960864801650304020805000420",
    },
    Hash {
        name: "SHA3-384",
        digest: CKM_SHA3_384,
        signatures: Some((CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384_RSA_PKCS_PSS)),
        prefix: "3041300d060960864801650304020905000430",
    },
    Hash {
        name: "SHA3-512",
        digest: CKM_SHA3_512,
        signatures: Some((CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512_RSA_PKCS_PSS)),
        prefix: "3051300d060960864801650304020a05000440",
    },
];

fn hash_of(group: &Value) -> Option<&'static Hash> {
    HASHES.iter().find(|hash| group["sha"] == hash.name)
}

/// The public key of a group, if its size is one the module has.
fn public(group: &Value) -> Option<Template> {
    let (modulus, exponent) = (
        hex(&group["publicKey"], "modulus"),
        hex(&group["publicKey"], "publicExponent"),
    );
    in_range(&modulus).then(|| {
        Template::class(CKO_PUBLIC_KEY)
            .ulong(CKA_KEY_TYPE, CKK_RSA)
            .bytes(CKA_MODULUS, trimmed(&modulus))
            .bytes(CKA_PUBLIC_EXPONENT, trimmed(&exponent))
            .yes(&[CKA_VERIFY])
    })
}

/// A private key with all its parts.
fn private(group: &Value) -> Option<Template> {
    let key = &group["privateKey"];
    let parts = [
        (CKA_MODULUS, "modulus"),
        (CKA_PUBLIC_EXPONENT, "publicExponent"),
        (CKA_PRIVATE_EXPONENT, "privateExponent"),
        (CKA_PRIME_1, "prime1"),
        (CKA_PRIME_2, "prime2"),
        (CKA_EXPONENT_1, "exponent1"),
        (CKA_EXPONENT_2, "exponent2"),
        (CKA_COEFFICIENT, "coefficient"),
    ];
    if !in_range(&hex(key, "modulus")) {
        return None;
    }
    let empty = Template::class(CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, CKK_RSA)
        .yes(&[CKA_DECRYPT]);
    Some(parts.iter().fold(empty, |template, (kind, field)| {
        let value = hex(key, field);
        if value.is_empty() {
            template
        } else {
            template.bytes(*kind, trimmed(&value))
        }
    }))
}

fn in_range(modulus: &[u8]) -> bool {
    let modulus = trimmed(modulus);
    let bits = modulus.len() * 8 - modulus.first().map_or(0, |b| b.leading_zeros() as usize);
    (2048..=8192).contains(&bits)
}

/// Verifies by the hashed mechanism where there is one, and by the plain one over the digest.
fn signature(
    bench: &Bench,
    group: &Value,
    test: &Value,
    hashed: Option<Mech>,
    plain: &Mech,
    input: &[u8],
) -> Verdict {
    let Some(key) = public(group) else {
        return Verdict::NotApplicable(SIZES);
    };
    let (message, signature) = (hex(test, "msg"), hex(test, "sig"));
    let s = &bench.session;
    bench.with(&key, |key| {
        let second = || verified("plain", s.verify(plain, key, input, &signature));
        match &hashed {
            Some(mech) => both(
                verified("hashed", s.verify(mech, key, &message, &signature)),
                second,
            ),
            None => second(),
        }
    })
}

pub(crate) fn pkcs1(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    let Some(hash) = hash_of(group) else {
        return Verdict::NotApplicable(NO_HASH);
    };
    if bench.lacks(&[hash.digest]) || hash.signatures.is_some_and(|(m, _)| bench.lacks(&[m])) {
        return Verdict::NotApplicable(LACKING);
    }
    let Some(digest) = bench.digest(hash.digest, &hex(test, "msg")) else {
        return Verdict::NotApplicable(NO_HASH);
    };
    let input = [decode(hash.prefix), digest].concat();
    let hashed = hash.signatures.map(|(pkcs1, _)| Mech::plain(pkcs1));
    signature(
        bench,
        group,
        test,
        hashed,
        &Mech::plain(CKM_RSA_PKCS),
        &input,
    )
}

pub(crate) fn pss(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    let mgf = group["mgfSha"].as_str().and_then(hash_mgf);
    let (Some(hash), Some((_, mgf))) = (hash_of(group), mgf) else {
        return Verdict::NotApplicable(NO_HASH);
    };
    let Some((_, hashed)) = hash.signatures else {
        return Verdict::NotApplicable(NO_HASH);
    };
    if bench.lacks(&[hash.digest, hashed]) {
        return Verdict::NotApplicable(LACKING);
    }
    let salt = group["sLen"].as_u64().expect("a salt length");
    let digest = bench
        .digest(hash.digest, &hex(test, "msg"))
        .expect("a digest that is offered");
    let mech = |kind| Mech::pss(kind, hash.digest, mgf, salt);
    signature(
        bench,
        group,
        test,
        Some(mech(hashed)),
        &mech(CKM_RSA_PKCS_PSS),
        &digest,
    )
}

pub(crate) fn oaep(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    let hash = group["sha"].as_str().and_then(hash_mgf);
    let mgf = group["mgfSha"].as_str().and_then(hash_mgf);
    let (Some((hash, _)), Some((_, mgf))) = (hash, mgf) else {
        return Verdict::NotApplicable(NO_HASH);
    };
    let Some(key) = private(group) else {
        return Verdict::NotApplicable(SIZES);
    };
    let (message, ciphertext) = (hex(test, "msg"), hex(test, "ct"));
    let mech = Mech::oaep(hash, mgf, &hex(test, "label"));
    bench.with(&key, |key| {
        same(
            "C_Decrypt",
            bench.session.decrypt(&mech, key, &ciphertext),
            &message,
        )
    })
}

/// PKCS#1 v1.5 with implicit rejection: an invalid padding gives a message that depends on key and
/// ciphertext only, so it must be the same twice and not what the padding would have let through.
pub(crate) fn pkcs1_decrypt(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    let Some(key) = private(group) else {
        return Verdict::NotApplicable(SIZES);
    };
    let (message, ciphertext) = (hex(test, "msg"), hex(test, "ct"));
    let mech = Mech::plain(CKM_RSA_PKCS);
    let s = &bench.session;
    bench.with(&key, |key| {
        let once = s.decrypt(&mech, key, &ciphertext);
        if test["result"] == "valid" {
            return same("C_Decrypt", once, &message);
        }
        match (once, s.decrypt(&mech, key, &ciphertext)) {
            (Ok(once), Ok(again)) if once == again => Verdict::Refused("implicit rejection".into()),
            (Ok(_), Ok(_)) => Verdict::Wrong("two answers to one ciphertext".into()),
            (Err(once), Err(again)) if once == again => Verdict::Refused(format!("{once:?}")),
            (once, again) => Verdict::Wrong(format!("{once:?} and then {again:?}")),
        }
    })
}
