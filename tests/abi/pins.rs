//! C_InitToken, C_InitPIN, C_SetPIN, C_Login, C_Logout.

use crate::support::*;
use cryptoki_sys::*;

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
}
