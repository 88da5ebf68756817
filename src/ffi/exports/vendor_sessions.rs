//! The vendor's functions for operator sessions (`include/keyward.h`).

use crate::calls::operator_sessions;
use crate::error::Result;
use crate::ffi::guard;
use crate::ffi::pointers::{Target, required};
use crate::module::Module;
use crate::session::handles::SessionHandle;
use crate::session::output::Output;
use cryptoki_sys::{CK_BYTE, CK_RV, CK_SESSION_HANDLE, CK_ULONG};

/// The type of `KW_OpenOperatorSession` and `KW_OperatorRequest`.
pub type Exchange = unsafe extern "C" fn(
    CK_SESSION_HANDLE,
    *mut CK_BYTE,
    CK_ULONG,
    *mut CK_BYTE,
    *mut CK_ULONG,
) -> CK_RV;

/// `KW_OpenOperatorSession`.
///
/// # Safety
/// Each pointer is NULL or points to what `include/keyward.h` says, of the length given with it.
pub(super) unsafe extern "C" fn open_operator_session(
    session: CK_SESSION_HANDLE,
    hello: *mut CK_BYTE,
    length: CK_ULONG,
    answer: *mut CK_BYTE,
    answer_length: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        exchange(
            session,
            (hello, length),
            (answer, answer_length),
            operator_sessions::open,
        )
    }
}

/// `KW_OperatorRequest`.
///
/// # Safety
/// Each pointer is NULL or points to what `include/keyward.h` says, of the length given with it.
pub(super) unsafe extern "C" fn operator_request(
    session: CK_SESSION_HANDLE,
    request: *mut CK_BYTE,
    length: CK_ULONG,
    answer: *mut CK_BYTE,
    answer_length: *mut CK_ULONG,
) -> CK_RV {
    let (request, answer) = ((request, length), (answer, answer_length));
    // SAFETY: the caller's promise, passed on.
    unsafe { exchange(session, request, answer, operator_sessions::request) }
}

/// What answers a message with a message.
type Answering = fn(&Module, SessionHandle, &[u8], Output<'_>) -> Result<usize>;

/// Hands over a message and brings back the answer.
///
/// # Safety
/// Each pointer is NULL or points to as many bytes as the length with it says.
unsafe fn exchange(
    session: CK_SESSION_HANDLE,
    (message, length): (*mut CK_BYTE, CK_ULONG),
    (answer, answer_length): (*mut CK_BYTE, *mut CK_ULONG),
    call: Answering,
) -> CK_RV {
    guard::session(session, |module, session| {
        // SAFETY: the caller's promise, passed on; what lies in the target is copied first.
        unsafe {
            let target = Target::new(answer, answer_length)?;
            let message = target.beside(required(message, length)?)?;
            target.fill(|output| call(module, session, &message, output))
        }
    })
}
