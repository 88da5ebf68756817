//! Bad input, classes 24, 25, 27 and 28: logout, handles, PINs, sessions without login.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

#[test]
fn class_24_logout_ends_private_operations() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let other = token.session();
    let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_SIGN, CKA_PRIVATE]);
    session.sign_init(&Mech::plain(CKM_AES_CMAC), key).unwrap();
    other.encrypt_init(&Mech::plain(CKM_AES_ECB), key).unwrap();
    session.digest_init(&Mech::plain(CKM_SHA256)).unwrap();
    session.logout().unwrap();
    let mut data = [0u8; 32];
    let at = data.as_mut_ptr();
    let mut n = 32;
    expect_rv!(
        call!(C_Sign(s, at, 4, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_Encrypt(other.handle, at, 16, at, &raw mut n)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    // Private objects of the session are gone with the login.
    session.login(CKU_USER, PIN).unwrap();
    expect_rv!(
        session.encrypt_init(&Mech::plain(CKM_AES_ECB), key),
        CKR_KEY_HANDLE_INVALID | CKR_OBJECT_HANDLE_INVALID
    );
}

#[test]
fn class_24_searches_do_not_outlive_the_login() {
    let token = Token::fresh();
    let session = token.user();
    session.aes_key(32, &[CKA_TOKEN, CKA_PRIVATE]);
    let mut t = Template::class(CKO_SECRET_KEY).raw();
    expect_rv!(
        call!(C_FindObjectsInit(session.handle, t.ptr(), t.len())),
        CKR_OK
    );
    session.logout().unwrap();
    let (mut handle, mut n) = (0, 0);
    let rv = call!(C_FindObjects(
        session.handle,
        &raw mut handle,
        1,
        &raw mut n
    ));
    assert!(
        rv == CKR_OPERATION_NOT_INITIALIZED || (rv == CKR_OK && n == 0),
        "{} and {n} found",
        rv_name(rv)
    );
}

#[test]
fn class_25_stale_handles() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let object = session.create(&Template::data("x", b"x")).unwrap();
    session.destroy(object).unwrap();
    let mut size = 0;
    for stale in [
        object,
        0,
        u64::MAX,
        object + 1_000_000,
        u64::from(u32::MAX) + 1,
    ] {
        expect_rv!(session.destroy(stale), CKR_OBJECT_HANDLE_INVALID, "{stale}");
        expect_rv!(
            session.attribute(stale, CKA_CLASS),
            CKR_OBJECT_HANDLE_INVALID,
            "{stale}"
        );
        expect_rv!(
            session.copy(stale, &Template::new()),
            CKR_OBJECT_HANDLE_INVALID,
            "{stale}"
        );
        expect_rv!(
            call!(C_GetObjectSize(s, stale, &raw mut size)),
            CKR_OBJECT_HANDLE_INVALID
        );
        expect_rv!(
            session.encrypt_init(&Mech::plain(CKM_AES_ECB), stale),
            CKR_KEY_HANDLE_INVALID | CKR_OBJECT_HANDLE_INVALID
        );
        let key = session.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
        expect_rv!(
            session.wrap(&Mech::plain(CKM_AES_KEY_WRAP), stale, key),
            CKR_WRAPPING_KEY_HANDLE_INVALID | CKR_KEY_HANDLE_INVALID
        );
        expect_rv!(
            session.wrap(&Mech::plain(CKM_AES_KEY_WRAP), key, stale),
            CKR_KEY_HANDLE_INVALID
        );
        expect_rv!(
            session.unwrap(
                &Mech::plain(CKM_AES_KEY_WRAP),
                stale,
                &[0; 24],
                &Template::secret(CKK_AES)
            ),
            CKR_UNWRAPPING_KEY_HANDLE_INVALID | CKR_KEY_HANDLE_INVALID
        );
    }
    for stale in [0, u64::MAX, s + 1_000_000] {
        let mut info = CK_SESSION_INFO::default();
        expect_rv!(
            call!(C_GetSessionInfo(stale, &raw mut info)),
            CKR_SESSION_HANDLE_INVALID
        );
        expect_rv!(call!(C_CloseSession(stale)), CKR_SESSION_HANDLE_INVALID);
        expect_rv!(call!(C_Logout(stale)), CKR_SESSION_HANDLE_INVALID);
    }
}

#[test]
fn class_25_handles_are_never_reused() {
    let token = Token::fresh();
    let keep = token.user();
    let mut sessions = std::collections::HashSet::new();
    let mut objects = std::collections::HashSet::new();
    for _ in 0..300 {
        let session = token.session();
        assert!(sessions.insert(session.handle), "a session handle twice");
        let object = session.create(&Template::data("x", b"x")).unwrap();
        assert!(objects.insert(object), "an object handle twice");
        session.close().unwrap();
        expect_rv!(keep.attribute(object, CKA_CLASS), CKR_OBJECT_HANDLE_INVALID);
    }
}

#[test]
fn class_25_session_objects_die_with_their_session() {
    let token = Token::fresh();
    let one = token.user();
    let two = token.session();
    let object = one.create(&Template::data("mine", b"x")).unwrap();
    assert_eq!(two.attribute(object, CKA_LABEL).unwrap(), b"mine");
    one.close().unwrap();
    expect_rv!(two.attribute(object, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    assert!(two.find(&Template::class(CKO_DATA)).unwrap().is_empty());
    expect_rv!(call!(C_CloseAllSessions(token.slot)), CKR_OK);
    expect_rv!(two.info(), CKR_SESSION_HANDLE_INVALID);
    std::mem::forget(two);
}

#[test]
fn class_27_bad_pins_change_nothing() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let mut old = PIN.as_bytes().to_vec();
    let (at, n) = (old.as_mut_ptr(), old.len() as CK_ULONG);
    expect_rv!(call!(C_SetPIN(s, at, n, null_mut(), 8)), CKR_ARGUMENTS_BAD);
    expect_rv!(
        call!(C_SetPIN(s, at, n, null_mut(), 0)),
        CKR_ARGUMENTS_BAD | CKR_PIN_LEN_RANGE
    );
    let info = token.info();
    let too_short = "x".repeat(info.ulMinPinLen as usize - 1);
    let too_long = "x".repeat(info.ulMaxPinLen as usize + 1);
    expect_rv!(session.set_pin(PIN, &too_short), CKR_PIN_LEN_RANGE);
    expect_rv!(session.set_pin(PIN, &too_long), CKR_PIN_LEN_RANGE);
    expect_rv!(
        session.set_pin("wrong-pin-9876", "other-pin-1234"),
        CKR_PIN_INCORRECT
    );
    session.logout().unwrap();
    session.login(CKU_USER, PIN).expect("the PIN is unchanged");
    session.logout().unwrap();
    session.login(CKU_SO, SO_PIN).unwrap();
    expect_rv!(call!(C_InitPIN(s, null_mut(), 8)), CKR_ARGUMENTS_BAD);
    expect_rv!(session.init_pin(&too_short), CKR_PIN_LEN_RANGE);
    expect_rv!(session.init_pin(&too_long), CKR_PIN_LEN_RANGE);
    expect_rv!(session.set_pin(SO_PIN, &too_short), CKR_PIN_LEN_RANGE);
    session.logout().unwrap();
    session.login(CKU_USER, PIN).expect("the PIN is unchanged");
}

#[test]
fn class_28_without_login() {
    let token = Token::fresh();
    {
        let user = token.user();
        user.aes_key(32, &[CKA_TOKEN, CKA_PRIVATE]);
        user.generate(
            &Mech::plain(CKM_AES_KEY_GEN),
            &Template::new()
                .ulong(CKA_VALUE_LEN, 32)
                .token()
                .label("open")
                .yes(&[CKA_ENCRYPT])
                .no(&[CKA_PRIVATE]),
        )
        .unwrap();
        user.logout().unwrap();
    }
    let session = token.session();
    expect_rv!(
        session.create(&Template::data("x", b"x").yes(&[CKA_PRIVATE])),
        CKR_USER_NOT_LOGGED_IN
    );
    expect_rv!(
        session.create(&Template::data("x", b"x").yes(&[CKA_PRIVATE]).token()),
        CKR_USER_NOT_LOGGED_IN
    );
    expect_rv!(
        session.generate(
            &Mech::plain(CKM_AES_KEY_GEN),
            &Template::new().ulong(CKA_VALUE_LEN, 32)
        ),
        CKR_USER_NOT_LOGGED_IN
    );
    // Keys that stock tools make public are listed, but not used before login.
    let open = session
        .find_one(CKO_SECRET_KEY, "open")
        .expect("a key with CKA_PRIVATE false");
    assert_eq!(
        session
            .find(&Template::class(CKO_SECRET_KEY))
            .unwrap()
            .len(),
        1,
        "private keys are hidden"
    );
    expect_rv!(
        session.encrypt_init(&Mech::plain(CKM_AES_ECB), open),
        CKR_USER_NOT_LOGGED_IN
    );
    expect_rv!(
        session.generate(
            &Mech::plain(CKM_AES_KEY_GEN),
            &Template::new().ulong(CKA_VALUE_LEN, 32).no(&[CKA_PRIVATE])
        ),
        CKR_USER_NOT_LOGGED_IN
    );
    session
        .create(&Template::data("public", b"x").no(&[CKA_PRIVATE]))
        .expect("public session objects need no login");
}

#[test]
fn class_28_read_only_sessions() {
    let token = Token::fresh();
    let session = token.read_only();
    session.login(CKU_USER, PIN).unwrap();
    assert_eq!(session.info().unwrap().state, CKS_RO_USER_FUNCTIONS);
    expect_rv!(
        session.create(&Template::data("x", b"x").token()),
        CKR_SESSION_READ_ONLY
    );
    expect_rv!(
        session.generate(
            &Mech::plain(CKM_AES_KEY_GEN),
            &Template::new().ulong(CKA_VALUE_LEN, 32).token()
        ),
        CKR_SESSION_READ_ONLY
    );
    expect_rv!(
        session.generate_pair(
            &Mech::plain(CKM_EC_KEY_PAIR_GEN),
            &Template::new().bytes(CKA_EC_PARAMS, der::P256),
            &Template::new().token()
        ),
        CKR_SESSION_READ_ONLY
    );
    let object = session
        .create(&Template::data("x", b"x"))
        .expect("session objects are allowed");
    session.set(object, &Template::new().label("y")).unwrap();
    expect_rv!(
        session.copy(object, &Template::new().token()),
        CKR_SESSION_READ_ONLY
    );
    session.aes_key(32, &[]);
    let writer = token.session();
    let kept = writer
        .create(&Template::data("kept", b"x").token())
        .unwrap();
    expect_rv!(session.destroy(kept), CKR_SESSION_READ_ONLY);
    expect_rv!(
        session.set(kept, &Template::new().label("y")),
        CKR_SESSION_READ_ONLY
    );
    expect_rv!(session.set_pin(PIN, "another-pin-1"), CKR_SESSION_READ_ONLY);
    // The security officer has no use for read-only sessions.
    session.logout().unwrap();
    expect_rv!(writer.login(CKU_SO, SO_PIN), CKR_SESSION_READ_ONLY_EXISTS);
    session.close().unwrap();
    writer.login(CKU_SO, SO_PIN).unwrap();
    expect_rv!(
        token.open(CKF_SERIAL_SESSION),
        CKR_SESSION_READ_WRITE_SO_EXISTS
    );
    expect_rv!(
        writer.create(&Template::data("x", b"x").yes(&[CKA_PRIVATE])),
        CKR_USER_NOT_LOGGED_IN
    );
}
