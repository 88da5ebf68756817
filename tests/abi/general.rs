//! C_Initialize, C_Finalize, C_GetInfo, C_GenerateRandom, C_SeedRandom.

use crate::support::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

#[test]
fn info_states_version_and_name() {
    module();
    let mut info = CK_INFO::default();
    expect_rv!(call!(C_GetInfo(&raw mut info)), CKR_OK);
    assert!(info.cryptokiVersion.major >= 2);
    assert_eq!(info.flags, 0);
    assert!(
        info.manufacturerID.iter().all(|b| *b != 0),
        "padded with blanks, not with NUL"
    );
    assert!(info.libraryDescription.iter().all(|b| *b != 0));
}

#[test]
fn finalize_and_initialize_again() {
    isolated!(|| {
        for _ in 0..3 {
            expect_rv!(initialize(), CKR_OK);
            assert!(!slots(true).is_empty());
            expect_rv!(finalize(), CKR_OK);
        }
        expect_rv!(finalize(), CKR_CRYPTOKI_NOT_INITIALIZED);
    });
}

#[test]
fn finalize_takes_no_argument() {
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let mut something = 0u8;
        expect_rv!(
            call!(C_Finalize((&raw mut something).cast())),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(call!(C_Finalize(null_mut())), CKR_OK);
    });
}

#[test]
fn a_host_that_never_finalizes_ends_cleanly() {
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let token = Token::create();
        let session = token.user();
        session.aes_key(32, &[CKA_TOKEN]);
        std::mem::forget(session);
    });
}

#[test]
fn random_bytes_differ() {
    let token = Token::fresh();
    let s = token.session();
    let (one, two) = (s.random(1000).unwrap(), s.random(1000).unwrap());
    assert_ne!(one, two);
    assert!(
        (0..=255u8).filter(|b| !one.contains(b)).count() < 50,
        "far from random"
    );
    s.random(1).unwrap();
    expect_rv!(
        call!(C_SeedRandom(s.handle, [1u8; 8].as_mut_ptr(), 8)),
        CKR_OK | CKR_RANDOM_SEED_NOT_SUPPORTED
    );
}
