//! Sessions, logins and PINs.

use super::export;
use crate::calls::{sessions, states};
use crate::error::Error;
use crate::ffi::guard;
use crate::ffi::pointers::{Place, Target, optional, required};
use cryptoki_sys::{
    CK_BYTE, CK_FLAGS, CK_NOTIFY, CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_SESSION_INFO,
    CK_SESSION_VALIDATION_FLAGS_TYPE, CK_SLOT_ID, CK_ULONG, CK_USER_TYPE, CK_UTF8CHAR,
};
use std::ffi::c_void;

export! {
    C_OpenSession(
        slot: CK_SLOT_ID,
        flags: CK_FLAGS,
        _application: *mut c_void,
        _notify: CK_NOTIFY,
        place: *mut CK_SESSION_HANDLE,
    ) {
        guard::module(|module| {
            let place = Place::new(place)?;
            place.put(sessions::open(module, slot, flags)?.0);
            Ok(())
        })
    }

    C_CloseSession(session: CK_SESSION_HANDLE) {
        guard::session(session, sessions::close)
    }

    C_CloseAllSessions(slot: CK_SLOT_ID) {
        guard::module(|module| sessions::close_all(module, slot))
    }

    C_GetSessionInfo(session: CK_SESSION_HANDLE, place: *mut CK_SESSION_INFO) {
        guard::session(session, |module, session| {
            let place = Place::new(place)?;
            let info = sessions::info(module, session)?;
            place.put(CK_SESSION_INFO {
                slotID: info.slot,
                state: info.state,
                flags: info.flags,
                ulDeviceError: 0,
            });
            Ok(())
        })
    }

    C_SessionCancel(session: CK_SESSION_HANDLE, flags: CK_FLAGS) {
        guard::session(session, |module, session| sessions::cancel(module, session, flags))
    }

    C_Login(
        session: CK_SESSION_HANDLE,
        user: CK_USER_TYPE,
        pin: *mut CK_UTF8CHAR,
        length: CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            sessions::login(module, session, user, optional(pin, length)?)
        })
    }

    C_LoginUser(
        session: CK_SESSION_HANDLE,
        user: CK_USER_TYPE,
        pin: *mut CK_UTF8CHAR,
        length: CK_ULONG,
        name: *mut CK_UTF8CHAR,
        name_length: CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let pin = optional(pin, length)?;
            let name = optional(name, name_length)?;
            sessions::login_user(module, session, user, pin, name)
        })
    }

    C_Logout(session: CK_SESSION_HANDLE) {
        guard::session(session, sessions::logout)
    }

    C_InitPIN(session: CK_SESSION_HANDLE, pin: *mut CK_UTF8CHAR, length: CK_ULONG) {
        guard::session(session, |module, session| {
            sessions::init_pin(module, session, optional(pin, length)?)
        })
    }

    C_SetPIN(
        session: CK_SESSION_HANDLE,
        old: *mut CK_UTF8CHAR,
        old_length: CK_ULONG,
        new: *mut CK_UTF8CHAR,
        new_length: CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let old = optional(old, old_length)?;
            sessions::set_pin(module, session, old, optional(new, new_length)?)
        })
    }

    C_GetFunctionStatus(session: CK_SESSION_HANDLE) {
        guard::session(session, |_, _| Err(Error::FunctionNotParallel))
    }

    C_CancelFunction(session: CK_SESSION_HANDLE) {
        guard::session(session, |_, _| Err(Error::FunctionNotParallel))
    }
}

export! {
    C_GetOperationState(
        session: CK_SESSION_HANDLE,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let target = Target::new(out, out_length)?;
            target.fill(|output| states::save(module, session, output))
        })
    }

    C_SetOperationState(
        session: CK_SESSION_HANDLE,
        state: *mut CK_BYTE,
        length: CK_ULONG,
        encryption: CK_OBJECT_HANDLE,
        authentication: CK_OBJECT_HANDLE,
    ) {
        guard::session(session, |module, session| {
            let any_key = (encryption, authentication) != (0, 0);
            states::restore(module, session, required(state, length)?, any_key)
        })
    }

    C_GetSessionValidationFlags(
        session: CK_SESSION_HANDLE,
        kind: CK_SESSION_VALIDATION_FLAGS_TYPE,
        flags: *mut CK_FLAGS,
    ) {
        guard::session(session, |module, session| {
            let place = Place::new(flags)?;
            place.put(sessions::validation_flags(module, session, kind)?);
            Ok(())
        })
    }
}
