//! The vendor's own functions, reached through the interface "Vendor Keyward" (`include/keyward.h`).

mod batch;
mod customer;

use super::vendor_sessions::{Exchange, open_operator_session, operator_request};
use crate::calls::key_tokens::{Once, use_token};
use crate::error::{Error, Result};
use crate::ffi::guard;
use crate::ffi::params::{clear_of, mechanism};
use crate::ffi::pointers::{Target, input, required};
use crate::module::Module;
use crate::session::handles::SessionHandle;
use crate::session::output::Output;
use cryptoki_sys::{
    CK_BYTE, CK_FLAGS, CK_MECHANISM, CK_RV, CK_SESSION_HANDLE, CK_ULONG, CK_VERSION, CKF_DECRYPT,
    CKF_ENCRYPT, CKF_SIGN, CKF_VERIFY,
};

/// Declares functions of the vendor's list, each with its type. A body runs under the guard it names.
macro_rules! vendor_functions {
    ($($type:ident $name:ident($($argument:ident: $of:ty),* $(,)?) $body:block)*) => {$(
        #[doc = concat!("The type of `KW_", stringify!($type), "`.")]
        pub(in crate::ffi) type $type = unsafe extern "C" fn($($of),*) -> CK_RV;

        #[doc = concat!("`KW_", stringify!($type), "`.")]
        ///
        /// # Safety
        /// Each pointer is NULL or points to what `include/keyward.h` says, of the length given with it.
        pub(super) unsafe extern "C" fn $name($($argument: $of),*) -> CK_RV {
            // SAFETY: the conversions in the body rely on the promise above and on nothing else.
            unsafe { $body }
        }
    )*};
}

use vendor_functions;

/// `KEYWARD_FUNCTION_LIST`: functions are only ever added, at the end, with a new minor version.
#[repr(C)]
#[derive(Debug)]
#[expect(non_snake_case, reason = "the names of the C header")]
pub struct VendorFunctions {
    /// The version of this list.
    pub version: CK_VERSION,
    /// Opens a key token, does one operation with its key and forgets the key.
    pub KW_UseKeyToken: UseKeyToken,
    /// Opens an operator session. From version 1.1 on.
    pub KW_OpenOperatorSession: Exchange,
    /// Answers a request in an operator session. From version 1.1 on.
    pub KW_OperatorRequest: Exchange,
    /// Makes a customer key.
    pub(in crate::ffi) KW_CreateKey: customer::CreateKey,
    /// Makes a new version of one.
    pub(in crate::ffi) KW_RotateKey: customer::RotateKey,
    /// Tells about a version of one.
    pub(in crate::ffi) KW_KeyInfo: customer::KeyInfoOf,
    /// Encrypts under the newest version.
    pub(in crate::ffi) KW_Encrypt: customer::Encrypt,
    /// Decrypts under the version that the ciphertext names.
    pub(in crate::ffi) KW_Decrypt: customer::Decrypt,
    /// Decrypts under one key and encrypts under another, inside.
    pub(in crate::ffi) KW_Rekey: customer::Rekey,
    /// Makes a data key.
    pub(in crate::ffi) KW_GenerateDataKey: customer::GenerateDataKey,
    /// As [`VendorFunctions::KW_UseKeyToken`]; the answer also carries the token's update.
    pub(in crate::ffi) KW_UseKeyToken2: customer::UseKeyToken2,
    /// Does what an encoded request asks.
    pub(in crate::ffi) KW_Request: customer::CustomerRequest,
    /// Wraps many keys. From version 1.2 on.
    pub(in crate::ffi) KW_WrapKeys: batch::WrapKeys,
    /// Unwraps many keys. From version 1.2 on.
    pub(in crate::ffi) KW_UnwrapKeys: batch::UnwrapKeys,
}

/// The type of `KW_UseKeyToken`.
pub type UseKeyToken = unsafe extern "C" fn(
    CK_SESSION_HANDLE,
    *mut CK_BYTE,
    CK_ULONG,
    CK_FLAGS,
    *mut CK_MECHANISM,
    *mut CK_BYTE,
    CK_ULONG,
    *mut CK_BYTE,
    *mut CK_ULONG,
) -> CK_RV;

