//! The function lists of every version and the interfaces that hold them, from one list of names.
//!
//! Every list is complete for its version, so no caller ever finds a NULL function. The interfaces
//! do not claim `CKF_INTERFACE_FORK_SAFE`: a forked child starts with a fresh `C_Initialize` and
//! sees no session of its parent, where the flag promises copies of them.

use super::exports::asynchronous::*;
use super::exports::cipher::*;
use super::exports::digest::*;
use super::exports::general::*;
use super::exports::keys::*;
use super::exports::messages::*;
use super::exports::objects::*;
use super::exports::random::*;
use super::exports::recovering::*;
use super::exports::sessions::*;
use super::exports::sign::*;
use super::exports::signed_messages::*;
use super::exports::slots::*;
use super::exports::vendor::{
    VENDOR_FUNCTIONS, VENDOR_FUNCTIONS_1_0, VENDOR_FUNCTIONS_1_1, VendorFunctions,
};
use crate::error::{Error, Result};
use cryptoki_sys::{
    CK_FLAGS, CK_FUNCTION_LIST, CK_FUNCTION_LIST_3_0, CK_FUNCTION_LIST_3_2, CK_INTERFACE,
    CK_VERSION,
};
use std::ffi::CStr;
use std::ptr::{self, NonNull};

/// Builds a list of type `$list` from names; `+` names a version whose names join them.
macro_rules! functions {
    ($list:ident ($major:literal, $minor:literal): $($name:ident)*) => {
        $list {
            version: CK_VERSION { major: $major, minor: $minor },
            $($name: Some($name),)*
        }
    };
    (+2.40 $($rest:tt)*) => { functions! { $($rest)*
        C_Initialize C_Finalize C_GetInfo C_GetFunctionList C_GetSlotList C_GetSlotInfo
        C_GetTokenInfo C_GetMechanismList C_GetMechanismInfo C_InitToken C_InitPIN C_SetPIN
        C_OpenSession C_CloseSession C_CloseAllSessions C_GetSessionInfo C_GetOperationState
        C_SetOperationState C_Login C_Logout C_CreateObject C_CopyObject C_DestroyObject
        C_GetObjectSize C_GetAttributeValue C_SetAttributeValue C_FindObjectsInit C_FindObjects
        C_FindObjectsFinal C_EncryptInit C_Encrypt C_EncryptUpdate C_EncryptFinal C_DecryptInit
        C_Decrypt C_DecryptUpdate C_DecryptFinal C_DigestInit C_Digest C_DigestUpdate C_DigestKey
        C_DigestFinal C_SignInit C_Sign C_SignUpdate C_SignFinal C_SignRecoverInit C_SignRecover
        C_VerifyInit C_Verify C_VerifyUpdate C_VerifyFinal C_VerifyRecoverInit C_VerifyRecover
        C_DigestEncryptUpdate C_DecryptDigestUpdate C_SignEncryptUpdate C_DecryptVerifyUpdate
        C_GenerateKey C_GenerateKeyPair C_WrapKey C_UnwrapKey C_DeriveKey C_SeedRandom
        C_GenerateRandom C_GetFunctionStatus C_CancelFunction C_WaitForSlotEvent
    } };
    (+3.0 $($rest:tt)*) => { functions! { +2.40 $($rest)*
        C_GetInterfaceList C_GetInterface C_LoginUser C_SessionCancel C_MessageEncryptInit
        C_EncryptMessage C_EncryptMessageBegin C_EncryptMessageNext C_MessageEncryptFinal
        C_MessageDecryptInit C_DecryptMessage C_DecryptMessageBegin C_DecryptMessageNext
        C_MessageDecryptFinal C_MessageSignInit C_SignMessage C_SignMessageBegin C_SignMessageNext
        C_MessageSignFinal C_MessageVerifyInit C_VerifyMessage C_VerifyMessageBegin
        C_VerifyMessageNext C_MessageVerifyFinal
    } };
    (+3.2 $($rest:tt)*) => { functions! { +3.0 $($rest)*
        C_EncapsulateKey C_DecapsulateKey C_VerifySignatureInit C_VerifySignature
        C_VerifySignatureUpdate C_VerifySignatureFinal C_GetSessionValidationFlags C_AsyncComplete
        C_AsyncGetID C_AsyncJoin C_WrapKeyAuthenticated C_UnwrapKeyAuthenticated
    } };
}

static FUNCTIONS_2_40: CK_FUNCTION_LIST = functions! { +2.40 CK_FUNCTION_LIST (2, 40): };
static FUNCTIONS_3_0: CK_FUNCTION_LIST_3_0 = functions! { +3.0 CK_FUNCTION_LIST_3_0 (3, 0): };
static FUNCTIONS_3_2: CK_FUNCTION_LIST_3_2 = functions! { +3.2 CK_FUNCTION_LIST_3_2 (3, 2): };

