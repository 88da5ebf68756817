//! C_OpenSession, C_CloseSession, C_CloseAllSessions, C_GetSessionInfo.

use crate::support::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

#[test]
fn serial_sessions_only() {
    let token = Token::fresh();
    expect_rv!(token.open(0), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    expect_rv!(
        token.open(CKF_RW_SESSION),
        CKR_SESSION_PARALLEL_NOT_SUPPORTED
    );
    token.open(CKF_SERIAL_SESSION).unwrap();
}

#[test]
fn info_says_slot_flags_and_state() {
    let token = Token::fresh();
    let (writer, reader) = (token.session(), token.read_only());
    let info = writer.info().unwrap();
    assert_eq!(info.slotID, token.slot);
    assert_eq!(info.flags, CKF_SERIAL_SESSION | CKF_RW_SESSION);
    assert_eq!(info.state, CKS_RW_PUBLIC_SESSION);
    assert_eq!(reader.info().unwrap().flags, CKF_SERIAL_SESSION);
    assert_eq!(reader.info().unwrap().state, CKS_RO_PUBLIC_SESSION);
    writer.login(CKU_USER, PIN).unwrap();
    assert_eq!(
        reader.info().unwrap().state,
        CKS_RO_USER_FUNCTIONS,
        "a login is the token's"
    );
}

#[test]
fn closing_the_last_session_logs_out() {
    let token = Token::fresh();
    let one = token.user();
    let two = token.session();
    one.close().unwrap();
    assert_eq!(two.info().unwrap().state, CKS_RW_USER_FUNCTIONS);
    two.close().unwrap();
    assert_eq!(token.session().info().unwrap().state, CKS_RW_PUBLIC_SESSION);
}

#[test]
fn closed_sessions_answer_nothing() {
    let token = Token::fresh();
    let session = token.user();
    let handle = session.handle;
    session.close().unwrap();
    let mut bytes = [0u8; 16];
    let (at, mut n) = (bytes.as_mut_ptr(), 16);
    let mut object = 0;
    let mut m = Mech::plain(CKM_SHA256).raw();
    for rv in [
        call!(C_CloseSession(handle)),
        call!(C_Logout(handle)),
        call!(C_Login(handle, CKU_USER, at, 16)),
        call!(C_GenerateRandom(handle, at, 16)),
        call!(C_DigestInit(handle, &raw mut m)),
        call!(C_Digest(handle, at, 16, at, &raw mut n)),
        call!(C_CreateObject(handle, null_mut(), 0, &raw mut object)),
        call!(C_DestroyObject(handle, 1)),
        call!(C_FindObjectsInit(handle, null_mut(), 0)),
        call!(C_FindObjectsFinal(handle)),
        call!(C_Encrypt(handle, at, 16, at, &raw mut n)),
        call!(C_SignUpdate(handle, at, 16)),
    ] {
        expect_rv!(rv, CKR_SESSION_HANDLE_INVALID);
    }
}

#[test]
fn sessions_of_other_tokens_stay_open() {
    let (one, two) = (Token::fresh(), Token::fresh());
    let (a, b) = (one.user(), two.session());
    expect_rv!(call!(C_CloseAllSessions(one.slot)), CKR_OK);
    expect_rv!(a.info(), CKR_SESSION_HANDLE_INVALID);
    assert_eq!(b.info().unwrap().state, CKS_RW_PUBLIC_SESSION);
    std::mem::forget(a);
}
