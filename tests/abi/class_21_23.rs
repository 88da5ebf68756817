//! Bad input, classes 21 to 23: initialisation, forks, races.

use crate::support::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

unsafe extern "C" fn create_mutex(mutex: *mut *mut std::ffi::c_void) -> CK_RV {
    // SAFETY: the module gives a place for the mutex.
    unsafe { *mutex = Box::into_raw(Box::new(0u8)).cast() };
    CKR_OK
}

unsafe extern "C" fn mutex_fails(_mutex: *mut std::ffi::c_void) -> CK_RV {
    CKR_GENERAL_ERROR
}

unsafe extern "C" fn create_fails(_mutex: *mut *mut std::ffi::c_void) -> CK_RV {
    CKR_GENERAL_ERROR
}

fn arguments(flags: CK_FLAGS) -> CK_C_INITIALIZE_ARGS {
    CK_C_INITIALIZE_ARGS {
        CreateMutex: None,
        DestroyMutex: None,
        LockMutex: None,
        UnlockMutex: None,
        flags,
        pReserved: null_mut(),
    }
}

/// Runs `child` in a forked process and fails unless it returns.
fn forked(child: impl FnOnce()) {
    // SAFETY: the test has one thread, so that the child may do what it likes.
    match unsafe { libc::fork() } {
        -1 => panic!("fork"),
        0 => {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
            // SAFETY: the child ends without running what the parent's exit would.
            unsafe { libc::_exit(i32::from(outcome.is_err())) };
        }
        pid => {
            let mut status = 0;
            // SAFETY: `status` is a place for the child's status.
            assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
            assert_eq!(status, 0, "the child failed, crashed or hung");
        }
    }
}

#[test]
fn class_21_arguments_of_initialize() {
    isolated!(|| {
        let mut something = 0u8;
        let mut a = arguments(CKF_OS_LOCKING_OK);
        a.pReserved = (&raw mut something).cast();
        expect_rv!(call!(C_Initialize((&raw mut a).cast())), CKR_ARGUMENTS_BAD);
        for missing in 0..4 {
            let mut a = arguments(CKF_OS_LOCKING_OK);
            a.CreateMutex = (missing != 0).then_some(create_mutex);
            a.DestroyMutex = (missing != 1).then_some(mutex_fails);
            a.LockMutex = (missing != 2).then_some(mutex_fails);
            a.UnlockMutex = (missing != 3).then_some(mutex_fails);
            expect_rv!(
                call!(C_Initialize((&raw mut a).cast())),
                CKR_ARGUMENTS_BAD,
                "{missing}"
            );
        }
        expect_rv!(call!(C_Initialize(null_mut())), CKR_OK);
        expect_rv!(
            call!(C_Initialize(null_mut())),
            CKR_CRYPTOKI_ALREADY_INITIALIZED
        );
        expect_rv!(initialize(), CKR_CRYPTOKI_ALREADY_INITIALIZED);
        expect_rv!(finalize(), CKR_OK);
        expect_rv!(finalize(), CKR_CRYPTOKI_NOT_INITIALIZED);
    });
}

#[test]
fn class_21_failing_mutexes_are_survived() {
    isolated!(|| {
        let mut a = arguments(CKF_OS_LOCKING_OK);
        a.CreateMutex = Some(create_fails);
        a.DestroyMutex = Some(mutex_fails);
        a.LockMutex = Some(mutex_fails);
        a.UnlockMutex = Some(mutex_fails);
        expect_rv!(call!(C_Initialize((&raw mut a).cast())), CKR_OK);
        let token = Token::create();
        token.user().aes_key(32, &[]);
        expect_rv!(finalize(), CKR_OK);
        // Without CKF_OS_LOCKING_OK only the host's mutexes may be used.
        a.flags = 0;
        let rv = call!(C_Initialize((&raw mut a).cast()));
        expect_rv!(rv, CKR_OK | CKR_CANT_LOCK | CKR_GENERAL_ERROR);
    });
}

