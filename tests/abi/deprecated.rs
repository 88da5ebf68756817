//! Deprecated algorithms: which are on by default, what is left when they are off, and what the log hears.

use crate::support::*;
use cryptoki_sys::*;
use std::path::Path;

/// Starts the module with these settings beside those that tests need.
fn start(settings: &str) -> Session {
    let file = std::env::var("KEYWARD_CONFIG").unwrap();
    let text = format!("[pin]\nmemory_kib = 64\npasses = 1\nlanes = 1\n{settings}");
    std::fs::write(file, text).unwrap();
    expect_rv!(initialize(), CKR_OK);
    Token::create().user()
}

/// The flags of a mechanism; none for one that is neither listed nor known.
fn flags(s: &Session, mechanism: CK_MECHANISM_TYPE) -> CK_FLAGS {
    let mut count = 0;
    let null = std::ptr::null_mut();
    expect_rv!(
        call!(C_GetMechanismList(s.slot, null, &raw mut count)),
        CKR_OK
    );
    let mut list = vec![0; count as usize];
    let rv = call!(C_GetMechanismList(
        s.slot,
        list.as_mut_ptr(),
        &raw mut count
    ));
    expect_rv!(rv, CKR_OK);
    let mut info = CK_MECHANISM_INFO::default();
    let rv = call!(C_GetMechanismInfo(s.slot, mechanism, &raw mut info));
    let described = Template::class(CKO_MECHANISM).ulong(CKA_MECHANISM_TYPE, mechanism);
    let objects = s.find(&described).unwrap().len();
    if list.contains(&mechanism) {
        expect_rv!(rv, CKR_OK);
        assert_eq!(objects, 1, "{mechanism:#x}");
        return info.flags;
    }
    expect_rv!(rv, CKR_MECHANISM_INVALID);
    assert_eq!(objects, 0, "{mechanism:#x}");
    0
}

const MD5: [CK_MECHANISM_TYPE; 5] = [
    CKM_MD5,
    CKM_MD5_HMAC,
    CKM_MD5_HMAC_GENERAL,
    CKM_MD5_RSA_PKCS,
    CKM_MD5_KEY_DERIVATION,
];
const SHA1: [CK_MECHANISM_TYPE; 3] = [CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKM_ECDSA_SHA1];
const OPENING: CK_FLAGS = CKF_DECRYPT | CKF_UNWRAP | CKF_DECAPSULATE;

fn pss_sha1() -> Mech {
    Mech::pss(CKM_RSA_PKCS_PSS, CKM_SHA_1, CKG_MGF1_SHA1, 20)
}

#[test]
fn what_programs_ask_for_is_on_by_default_and_md5_is_not() {
    isolated!(|| {
        let s = start("");
        for mechanism in MD5 {
            assert_eq!(flags(&s, mechanism), 0);
        }
        expect_rv!(s.digest_init(&Mech::plain(CKM_MD5)), CKR_MECHANISM_INVALID);
        let key = Template::secret(CKK_GENERIC_SECRET).bytes(CKA_VALUE, b"key");
        let key = s.create(&key.yes(&[CKA_SIGN, CKA_DERIVE])).unwrap();
        expect_rv!(
            s.sign_init(&Mech::plain(CKM_MD5_HMAC), key),
            CKR_MECHANISM_INVALID
        );
        expect_rv!(
            s.derive(&Mech::plain(CKM_MD5_KEY_DERIVATION), key, &Template::new()),
            CKR_MECHANISM_INVALID
        );
        for mechanism in SHA1 {
            assert_eq!(flags(&s, mechanism) & CKF_SIGN, CKF_SIGN);
        }
        assert_eq!(flags(&s, CKM_RSA_PKCS) & OPENING, OPENING);
    });
}

