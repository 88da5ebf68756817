//! Known answers of ML-KEM, ML-DSA and SLH-DSA: `data/acvp.json` and `data/mldsa.json`. Long keys and signatures are
//! there by their SHA-256.

use crate::bench::{Bench, LACKING, both, decode, hex, same, verified};
use crate::lattices::{open_secret, opened, private, public, shows};
use crate::report::Verdict;
use crate::support::{Mech, Outcome, Rv};
use cryptoki_sys::*;
use serde_json::Value;

/// The key type and the number of a case's set.
fn set_of(case: &Value) -> (CK_KEY_TYPE, CK_ULONG) {
    match case["set"].as_str().expect("a set") {
        "ML-KEM-512" => (CKK_ML_KEM, CKP_ML_KEM_512),
        "ML-KEM-768" => (CKK_ML_KEM, CKP_ML_KEM_768),
        "ML-KEM-1024" => (CKK_ML_KEM, CKP_ML_KEM_1024),
        "ML-DSA-44" => (CKK_ML_DSA, CKP_ML_DSA_44),
        "ML-DSA-65" => (CKK_ML_DSA, CKP_ML_DSA_65),
        "ML-DSA-87" => (CKK_ML_DSA, CKP_ML_DSA_87),
        "SLH-DSA-SHA2-128s" => (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128S),
        "SLH-DSA-SHA2-128f" => (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128F),
        "SLH-DSA-SHA2-192s" => (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_192S),
        "SLH-DSA-SHA2-192f" => (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_192F),
        "SLH-DSA-SHA2-256s" => (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256S),
        "SLH-DSA-SHA2-256f" => (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256F),
        "SLH-DSA-SHAKE-128s" => (CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_128S),
        "SLH-DSA-SHAKE-128f" => (CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_128F),
        "SLH-DSA-SHAKE-192s" => (CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192S),
        "SLH-DSA-SHAKE-192f" => (CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192F),
        "SLH-DSA-SHAKE-256s" => (CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_256S),
        "SLH-DSA-SHAKE-256f" => (CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_256F),
        other => panic!("{other}"),
    }
}

/// SHA-256, by another implementation than the module's.
fn sha256(data: &[u8]) -> Vec<u8> {
    use p256::ecdsa::signature::digest::Digest;
    <sha2::Sha256 as Digest>::digest(data).to_vec()
}

/// A key from its seed: the value and the public key that follow, by their SHA-256.
fn from_seed(bench: &Bench, case: &Value) -> Verdict {
    let (kind, set) = set_of(case);
    let s = &bench.session;
    let digest = |value: Outcome<Vec<u8>>| value.map(|value| sha256(&value));
    bench.with(&private(kind, set, CKA_SEED, &hex(case, "seed")), |key| {
        let value = digest(s.attribute(key, CKA_VALUE));
        both(
            same("CKA_VALUE", value, &hex(case, "private_sha256")),
            || {
                // The public key is what the SubjectPublicKeyInfo ends with.
                let length = match set_of(case) {
                    (CKK_ML_KEM, CKP_ML_KEM_512) => 800,
                    (CKK_ML_KEM, CKP_ML_KEM_768) => 1184,
                    (CKK_ML_KEM, _) => 1568,
                    (_, CKP_ML_DSA_44) => 1312,
                    (_, CKP_ML_DSA_65) => 1952,
                    _ => 2592,
                };
                let info = s.attribute(key, CKA_PUBLIC_KEY_INFO);
                let public = info.map(|info| info[info.len() - length..].to_vec());
                same(
                    "the public key",
                    digest(public),
                    &hex(case, "public_sha256"),
                )
            },
        )
    })
}

/// A key of SLH-DSA: taken only while its public half follows from its seeds.
fn slh_dsa(bench: &Bench, case: &Value) -> Verdict {
    let (kind, set) = set_of(case);
    let value = hex(case, "private");
    let taken = bench.with(&private(kind, set, CKA_VALUE, &value), |key| {
        shows(bench, key, &value[value.len() / 2..])
    });
    both(taken, || {
        // The second quarter only makes signatures random: nothing public follows from it.
        for place in [0, value.len() / 2, value.len() - 1] {
            let mut other = value.clone();
            other[place] ^= 1;
            match bench.session.create(&private(kind, set, CKA_VALUE, &other)) {
                Err(Rv(CKR_ATTRIBUTE_VALUE_INVALID)) => {}
                other => return Verdict::Wrong(format!("changed at {place}: {other:?}")),
            }
        }
        Verdict::Accepted
    })
}

