//! Random numbers.

use super::export;
use crate::calls::random;
use crate::ffi::{guard, pointers};
use cryptoki_sys::{CK_BYTE, CK_SESSION_HANDLE, CK_ULONG};

export! {
    C_SeedRandom(session: CK_SESSION_HANDLE, seed: *mut CK_BYTE, length: CK_ULONG) {
        guard::session(session, |module, session| {
            random::seed(module, session, pointers::input(seed, length)?)
        })
    }

    C_GenerateRandom(session: CK_SESSION_HANDLE, place: *mut CK_BYTE, length: CK_ULONG) {
        guard::session(session, |module, session| {
            random::generate(module, session, pointers::output(place, length)?)
        })
    }
}
