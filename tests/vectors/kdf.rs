//! HKDF, PBKDF2, SP 800-108, TLS and the derivations by hash, encryption and joining.

use crate::bench::{Bench, LACKING, both, hex, same};
use crate::report::Verdict;
use crate::support::derivation::{self, Field, Salt};
use crate::support::{Mech, Outcome, Template, hash_mgf};
use cryptoki_sys::*;
use serde_json::Value;

fn open(key_type: CK_KEY_TYPE) -> Template {
    Template::secret(key_type)
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE])
}

fn base(key_type: CK_KEY_TYPE, value: &[u8]) -> Template {
    open(key_type).bytes(CKA_VALUE, value).yes(&[CKA_DERIVE])
}

/// The value of a derived key.
fn derived(
    bench: &Bench,
    mech: &Mech,
    base: CK_OBJECT_HANDLE,
    length: Option<u64>,
) -> Outcome<Vec<u8>> {
    let s = &bench.session;
    let mut template = open(CKK_GENERIC_SECRET);
    if let Some(length) = length {
        template = template.ulong(CKA_VALUE_LEN, length);
    }
    let key = s.derive(mech, base, &template)?;
    let value = s.attribute(key, CKA_VALUE);
    s.destroy(key)?;
    value
}

pub(crate) fn hkdf(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    if bench.lacks(&[CKM_HKDF_DERIVE]) {
        return Verdict::NotApplicable(LACKING);
    }
    let (salt, info) = (hex(test, "salt"), hex(test, "info"));
    let name = group["algorithm"].as_str().expect("an algorithm");
    let hash = hash_mgf(name.trim_start_matches("HKDF-"))
        .expect("a hash")
        .0;
    let input = hex(test, "ikm");
    if input.is_empty() {
        return Verdict::NotApplicable("keys have at least one byte");
    }
    let length = test["size"].as_u64();
    bench.with(&base(CKK_HKDF, &input), |key| {
        let mech = derivation::hkdf((true, true), hash, Salt::Data(&salt), &info);
        same(
            "C_DeriveKey",
            derived(bench, &mech, key, length),
            &hex(test, "okm"),
        )
    })
}

pub(crate) fn pbkdf2(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    if bench.lacks(&[CKM_PKCS5_PBKD2]) {
        return Verdict::NotApplicable(LACKING);
    }
    let name = group["algorithm"].as_str().expect("an algorithm");
    let prf = prf_of(name.trim_start_matches("PBKDF2-HMAC"));
    let iterations = test["iterationCount"].as_u64().expect("a count");
    let mech = derivation::pbkdf2(prf, &hex(test, "password"), &hex(test, "salt"), iterations);
    let template =
        open(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, test["dkLen"].as_u64().expect("a length"));
    let s = &bench.session;
    let made = s.generate(&mech, &template).and_then(|key| {
        let value = s.attribute(key, CKA_VALUE);
        s.destroy(key)?;
        value
    });
    same("C_GenerateKey", made, &hex(test, "dk"))
}

/// PBES2 as a caller has it of a module: a key by PBKDF2, then AES-CBC with padding.
pub(crate) fn pbes2(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    if bench.lacks(&[CKM_PKCS5_PBKD2, CKM_AES_CBC_PAD]) {
        return Verdict::NotApplicable(LACKING);
    }
    let name = group["algorithm"].as_str().expect("an algorithm");
    let (hash, bits) = name
        .strip_prefix("PbeWithHmac")
        .and_then(|name| name.split_once("AndAes_"))
        .unwrap_or_else(|| panic!("{name}"));
    let prf = prf_of(&hash.to_uppercase());
    let iterations = test["iterationCount"].as_u64().expect("a count");
    let mech = derivation::pbkdf2(prf, &hex(test, "password"), &hex(test, "salt"), iterations);
    let template = Template::secret(CKK_AES)
        .ulong(CKA_VALUE_LEN, bits.parse::<CK_ULONG>().expect("bits") / 8)
        .yes(&[CKA_ENCRYPT, CKA_DECRYPT]);
    let s = &bench.session;
    let key = match s.generate(&mech, &template) {
        Ok(key) => key,
        Err(rv) => return Verdict::Refused(format!("C_GenerateKey {rv:?}")),
    };
    let cbc = Mech::bytes(CKM_AES_CBC_PAD, &hex(test, "iv"));
    let (message, ciphertext) = (hex(test, "msg"), hex(test, "ct"));
    let verdict = both(
        same("C_Decrypt", s.decrypt(&cbc, key, &ciphertext), &message),
        || same("C_Encrypt", s.encrypt(&cbc, key, &message), &ciphertext),
    );
    s.destroy(key).expect("a key");
    verdict
}

