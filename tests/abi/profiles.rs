//! The test cases of the PKCS#11 profiles 3.2 (BL-M-1-32, EXT-M-1-32, AUTH-M-1-32, CERT-M-1-32), call by call.
//! What they say of a vendor's names and of the objects on the token is this module's own here.

use crate::support::*;
use crate::{rsa_parts, rsa_template};
use cryptoki_sys::*;
use std::ptr::null_mut;

/// The certificate of CERT-M-1-32.
const ROOT: &str = concat!(
    "308203753082025da003020102020b040000000001154b5ac394300d06092a864886f70d01010505003057310b3009",
    "06035504061302424531193017060355040a1310476c6f62616c5369676e206e762d73613110300e060355040b1307",
    "526f6f74204341311b301906035504031312476c6f62616c5369676e20526f6f74204341301e170d39383039303131",
    "32303030305a170d3238303132383132303030305a3057310b300906035504061302424531193017060355040a1310",
    "476c6f62616c5369676e206e762d73613110300e060355040b1307526f6f74204341311b301906035504031312476c",
    "6f62616c5369676e20526f6f7420434130820122300d06092a864886f70d01010105000382010f003082010a028201",
    "0100da0ee6998dcea3e34f8a7efbf18b83256bea481ff12ab0b9951104bdf063d1e26766cf1cddcf1b482bee8d898e",
    "9aaf298065abe9c72d12cbab1c4c7007a13d0a30cd158d4ff8ddd48c50151cef50eec42ef7fce952f2917de06dd535",
    "308e5e4373f241e9d56ae3b2893a5639386f063c88695b2a4dc5a754b86c89cc9bf93ccae5fd89f5123c927896d6dc",
    "746e934461d18dc746b2750e86e8198ad56d6cd5781695a2e9c80a38ebf224134f73549313853a1bbc1e34b58b058c",
    "b9778bb1db1f2091ab09536e90ce7b3774b97047912251631679aeb1ae412608c8192bd146aa48d6642ad78334ff2c",
    "2ac16c19434a0785e7d37cf62168efeaf2529f7f9390cf0203010001a3423040300e0603551d0f0101ff0404030201",
    "06300f0603551d130101ff040530030101ff301d0603551d0e04160414607b661a450d97ca89502f7d04cd34a8fffc",
    "fd4b300d06092a864886f70d01010505000382010100d673e77c4f76d08dbfecbaa2be34c52832b57cfc6c9c2c2bbd",
    "099e53bf6b5eaa1148b6e508a3b3ca3d614dd34609b33ec3a0e363551bf2baefad39e143b938a3e62f8a263befa050",
    "56f9c60afd38cdc40b705194979804dfc35f94d515c914419cc45d7564150dff5530ec868fff0def2cb96346f6aafc",
    "dfbc69fd2e1248649ae095f0a6ef298f01b115b50c1da5fe692c6924781eb3a71c7162eecac897ac175d8ac2f84786",
    "6e2ac4563195d06789852bf96ca65d469d0caa82e49951dd70b7db563d61e46ae15cd6f6fe3dde41cc07ae6352bf53",
    "53f42be9c7fdb6f7825f85d24118db81b3041cc51fa4806f1520c9de0c880a1dd66655e2fc48c9292669e0",
);

