//! ECDSA, ECDH, EdDSA and X25519.

use crate::bench::{Bench, LACKING, both, hex, same, trimmed, verified};
use crate::report::Verdict;
use crate::support::der;
use crate::support::{Mech, Outcome, Template};
use cryptoki_sys::*;
use serde_json::Value;

/// Parameters and field size in bytes of the curves that the module has.
fn curve_of(name: &str) -> Option<(&'static [u8], usize)> {
    Some(match name {
        "secp256r1" => (der::P256, 32),
        "secp384r1" => (der::P384, 48),
        "secp521r1" => (der::P521, 66),
        "secp256k1" => (der::SECP256K1, 32),
        "secp224r1" => (der::P224, 28),
        "brainpoolP224r1" => (der::BRAINPOOL_224, 28),
        "brainpoolP256r1" => (der::BRAINPOOL_256, 32),
        "brainpoolP320r1" => (der::BRAINPOOL_320, 40),
        "brainpoolP384r1" => (der::BRAINPOOL_384, 48),
        "brainpoolP512r1" => (der::BRAINPOOL_512, 64),
        _ => return None,
    })
}

/// The hash, and ECDSA with that hash.
fn ecdsa_of(hash: &str) -> Option<(CK_MECHANISM_TYPE, CK_MECHANISM_TYPE)> {
    Some(match hash {
        "SHA-1" => (CKM_SHA_1, CKM_ECDSA_SHA1),
        "SHA-224" => (CKM_SHA224, CKM_ECDSA_SHA224),
        "SHA-256" => (CKM_SHA256, CKM_ECDSA_SHA256),
        "SHA-384" => (CKM_SHA384, CKM_ECDSA_SHA384),
        "SHA-512" => (CKM_SHA512, CKM_ECDSA_SHA512),
        "SHA3-224" => (CKM_SHA3_224, CKM_ECDSA_SHA3_224),
        "SHA3-256" => (CKM_SHA3_256, CKM_ECDSA_SHA3_256),
        "SHA3-384" => (CKM_SHA3_384, CKM_ECDSA_SHA3_384),
        "SHA3-512" => (CKM_SHA3_512, CKM_ECDSA_SHA3_512),
        _ => return None,
    })
}

fn public(key_type: CK_KEY_TYPE, parameters: &[u8], point: &[u8]) -> Template {
    Template::class(CKO_PUBLIC_KEY)
        .ulong(CKA_KEY_TYPE, key_type)
        .bytes(CKA_EC_PARAMS, parameters)
        .bytes(CKA_EC_POINT, &der::octets(point))
        .yes(&[CKA_VERIFY])
}

/// The digest of a function that PKCS#11 has no digests by: the caller's business (RFC 8692 has the lengths).
fn shake(name: &str, message: &[u8]) -> Option<Vec<u8>> {
    use shake::{ExtendableOutput, Shake128, Shake256, XofReader};
    fn of(mut function: impl ExtendableOutput, message: &[u8], length: usize) -> Vec<u8> {
        let mut digest = vec![0; length];
        function.update(message);
        function.finalize_xof().read(&mut digest);
        digest
    }
    match name {
        "SHAKE128" => Some(of(Shake128::default(), message, 32)),
        "SHAKE256" => Some(of(Shake256::default(), message, 64)),
        _ => None,
    }
}

/// Verifies by the hashed mechanism and by the plain one over the module's own digest.
fn ecdsa(bench: &Bench, group: &Value, test: &Value, signature: &[u8]) -> Verdict {
    let curve = group["publicKey"]["curve"].as_str().expect("a curve");
    let (parameters, _) = curve_of(curve).unwrap_or_else(|| panic!("{curve}"));
    let hash = group["sha"].as_str().expect("a hash");
    if let Some(digest) = shake(hash, &hex(test, "msg")) {
        let point = hex(&group["publicKey"], "uncompressed");
        return bench.with(&public(CKK_EC, parameters, &point), |key| {
            let plain = Mech::plain(CKM_ECDSA);
            let answer = bench.session.verify(&plain, key, &digest, signature);
            verified("CKM_ECDSA", answer)
        });
    }
    let (digest, hashed) = ecdsa_of(hash).unwrap_or_else(|| panic!("{hash}"));
    if bench.lacks(&[digest, hashed]) {
        return Verdict::NotApplicable(LACKING);
    }
    let point = hex(&group["publicKey"], "uncompressed");
    let message = hex(test, "msg");
    let s = &bench.session;
    bench.with(&public(CKK_EC, parameters, &point), |key| {
        let plain = || {
            let digest = bench
                .digest(digest, &message)
                .expect("a digest that is offered");
            verified(
                "CKM_ECDSA",
                s.verify(&Mech::plain(CKM_ECDSA), key, &digest, signature),
            )
        };
        both(
            verified(
                "hashed ECDSA",
                s.verify(&Mech::plain(hashed), key, &message, signature),
            ),
            plain,
        )
    })
}

/// Signatures in DER: what is not strictly DER never reaches a PKCS#11 module.
pub(crate) fn ecdsa_der(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    let curve = group["publicKey"]["curve"].as_str().expect("a curve");
    let (_, size) = curve_of(curve).unwrap_or_else(|| panic!("{curve}"));
    match der::ecdsa_signature(&hex(test, "sig"), size) {
        Some(signature) => ecdsa(bench, group, test, &signature),
        None if test["result"] == "valid" => {
            Verdict::Wrong("the test cannot read the signature".into())
        }
        None => Verdict::NotApplicable("DER of the signature is the caller's"),
    }
}

