//! The vendor's interface as C has it: the lists of functions of `include/keyward.h`.

use crate::support::vendor_list;
use cryptoki_sys::*;

/// `KEYWARD_KEY_INFO`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Info {
    family: [u8; 16],
    version: CK_ULONG,
    newest: CK_ULONG,
    standing: CK_ULONG,
    created: CK_ULONG,
    registered: CK_ULONG,
    label_length: CK_ULONG,
    label: [u8; 256],
}

/// What there is to know of a version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    pub(crate) family: [u8; 16],
    pub(crate) version: u64,
    pub(crate) newest: u64,
    pub(crate) standing: u64,
    pub(crate) created: u64,
    pub(crate) registered: u64,
    pub(crate) label: String,
}

impl Info {
    pub(crate) fn empty() -> Self {
        Info {
            family: [0; 16],
            version: 0,
            newest: 0,
            standing: 0,
            created: 0,
            registered: 0,
            label_length: 0,
            label: [0; 256],
        }
    }

    pub(crate) fn known(&self) -> Known {
        let label = &self.label[..usize::try_from(self.label_length).unwrap()];
        Known {
            family: self.family,
            version: self.version,
            newest: self.newest,
            standing: self.standing,
            created: self.created,
            registered: self.registered,
            label: String::from_utf8(label.to_vec()).unwrap(),
        }
    }
}

pub(crate) type Bytes = *mut CK_BYTE;
pub(crate) type Handle = CK_OBJECT_HANDLE;
pub(crate) type Length = *mut CK_ULONG;

/// `KW_UseKeyToken`.
pub(crate) type UseKeyToken = unsafe extern "C" fn(
    CK_SESSION_HANDLE,
    Bytes,
    CK_ULONG,
    CK_FLAGS,
    *mut CK_MECHANISM,
    Bytes,
    CK_ULONG,
    Bytes,
    Length,
) -> CK_RV;

/// The functions that answer a message with a message: `KW_OpenOperatorSession`, `KW_OperatorRequest` and
/// `KW_Request`.
pub(crate) type Exchange =
    unsafe extern "C" fn(CK_SESSION_HANDLE, Bytes, CK_ULONG, Bytes, Length) -> CK_RV;

/// `KEYWARD_FUNCTION_LIST` of version 1.0.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct First {
    pub(crate) version: CK_VERSION,
    pub(crate) use_key_token: UseKeyToken,
}

impl First {
    /// That of the loaded module; `None` where it is not Keyward.
    pub(crate) fn of_module() -> Option<Self> {
        // SAFETY: it has the form that the header gives.
        unsafe { vendor_list(0) }
    }
}

/// `KEYWARD_FUNCTION_LIST` of version 1.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Functions {
    pub(crate) version: CK_VERSION,
    pub(crate) use_key_token: UseKeyToken,
    pub(crate) open_operator_session: Exchange,
    pub(crate) operator_request: Exchange,
    pub(crate) create: unsafe extern "C" fn(
        CK_SESSION_HANDLE,
        *mut CK_ATTRIBUTE,
        CK_ULONG,
        Handle,
        *mut Handle,
        *mut Info,
    ) -> CK_RV,
    pub(crate) rotate:
        unsafe extern "C" fn(CK_SESSION_HANDLE, Handle, Handle, *mut Handle, *mut Info) -> CK_RV,
    pub(crate) info:
        unsafe extern "C" fn(CK_SESSION_HANDLE, Handle, CK_ULONG, *mut Handle, *mut Info) -> CK_RV,
    pub(crate) encrypt: unsafe extern "C" fn(
        CK_SESSION_HANDLE,
        Handle,
        CK_ULONG,
        Bytes,
        CK_ULONG,
        Bytes,
        CK_ULONG,
        Bytes,
        Length,
        *mut Info,
    ) -> CK_RV,
    pub(crate) decrypt: unsafe extern "C" fn(
        CK_SESSION_HANDLE,
        Handle,
        Bytes,
        CK_ULONG,
        Bytes,
        CK_ULONG,
        Bytes,
        Length,
        Bytes,
        Length,
        *mut Info,
    ) -> CK_RV,
    pub(crate) rekey: unsafe extern "C" fn(
        CK_SESSION_HANDLE,
        Bytes,
        CK_ULONG,
        Bytes,
        CK_ULONG,
        Handle,
        Bytes,
        CK_ULONG,
        Bytes,
        Length,
        *mut Info,
    ) -> CK_RV,
    pub(crate) data_key: unsafe extern "C" fn(
        CK_SESSION_HANDLE,
        Handle,
        Bytes,
        CK_ULONG,
        CK_ULONG,
        Bytes,
        Bytes,
        Length,
        *mut Info,
    ) -> CK_RV,
    pub(crate) use_key_token_2: unsafe extern "C" fn(
        CK_SESSION_HANDLE,
        Bytes,
        CK_ULONG,
        CK_FLAGS,
        *mut CK_MECHANISM,
        Bytes,
        CK_ULONG,
        Bytes,
        Length,
        Bytes,
        Length,
        *mut Info,
    ) -> CK_RV,
    pub(crate) request: Exchange,
}

impl Functions {
    /// Those of the loaded module, which is Keyward.
    pub(crate) fn of_module() -> Self {
        // SAFETY: it has the form that the header gives.
        unsafe { vendor_list(1) }.expect("the vendor's interface")
    }
}

/// `KEYWARD_FUNCTION_LIST` of version 1.2.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Batches {
    first: Functions,
    pub(crate) wrap_keys: unsafe extern "C" fn(
        CK_SESSION_HANDLE,
        *mut CK_MECHANISM,
        Handle,
        *mut Handle,
        CK_ULONG,
        CK_ULONG,
        Bytes,
        Length,
    ) -> CK_RV,
    pub(crate) unwrap_keys: unsafe extern "C" fn(
        CK_SESSION_HANDLE,
        *mut CK_MECHANISM,
        Handle,
        Bytes,
        CK_ULONG,
        CK_ULONG,
        *mut CK_ATTRIBUTE,
        CK_ULONG,
        *mut Handle,
    ) -> CK_RV,
}

impl Batches {
    /// Those of the loaded module, which is Keyward.
    pub(crate) fn of_module() -> Self {
        // SAFETY: it has the form that the header gives.
        let own: Self = unsafe { vendor_list(2) }.expect("the vendor's interface");
        assert_eq!((own.first.version.major, own.first.version.minor), (1, 2));
        own
    }
}
