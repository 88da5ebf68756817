//! `C_Initialize`, `C_Finalize`, `C_GetInfo`, and the lists of functions and interfaces.

use super::export;
use crate::calls::general;
use crate::error::{Error, Result};
use crate::ffi::pointers::{self, Place};
use crate::ffi::{guard, lists};
use cryptoki_sys::{
    CK_C_INITIALIZE_ARGS, CK_FLAGS, CK_FUNCTION_LIST, CK_INFO, CK_INTERFACE, CK_ULONG, CK_UTF8CHAR,
    CK_VERSION, CKF_LIBRARY_CANT_CREATE_OS_THREADS, CKF_OS_LOCKING_OK,
};
use std::ffi::c_void;

export! {
    C_Initialize(arguments: *mut c_void) {
        guard::bare(|| {
            let threads = may_make_threads(arguments.cast())?;
            guard::start(|| general::initialize(threads))
        })
    }

    C_Finalize(reserved: *mut c_void) {
        guard::bare(|| guard::stop(|module| {
            if !reserved.is_null() {
                return Err(Error::BadArguments("pReserved must be NULL"));
            }
            general::finalize(module);
            Ok(())
        }))
    }

    C_GetInfo(place: *mut CK_INFO) {
        guard::module(|_| {
            let place = Place::new(place)?;
            let info = general::info();
            place.put(CK_INFO {
                cryptokiVersion: version(info.cryptoki),
                manufacturerID: padded(info.manufacturer),
                flags: 0,
                libraryDescription: padded(info.description),
                libraryVersion: version(info.library),
            });
            Ok(())
        })
    }

    C_GetFunctionList(place: *mut *mut CK_FUNCTION_LIST) {
        guard::bare(|| {
            Place::new(place)?.put(lists::functions_2_40());
            Ok(())
        })
    }

    C_GetInterfaceList(first: *mut CK_INTERFACE, count: *mut CK_ULONG) {
        guard::bare(|| {
            let target = pointers::List::new(first, count)?;
            target.fill(&lists::interfaces())
        })
    }

    C_GetInterface(
        name: *mut CK_UTF8CHAR,
        version: *mut CK_VERSION,
        place: *mut *mut CK_INTERFACE,
        flags: CK_FLAGS,
    ) {
        guard::bare(|| {
            let place = Place::new(place)?;
            let name = pointers::text(name);
            let version = if version.is_null() { None } else { Some(pointers::read(version)?) };
            place.put(lists::interface(name, version, flags)?);
            Ok(())
        })
    }
}

/// What `C_Initialize` is told: whether the module may make threads. It locks with the operating
/// system's means whatever the host asks, and never calls the host's mutex functions, so these may
/// fail as they like; a host that insists on its own is told that this cannot be.
///
/// # Safety
/// `arguments` is NULL or points to the structure.
unsafe fn may_make_threads(arguments: *const CK_C_INITIALIZE_ARGS) -> Result<bool> {
    if arguments.is_null() {
        return Ok(true);
    }
    // SAFETY: the caller's promise, passed on.
    let given = unsafe { pointers::read(arguments) }?;
    if !given.pReserved.is_null() {
        return Err(Error::BadArguments("pReserved must be NULL"));
    }
    let callbacks = [
        given.CreateMutex.is_some(),
        given.DestroyMutex.is_some(),
        given.LockMutex.is_some(),
        given.UnlockMutex.is_some(),
    ];
    let (any, all) = (callbacks.contains(&true), !callbacks.contains(&false));
    if any && !all {
        return Err(Error::BadArguments("some mutex functions are missing"));
    }
    if all && given.flags & CKF_OS_LOCKING_OK == 0 {
        return Err(Error::CantLock);
    }
    Ok(given.flags & CKF_LIBRARY_CANT_CREATE_OS_THREADS == 0)
}

/// A version as the standard writes it.
pub(super) fn version((major, minor): (u8, u8)) -> CK_VERSION {
    CK_VERSION { major, minor }
}

/// Text in a field of fixed length: padded with blanks, cut between characters.
pub(super) fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [b' '; N];
    let end = text.floor_char_boundary(N);
    if let (Some(target), Some(source)) = (field.get_mut(..end), text.as_bytes().get(..end)) {
        target.copy_from_slice(source);
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::CKR_OK;
    use std::ptr;

    unsafe extern "C" fn create(_: *mut *mut c_void) -> u64 {
        CKR_OK
    }

    unsafe extern "C" fn use_mutex(_: *mut c_void) -> u64 {
        CKR_OK
    }

    #[test]
    fn initialisation_arguments() {
        let none = CK_C_INITIALIZE_ARGS::default();
        let all = CK_C_INITIALIZE_ARGS {
            CreateMutex: Some(create),
            DestroyMutex: Some(use_mutex),
            LockMutex: Some(use_mutex),
            UnlockMutex: Some(use_mutex),
            ..none
        };
        let reserved = CK_C_INITIALIZE_ARGS {
            pReserved: ptr::dangling_mut(),
            ..none
        };
        let bad = |why| Err(Error::BadArguments(why));
        let threadless = CKF_LIBRARY_CANT_CREATE_OS_THREADS;
        let cases = [
            (none, Ok(true)),
            (
                CK_C_INITIALIZE_ARGS {
                    flags: CKF_OS_LOCKING_OK,
                    ..none
                },
                Ok(true),
            ),
            (
                CK_C_INITIALIZE_ARGS {
                    flags: CKF_OS_LOCKING_OK | threadless,
                    ..all
                },
                Ok(false),
            ),
            (all, Err(Error::CantLock)),
            (
                CK_C_INITIALIZE_ARGS {
                    LockMutex: None,
                    ..all
                },
                bad("some mutex functions are missing"),
            ),
            (reserved, bad("pReserved must be NULL")),
        ];
        for (given, wanted) in cases {
            // SAFETY: a whole structure.
            let answer = unsafe { may_make_threads(&raw const given) };
            assert_eq!(answer, wanted, "{given:?}");
        }
        // SAFETY: NULL is checked.
        assert_eq!(unsafe { may_make_threads(ptr::null()) }, Ok(true));
    }

    #[test]
    fn text_is_padded_and_cut_between_characters() {
        assert_eq!(&padded::<5>("abc"), b"abc  ");
        assert_eq!(&padded::<3>("abü"), b"ab ");
    }
}