fn flagged(test: &Value, flag: &str) -> bool {
    test["flags"]
        .as_array()
        .is_some_and(|flags| flags.iter().any(|f| f == flag))
}

/// The same, with Bitcoin's rule that only one of two equivalent signatures counts.
pub(crate) fn ecdsa_bitcoin(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    // One of the vectors is not flagged, and says it in its comment only.
    let malleable = flagged(test, "SignatureMalleabilityBitcoin")
        || test["comment"] == "edge case for signature malleability";
    if malleable && test["result"] == "invalid" {
        return Verdict::NotApplicable("Bitcoin's rule on malleability");
    }
    ecdsa_der(bench, group, test)
}

/// Signatures as PKCS#11 has them. Its section on EC signatures allows halves without their leading
/// zeros, which IEEE P1363 does not.
pub(crate) fn ecdsa_p1363(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    let signature = hex(test, "sig");
    let (_, size) =
        curve_of(group["publicKey"]["curve"].as_str().unwrap_or_default()).expect("a curve");
    let short =
        signature.len() < 2 * size && signature.len().is_multiple_of(2) && !signature.is_empty();
    if flagged(test, "SignatureSize") && short {
        return Verdict::NotApplicable("PKCS#11 allows shorter halves");
    }
    ecdsa(bench, group, test, &signature)
}

pub(crate) fn eddsa(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    let key = public(
        CKK_EC_EDWARDS,
        der::ED25519,
        &hex(&group["publicKey"], "pk"),
    );
    let (message, signature) = (hex(test, "msg"), hex(test, "sig"));
    let s = &bench.session;
    bench.with(&key, |key| {
        both(
            verified(
                "C_Verify",
                s.verify(&Mech::plain(CKM_EDDSA), key, &message, &signature),
            ),
            || {
                let parameter = Mech::eddsa(false, b"").of_kind(CKM_EDDSA);
                if crate::support::is_keyward() {
                    verified(
                        "with parameter",
                        s.verify(&parameter, key, &message, &signature),
                    )
                } else {
                    verified(
                        "again",
                        s.verify(&Mech::plain(CKM_EDDSA), key, &message, &signature),
                    )
                }
            },
        )
    })
}

/// The secret that a private key and a public point agree on, read from the open key derived.
fn agreed(
    bench: &Bench,
    private: CK_OBJECT_HANDLE,
    point: &[u8],
    length: usize,
) -> Outcome<Vec<u8>> {
    let s = &bench.session;
    let template = Template::secret(CKK_GENERIC_SECRET)
        .ulong(CKA_VALUE_LEN, length as CK_ULONG)
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE]);
    let key = s.derive(&Mech::ecdh(CKD_NULL, b"", point), private, &template)?;
    let value = s.attribute(key, CKA_VALUE);
    s.destroy(key)?;
    value
}

fn private(key_type: CK_KEY_TYPE, parameters: &[u8], value: &[u8]) -> Template {
    Template::class(CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, key_type)
        .bytes(CKA_EC_PARAMS, parameters)
        .bytes(CKA_VALUE, value)
        .yes(&[CKA_DERIVE])
}

fn ecdh(bench: &Bench, group: &Value, test: &Value, point: &[u8]) -> Verdict {
    let curve = group["curve"].as_str().expect("a curve");
    let (parameters, size) = curve_of(curve).unwrap_or_else(|| panic!("{curve}"));
    let number = hex(test, "private");
    let digits = trimmed(&number);
    let value = [&vec![0; size.saturating_sub(digits.len())], digits].concat();
    let shared = hex(test, "shared");
    bench.with(&private(CKK_EC, parameters, &value), |key| {
        same("C_DeriveKey", agreed(bench, key, point, size), &shared)
    })
}

pub(crate) fn ecdh_point(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    ecdh(bench, group, test, &hex(test, "public"))
}

/// Public keys as SubjectPublicKeyInfo: a module only ever sees the point.
pub(crate) fn ecdh_asn(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    let (parameters, _) = curve_of(group["curve"].as_str().unwrap_or_default()).expect("a curve");
    match point_of(&hex(test, "public"), parameters) {
        Some(point) => ecdh(bench, group, test, &point),
        None if test["result"] == "valid" => Verdict::Wrong("the test cannot read the key".into()),
        None => Verdict::NotApplicable("the public key's DER is the caller's"),
    }
}

/// The point of a public key on this curve, if it is encoded as it should be.
fn point_of(spki: &[u8], parameters: &[u8]) -> Option<Vec<u8>> {
    const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
    let (0x30, body, []) = der::read(spki)? else {
        return None;
    };
    let (0x30, algorithm, rest) = der::read(body)? else {
        return None;
    };
    if algorithm != [EC_PUBLIC_KEY, parameters].concat() {
        return None;
    }
    let (0x03, bits, []) = der::read(rest)? else {
        return None;
    };
    let (&0, point) = bits.split_first()? else {
        return None;
    };
    let again = der::tlv(
        0x30,
        &[der::tlv(0x30, algorithm), der::tlv(0x03, bits)].concat(),
    );
    (again == spki).then(|| point.to_vec())
}

pub(crate) fn xdh(bench: &Bench, _group: &Value, test: &Value) -> Verdict {
    if bench.lacks(&[CKM_EC_MONTGOMERY_KEY_PAIR_GEN]) {
        return Verdict::NotApplicable(LACKING);
    }
    let (value, point, shared) = (
        hex(test, "private"),
        hex(test, "public"),
        hex(test, "shared"),
    );
    bench.with(&private(CKK_EC_MONTGOMERY, der::X25519, &value), |key| {
        same("C_DeriveKey", agreed(bench, key, &point, 32), &shared)
    })
}
