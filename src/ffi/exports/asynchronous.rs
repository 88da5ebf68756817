//! The functions for asynchronous operations. No operation here goes on after its call: `C_OpenSession`
//! refuses `CKF_ASYNC_SESSION`, and these find nothing.

use super::export;
use crate::error::Error;
use crate::ffi::guard;
use crate::ffi::pointers::{Place, required};
use cryptoki_sys::{CK_ASYNC_DATA, CK_BYTE, CK_SESSION_HANDLE, CK_ULONG, CK_UTF8CHAR};

export! {
    C_AsyncComplete(
        session: CK_SESSION_HANDLE,
        name: *mut CK_UTF8CHAR,
        _result: *mut CK_ASYNC_DATA,
    ) {
        guard::session(session, |module, session| {
            required(name, 0)?;
            module.session(session)?;
            Err(Error::OperationNotInitialized)
        })
    }

    C_AsyncGetID(session: CK_SESSION_HANDLE, name: *mut CK_UTF8CHAR, id: *mut CK_ULONG) {
        guard::session(session, |module, session| {
            required(name, 0)?;
            Place::new(id)?;
            module.session(session)?;
            Err(Error::OperationNotInitialized)
        })
    }

    C_AsyncJoin(
        session: CK_SESSION_HANDLE,
        name: *mut CK_UTF8CHAR,
        _id: CK_ULONG,
        _data: *mut CK_BYTE,
        _length: CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            required(name, 0)?;
            module.session(session)?;
            Err(Error::SavedStateInvalid)
        })
    }
}
