//! Many threads in one process.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn every_thread_its_session() {
    let token = Token::fresh();
    let login = token.user();
    let (public, private) = login.ec_pair(der::P256, &[CKA_VERIFY], &[CKA_SIGN]);
    let shared = login.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT]);
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let token = &token;
            scope.spawn(move || {
                let s = token.session();
                for round in 0..50u8 {
                    let data = [thread ^ round; 100];
                    let gcm = Mech::gcm(&[round; 12], &[thread], 128);
                    let sealed = s.encrypt(&gcm, shared, &data).unwrap();
                    assert_eq!(s.decrypt(&gcm, shared, &sealed).unwrap(), data);
                    let signature = s
                        .sign(&Mech::plain(CKM_ECDSA), private, &data[..32])
                        .unwrap();
                    s.verify(&Mech::plain(CKM_ECDSA), public, &data[..32], &signature)
                        .unwrap();
                    let label = format!("{thread} {round}");
                    let object = s.create(&Template::data(&label, &data).token()).unwrap();
                    assert_eq!(s.find_one(CKO_DATA, &label), Some(object));
                    s.set(object, &Template::new().label(&format!("{label} changed")))
                        .unwrap();
                    s.destroy(object).unwrap();
                }
            });
        }
    });
    assert!(login.find(&Template::class(CKO_DATA)).unwrap().is_empty());
}

#[test]
fn one_session_for_all_threads_never_mixes_data() {
    let token = Token::fresh();
    let s = token.user();
    let key = s.aes_key(32, &[CKA_ENCRYPT]);
    let ecb = Mech::plain(CKM_AES_ECB);
    let expected: Vec<Vec<u8>> = (0..4u8)
        .map(|t| s.encrypt(&ecb, key, &[t; 64]).unwrap())
        .collect();
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (thread, expected) in expected.iter().enumerate() {
            let (s, done) = (&s, &done);
            scope.spawn(move || {
                for _ in 0..500 {
                    let mut m = Mech::plain(CKM_AES_ECB).raw();
                    // Another thread may have begun, or ended this thread's operation.
                    let rv = call!(C_EncryptInit(s.handle, &raw mut m, key));
                    expect_rv!(rv, CKR_OK | CKR_OPERATION_ACTIVE);
                    let mut data = [thread as u8; 64];
                    let mut n = 64;
                    let at = data.as_mut_ptr();
                    let rv = call!(C_Encrypt(s.handle, at, 64, at, &raw mut n));
                    expect_rv!(rv, CKR_OK | CKR_OPERATION_NOT_INITIALIZED);
                    if rv == CKR_OK {
                        assert_eq!(data[..], expected[..]);
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(done.into_inner() > 0);
}

#[test]
fn logins_race_and_one_wins() {
    let token = Token::fresh();
    let sessions: Vec<Session> = (0..8).map(|_| token.session()).collect();
    let won = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for session in &sessions {
            let won = &won;
            scope.spawn(move || match session.login(CKU_USER, PIN) {
                Ok(()) => {
                    won.fetch_add(1, Ordering::Relaxed);
                }
                Err(rv) => expect_rv!(rv.0, CKR_USER_ALREADY_LOGGED_IN),
            });
        }
    });
    assert_eq!(won.into_inner(), 1);
}

#[test]
fn tokens_are_initialised_side_by_side() {
    module();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let token = Token::fresh();
                token.user().aes_key(32, &[CKA_TOKEN]);
            });
        }
    });
}