/// The name of the standard's interfaces.
const STANDARD: &CStr = c"PKCS 11";
/// The name of the vendor's interface, as `include/keyward.h` has it.
const VENDOR: &CStr = c"Vendor Keyward";

/// The interfaces, in a form that may be shared between threads.
#[repr(transparent)]
struct Interfaces([CK_INTERFACE; 6]);

// SAFETY: the pointers inside refer to statics that never change.
unsafe impl Sync for Interfaces {}

/// Every interface, the default one first.
static INTERFACES: Interfaces = Interfaces([
    interface_of(STANDARD, &FUNCTIONS_3_2),
    interface_of(STANDARD, &FUNCTIONS_3_0),
    interface_of(STANDARD, &FUNCTIONS_2_40),
    interface_of::<VendorFunctions>(VENDOR, &VENDOR_FUNCTIONS),
    interface_of::<VendorFunctions>(VENDOR, &VENDOR_FUNCTIONS_1_1),
    interface_of::<VendorFunctions>(VENDOR, &VENDOR_FUNCTIONS_1_0),
]);

const fn interface_of<T>(name: &'static CStr, functions: &'static T) -> CK_INTERFACE {
    CK_INTERFACE {
        pInterfaceName: name.as_ptr().cast_mut().cast(),
        pFunctionList: ptr::from_ref(functions).cast_mut().cast(),
        flags: 0,
    }
}

/// What `C_GetFunctionList` gives. The memory is not to be written, as the standard tells callers.
pub(super) fn functions_2_40() -> *mut CK_FUNCTION_LIST {
    (&raw const FUNCTIONS_2_40).cast_mut()
}

/// Every interface.
pub(super) fn interfaces() -> [CK_INTERFACE; 6] {
    INTERFACES.0
}

/// The first interface that has the name, the version and all of the flags asked for; what is not
/// asked for may be anything.
///
/// # Errors
/// `BadArguments` when there is none.
pub(super) fn interface(
    name: Option<&[u8]>,
    version: Option<CK_VERSION>,
    flags: CK_FLAGS,
) -> Result<*mut CK_INTERFACE> {
    let fits = |interface: &&CK_INTERFACE| {
        // SAFETY: the names are our own, each with a zero byte at its end, and each list of
        // functions begins with its version.
        let (own_name, own_version) = unsafe {
            let name = CStr::from_ptr(interface.pInterfaceName.cast()).to_bytes();
            let version = NonNull::new(interface.pFunctionList.cast::<CK_VERSION>());
            (name, version.map(|version| version.read()))
        };
        let same = |wanted: CK_VERSION, own: CK_VERSION| {
            (wanted.major, wanted.minor) == (own.major, own.minor)
        };
        name.is_none_or(|name| name == own_name)
            && version.is_none_or(|wanted| own_version.is_some_and(|own| same(wanted, own)))
            && flags & !interface.flags == 0
    };
    let found = INTERFACES.0.iter().find(fits);
    found
        .map(|interface| ptr::from_ref(interface).cast_mut())
        .ok_or(Error::BadArguments("no such interface"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version_of(name: Option<&[u8]>, version: Option<(u8, u8)>) -> Option<(u8, u8)> {
        let version = version.map(|(major, minor)| CK_VERSION { major, minor });
        let found = interface(name, version, 0).ok()?;
        // SAFETY: an interface of ours, whose list begins with its version.
        let version = unsafe { (*found).pFunctionList.cast::<CK_VERSION>().read() };
        Some((version.major, version.minor))
    }

    #[test]
    fn interfaces_are_found_by_name_and_version() {
        assert_eq!(version_of(None, None), Some((3, 2)));
        assert_eq!(version_of(Some(b"PKCS 11"), None), Some((3, 2)));
        assert_eq!(version_of(Some(b"PKCS 11"), Some((3, 0))), Some((3, 0)));
        assert_eq!(version_of(Some(b"PKCS 11"), Some((2, 40))), Some((2, 40)));
        assert_eq!(version_of(None, Some((2, 40))), Some((2, 40)));
        assert_eq!(version_of(Some(b"Vendor Keyward"), None), Some((1, 2)));
        for version in [(1, 0), (1, 1), (1, 2)] {
            let found = version_of(Some(b"Vendor Keyward"), Some(version));
            assert_eq!(found, Some(version));
        }
        assert_eq!(version_of(Some(b"Vendor Keyward"), Some((3, 0))), None);
        assert_eq!(version_of(Some(b"PKCS 11"), Some((3, 1))), None);
        assert_eq!(version_of(Some(b"PKCS"), None), None);
        assert!(interface(None, None, cryptoki_sys::CKF_INTERFACE_FORK_SAFE).is_err());
    }
}
