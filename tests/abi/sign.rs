//! C_Sign*, C_Verify*: every signing mechanism, whole and in parts, and what the two must agree on.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;

fn offered(token: &Token) -> Vec<CK_MECHANISM_TYPE> {
    let mut n = 0;
    expect_rv!(
        call!(C_GetMechanismList(
            token.slot,
            std::ptr::null_mut(),
            &raw mut n
        )),
        CKR_OK
    );
    let mut list = vec![0; n as usize];
    expect_rv!(
        call!(C_GetMechanismList(
            token.slot,
            list.as_mut_ptr(),
            &raw mut n
        )),
        CKR_OK
    );
    list
}

#[test]
fn rsa_pkcs1_with_every_hash() {
    let token = Token::fresh();
    let s = token.user();
    let list = offered(&token);
    let (public, private) = s.rsa_pair(2048, &[CKA_VERIFY], &[CKA_SIGN]);
    let data: Vec<u8> = (0..200).collect();
    for kind in [
        CKM_SHA1_RSA_PKCS,
        CKM_SHA224_RSA_PKCS,
        CKM_SHA256_RSA_PKCS,
        CKM_SHA384_RSA_PKCS,
        CKM_SHA512_RSA_PKCS,
        CKM_SHA3_224_RSA_PKCS,
        CKM_SHA3_256_RSA_PKCS,
        CKM_SHA3_384_RSA_PKCS,
        CKM_SHA3_512_RSA_PKCS,
    ] {
        if !is_keyward() && !list.contains(&kind) {
            continue;
        }
        let mech = Mech::plain(kind);
        let signature = s.sign(&mech, private, &data).unwrap();
        assert_eq!(signature, s.sign_parts(&mech, private, &data, 7).unwrap());
        s.verify(&mech, public, &data, &signature).unwrap();
        s.verify_parts(&mech, public, &data, &signature, 50)
            .unwrap();
    }
    let mech = Mech::plain(CKM_RSA_PKCS);
    expect_rv!(s.sign(&mech, private, &[1; 246]), CKR_DATA_LEN_RANGE);
    s.sign(&mech, private, &[1; 245]).unwrap();
}

#[test]
fn pss_with_every_hash() {
    let token = Token::fresh();
    let s = token.user();
    let list = offered(&token);
    let (public, private) = s.rsa_pair(2048, &[CKA_VERIFY], &[CKA_SIGN]);
    for (kind, hash, mgf, size) in [
        (CKM_SHA1_RSA_PKCS_PSS, CKM_SHA_1, CKG_MGF1_SHA1, 20),
        (CKM_SHA224_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224, 28),
        (CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32),
        (CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 48),
        (CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512, CKG_MGF1_SHA512, 64),
        (
            CKM_SHA3_224_RSA_PKCS_PSS,
            CKM_SHA3_224,
            CKG_MGF1_SHA3_224,
            28,
        ),
        (
            CKM_SHA3_256_RSA_PKCS_PSS,
            CKM_SHA3_256,
            CKG_MGF1_SHA3_256,
            32,
        ),
        (
            CKM_SHA3_384_RSA_PKCS_PSS,
            CKM_SHA3_384,
            CKG_MGF1_SHA3_384,
            48,
        ),
        (
            CKM_SHA3_512_RSA_PKCS_PSS,
            CKM_SHA3_512,
            CKG_MGF1_SHA3_512,
            64,
        ),
    ] {
        if !is_keyward() && !list.contains(&kind) {
            continue;
        }
        let mech = Mech::pss(kind, hash, mgf, size);
        let signature = s.sign(&mech, private, b"data").unwrap();
        s.verify_parts(&mech, public, b"data", &signature, 2)
            .unwrap();
        // The same by the plain mechanism over the digest.
        let digest = s.digest(&Mech::plain(hash), b"data").unwrap();
        let plain = Mech::pss(CKM_RSA_PKCS_PSS, hash, mgf, size);
        s.verify(&plain, public, &digest, &signature).unwrap();
        let signature = s.sign(&plain, private, &digest).unwrap();
        s.verify(&mech, public, b"data", &signature).unwrap();
        expect_rv!(s.sign(&plain, private, b"no digest"), CKR_DATA_LEN_RANGE);
    }
}

