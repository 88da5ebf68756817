//! ML-KEM and ML-DSA.

use crate::bench::{Bench, LACKING, both, hex, same};
use crate::report::Verdict;
use crate::support::{Mech, Outcome, Rv, Template};
use cryptoki_sys::*;
use serde_json::Value;

/// An open key of 32 bytes, to be read.
pub(crate) fn open_secret() -> Template {
    Template::secret(CKK_GENERIC_SECRET)
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE])
}

fn kem_set(group: &Value) -> CK_ULONG {
    match group["parameterSet"].as_str().expect("a set") {
        "ML-KEM-512" => CKP_ML_KEM_512,
        "ML-KEM-768" => CKP_ML_KEM_768,
        "ML-KEM-1024" => CKP_ML_KEM_1024,
        other => panic!("{other}"),
    }
}

fn dsa_set(group: &Value) -> CK_ULONG {
    match group["algorithm"].as_str().expect("an algorithm") {
        "ML-DSA-44" => CKP_ML_DSA_44,
        "ML-DSA-65" => CKP_ML_DSA_65,
        "ML-DSA-87" => CKP_ML_DSA_87,
        other => panic!("{other}"),
    }
}

/// An open private key, by its seed or its value.
pub(crate) fn private(
    kind: CK_KEY_TYPE,
    set: CK_ULONG,
    by: CK_ATTRIBUTE_TYPE,
    bytes: &[u8],
) -> Template {
    Template::class(CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, kind)
        .ulong(CKA_PARAMETER_SET, set)
        .bytes(by, bytes)
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE])
}

pub(crate) fn public(kind: CK_KEY_TYPE, set: CK_ULONG, bytes: &[u8]) -> Template {
    Template::class(CKO_PUBLIC_KEY)
        .ulong(CKA_KEY_TYPE, kind)
        .ulong(CKA_PARAMETER_SET, set)
        .bytes(CKA_VALUE, bytes)
}

/// Whether the public key that the module shows of a private one is the vector's, where it has one.
pub(crate) fn shows(bench: &Bench, key: CK_OBJECT_HANDLE, public: &[u8]) -> Verdict {
    match bench.session.attribute(key, CKA_PUBLIC_KEY_INFO) {
        Ok(info) if info.ends_with(public) => Verdict::Accepted,
        Ok(_) => Verdict::Wrong("another public key".into()),
        Err(rv) => Verdict::Wrong(format!("CKA_PUBLIC_KEY_INFO {rv:?}")),
    }
}

/// The secret in a ciphertext.
pub(crate) fn opened(bench: &Bench, key: CK_OBJECT_HANDLE, ciphertext: &[u8]) -> Outcome<Vec<u8>> {
    let s = &bench.session;
    let secret = s.decapsulate(&Mech::plain(CKM_ML_KEM), key, ciphertext, &open_secret())?;
    let value = s.attribute(secret, CKA_VALUE);
    s.destroy(secret)?;
    value
}

/// Seeds, ciphertexts and their secrets.
pub(crate) fn kem(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    if bench.lacks(&[CKM_ML_KEM]) {
        return Verdict::NotApplicable(LACKING);
    }
    let seed = hex(test, "seed");
    let key = private(CKK_ML_KEM, kem_set(group), CKA_SEED, &seed);
    bench.with(&key, |key| {
        let secret = opened(bench, key, &hex(test, "c"));
        let verdict = same("C_DecapsulateKey", secret, &hex(test, "K"));
        if matches!(verdict, Verdict::Accepted) {
            return shows(bench, key, &hex(test, "ek"));
        }
        verdict
    })
}

/// Decapsulation keys without their seeds.
pub(crate) fn kem_decaps(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    if bench.lacks(&[CKM_ML_KEM]) {
        return Verdict::NotApplicable(LACKING);
    }
    let key = private(CKK_ML_KEM, kem_set(group), CKA_VALUE, &hex(test, "dk"));
    bench.with(&key, |key| {
        let secret = opened(bench, key, &hex(test, "c"));
        same("C_DecapsulateKey", secret, &hex(test, "K"))
    })
}

