//! C_InitToken, C_InitPIN, C_SetPIN, C_Login, C_Logout.

use crate::support::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

#[test]
fn login_and_logout_move_the_session_state() {
    let token = Token::fresh();
    let session = token.session();
    assert_eq!(session.info().unwrap().state, CKS_RW_PUBLIC_SESSION);
    session.login(CKU_USER, PIN).unwrap();
    assert_eq!(session.info().unwrap().state, CKS_RW_USER_FUNCTIONS);
    expect_rv!(session.login(CKU_USER, PIN), CKR_USER_ALREADY_LOGGED_IN);
    expect_rv!(
        session.login(CKU_SO, SO_PIN),
        CKR_USER_ANOTHER_ALREADY_LOGGED_IN
    );
    session.logout().unwrap();
    expect_rv!(session.logout(), CKR_USER_NOT_LOGGED_IN);
    session.login(CKU_SO, SO_PIN).unwrap();
    assert_eq!(session.info().unwrap().state, CKS_RW_SO_FUNCTIONS);
    expect_rv!(
        session.login(CKU_USER, PIN),
        CKR_USER_ANOTHER_ALREADY_LOGGED_IN
    );
}

#[test]
fn users_that_do_not_exist() {
    let token = Token::fresh();
    let session = token.session();
    for user in [3, 77, u64::MAX] {
        expect_rv!(session.login(user, PIN), CKR_USER_TYPE_INVALID);
    }
    expect_rv!(
        session.login(CKU_CONTEXT_SPECIFIC, PIN),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        call!(C_Login(session.handle, CKU_USER, null_mut(), 5)),
        CKR_ARGUMENTS_BAD
    );
    expect_rv!(session.login(CKU_USER, "wrong-pin-1"), CKR_PIN_INCORRECT);
    expect_rv!(
        session.login(CKU_USER, ""),
        CKR_PIN_INCORRECT | CKR_PIN_LEN_RANGE | CKR_ARGUMENTS_BAD
    );
    expect_rv!(session.login(CKU_USER, SO_PIN), CKR_PIN_INCORRECT);
}