#[test]
fn class_21_calls_before_initialize_and_after_finalize() {
    isolated!(|| {
        let every = || {
            let (mut n, mut handle) = (0, 0);
            let mut info = CK_INFO::default();
            let mut buffer = [0u8; 64];
            let at = buffer.as_mut_ptr();
            let mut m = Mech::plain(CKM_SHA256).raw();
            for rv in [
                call!(C_GetInfo(&raw mut info)),
                call!(C_GetSlotList(CK_TRUE, null_mut(), &raw mut n)),
                call!(C_OpenSession(
                    0,
                    CKF_SERIAL_SESSION,
                    null_mut(),
                    None,
                    &raw mut handle
                )),
                call!(C_CloseSession(1)),
                call!(C_CloseAllSessions(0)),
                call!(C_Login(1, CKU_USER, at, 8)),
                call!(C_Logout(1)),
                call!(C_CreateObject(1, null_mut(), 0, &raw mut handle)),
                call!(C_DestroyObject(1, 1)),
                call!(C_FindObjectsInit(1, null_mut(), 0)),
                call!(C_EncryptInit(1, &raw mut m, 1)),
                call!(C_Encrypt(1, at, 16, at, &raw mut n)),
                call!(C_DigestInit(1, &raw mut m)),
                call!(C_Sign(1, at, 1, at, &raw mut n)),
                call!(C_Verify(1, at, 1, at, 1)),
                call!(C_GenerateRandom(1, at, 8)),
                call!(C_SeedRandom(1, at, 8)),
                call!(C_GenerateKey(1, &raw mut m, null_mut(), 0, &raw mut handle)),
                call!(C_GetInfo(null_mut())),
                call!(C_Finalize(null_mut())),
            ] {
                expect_rv!(rv, CKR_CRYPTOKI_NOT_INITIALIZED);
            }
        };
        every();
        expect_rv!(initialize(), CKR_OK);
        let token = Token::create();
        let session = token.user();
        session.aes_key(32, &[]);
        expect_rv!(finalize(), CKR_OK);
        every();
        expect_rv!(initialize(), CKR_OK);
        // The session did not live on.
        expect_rv!(session.info(), CKR_SESSION_HANDLE_INVALID);
        assert!(
            Token::named(&token.label).is_some(),
            "the token is still there"
        );
        std::mem::forget(session);
    });
}

#[test]
fn class_22_a_forked_child_starts_anew() {
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let token = Token::create();
        let session = token.user();
        let key = session.aes_key(32, &[CKA_ENCRYPT]);
        let kept = session
            .generate(
                &Mech::plain(CKM_AES_KEY_GEN),
                &Template::new()
                    .ulong(CKA_VALUE_LEN, 32)
                    .token()
                    .label("kept")
                    .yes(&[CKA_ENCRYPT]),
            )
            .unwrap();
        let label = token.label.clone();
        let handle = session.handle;
        forked(|| {
            // SAFETY: a hanging child is killed, so that the test fails instead of hanging.
            unsafe { libc::alarm(60) };
            let mut info = CK_INFO::default();
            expect_rv!(
                call!(C_GetInfo(&raw mut info)),
                CKR_CRYPTOKI_NOT_INITIALIZED
            );
            let mut bytes = [0u8; 16];
            expect_rv!(
                call!(C_GenerateRandom(handle, bytes.as_mut_ptr(), 16)),
                CKR_CRYPTOKI_NOT_INITIALIZED
            );
            expect_rv!(initialize(), CKR_OK);
            let mut state = CK_SESSION_INFO::default();
            expect_rv!(
                call!(C_GetSessionInfo(handle, &raw mut state)),
                CKR_SESSION_HANDLE_INVALID
            );
            let token = Token::named(&label).expect("the token");
            let session = token.session();
            assert_eq!(
                session.info().unwrap().state,
                CKS_RW_PUBLIC_SESSION,
                "not logged in"
            );
            session.login(CKU_USER, PIN).unwrap();
            expect_rv!(
                session.encrypt_init(&Mech::plain(CKM_AES_ECB), key),
                CKR_KEY_HANDLE_INVALID | CKR_OBJECT_HANDLE_INVALID
            );
            let kept = session
                .find_one(CKO_SECRET_KEY, "kept")
                .expect("the token's key");
            session
                .encrypt(&Mech::plain(CKM_AES_ECB), kept, &[0; 16])
                .unwrap();
            session.destroy(kept).unwrap();
            drop(session);
            expect_rv!(finalize(), CKR_OK);
        });
        // The parent goes on, and sees what the child did.
        session
            .encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16])
            .unwrap();
        expect_rv!(
            session.encrypt_init(&Mech::plain(CKM_AES_ECB), kept),
            CKR_KEY_HANDLE_INVALID | CKR_OBJECT_HANDLE_INVALID
        );
        assert!(session.find_one(CKO_SECRET_KEY, "kept").is_none());
    });
}