/// The steps that every case begins with: initialise, ask for the library, the slots, the slot and its token.
fn begin(label: &str) -> CK_SLOT_ID {
    expect_rv!(initialize(), CKR_OK);
    let mut info = CK_INFO::default();
    expect_rv!(call!(C_GetInfo(&raw mut info)), CKR_OK);
    assert_eq!(
        (info.cryptokiVersion.major, info.cryptokiVersion.minor),
        (3, 2)
    );
    assert_eq!(info.flags, 0);
    let mut count = 0;
    expect_rv!(
        call!(C_GetSlotList(CK_TRUE, null_mut(), &raw mut count)),
        CKR_OK
    );
    let mut slots = vec![0; count as usize];
    expect_rv!(
        call!(C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &raw mut count)),
        CKR_OK
    );
    let token = Token::named(label).expect("the token");
    assert_eq!(slots[0], token.slot);
    let mut slot = CK_SLOT_INFO::default();
    expect_rv!(call!(C_GetSlotInfo(token.slot, &raw mut slot)), CKR_OK);
    assert_ne!(slot.flags & CKF_TOKEN_PRESENT, 0);
    let wanted = CKF_RNG
        | CKF_LOGIN_REQUIRED
        | CKF_USER_PIN_INITIALIZED
        | CKF_RESTORE_KEY_NOT_NEEDED
        | CKF_TOKEN_INITIALIZED;
    let info = token.info();
    assert_eq!(info.flags & wanted, wanted);
    assert_eq!((info.ulSessionCount, info.ulRwSessionCount), (0, 0));
    token.slot
}

/// The steps that every case ends with.
fn end(session: Session) {
    let slot = session.slot;
    session.close().unwrap();
    expect_rv!(call!(C_CloseAllSessions(slot)), CKR_OK);
    expect_rv!(finalize(), CKR_OK);
}

/// A token in a directory of its own, filled by `fill`; its label.
fn prepared(fill: impl FnOnce(&Session)) -> String {
    expect_rv!(initialize(), CKR_OK);
    let token = Token::create();
    let session = token.user();
    fill(&session);
    drop(session);
    expect_rv!(finalize(), CKR_OK);
    token.label
}

fn open(slot: CK_SLOT_ID, flags: CK_FLAGS) -> Session {
    let mut handle = 0;
    expect_rv!(
        call!(C_OpenSession(
            slot,
            flags,
            null_mut(),
            None,
            &raw mut handle
        )),
        CKR_OK
    );
    Session::adopt(slot, handle)
}

/// One search step by step: at most `most` objects.
fn find(session: &Session, template: &Template, most: CK_ULONG) -> Vec<CK_OBJECT_HANDLE> {
    let h = session.handle;
    let mut raw = template.raw();
    expect_rv!(call!(C_FindObjectsInit(h, raw.ptr(), raw.len())), CKR_OK);
    let mut found = vec![0; most as usize];
    let mut count = 0;
    expect_rv!(
        call!(C_FindObjects(h, found.as_mut_ptr(), most, &raw mut count)),
        CKR_OK
    );
    expect_rv!(call!(C_FindObjectsFinal(h)), CKR_OK);
    found.truncate(count as usize);
    found
}

#[test]
fn baseline_provider_bl_m_1_32() {
    isolated!(|| {
        let label = prepared(|_| {});
        let slot = begin(&label);
        let session = open(slot, CKF_SERIAL_SESSION);
        find(&session, &Template::new().token(), 1);
        end(session);
    });
}

#[test]
fn extended_provider_ext_m_1_32() {
    isolated!(|| {
        let label = prepared(|_| {});
        let slot = begin(&label);
        let mut count = 0;
        expect_rv!(
            call!(C_GetMechanismList(slot, null_mut(), &raw mut count)),
            CKR_OK
        );
        let mut list = vec![0; count as usize];
        expect_rv!(
            call!(C_GetMechanismList(slot, list.as_mut_ptr(), &raw mut count)),
            CKR_OK
        );
        for (kind, flags) in [
            (CKM_SHA512, CKF_DIGEST),
            (CKM_RSA_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR),
            (
                CKM_RSA_PKCS,
                CKF_ENCRYPT | CKF_DECRYPT | CKF_SIGN | CKF_VERIFY | CKF_WRAP | CKF_UNWRAP,
            ),
        ] {
            assert!(list.contains(&kind));
            let mut info = CK_MECHANISM_INFO::default();
            expect_rv!(call!(C_GetMechanismInfo(slot, kind, &raw mut info)), CKR_OK);
            assert_eq!(info.flags & flags, flags);
        }
        let session = open(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION);
        session.login(CKU_USER, PIN).unwrap();
        find(&session, &Template::new().token(), 1);
        session.logout().unwrap();
        end(session);
    });
}