/// Seeds and the keys that follow from them.
pub(crate) fn kem_keys(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    if bench.lacks(&[CKM_ML_KEM_KEY_PAIR_GEN]) {
        return Verdict::NotApplicable(LACKING);
    }
    let key = private(CKK_ML_KEM, kem_set(group), CKA_SEED, &hex(test, "seed"));
    bench.with(&key, |key| {
        let value = bench.session.attribute(key, CKA_VALUE);
        both(same("CKA_VALUE", value, &hex(test, "dk")), || {
            shows(bench, key, &hex(test, "ek"))
        })
    })
}

/// Encapsulation with randomness that is given: of these, only which public keys are taken can be seen.
pub(crate) fn kem_encaps(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    if bench.lacks(&[CKM_ML_KEM]) {
        return Verdict::NotApplicable(LACKING);
    }
    let key = public(CKK_ML_KEM, kem_set(group), &hex(test, "ek"));
    let valid = test["result"] == "valid";
    let s = &bench.session;
    bench.with(&key, |key| {
        match s.encapsulate(&Mech::plain(CKM_ML_KEM), key, &open_secret()) {
            Ok((ciphertext, secret)) => {
                s.destroy(secret).expect("a key");
                if valid && ciphertext.len() == hex(test, "c").len() {
                    Verdict::NotApplicable("taken; the module draws its own randomness")
                } else {
                    Verdict::Accepted
                }
            }
            Err(rv) => Verdict::Refused(format!("C_EncapsulateKey {rv:?}")),
        }
    })
}

/// A verification's answer; a context that is too long is refused as such.
fn judged(outcome: Outcome<()>) -> Verdict {
    match outcome {
        Ok(()) => Verdict::Accepted,
        Err(Rv(
            rv @ (CKR_SIGNATURE_INVALID | CKR_SIGNATURE_LEN_RANGE | CKR_MECHANISM_PARAM_INVALID),
        )) => Verdict::Refused(format!("{rv:#x}")),
        Err(rv) => Verdict::Wrong(format!("C_Verify answered {rv:?}")),
    }
}

fn with_context(hedge: CK_HEDGE_TYPE, test: &Value) -> Mech {
    if test["ctx"].is_null() && hedge == CKH_HEDGE_PREFERRED {
        return Mech::plain(CKM_ML_DSA);
    }
    Mech::context(CKM_ML_DSA, hedge, &hex(test, "ctx"))
}

fn verify(bench: &Bench, key: &Template, test: &Value) -> Verdict {
    let (message, signature) = (hex(test, "msg"), hex(test, "sig"));
    let mech = with_context(CKH_HEDGE_PREFERRED, test);
    let s = &bench.session;
    bench.with(key, |key| {
        both(judged(s.verify(&mech, key, &message, &signature)), || {
            judged(s.verify_parts(&mech, key, &message, &signature, 7))
        })
    })
}

/// Signatures to be checked.
pub(crate) fn dsa_verify(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    if bench.lacks(&[CKM_ML_DSA]) {
        return Verdict::NotApplicable(LACKING);
    }
    let key = public(CKK_ML_DSA, dsa_set(group), &hex(group, "publicKey"));
    verify(bench, &key, test)
}

/// Signatures to be made: the deterministic ones are compared, those with given randomness checked.
pub(crate) fn dsa_sign(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    if bench.lacks(&[CKM_ML_DSA]) {
        return Verdict::NotApplicable(LACKING);
    }
    let set = dsa_set(group);
    let (by, name) = match group["privateSeed"].is_null() {
        false => (CKA_SEED, "privateSeed"),
        true => (CKA_VALUE, "privateKey"),
    };
    let of_key = private(CKK_ML_DSA, set, by, &hex(group, name));
    let (message, signature) = (hex(test, "msg"), hex(test, "sig"));
    let public_key = hex(group, "publicKey");
    if test["msg"].is_null() && test["result"] == "valid" {
        return Verdict::NotApplicable("no message, only its representative");
    }
    let s = &bench.session;
    let mech = with_context(CKH_DETERMINISTIC_REQUIRED, test);
    bench.with(&of_key, |key| {
        let shown = shows(bench, key, &public_key);
        if !matches!(shown, Verdict::Accepted) {
            return shown;
        }
        if !test["rnd"].is_null() {
            return verify(bench, &public(CKK_ML_DSA, set, &public_key), test);
        }
        both(
            same("C_Sign", s.sign(&mech, key, &message), &signature),
            || {
                same(
                    "in parts",
                    s.sign_parts(&mech, key, &message, 5),
                    &signature,
                )
            },
        )
    })
}
