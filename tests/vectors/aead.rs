//! CCM, ChaCha20-Poly1305, GMAC and XTS.

use crate::bench::{Bench, LACKING, both, hex, same, verified};
use crate::report::Verdict;
use crate::support::{Mech, Rv, Template};
use crate::symmetric::cipher_with;
use cryptoki_sys::*;
use serde_json::Value;

/// Ciphertext and tag, as PKCS#11 has them.
fn sealed(test: &Value) -> Vec<u8> {
    [hex(test, "ct"), hex(test, "tag")].concat()
}

pub(crate) fn ccm(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    if bench.lacks(&[CKM_AES_CCM]) {
        return Verdict::NotApplicable(LACKING);
    }
    let (nonce, aad) = (hex(test, "iv"), hex(test, "aad"));
    let tag = group["tagSize"].as_u64().expect("a tag size") / 8;
    let length = hex(test, "ct").len() as CK_ULONG;
    let key = Template::aes(&hex(test, "key"));
    let mech = || Mech::ccm(length, &nonce, &aad, tag);
    cipher_with(bench, key, test, mech, &sealed(test))
}

pub(crate) fn chacha20_poly1305(bench: &Bench, _: &Value, test: &Value) -> Verdict {
    if bench.lacks(&[CKM_CHACHA20_POLY1305]) {
        return Verdict::NotApplicable(LACKING);
    }
    let (nonce, aad) = (hex(test, "iv"), hex(test, "aad"));
    let key = Template::secret(CKK_CHACHA20).bytes(CKA_VALUE, &hex(test, "key"));
    let mech = || Mech::chacha20_poly1305(&nonce, &aad);
    cipher_with(bench, key, test, mech, &sealed(test))
}

pub(crate) fn xts(bench: &Bench, _: &Value, test: &Value) -> Verdict {
    if bench.lacks(&[CKM_AES_XTS]) {
        return Verdict::NotApplicable(LACKING);
    }
    let key = hex(test, "key");
    if key.len() == 48 {
        return Verdict::NotApplicable("the standard has XTS keys of 32 and 64 bytes only");
    }
    let mut tweak = hex(test, "iv");
    tweak.resize(16, 0);
    let key = Template::secret(CKK_AES_XTS).bytes(CKA_VALUE, &key);
    let mech = || Mech::bytes(CKM_AES_XTS, &tweak);
    cipher_with(bench, key, test, mech, &hex(test, "ct"))
}

pub(crate) fn gmac(bench: &Bench, group: &Value, test: &Value) -> Verdict {
    if bench.lacks(&[CKM_AES_GMAC]) {
        return Verdict::NotApplicable(LACKING);
    }
    let (iv, message, tag) = (hex(test, "iv"), hex(test, "msg"), hex(test, "tag"));
    let bits = group["tagSize"].as_u64().expect("a tag size");
    let mech = || Mech::gcm(&iv, &[], bits).of_kind(CKM_AES_GMAC);
    let s = &bench.session;
    let key = Template::aes(&hex(test, "key")).yes(&[CKA_SIGN, CKA_VERIFY]);
    bench.with(&key, |key| {
        let once = match s.verify(&mech(), key, &message, &tag) {
            // An IV that no GCM takes is a refusal of the vector as well.
            Err(Rv(CKR_MECHANISM_PARAM_INVALID)) => return Verdict::Refused("the IV".to_owned()),
            answer => verified("C_Verify", answer),
        };
        let verdict = both(once, || {
            let parts = s.verify_parts(&mech(), key, &message, &tag, 5);
            verified("C_VerifyUpdate", parts)
        });
        if test["result"] != "valid" {
            return verdict;
        }
        both(verdict, || {
            both(same("C_Sign", s.sign(&mech(), key, &message), &tag), || {
                let parts = s.sign_parts(&mech(), key, &message, 3);
                same("C_SignUpdate", parts, &tag)
            })
        })
    })
}
