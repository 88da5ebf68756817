//! What sessions keep of keys that they use much: nothing outlives the key, a change counts at once in every
//! session, and what was allowed once is allowed for just that.

use crate::support::*;
use cryptoki_sys::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// So many uses that every session has a copy of the key.
const MUCH: usize = 20;

fn ecb() -> Mech {
    Mech::plain(CKM_AES_ECB)
}

/// Uses the key in each session, again and again.
fn use_much(sessions: &[&Session], key: CK_OBJECT_HANDLE) {
    for _ in 0..MUCH {
        for s in sessions {
            s.encrypt(&ecb(), key, &[1; 16]).expect("a key in use");
            assert_eq!(s.attribute(key, CKA_LABEL).unwrap(), b"much used");
        }
    }
}

fn much_used(s: &Session, more: &Template) -> CK_OBJECT_HANDLE {
    let template = more
        .clone()
        .ulong(CKA_VALUE_LEN, 32)
        .label("much used")
        .yes(&[CKA_ENCRYPT, CKA_DECRYPT]);
    s.generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
        .unwrap()
}

/// The key is gone for every session.
fn assert_gone(sessions: &[&Session], key: CK_OBJECT_HANDLE) {
    for s in sessions {
        expect_rv!(s.encrypt_init(&ecb(), key), CKR_KEY_HANDLE_INVALID);
        expect_rv!(s.attribute(key, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
        expect_rv!(s.destroy(key), CKR_OBJECT_HANDLE_INVALID);
    }
}

#[test]
fn a_destroyed_key_is_gone_for_every_session() {
    let token = Token::fresh();
    let (a, b, c) = (token.user(), token.session(), token.read_only());
    for more in [Template::new(), Template::new().token()] {
        let key = much_used(&a, &more);
        use_much(&[&a, &b, &c], key);
        b.destroy(key).unwrap();
        assert_gone(&[&a, &b, &c], key);
    }
}

#[test]
fn the_keys_of_a_closed_session_are_gone_for_every_session() {
    let token = Token::fresh();
    let (a, b, c) = (token.user(), token.session(), token.session());
    let (closing, staying) = (
        much_used(&a, &Template::new()),
        much_used(&b, &Template::new()),
    );
    use_much(&[&a, &b, &c], closing);
    use_much(&[&a, &b, &c], staying);
    a.close().unwrap();
    assert_gone(&[&b, &c], closing);
    use_much(&[&b, &c], staying);
}

#[test]
fn a_change_counts_at_once_in_every_session() {
    let token = Token::fresh();
    let (a, b, c) = (token.user(), token.session(), token.session());
    for more in [Template::new(), Template::new().token()] {
        let key = much_used(&a, &more);
        use_much(&[&a, &b, &c], key);
        c.set(key, &Template::new().label("renamed")).unwrap();
        for s in [&a, &b, &c] {
            assert_eq!(s.attribute(key, CKA_LABEL).unwrap(), b"renamed");
        }
        a.set(key, &Template::new().label("much used")).unwrap();
        use_much(&[&a, &b, &c], key);
        b.set(key, &Template::new().no(&[CKA_ENCRYPT])).unwrap();
        for s in [&a, &b, &c] {
            expect_rv!(s.encrypt_init(&ecb(), key), CKR_KEY_FUNCTION_NOT_PERMITTED);
            s.decrypt(&ecb(), key, &[1; 16]).unwrap();
        }
    }
}

#[test]
fn a_logout_takes_private_keys_from_every_session() {
    let token = Token::fresh();
    let (a, b) = (token.user(), token.session());
    let session_key = much_used(&a, &Template::new().yes(&[CKA_PRIVATE]));
    let token_key = much_used(&a, &Template::new().yes(&[CKA_PRIVATE]).token());
    let public = a
        .create(&Template::data("public", b"1").no(&[CKA_PRIVATE]))
        .unwrap();
    use_much(&[&a, &b], session_key);
    use_much(&[&a, &b], token_key);
    for _ in 0..MUCH {
        b.attribute(public, CKA_VALUE).unwrap();
    }
    b.logout().unwrap();
    for s in [&a, &b] {
        expect_rv!(s.encrypt_init(&ecb(), session_key), CKR_KEY_HANDLE_INVALID);
        expect_rv!(
            s.encrypt_init(&ecb(), token_key),
            CKR_USER_NOT_LOGGED_IN | CKR_KEY_HANDLE_INVALID
        );
        assert_eq!(s.attribute(public, CKA_VALUE).unwrap(), b"1");
    }
    a.login(CKU_USER, PIN).unwrap();
    expect_rv!(a.encrypt_init(&ecb(), session_key), CKR_KEY_HANDLE_INVALID);
    let again = a.find_one(CKO_SECRET_KEY, "much used").unwrap();
    use_much(&[&a, &b], again);
}

#[test]
fn what_was_allowed_is_allowed_for_just_that() {
    let token = Token::fresh();
    let (a, b) = (token.user(), token.session());
    let key = much_used(
        &a,
        &Template::new()
            .ulongs(CKA_ALLOWED_MECHANISMS, &[CKM_AES_ECB])
            .no(&[CKA_SIGN, CKA_WRAP]),
    );
    let kek = a.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
    let leaves = a.aes_key(32, &[CKA_ENCRYPT, CKA_EXTRACTABLE]);
    let stays = much_used(&a, &Template::new().no(&[CKA_EXTRACTABLE]));
    let kw = Mech::plain(CKM_AES_KEY_WRAP);
    use_much(&[&a, &b], key);
    for _ in 0..MUCH {
        for s in [&a, &b] {
            expect_rv!(
                s.encrypt_init(&Mech::bytes(CKM_AES_CBC, &[0; 16]), key),
                CKR_MECHANISM_INVALID
            );
            expect_rv!(
                s.sign_init(&Mech::plain(CKM_AES_CMAC), key),
                CKR_KEY_FUNCTION_NOT_PERMITTED
            );
            let wrapped = s.wrap(&kw, kek, leaves).unwrap();
            expect_rv!(s.wrap(&kw, kek, stays), CKR_KEY_UNEXTRACTABLE);
            expect_rv!(s.wrap(&kw, key, leaves), CKR_KEY_FUNCTION_NOT_PERMITTED);
            expect_rv!(s.encrypt_init(&ecb(), kek), CKR_KEY_FUNCTION_NOT_PERMITTED);
            let back = s
                .unwrap(&kw, kek, &wrapped, &Template::secret(CKK_AES))
                .unwrap();
            s.destroy(back).unwrap();
        }
    }
}

#[test]
fn nobody_uses_a_key_after_it_was_destroyed() {
    let token = Token::fresh();
    let login = token.user();
    for round in 0..30 {
        let key = much_used(&login, &Template::new());
        let (gone, used) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let s = token.session();
                    loop {
                        let was_gone = gone.load(Ordering::SeqCst);
                        let rv = s.encrypt_init(&ecb(), key).rv();
                        if was_gone {
                            expect_rv!(rv, CKR_KEY_HANDLE_INVALID, "round {round}");
                            break;
                        }
                        expect_rv!(rv, CKR_OK | CKR_KEY_HANDLE_INVALID);
                        if rv == CKR_OK {
                            // A NULL mechanism cancels.
                            call!(C_EncryptInit(s.handle, std::ptr::null_mut(), 0));
                            used.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            while used.load(Ordering::Relaxed) < 10 * MUCH {
                std::thread::yield_now();
            }
            login.destroy(key).unwrap();
            gone.store(true, Ordering::SeqCst);
        });
    }
}

#[test]
fn sessions_come_and_go_in_threads_and_the_last_one_logs_out() {
    let token = Token::fresh();
    for _ in 0..5 {
        let login = token.user();
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for round in 0..200 {
                        let s = token.session();
                        if round % 50 == 0 {
                            let key = much_used(&s, &Template::new());
                            s.encrypt(&ecb(), key, &[1; 16]).unwrap();
                        }
                        assert_eq!(s.info().unwrap().state, CKS_RW_USER_FUNCTIONS);
                        s.close().unwrap();
                    }
                });
            }
        });
        assert_eq!(token.info().ulSessionCount, 1);
        assert!(
            login
                .find(&Template::new().label("much used"))
                .unwrap()
                .is_empty()
        );
        login.close().unwrap();
        assert_eq!(token.info().ulSessionCount, 0);
        let next = token.session();
        assert_eq!(next.info().unwrap().state, CKS_RW_PUBLIC_SESSION);
    }
}