#[test]
fn ecdsa_on_every_curve_with_every_hash() {
    let token = Token::fresh();
    let s = token.user();
    let list = offered(&token);
    for (curve, size) in [
        (der::P256, 64),
        (der::P384, 96),
        (der::P521, 132),
        (der::SECP256K1, 64),
    ] {
        let (public, private) = s.ec_pair(curve, &[CKA_VERIFY], &[CKA_SIGN]);
        let plain = Mech::plain(CKM_ECDSA);
        for (kind, hash) in [
            (CKM_ECDSA_SHA1, CKM_SHA_1),
            (CKM_ECDSA_SHA224, CKM_SHA224),
            (CKM_ECDSA_SHA256, CKM_SHA256),
            (CKM_ECDSA_SHA384, CKM_SHA384),
            (CKM_ECDSA_SHA512, CKM_SHA512),
            (CKM_ECDSA_SHA3_224, CKM_SHA3_224),
            (CKM_ECDSA_SHA3_256, CKM_SHA3_256),
            (CKM_ECDSA_SHA3_384, CKM_SHA3_384),
            (CKM_ECDSA_SHA3_512, CKM_SHA3_512),
        ] {
            if !is_keyward() && !list.contains(&kind) {
                continue;
            }
            let hashed = Mech::plain(kind);
            let signature = s.sign_parts(&hashed, private, b"data", 2).unwrap();
            assert_eq!(signature.len(), size);
            s.verify(&hashed, public, b"data", &signature).unwrap();
            let digest = s.digest(&Mech::plain(hash), b"data").unwrap();
            s.verify(&plain, public, &digest, &signature).unwrap();
            let signature = s.sign(&plain, private, &digest).unwrap();
            s.verify(&hashed, public, b"data", &signature).unwrap();
            expect_rv!(
                s.verify(&hashed, public, b"Data", &signature),
                CKR_SIGNATURE_INVALID
            );
        }
    }
}

#[test]
fn eddsa_by_both_names_of_the_curve() {
    let token = Token::fresh();
    let s = token.user();
    for parameters in [der::ED25519, der::ED25519_NAME] {
        let (public, private) = s
            .generate_pair(
                &Mech::plain(CKM_EC_EDWARDS_KEY_PAIR_GEN),
                &Template::new()
                    .bytes(CKA_EC_PARAMS, parameters)
                    .yes(&[CKA_VERIFY]),
                &Template::new().yes(&[CKA_SIGN]),
            )
            .unwrap_or_else(|rv| panic!("{parameters:02x?}: {rv:?}"));
        let mech = Mech::plain(CKM_EDDSA);
        let signature = s.sign(&mech, private, b"data").unwrap();
        assert_eq!(signature.len(), 64);
        assert_eq!(
            signature,
            s.sign(&mech, private, b"data").unwrap(),
            "Ed25519 is deterministic"
        );
        s.verify(&mech, public, b"data", &signature).unwrap();
        expect_rv!(
            s.verify(&mech, public, b"Data", &signature),
            CKR_SIGNATURE_INVALID
        );
        let point = s.attribute(public, CKA_EC_POINT).unwrap();
        assert_eq!(der::octets_of(&point).map_or(point.len(), <[u8]>::len), 32);
    }
}

#[test]
fn hmac_keys_of_any_type_and_length() {
    let token = Token::fresh();
    let s = token.user();
    let mech = Mech::plain(CKM_SHA256_HMAC);
    let key = |kind, value: &[u8]| {
        s.create(
            &Template::secret(kind)
                .bytes(CKA_VALUE, value)
                .yes(&[CKA_SIGN, CKA_VERIFY]),
        )
    };
    let long = vec![9u8; 200];
    let generic = key(CKK_GENERIC_SECRET, &long).unwrap();
    let tag = s.sign(&mech, generic, b"data").unwrap();
    assert_eq!(tag, s.sign_parts(&mech, generic, b"data", 1).unwrap());
    if is_keyward() {
        let named = key(CKK_SHA256_HMAC, &long).unwrap();
        assert_eq!(s.sign(&mech, named, b"data").unwrap(), tag);
        let other = key(CKK_SHA512_HMAC, &long).unwrap();
        expect_rv!(s.sign_init(&mech, other), CKR_KEY_TYPE_INCONSISTENT);
    }
}
