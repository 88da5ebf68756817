//! The C functions: each turns pointers into values, makes one call below, and puts the results back.
//!
//! One set of promises covers them all. Whoever calls one must give, as PKCS#11 says of each
//! argument, NULL or a pointer to as much memory as the length next to it tells, unchanged by others
//! during the call; nothing else is taken for granted.
#![allow(non_snake_case, reason = "the standard's names")]
#![allow(clippy::too_many_arguments, reason = "the standard's signatures")]

pub mod asynchronous;
pub mod cipher;
pub mod digest;
pub mod general;
pub mod keys;
pub mod messages;
pub mod objects;
pub mod random;
pub mod recovering;
pub mod sessions;
pub mod sign;
pub mod signed_messages;
pub mod slots;
pub mod vendor;
pub mod vendor_sessions;

/// Declares C functions from their signatures and bodies. A body runs under the guard it names.
macro_rules! export {
    ($($name:ident($($argument:ident: $type:ty),* $(,)?) $body:block)*) => {$(
        #[doc = concat!("`", stringify!($name), "`, as PKCS#11 3.2 describes it.")]
        ///
        /// # Safety
        /// Each pointer is NULL or points to what PKCS#11 says, of the length given with it.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> cryptoki_sys::CK_RV {
            // SAFETY: the conversions in the body rely on the promise above and on nothing else.
            #[allow(unused_unsafe, reason = "some functions take no pointers")]
            unsafe { $body }
        }
    )*};
}

use export;