#[test]
fn authentication_token_auth_m_1_32() {
    isolated!(|| {
        let label = prepared(|session| {
            let private = rsa_template().token().label("testrsa-pri");
            session.create(&private).unwrap();
            let public = Template::class(CKO_PUBLIC_KEY).ulong(CKA_KEY_TYPE, CKK_RSA);
            let parts = rsa_parts();
            let public = parts[..2]
                .iter()
                .fold(public, |t, (kind, value)| t.bytes(*kind, value));
            let public = public.token().yes(&[CKA_VERIFY]).label("testrsa-pub");
            session.create(&public).unwrap();
        });
        let slot = begin(&label);
        let session = open(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION);
        session.login(CKU_USER, PIN).unwrap();
        let of = |class, label: &str| Template::class(class).token().label(label);
        let public = find(&session, &of(CKO_PUBLIC_KEY, "testrsa-pub"), 1)[0];
        let (rv, lengths, values) = session.mixed(public, &[CKA_MODULUS, CKA_PUBLIC_EXPONENT]);
        expect_rv!(rv, CKR_OK);
        let parts = rsa_parts();
        assert_eq!(values[0][..lengths[0] as usize], parts[0].1);
        assert_eq!(values[1][..lengths[1] as usize], parts[1].1);
        let private = find(&session, &of(CKO_PRIVATE_KEY, "testrsa-pri"), 1)[0];
        let mech = Mech::plain(CKM_SHA256_RSA_PKCS);
        let data = b"a request to be certified, as good as any";
        let signature = session.sign(&mech, private, data).unwrap();
        assert_eq!(signature.len(), 256);
        session.verify(&mech, public, data, &signature).unwrap();
        session.logout().unwrap();
        end(session);
    });
}

#[test]
fn public_certificates_token_cert_m_1_32() {
    isolated!(|| {
        let root = unhex(ROOT);
        assert_eq!(root.len(), 889);
        let label = prepared(|session| {
            let certificate = Template::class(CKO_CERTIFICATE)
                .ulong(CKA_CERTIFICATE_TYPE, CKC_X_509)
                .token()
                .label("Mozilla Builtin Roots")
                .bytes(CKA_SUBJECT, &root[46..135])
                .bytes(CKA_VALUE, &root);
            session.create(&certificate).unwrap();
        });
        let slot = begin(&label);
        let session = open(slot, CKF_SERIAL_SESSION);
        // Without a login.
        let found = find(&session, &Template::new().token(), 5);
        let label = session.attribute(found[0], CKA_LABEL).unwrap();
        assert_eq!(label, b"Mozilla Builtin Roots");
        assert_eq!(session.attribute(found[0], CKA_VALUE).unwrap(), root);
        end(session);
    });
}

#[test]
fn the_token_names_the_profiles_that_it_meets() {
    let token = Token::fresh();
    let session = token.session();
    let profiles = session.find(&Template::class(CKO_PROFILE)).unwrap();
    let mut named: Vec<CK_ULONG> = profiles
        .iter()
        .map(|own| session.ulong(*own, CKA_PROFILE_ID).unwrap())
        .collect();
    named.sort_unstable();
    assert_eq!(
        named,
        [
            CKP_BASELINE_PROVIDER,
            CKP_EXTENDED_PROVIDER,
            CKP_AUTHENTICATION_TOKEN
        ]
    );
    for own in &profiles {
        assert!(
            session.flag(*own, CKA_TOKEN).unwrap() && !session.flag(*own, CKA_PRIVATE).unwrap()
        );
        expect_rv!(
            session.destroy(*own),
            CKR_ACTION_PROHIBITED | CKR_SESSION_READ_ONLY
        );
    }
    // A general search does not meet them.
    assert!(session.find(&Template::new()).unwrap().is_empty());
    let template = Template::class(CKO_PROFILE).ulong(CKA_PROFILE_ID, CKP_COMPLETE_PROVIDER);
    expect_rv!(
        session.create(&template),
        CKR_ATTRIBUTE_READ_ONLY | CKR_TEMPLATE_INCONSISTENT
    );
}