#[test]
fn class_22_a_forked_child_has_its_own_randomness() {
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let token = Token::create();
        let session = token.user();
        session.random(32).unwrap();
        let mut pipe = [0; 2];
        // SAFETY: a place for two file descriptors.
        assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
        let label = token.label.clone();
        forked(|| {
            expect_rv!(initialize(), CKR_OK);
            let bytes = Token::named(&label).unwrap().session().random(32).unwrap();
            // SAFETY: 32 bytes that live; the pipe takes them.
            assert_eq!(
                unsafe { libc::write(pipe[1], bytes.as_ptr().cast(), 32) },
                32
            );
        });
        let mut theirs = [0u8; 32];
        // SAFETY: a place for 32 bytes.
        assert_eq!(
            unsafe { libc::read(pipe[0], theirs.as_mut_ptr().cast(), 32) },
            32
        );
        let ours = session.random(32).unwrap();
        assert_ne!(ours, theirs, "parent and child draw the same random bytes");
    });
}

#[test]
fn class_22_children_of_children_and_no_initialize() {
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let token = Token::create();
        let label = token.label.clone();
        forked(|| {
            // One that never touches the module ends cleanly.
            forked(|| ());
            expect_rv!(finalize(), CKR_CRYPTOKI_NOT_INITIALIZED);
            expect_rv!(initialize(), CKR_OK);
            forked(|| {
                expect_rv!(initialize(), CKR_OK);
                Token::named(&label)
                    .unwrap()
                    .user()
                    .aes_key(32, &[CKA_TOKEN, CKA_ENCRYPT]);
            });
            assert_eq!(
                Token::named(&label)
                    .unwrap()
                    .user()
                    .find(
                        &Template::class(CKO_SECRET_KEY)
                            .token()
                            .ulong(CKA_KEY_GEN_MECHANISM, CKM_AES_KEY_GEN)
                            .yes(&[CKA_ENCRYPT])
                    )
                    .unwrap()
                    .len(),
                1
            );
        });
        token.user().aes_key(32, &[CKA_TOKEN, CKA_ENCRYPT]);
    });
}

#[test]
fn class_23_closing_and_destroying_under_way() {
    let token = Token::fresh();
    let login = token.user();
    let rounds = 200;
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for round in 0..rounds {
                    let session = token.session();
                    let key = session.aes_key(32, &[CKA_ENCRYPT]);
                    let handle = session.handle;
                    let other = token.session();
                    std::thread::scope(|inner| {
                        inner.spawn(|| {
                            if round % 2 == 0 {
                                let _ = other.destroy(key);
                            } else {
                                let _ = call!(C_CloseSession(handle));
                            }
                        });
                        let mut data = [0u8; 4096];
                        let mut out = [0u8; 4096];
                        for _ in 0..20 {
                            let mut m = Mech::plain(CKM_AES_ECB).raw();
                            let rv = call!(C_EncryptInit(handle, &raw mut m, key));
                            expect_rv!(
                                rv,
                                CKR_OK
                                    | CKR_KEY_HANDLE_INVALID
                                    | CKR_OBJECT_HANDLE_INVALID
                                    | CKR_SESSION_HANDLE_INVALID
                                    | CKR_SESSION_CLOSED
                            );
                            if rv != CKR_OK {
                                continue;
                            }
                            let mut n = 4096;
                            let rv = call!(C_Encrypt(
                                handle,
                                data.as_mut_ptr(),
                                4096,
                                out.as_mut_ptr(),
                                &raw mut n
                            ));
                            expect_rv!(
                                rv,
                                CKR_OK
                                    | CKR_KEY_HANDLE_INVALID
                                    | CKR_OBJECT_HANDLE_INVALID
                                    | CKR_SESSION_HANDLE_INVALID
                                    | CKR_SESSION_CLOSED
                                    | CKR_OPERATION_NOT_INITIALIZED
                            );
                        }
                    });
                }
            });
        }
    });
    login.info().unwrap();
}