#[test]
fn a_token_without_user_pin() {
    module();
    let slot = free_slot();
    let token = Token::fresh();
    let mut pin = SO_PIN.as_bytes().to_vec();
    let mut label = *b"no user PIN                     ";
    let rv = call!(C_InitToken(
        token.slot,
        pin.as_mut_ptr(),
        pin.len() as CK_ULONG,
        label.as_mut_ptr()
    ));
    expect_rv!(rv, CKR_OK);
    let _ = slot;
    let session = token.session();
    expect_rv!(session.login(CKU_USER, PIN), CKR_USER_PIN_NOT_INITIALIZED);
    expect_rv!(session.init_pin(PIN), CKR_USER_NOT_LOGGED_IN);
    session.login(CKU_SO, SO_PIN).unwrap();
    session.init_pin(PIN).unwrap();
    session.logout().unwrap();
    session.login(CKU_USER, PIN).unwrap();
    expect_rv!(session.init_pin("other-pin-12"), CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn initialising_a_token_again() {
    let token = Token::fresh();
    token
        .user()
        .create(&Template::data("old", b"x").token())
        .unwrap();
    let again = |pin: &str| {
        let mut pin = pin.as_bytes().to_vec();
        let mut label = *b"fresh again                     ";
        call!(C_InitToken(
            token.slot,
            pin.as_mut_ptr(),
            pin.len() as CK_ULONG,
            label.as_mut_ptr()
        ))
    };
    expect_rv!(again("not-the-so-pin"), CKR_PIN_INCORRECT);
    let session = token.session();
    expect_rv!(again(SO_PIN), CKR_SESSION_EXISTS);
    session.close().unwrap();
    expect_rv!(again(SO_PIN), CKR_OK);
    let session = token.session();
    assert!(
        session.find(&Template::class(CKO_DATA)).unwrap().is_empty(),
        "all objects are gone"
    );
    session.login(CKU_SO, SO_PIN).unwrap();
}

#[test]
fn pins_change_and_keys_stay() {
    let token = Token::fresh();
    let session = token.user();
    let key = session
        .generate(
            &Mech::plain(CKM_AES_KEY_GEN),
            &Template::new()
                .ulong(CKA_VALUE_LEN, 32)
                .token()
                .yes(&[CKA_ENCRYPT])
                .label("key"),
        )
        .unwrap();
    let sealed = session
        .encrypt(&Mech::plain(CKM_AES_ECB), key, &[5; 16])
        .unwrap();
    session.set_pin(PIN, "changed-pin-77").unwrap();
    session.logout().unwrap();
    expect_rv!(session.login(CKU_USER, PIN), CKR_PIN_INCORRECT);
    // The security officer sets a new one; the user's keys are not lost.
    session.login(CKU_SO, SO_PIN).unwrap();
    session.init_pin("given-pin-88").unwrap();
    session.set_pin(SO_PIN, "new-so-pin-99").unwrap();
    session.logout().unwrap();
    expect_rv!(session.login(CKU_USER, "changed-pin-77"), CKR_PIN_INCORRECT);
    expect_rv!(session.login(CKU_SO, SO_PIN), CKR_PIN_INCORRECT);
    session.login(CKU_USER, "given-pin-88").unwrap();
    let key = session.find_one(CKO_SECRET_KEY, "key").unwrap();
    assert_eq!(
        session
            .encrypt(&Mech::plain(CKM_AES_ECB), key, &[5; 16])
            .unwrap(),
        sealed
    );
}

#[test]
fn a_public_session_changes_the_users_pin() {
    let token = Token::fresh();
    let session = token.session();
    session
        .set_pin(PIN, "changed-pin-77")
        .expect("without login, with the old PIN");
    expect_rv!(session.set_pin(PIN, "other-pin-55"), CKR_PIN_INCORRECT);
    session.login(CKU_USER, "changed-pin-77").unwrap();
}

#[test]
fn wrong_pins_are_counted_and_lock() {
    if !is_keyward() {
        return;
    }
    let token = Token::fresh();
    let session = token.session();
    let flags = || token.info().flags;
    assert_eq!(
        flags() & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED),
        0
    );
    expect_rv!(session.login(CKU_USER, "wrong-pin-1"), CKR_PIN_INCORRECT);
    assert_ne!(flags() & CKF_USER_PIN_COUNT_LOW, 0, "a wrong PIN shows");
    session.login(CKU_USER, PIN).unwrap();
    session.logout().unwrap();
    assert_eq!(
        flags() & CKF_USER_PIN_COUNT_LOW,
        0,
        "the right PIN forgets it"
    );
    let mut tries = 0;
    loop {
        tries += 1;
        assert!(tries <= 1000, "wrong PINs do not lock");
        let last = flags() & CKF_USER_PIN_FINAL_TRY != 0;
        match session.login(CKU_USER, "wrong-pin-1").unwrap_err().0 {
            CKR_PIN_INCORRECT if !last => {}
            CKR_PIN_INCORRECT | CKR_PIN_LOCKED if last => break,
            rv => panic!("{} at try {tries}, last try: {last}", rv_name(rv)),
        }
    }
    assert!(tries >= 3, "locked after {tries}");
    assert_ne!(flags() & CKF_USER_PIN_LOCKED, 0);
    expect_rv!(session.login(CKU_USER, PIN), CKR_PIN_LOCKED);
    expect_rv!(session.set_pin(PIN, "other-pin-11"), CKR_PIN_LOCKED);
    // The security officer unlocks by setting a new one.
    session.login(CKU_SO, SO_PIN).unwrap();
    session.init_pin(PIN).unwrap();
    session.logout().unwrap();
    assert_eq!(flags() & CKF_USER_PIN_LOCKED, 0);
    session.login(CKU_USER, PIN).unwrap();
}

#[test]
fn the_count_of_wrong_pins_survives_the_process() {
    isolated!(|| {
        if !is_keyward() {
            return;
        }
        expect_rv!(initialize(), CKR_OK);
        let token = Token::create();
        expect_rv!(
            token.session().login(CKU_USER, "wrong-pin-1"),
            CKR_PIN_INCORRECT
        );
        expect_rv!(finalize(), CKR_OK);
        expect_rv!(initialize(), CKR_OK);
        assert_ne!(
            Token::named(&token.label).unwrap().info().flags & CKF_USER_PIN_COUNT_LOW,
            0
        );
    });
}

#[test]
fn keys_that_ask_for_the_pin_each_time() {
    let token = Token::fresh();
    let s = token.user();
    let (_, key) = s.rsa_pair(2048, &[], &[CKA_SIGN, CKA_ALWAYS_AUTHENTICATE, CKA_PRIVATE]);
    assert!(s.flag(key, CKA_ALWAYS_AUTHENTICATE).unwrap());
    let mech = Mech::plain(CKM_SHA256_RSA_PKCS);
    let data = *b"data";
    let sign = || {
        let mut out = [0u8; 256];
        let mut n = 256;
        call!(C_Sign(
            s.handle,
            data.as_ptr().cast_mut(),
            4,
            out.as_mut_ptr(),
            &raw mut n
        ))
    };
    s.sign_init(&mech, key).unwrap();
    expect_rv!(sign(), CKR_USER_NOT_LOGGED_IN);
    let _ = call!(C_SignInit(s.handle, null_mut(), 0));
    s.sign_init(&mech, key).unwrap();
    expect_rv!(
        s.login(CKU_CONTEXT_SPECIFIC, "wrong-pin-1"),
        CKR_PIN_INCORRECT
    );
    s.login(CKU_CONTEXT_SPECIFIC, PIN).unwrap();
    expect_rv!(sign(), CKR_OK);
    s.sign_init(&mech, key).unwrap();
    expect_rv!(sign(), CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn login_user_of_version_3() {
    if !is_keyward() {
        return;
    }
    let token = Token::fresh();
    let session = token.session();
    let mut pin = PIN.as_bytes().to_vec();
    let mut name = *b"nobody";
    let rv = call30!(C_LoginUser(
        session.handle,
        CKU_USER,
        pin.as_mut_ptr(),
        pin.len() as CK_ULONG,
        name.as_mut_ptr(),
        6
    ));
    expect_rv!(
        rv,
        CKR_OK | CKR_FUNCTION_NOT_SUPPORTED | CKR_USER_TYPE_INVALID
    );
}
