//! Sessions, login and PINs.

use super::admission::operator_named;
use crate::domain::state::policy::Wrapping;
use crate::error::{Error, Result};
use crate::module::Module;
use crate::secret::{LOGIN_STACK, apart};
use crate::session::Session;
use crate::session::handles::SessionHandle;
use crate::session::login::{Who, may_log_in, who_of};
use crate::token::Role;
use crate::warnings;
use cryptoki_sys::{
    CKF_ASYNC_SESSION, CKF_DECRYPT, CKF_DIGEST, CKF_ENCRYPT, CKF_FIND_OBJECTS, CKF_MESSAGE_DECRYPT,
    CKF_MESSAGE_ENCRYPT, CKF_MESSAGE_SIGN, CKF_MESSAGE_VERIFY, CKF_RW_SESSION, CKF_SERIAL_SESSION,
    CKF_SIGN, CKF_SIGN_RECOVER, CKF_VERIFY, CKF_VERIFY_RECOVER, CKS_LAST_VALIDATION_OK,
    CKU_CONTEXT_SPECIFIC,
};
use std::sync::Arc;

/// What `C_GetSessionInfo` tells.
pub struct Info {
    /// The slot's id.
    pub slot: u64,
    /// `CKS_…`.
    pub state: u64,
    /// `CKF_RW_SESSION`, `CKF_SERIAL_SESSION`.
    pub flags: u64,
}

/// `C_OpenSession`.
///
/// # Errors
/// `SessionParallelNotSupported`, `SessionAsyncNotSupported`, `SlotIdInvalid`, `TokenNotRecognized`,
/// `SessionReadWriteSoExists`.
pub fn open(module: &Module, slot: u64, flags: u64) -> Result<SessionHandle> {
    if flags & CKF_SERIAL_SESSION == 0 {
        return Err(Error::SessionParallelNotSupported);
    }
    if flags & CKF_ASYNC_SESSION != 0 {
        return Err(Error::SessionAsyncNotSupported);
    }
    let read_write = flags & CKF_RW_SESSION != 0;
    let seat = module.with_slot(slot, |slot| slot.enter(read_write))?;
    let handle = SessionHandle(module.sessions.reserve());
    let session = Session::new(handle, seat, read_write);
    module.sessions.insert(handle.0, Arc::new(session));
    Ok(handle)
}

/// `C_CloseSession`. The last session to close logs out.
///
/// # Errors
/// `SessionHandleInvalid`.
pub fn close(module: &Module, session: SessionHandle) -> Result<()> {
    let session = module.session(session)?;
    let slot = session.slot();
    let end = || {
        if module.sessions.remove(session.handle().0).is_none() {
            return Err(Error::SessionHandleInvalid);
        }
        if module.objects.end_session(session.handle()) {
            module.let_go(None);
        }
        session.close();
        Ok(())
    };
    let last = slot.leave(session.seat(), session.is_read_write(), end)?;
    if last && slot.who() != Who::Nobody {
        let counts = slot.counts();
        // Another thread may have opened one meanwhile, or logged out.
        if counts.sum().all() == 0 && slot.who() != Who::Nobody {
            end_login(module, &session);
        }
    }
    Ok(())
}

/// `C_CloseAllSessions`.
///
/// # Errors
/// `SlotIdInvalid`.
pub fn close_all(module: &Module, slot: u64) -> Result<()> {
    let slot = module.slot(slot)?;
    for session in module
        .sessions
        .select(|session| session.slot().id() == slot.id())
    {
        // Another thread may have closed it first.
        let _ = close(module, session.handle());
    }
    Ok(())
}

/// `C_GetSessionInfo`.
///
/// # Errors
/// `SessionHandleInvalid`.
pub fn info(module: &Module, session: SessionHandle) -> Result<Info> {
    let session = module.session(session)?;
    let read_write = session.is_read_write();
    Ok(Info {
        slot: session.slot().id(),
        state: session.who().session_state(read_write),
        flags: CKF_SERIAL_SESSION | if read_write { CKF_RW_SESSION } else { 0 },
    })
}