fn kem_opens(bench: &Bench, key: &[u8], case: &Value) -> Verdict {
    let (kind, set) = set_of(case);
    bench.with(&private(kind, set, CKA_VALUE, key), |key| {
        let secret = opened(bench, key, &hex(case, "c"));
        same("C_DecapsulateKey", secret, &hex(case, "k"))
    })
}

/// Whether a key is one, as private or public.
fn kem_key(bench: &Bench, case: &Value, is_private: bool) -> Verdict {
    let (kind, set) = set_of(case);
    let key = hex(case, "key");
    if is_private {
        return bench.with(&private(kind, set, CKA_VALUE, &key), |_| Verdict::Accepted);
    }
    bench.with(&public(kind, set, &key), |key| {
        match bench
            .session
            .encapsulate(&Mech::plain(CKM_ML_KEM), key, &open_secret())
        {
            Ok(_) => Verdict::Accepted,
            Err(rv) => Verdict::Wrong(format!("C_EncapsulateKey {rv:?}")),
        }
    })
}

/// A signature with randomness that is given: checked with the public key of the private one.
fn dsa_checked(bench: &Bench, case: &Value) -> Verdict {
    let (kind, set) = set_of(case);
    let (message, signature) = (hex(case, "message"), hex(case, "signature"));
    let mech = Mech::context(CKM_ML_DSA, CKH_HEDGE_PREFERRED, &hex(case, "context"));
    let s = &bench.session;
    let size = match set {
        CKP_ML_DSA_44 => 1312,
        CKP_ML_DSA_65 => 1952,
        _ => 2592,
    };
    bench.with(
        &private(kind, set, CKA_VALUE, &hex(case, "private")),
        |key| {
            let info = s
                .attribute(key, CKA_PUBLIC_KEY_INFO)
                .expect("the public key");
            let own = public(kind, set, &info[info.len() - size..]);
            bench.with(&own, |key| {
                let mut other = message.clone();
                other[0] ^= 1;
                match s.verify(&mech, key, &other, &signature) {
                    Err(Rv(CKR_SIGNATURE_INVALID)) => {}
                    answer => return Verdict::Wrong(format!("of another message: {answer:?}")),
                }
                verified("C_Verify", s.verify(&mech, key, &message, &signature))
            })
        },
    )
}

/// A deterministic signature, of the message or of its digest.
fn dsa_signed(bench: &Bench, case: &Value, mechanism: CK_MECHANISM_TYPE) -> Verdict {
    let (kind, set) = set_of(case);
    let mech = Mech::context(mechanism, CKH_DETERMINISTIC_REQUIRED, &hex(case, "context"));
    let s = &bench.session;
    bench.with(&private(kind, set, CKA_SEED, &hex(case, "seed")), |key| {
        let signature = s.sign(&mech, key, &hex(case, "message"));
        let digest = signature.map(|signature| sha256(&signature));
        same("C_Sign", digest, &hex(case, "signature_sha256"))
    })
}

/// One case of `data/acvp.json` or `data/mldsa.json`; `dk` is the decapsulation key of the cases before.
pub(crate) fn known(bench: &Bench, case: &Value, dk: &mut Vec<u8>) -> Verdict {
    let (kind, _) = set_of(case);
    let needed = match kind {
        CKK_ML_KEM => CKM_ML_KEM,
        CKK_ML_DSA => CKM_ML_DSA,
        _ => CKM_SLH_DSA,
    };
    if bench.lacks(&[needed]) {
        return Verdict::NotApplicable(LACKING);
    }
    match case["mechanism"].as_str().expect("a mechanism") {
        "SLH-DSA keyGen" => slh_dsa(bench, case),
        "ML-KEM keyGen" | "ML-DSA keyGen" => from_seed(bench, case),
        "ML-KEM decapsulation" => {
            if case["dk"] != "as before" {
                *dk = decode(case["dk"].as_str().expect("a key"));
            }
            kem_opens(bench, dk, case)
        }
        "ML-KEM decapsulationKeyCheck" => kem_key(bench, case, true),
        "ML-KEM encapsulationKeyCheck" => kem_key(bench, case, false),
        "ML-DSA sigGen" => dsa_checked(bench, case),
        "ML-DSA pure" => dsa_signed(bench, case, CKM_ML_DSA),
        "ML-DSA hashed" => {
            let mechanism = match set_of(case).1 {
                CKP_ML_DSA_44 => CKM_HASH_ML_DSA_SHA256,
                CKP_ML_DSA_65 => CKM_HASH_ML_DSA_SHA384,
                _ => CKM_HASH_ML_DSA_SHA512,
            };
            dsa_signed(bench, case, mechanism)
        }
        other => panic!("{other}"),
    }
}