#[test]
fn what_is_off_is_neither_listed_nor_done() {
    isolated!(|| {
        let s = start("[deprecated]\nsha1_signatures = false\nrsa_pkcs1_decryption = false\n");
        for mechanism in SHA1 {
            let flags = flags(&s, mechanism);
            assert_eq!(flags & (CKF_SIGN | CKF_VERIFY), CKF_VERIFY);
            assert_eq!(
                flags & (CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY),
                CKF_MESSAGE_VERIFY
            );
        }
        let rsa = flags(&s, CKM_RSA_PKCS);
        assert_eq!(rsa & OPENING, 0);
        let rest = CKF_ENCRYPT | CKF_WRAP | CKF_ENCAPSULATE | CKF_SIGN | CKF_VERIFY;
        assert_eq!(rsa & rest, rest);
        let (public, private) = s.rsa_pair(
            2048,
            &[CKA_VERIFY, CKA_ENCRYPT, CKA_ENCAPSULATE],
            &[CKA_SIGN, CKA_DECRYPT, CKA_UNWRAP, CKA_DECAPSULATE],
        );
        let pkcs1 = Mech::plain(CKM_RSA_PKCS);
        let ciphertext = s.encrypt(&pkcs1, public, b"secret").unwrap();
        let template = Template::secret(CKK_AES).ulong(CKA_VALUE_LEN, 16);
        expect_rv!(s.decrypt_init(&pkcs1, private), CKR_MECHANISM_INVALID);
        expect_rv!(
            s.unwrap(&pkcs1, private, &ciphertext, &template),
            CKR_MECHANISM_INVALID
        );
        expect_rv!(
            s.decapsulate(&pkcs1, private, &ciphertext, &template),
            CKR_MECHANISM_INVALID
        );
        // Before a key is looked at, whatever the call.
        expect_rv!(s.decrypt_init(&pkcs1, 0), CKR_MECHANISM_INVALID);
        for kind in [CKM_SHA1_RSA_PKCS, CKM_ECDSA_SHA1] {
            expect_rv!(
                s.sign_init(&Mech::plain(kind), private),
                CKR_MECHANISM_INVALID
            );
        }
        expect_rv!(
            s.sign_init(&pss_sha1(), private),
            CKR_MECHANISM_PARAM_INVALID
        );
        expect_rv!(s.verify_init(&pss_sha1(), public), CKR_OK);
        let null = std::ptr::null_mut();
        expect_rv!(call!(C_VerifyInit(s.handle, null, 0)), CKR_OK);
        // An old signature is checked: the data as the caller encodes it, signed by the bare mechanism.
        let digest = s.digest(&Mech::plain(CKM_SHA_1), b"old").unwrap();
        let info = [&unhex("3021300906052b0e03021a05000414")[..], &digest].concat();
        let old = s.sign(&pkcs1, private, &info).unwrap();
        let sha1 = Mech::plain(CKM_SHA1_RSA_PKCS);
        expect_rv!(s.verify(&sha1, public, b"old", &old), CKR_OK);
        expect_rv!(s.verify(&sha1, public, b"new", &old), CKR_SIGNATURE_INVALID);
    });
}

#[test]
fn what_is_used_is_said_in_the_log_once() {
    isolated!(|| {
        let log = Path::new(&std::env::var("KEYWARD_HOME").unwrap()).join("log");
        let to = format!(
            "[log]\nto = '{}'\n[deprecated]\nmd5 = true\n",
            log.display()
        );
        let s = start(&to);
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        let md5 = Mech::plain(CKM_MD5);
        assert_eq!(
            s.digest(&md5, b"abc").unwrap(),
            unhex("900150983cd24fb0d6963f7d28e17f72")
        );
        let (public, private) =
            s.rsa_pair(2048, &[CKA_VERIFY, CKA_ENCRYPT], &[CKA_SIGN, CKA_DECRYPT]);
        let md5_rsa = Mech::plain(CKM_MD5_RSA_PKCS);
        let signature = s.sign(&md5_rsa, private, b"data").unwrap();
        expect_rv!(s.verify(&md5_rsa, public, b"data", &signature), CKR_OK);
        assert_eq!(said().lines().count(), 1, "{}", said());
        assert!(
            said().contains("CKM_MD5: ") && said().contains("deprecated.md5"),
            "{}",
            said()
        );
        // Checking is not signing, nor encrypting decrypting.
        let sha1 = Mech::plain(CKM_SHA1_RSA_PKCS);
        let _ = s.verify(&sha1, public, b"data", &signature);
        let pkcs1 = Mech::plain(CKM_RSA_PKCS);
        let ciphertext = s.encrypt(&pkcs1, public, b"secret").unwrap();
        s.sign(&pkcs1, private, b"data").unwrap();
        assert_eq!(said().lines().count(), 1, "{}", said());
        for _ in 0..2 {
            s.sign(&pss_sha1(), private, &[7; 20]).unwrap();
            s.sign(&sha1, private, b"data").unwrap();
            s.decrypt(&pkcs1, private, &ciphertext).unwrap();
        }
        assert_eq!(said().lines().count(), 3, "{}", said());
        for part in [
            "CKM_RSA_PKCS_PSS: signing over SHA-1",
            "deprecated.sha1_signatures",
            "CKM_RSA_PKCS: RSA decryption",
            "deprecated.rsa_pkcs1_decryption",
        ] {
            assert!(said().contains(part), "{}", said());
        }
    });
}
