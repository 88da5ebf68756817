//! C_Initialize, C_Finalize, C_GetInfo.

use crate::support::*;
use cryptoki_sys::*;
use std::ptr;

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
        expect_rv!(call!(C_Finalize(ptr::null_mut())), CKR_OK);
    });
}