/// `C_Login`.
///
/// # Errors
/// `UserTypeInvalid`, the move that is not allowed, `ArgumentsBad` without a PIN (there is no
/// protected path), and those of the PIN.
pub fn login(
    module: &Module,
    session: SessionHandle,
    user_type: u64,
    pin: Option<&[u8]>,
) -> Result<()> {
    let session = module.session(session)?;
    if user_type == CKU_CONTEXT_SPECIFIC {
        return confirm(&session, pin);
    }
    log_in(module, &session, who_of(user_type)?, pin, None)
}

/// `C_LoginUser`: the user, under the name of an operator of the installed domain, by label or id. An
/// empty name is nobody's: then it is [`login`].
///
/// # Errors
/// `OperatorUnknown`; `UserTypeInvalid` for anybody but the user; those of [`login`].
pub fn login_user(
    module: &Module,
    session: SessionHandle,
    user_type: u64,
    pin: Option<&[u8]>,
    name: Option<&[u8]>,
) -> Result<()> {
    let name = name.unwrap_or_default();
    if name.is_empty() {
        return login(module, session, user_type, pin);
    }
    let session = module.session(session)?;
    let who = who_of(user_type)?;
    if who != Who::User {
        return Err(Error::UserTypeInvalid);
    }
    let name = std::str::from_utf8(name)
        .map_err(|_| Error::BadArguments("an operator's name that is no text"))?;
    log_in(module, &session, who, pin, Some(name))
}

/// Logs in; `name` is that of an operator.
fn log_in(
    module: &Module,
    session: &Session,
    who: Who,
    pin: Option<&[u8]>,
    name: Option<&str>,
) -> Result<()> {
    let pin = pin.ok_or(Error::BadArguments("the PIN is missing"))?;
    let slot = session.slot();
    let counts = slot.counts();
    may_log_in(slot.who(), who, counts.sum().read_only > 0)?;
    let unlocked = apart::<LOGIN_STACK, _>(|| session.token().login(role_of(who), pin))?;
    // The PIN comes first: without it nobody learns who the operators are.
    let operator = match name.map(|name| operator_named(&unlocked, name)) {
        None => None,
        Some(Ok(operator)) => Some(operator),
        Some(Err(unknown)) => {
            session.token().logout();
            return Err(unknown);
        }
    };
    if unlocked.domain().state.policy.wrapping == Wrapping::Standard {
        let serial = session.token().serial();
        warnings::say(&format_args!(
            "token {serial}: its policy is standard: sensitive keys that are extractable can be read through a second key"
        ));
    }
    slot.log_in(who, unlocked, operator);
    drop(counts);
    module.watch(session.token());
    Ok(())
}

/// `C_Login(CKU_CONTEXT_SPECIFIC)`: the PIN once more, for one operation with a key that is
/// `CKA_ALWAYS_AUTHENTICATE`.
fn confirm(session: &Session, pin: Option<&[u8]>) -> Result<()> {
    let mut operations = session.operations();
    let operations = &mut *operations;
    let waiting = [
        operations
            .rarer
            .sign
            .as_mut()
            .map(|own| &mut own.pin_needed),
        operations
            .rarer
            .sign_recover
            .as_mut()
            .map(|active| &mut active.pin_needed),
        operations
            .sign
            .as_mut()
            .map(|active| &mut active.pin_needed),
        operations
            .decrypt
            .as_mut()
            .map(|active| &mut active.pin_needed),
        operations
            .encrypt
            .as_mut()
            .map(|active| &mut active.pin_needed),
    ];
    let mut waiting: Vec<_> = waiting
        .into_iter()
        .flatten()
        .filter(|needed| **needed)
        .collect();
    if waiting.is_empty() {
        return Err(Error::OperationNotInitialized);
    }
    let pin = pin.ok_or(Error::BadArguments("the PIN is missing"))?;
    if session.who() == Who::Nobody {
        return Err(Error::UserNotLoggedIn);
    }
    session.token().verify_pin(role_of(session.who()), pin)?;
    for needed in &mut waiting {
        **needed = false;
    }
    Ok(())
}