/// The pseudorandom function of PBKDF2 with HMAC of a hash.
fn prf_of(hash: &str) -> CK_ULONG {
    match hash {
        "SHA1" => CKP_PKCS5_PBKD2_HMAC_SHA1,
        "SHA224" => CKP_PKCS5_PBKD2_HMAC_SHA224,
        "SHA256" => CKP_PKCS5_PBKD2_HMAC_SHA256,
        "SHA384" => CKP_PKCS5_PBKD2_HMAC_SHA384,
        "SHA512" => CKP_PKCS5_PBKD2_HMAC_SHA512,
        other => panic!("{other}"),
    }
}

/// Known answers from `data/kdf.json` and `data/kbkdf.json`.
pub(crate) fn known(bench: &Bench, case: &Value) -> Verdict {
    let name = case["mechanism"].as_str().expect("a mechanism");
    let text = |field: &str| hex(case, field);
    let mech = match name {
        "SP800-108" => sp800(case),
        "TLS-KDF" => {
            let hash = match case["hash"].as_str().expect("a hash") {
                "TLS-1.0" => CKM_TLS_PRF,
                hash => hash_mgf(hash).expect("a hash").0,
            };
            let context = case["context"].is_string().then(|| text("context"));
            let randoms = (text("client"), text("server"));
            derivation::tls_kdf(
                hash,
                &text("label"),
                (&randoms.0, &randoms.1),
                context.as_deref(),
            )
        }
        "SHA-1" => Mech::plain(CKM_SHA1_KEY_DERIVATION),
        "SHA-256" => Mech::plain(CKM_SHA256_KEY_DERIVATION),
        "SHA-512" => Mech::plain(CKM_SHA512_KEY_DERIVATION),
        "SHA3-256" => Mech::plain(CKM_SHA3_256_KEY_DERIVATION),
        "SHAKE128" => Mech::plain(CKM_SHAKE_128_KEY_DERIVATION),
        "SHAKE256" => Mech::plain(CKM_SHAKE_256_KEY_DERIVATION),
        "AES-ECB-DATA" => Mech::text(CKM_AES_ECB_ENCRYPT_DATA, &text("data")),
        "AES-CBC-DATA" => Mech::cbc_data(text("iv").try_into().expect("16 bytes"), &text("data")),
        "BASE-DATA" => Mech::text(CKM_CONCATENATE_BASE_AND_DATA, &text("data")),
        "DATA-BASE" => Mech::text(CKM_CONCATENATE_DATA_AND_BASE, &text("data")),
        "XOR" => Mech::text(CKM_XOR_BASE_AND_DATA, &text("data")),
        "EXTRACT" => {
            let bit = case["bit"].as_u64().expect("a bit");
            Mech::general(CKM_EXTRACT_KEY_FROM_KEY, bit)
        }
        other => panic!("{other}"),
    };
    if bench.lacks(&[mech.kind()]) {
        return Verdict::NotApplicable(LACKING);
    }
    let is_aes = name.starts_with("AES") || case["prf"] == "AES-CMAC";
    let key_type = if is_aes { CKK_AES } else { CKK_GENERIC_SECRET };
    bench.with(&base(key_type, &text("key")), |key| {
        let out = text("out");
        let length = Some(out.len() as u64);
        same("C_DeriveKey", derived(bench, &mech, key, length), &out)
    })
}

fn sp800(case: &Value) -> Mech {
    let kind = match case["mode"].as_str().expect("a mode") {
        "counter" => CKM_SP800_108_COUNTER_KDF,
        "feedback" => CKM_SP800_108_FEEDBACK_KDF,
        "double-pipeline" => CKM_SP800_108_DOUBLE_PIPELINE_KDF,
        other => panic!("{other}"),
    };
    let prf = match case["prf"].as_str().expect("a function") {
        "AES-CMAC" => CKM_AES_CMAC,
        "HMAC-SHA-1" => CKM_SHA_1_HMAC,
        "HMAC-SHA-224" => CKM_SHA224_HMAC,
        "HMAC-SHA-256" => CKM_SHA256_HMAC,
        "HMAC-SHA-384" => CKM_SHA384_HMAC,
        "HMAC-SHA-512" => CKM_SHA512_HMAC,
        "HMAC-SHA3-256" => CKM_SHA3_256_HMAC,
        other => panic!("{other}"),
    };
    let fields: Vec<Field> = case["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|field| {
            let bits = field["bits"].as_u64().unwrap_or_default();
            let little = field["little"] == true;
            match field["kind"].as_str().expect("a kind") {
                "iteration" if bits == 0 => Field::Iteration(None),
                "iteration" => Field::Iteration(Some((bits, little))),
                "counter" => Field::Counter(bits, little),
                "length" => Field::Length(CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS, bits, little),
                "segments" => Field::Length(CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS, bits, little),
                "bytes" => Field::Bytes(hex(field, "value")),
                other => panic!("{other}"),
            }
        })
        .collect();
    derivation::sp800(kind, prf, &fields, &hex(case, "iv"), &[])
}
