//! What every test through the C interface needs: the loaded module, fresh tokens, sessions,
//! templates, mechanisms, and processes of their own. The module is named by `KEYWARD_TEST_MODULE`;
//! without it, it is the library cargo built beside the test.
#![allow(clippy::wrong_self_convention, reason = "short names for calls into C")]
#![allow(
    dead_code,
    unused_macros,
    unused_imports,
    unreachable_pub,
    missing_docs,
    clippy::macro_metavars_in_unsafe,
    reason = "shared by several test programs, none of which uses all of it"
)]

/// Fails unless the call answered one of the given codes.
#[macro_export]
macro_rules! expect_rv {
    ($outcome:expr, $($code:ident)|+ $(, $($note:tt)+)?) => {{
        let rv = $crate::support::HasRv::rv(&$outcome);
        let wanted = [$(cryptoki_sys::$code),+];
        if !wanted.contains(&rv) {
            let notes: &[String] = &[$(format!(" ({})", format!($($note)+)))?];
            let note = notes.concat();
            panic!(
                "{}: got {}, expected {}{note}",
                stringify!($outcome),
                $crate::support::rv_name(rv),
                stringify!($($code)|+),
            );
        }
    }};
}

pub mod derivation;
mod home;
mod mech;
#[macro_use]
mod module;
mod names;
#[macro_use]
pub mod process;
pub mod der;
mod hex;
mod kem;
mod session;
mod session_parts;
mod template;
mod token;

pub use hex::{hex, unhex};
pub use home::Home;
pub use mech::{Mech, bytes_of, hash_mgf};
pub use module::{
    Module, finalize, initialize, is_keyward, loaded, module, module_path, vendor_list,
};
pub use names::rv_name;
pub use session::{CANARY, Session, two_call};
pub use template::{Template, ulong_of};
pub use token::{PIN, SO_PIN, Token, free_slot, init_token, slots};

use cryptoki_sys::{CK_RV, CKR_OK};
use std::fmt;

/// A return value other than `CKR_OK`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rv(pub CK_RV);

impl fmt::Debug for Rv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rv_name(self.0))
    }
}

/// What a call gives, or its return value.
pub type Outcome<T> = Result<T, Rv>;

/// A return value as a `Result`.
pub fn ok(rv: CK_RV) -> Outcome<()> {
    if rv == CKR_OK { Ok(()) } else { Err(Rv(rv)) }
}

/// Anything that holds a return value.
pub trait HasRv {
    fn rv(&self) -> CK_RV;
}

impl HasRv for CK_RV {
    fn rv(&self) -> CK_RV {
        *self
    }
}

impl<T> HasRv for Outcome<T> {
    fn rv(&self) -> CK_RV {
        self.as_ref().err().map_or(CKR_OK, |rv| rv.0)
    }
}