/// The newest version of the list.
pub(in crate::ffi) static VENDOR_FUNCTIONS: VendorFunctions = functions(2);

/// The earlier versions, for callers that ask for just one of them: the same functions, of which they know
/// the first.
pub(in crate::ffi) static VENDOR_FUNCTIONS_1_1: VendorFunctions = functions(1);
/// Likewise.
pub(in crate::ffi) static VENDOR_FUNCTIONS_1_0: VendorFunctions = functions(0);

/// The list under a minor version.
const fn functions(minor: u8) -> VendorFunctions {
    VendorFunctions {
        version: CK_VERSION { major: 1, minor },
        KW_UseKeyToken: use_key_token,
        KW_OpenOperatorSession: open_operator_session,
        KW_OperatorRequest: operator_request,
        KW_CreateKey: customer::create_key,
        KW_RotateKey: customer::rotate_key,
        KW_KeyInfo: customer::key_info,
        KW_Encrypt: customer::encrypt,
        KW_Decrypt: customer::decrypt,
        KW_Rekey: customer::rekey,
        KW_GenerateDataKey: customer::generate_data_key,
        KW_UseKeyToken2: customer::use_key_token_2,
        KW_Request: customer::request,
        KW_WrapKeys: batch::wrap_keys,
        KW_UnwrapKeys: batch::unwrap_keys,
    }
}

/// `KW_UseKeyToken`.
///
/// # Safety
/// Each pointer is NULL or points to what `include/keyward.h` says, of the length given with it.
unsafe extern "C" fn use_key_token(
    session: CK_SESSION_HANDLE,
    token: *mut CK_BYTE,
    token_length: CK_ULONG,
    operation: CK_FLAGS,
    kind: *mut CK_MECHANISM,
    data: *mut CK_BYTE,
    length: CK_ULONG,
    out: *mut CK_BYTE,
    out_length: *mut CK_ULONG,
) -> CK_RV {
    guard::session(session, |module, session| {
        let at = (module, session);
        // SAFETY: the caller's promise, passed on.
        unsafe {
            use_once(
                at,
                (token, token_length),
                operation,
                kind,
                (data, length),
                (out, out_length),
            )
        }
    })
}

/// What `KW_UseKeyToken` does, between pointers of the caller's.
///
/// # Errors
/// Those of [`use_token`]; `BadArguments`.
///
/// # Safety
/// As `KW_UseKeyToken` asks of its caller.
unsafe fn use_once(
    (module, session): (&Module, SessionHandle),
    (token, token_length): (*mut CK_BYTE, CK_ULONG),
    operation: CK_FLAGS,
    kind: *mut CK_MECHANISM,
    (data, length): (*mut CK_BYTE, CK_ULONG),
    (out, out_length): (*mut CK_BYTE, *mut CK_ULONG),
) -> Result<()> {
    // SAFETY: the caller's promise, passed on: each pointer is NULL or as long as it says.
    unsafe {
        let token = required(token, token_length)?;
        if operation == CKF_VERIFY {
            if out_length.is_null() {
                return Err(Error::BadArguments("a length is missing"));
            }
            let signature = required(out, out_length.read_unaligned())?;
            let (kind, data) = (mechanism(kind)?, input(data, length)?);
            let once = Once::Verify(signature);
            return use_token(module, session, token, &once, kind, data, Output::Length).map(drop);
        }
        let once = match operation {
            CKF_ENCRYPT => Once::Encrypt,
            CKF_DECRYPT => Once::Decrypt,
            CKF_SIGN => Once::Sign,
            _ => return Err(Error::BadArguments("not one of the four operations")),
        };
        let target = Target::new(out, out_length)?;
        let kind = clear_of(&target, mechanism(kind)?)?;
        let (token, data) = (target.beside(token)?, target.beside(input(data, length)?)?);
        target.fill(|output| use_token(module, session, &token, &once, kind, &data, output))
    }
}
