//! The vendor's own functions, reached through the interface "Vendor Keyward" (`include/keyward.h`).

use crate::ffi::guard;
use cryptoki_sys::{
    CK_BYTE, CK_FLAGS, CK_MECHANISM, CK_RV, CK_SESSION_HANDLE, CK_ULONG, CK_VERSION,
};

/// `KEYWARD_FUNCTION_LIST`: functions are only ever added, at the end, with a new minor version.
#[repr(C)]
#[derive(Debug)]
#[expect(non_snake_case, reason = "the names of the C header")]
pub struct VendorFunctions {
    /// The version of this list.
    pub version: CK_VERSION,
    /// Opens a key token, does one operation with its key and forgets the key.
    pub KW_UseKeyToken: UseKeyToken,
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

/// Version 1.0 of the list.
pub(in crate::ffi) static VENDOR_FUNCTIONS: VendorFunctions = VendorFunctions {
    version: CK_VERSION { major: 1, minor: 0 },
    KW_UseKeyToken: use_key_token,
};

/// `KW_UseKeyToken`.
///
/// # Safety
/// Each pointer is NULL or points to what `include/keyward.h` says, of the length given with it.
unsafe extern "C" fn use_key_token(
    _session: CK_SESSION_HANDLE,
    _token: *mut CK_BYTE,
    _token_length: CK_ULONG,
    _operation: CK_FLAGS,
    _kind: *mut CK_MECHANISM,
    _data: *mut CK_BYTE,
    _length: CK_ULONG,
    _out: *mut CK_BYTE,
    _out_length: *mut CK_ULONG,
) -> CK_RV {
    guard::not_offered()
}