#[test]
fn a_session_closed_by_another_thread_than_its_opener_is_counted_out() {
    let token = Token::fresh();
    let opened = std::thread::scope(|scope| scope.spawn(|| token.user()).join().unwrap());
    assert_eq!(opened.info().unwrap().state, CKS_RW_USER_FUNCTIONS);
    std::thread::scope(|scope| scope.spawn(|| opened.close().unwrap()).join().unwrap());
    assert_eq!(token.info().ulSessionCount, 0);
    let next = token.session();
    assert_eq!(next.info().unwrap().state, CKS_RW_PUBLIC_SESSION);
}

#[test]
fn session_objects_are_found_as_they_are_now() {
    let token = Token::fresh();
    let (a, b) = (token.user(), token.session());
    let label = |number: usize| format!("object {}", number % 10);
    let mut objects: Vec<_> = (0..100)
        .map(|number| {
            let s = if number % 3 == 0 { &b } else { &a };
            let template = Template::data(&label(number), &[number as u8]);
            s.create(&template.bytes(CKA_OBJECT_ID, &[number as u8 % 4]))
                .unwrap()
        })
        .collect();
    let by_label = |s: &Session, wanted: &str| {
        let mut found = s.find(&Template::class(CKO_DATA).label(wanted)).unwrap();
        found.sort_unstable();
        found
    };
    let expected = |objects: &[CK_OBJECT_HANDLE], number: usize| {
        let mut same: Vec<_> = objects.iter().skip(number).step_by(10).copied().collect();
        same.sort_unstable();
        same
    };
    for number in 0..10 {
        assert_eq!(by_label(&a, &label(number)), expected(&objects, number));
        assert_eq!(by_label(&b, &label(number)), expected(&objects, number));
    }
    assert_eq!(
        a.find(&Template::new().bytes(CKA_OBJECT_ID, &[1]))
            .unwrap()
            .len(),
        25
    );
    a.set(objects[11], &Template::new().label("object 2"))
        .unwrap();
    assert_eq!(by_label(&b, "object 1").len(), 9);
    assert_eq!(by_label(&b, "object 2").len(), 11);
    a.destroy(objects[12]).unwrap();
    assert_eq!(by_label(&b, "object 2").len(), 10);
    let copy = b
        .copy(objects[13], &Template::new().label("object 2"))
        .unwrap();
    assert!(by_label(&a, "object 2").contains(&copy));
    objects.clear();
    b.close().unwrap();
    assert_eq!(by_label(&a, "object 0").len(), 6);
    assert!(by_label(&a, "no such object").is_empty());
}
