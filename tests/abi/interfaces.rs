//! C_GetFunctionList, C_GetInterfaceList, C_GetInterface, and what the library exports (class 26).

use crate::support::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

/// How many words of a list are NULL, after the version.
fn gaps<T>(list: &T) -> usize {
    let words = size_of::<T>() / size_of::<usize>();
    let at = std::ptr::from_ref(list).cast::<usize>();
    // SAFETY: the list is `words` words long, the first of which holds the version.
    (1..words)
        .filter(|i| unsafe { at.add(*i).read() } == 0)
        .count()
}

#[test]
fn class_26_lists_are_full_for_their_version() {
    let module = loaded();
    assert_eq!((module.v2.version.major, module.v2.version.minor), (2, 40));
    assert_eq!(gaps(module.v2), 0, "the 2.40 list has gaps");
    let v30 = module.v30.expect("the 3.0 interface");
    assert_eq!((v30.version.major, v30.version.minor), (3, 0));
    assert_eq!(gaps(v30), 0, "the 3.0 list has gaps");
    let v32 = module.v32.expect("the 3.2 interface");
    assert_eq!((v32.version.major, v32.version.minor), (3, 2));
    assert_eq!(gaps(v32), 0, "the 3.2 list has gaps");
}

#[test]
fn class_26_functions_that_have_nothing_to_work_on_say_so() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_SIGN]);
    let mut m = Mech::plain(CKM_AES_GCM).raw();
    let mut buffer = [0u8; 64];
    let at = buffer.as_mut_ptr();
    let mut n = 64;
    // Offered or not: never a crash, and never a pretence.
    for rv in [
        call!(C_GetOperationState(s, at, &raw mut n)),
        call!(C_SetOperationState(s, at, 4, 0, 0)),
        call!(C_DigestEncryptUpdate(s, at, 4, at, &raw mut n)),
        call!(C_DecryptDigestUpdate(s, at, 4, at, &raw mut n)),
        call!(C_SignEncryptUpdate(s, at, 4, at, &raw mut n)),
        call!(C_DecryptVerifyUpdate(s, at, 4, at, &raw mut n)),
        call!(C_SignRecoverInit(s, &raw mut m, key)),
        call!(C_VerifyRecoverInit(s, &raw mut m, key)),
        call30!(C_MessageSignInit(s, &raw mut m, key)),
        call30!(C_MessageVerifyInit(s, &raw mut m, key)),
    ] {
        assert_ne!(rv, CKR_OK);
        assert_ne!(rv, CKR_GENERAL_ERROR);
    }
    expect_rv!(call!(C_GetFunctionStatus(s)), CKR_FUNCTION_NOT_PARALLEL);
    expect_rv!(call!(C_CancelFunction(s)), CKR_FUNCTION_NOT_PARALLEL);
}

type GetInterfaceList = unsafe extern "C" fn(*mut CK_INTERFACE, *mut CK_ULONG) -> CK_RV;
type GetInterface = unsafe extern "C" fn(
    *mut CK_UTF8CHAR,
    *mut CK_VERSION,
    *mut *mut CK_INTERFACE,
    CK_FLAGS,
) -> CK_RV;

#[test]
fn interface_list_by_two_calls() {
    // SAFETY: the standard gives these symbols these types; all pointers live.
    unsafe {
        let list = loaded()
            .library
            .get::<GetInterfaceList>(b"C_GetInterfaceList\0")
            .unwrap();
        expect_rv!(list(null_mut(), null_mut()), CKR_ARGUMENTS_BAD);
        let mut count = 0;
        expect_rv!(list(null_mut(), &raw mut count), CKR_OK);
        assert!(count >= 3, "2.40, 3.0 and 3.2");
        let mut few = [CK_INTERFACE {
            pInterfaceName: null_mut(),
            pFunctionList: null_mut(),
            flags: 0,
        }; 1];
        let mut one = 1;
        expect_rv!(list(few.as_mut_ptr(), &raw mut one), CKR_BUFFER_TOO_SMALL);
        assert_eq!(one, count);
        let mut all = vec![few[0]; count as usize];
        expect_rv!(list(all.as_mut_ptr(), &raw mut count), CKR_OK);
        for interface in &all {
            let name = std::ffi::CStr::from_ptr(interface.pInterfaceName.cast());
            assert!(
                name == c"PKCS 11" || name.to_bytes().starts_with(b"Vendor"),
                "{name:?}"
            );
            assert!(!interface.pFunctionList.is_null());
            if is_keyward() {
                assert_eq!(interface.flags & CKF_INTERFACE_FORK_SAFE, 0);
            }
        }
    }
}

#[test]
fn interface_by_name_version_and_flags() {
    // SAFETY: the standard gives this symbol this type; all pointers live.
    unsafe {
        let get = loaded()
            .library
            .get::<GetInterface>(b"C_GetInterface\0")
            .unwrap();
        let mut found = null_mut();
        expect_rv!(
            get(null_mut(), null_mut(), null_mut(), 0),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(get(null_mut(), null_mut(), &raw mut found, 0), CKR_OK);
        assert!(!found.is_null());
        let mut other = *b"Another 11\0";
        expect_rv!(
            get(other.as_mut_ptr(), null_mut(), &raw mut found, 0),
            CKR_FUNCTION_FAILED | CKR_ARGUMENTS_BAD
        );
        let mut name = *b"PKCS 11\0";
        let mut version = CK_VERSION { major: 9, minor: 9 };
        expect_rv!(
            get(name.as_mut_ptr(), &raw mut version, &raw mut found, 0),
            CKR_FUNCTION_FAILED | CKR_ARGUMENTS_BAD
        );
        expect_rv!(
            get(name.as_mut_ptr(), null_mut(), &raw mut found, 1 << 40),
            CKR_FUNCTION_FAILED | CKR_ARGUMENTS_BAD
        );
    }
}

#[test]
fn only_c_functions_are_exported() {
    let path = &loaded().path;
    let output = match std::process::Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(path)
        .output()
    {
        Ok(output) if output.status.success() => output,
        // Without binutils there is nothing to ask.
        _ => return,
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    assert!(names.contains(&"C_GetFunctionList"));
    if is_keyward() {
        let strange: Vec<_> = names
            .iter()
            .filter(|name| !name.starts_with("C_"))
            .collect();
        assert!(strange.is_empty(), "exported: {strange:?}");
    }
}