/// `C_Logout`.
///
/// # Errors
/// `UserNotLoggedIn`.
pub fn logout(module: &Module, session: SessionHandle) -> Result<()> {
    let session = module.session(session)?;
    let _counts = session.slot().counts();
    if session.who() == Who::Nobody {
        return Err(Error::UserNotLoggedIn);
    }
    end_login(module, &session);
    Ok(())
}

/// Logs the token out and takes away what only a login may see.
fn end_login(module: &Module, session: &Session) {
    let slot = session.slot();
    slot.log_out();
    module.objects.end_login(slot.id());
    for other in module
        .sessions
        .select(|other| other.slot().id() == slot.id())
    {
        other.operations().cancel_private();
        other.near().clear();
    }
    session.token().logout();
}

/// `C_InitPIN`: the SO sets the user's PIN.
///
/// # Errors
/// `UserNotLoggedIn` unless the SO is logged in; `PinLenRange`.
pub fn init_pin(module: &Module, session: SessionHandle, pin: Option<&[u8]>) -> Result<()> {
    let session = module.session(session)?;
    if session.who() != Who::SecurityOfficer {
        return Err(Error::UserNotLoggedIn);
    }
    let pin = pin.ok_or(Error::BadArguments("the PIN is missing"))?;
    session.token().init_pin(pin)
}

/// `C_SetPIN`: whoever is logged in changes the own PIN; in a public session, the user's.
///
/// # Errors
/// `SessionReadOnly`, `PinIncorrect`, `PinLocked`, `PinLenRange`.
pub fn set_pin(
    module: &Module,
    session: SessionHandle,
    old: Option<&[u8]>,
    new: Option<&[u8]>,
) -> Result<()> {
    let session = module.session(session)?;
    let missing = Error::BadArguments("the PIN is missing");
    let (old, new) = (old.ok_or(missing.clone())?, new.ok_or(missing)?);
    if !session.is_read_write() {
        return Err(Error::SessionReadOnly);
    }
    let role = match session.who() {
        Who::SecurityOfficer => Role::SecurityOfficer,
        Who::Nobody | Who::User => Role::User,
    };
    session.token().set_pin(role, old, new)
}

/// `C_SessionCancel`.
///
/// # Errors
/// `SessionHandleInvalid`.
pub fn cancel(module: &Module, session: SessionHandle, flags: u64) -> Result<()> {
    let session = module.session(session)?;
    let mut operations = session.operations();
    let asked = |flag: u64| flags & flag != 0;
    operations.find.take_if(|_| asked(CKF_FIND_OBJECTS));
    operations.encrypt.take_if(|_| asked(CKF_ENCRYPT));
    operations.decrypt.take_if(|_| asked(CKF_DECRYPT));
    operations.digest.take_if(|_| asked(CKF_DIGEST));
    operations.sign.take_if(|_| asked(CKF_SIGN));
    operations.verify.take_if(|_| asked(CKF_VERIFY));
    let rarer = &mut operations.rarer;
    rarer.verify_signature.take_if(|_| asked(CKF_VERIFY));
    rarer.sign_recover.take_if(|_| asked(CKF_SIGN_RECOVER));
    rarer.verify_recover.take_if(|_| asked(CKF_VERIFY_RECOVER));
    rarer.seal.take_if(|_| asked(CKF_MESSAGE_ENCRYPT));
    rarer.open.take_if(|_| asked(CKF_MESSAGE_DECRYPT));
    rarer.sign.take_if(|_| asked(CKF_MESSAGE_SIGN));
    rarer.verify.take_if(|_| asked(CKF_MESSAGE_VERIFY));
    Ok(())
}

/// `C_GetSessionValidationFlags`: the module has no validation, so no operation is a validated one.
///
/// # Errors
/// `SessionHandleInvalid`; `BadArguments` for a kind of flags that there is not.
pub fn validation_flags(module: &Module, session: SessionHandle, kind: u64) -> Result<u64> {
    module.session(session)?;
    if kind == CKS_LAST_VALIDATION_OK {
        Ok(0)
    } else {
        Err(Error::BadArguments("no such kind of validation flags"))
    }
}

fn role_of(who: Who) -> Role {
    match who {
        Who::SecurityOfficer => Role::SecurityOfficer,
        Who::Nobody | Who::User => Role::User,
    }
}
