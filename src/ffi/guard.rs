//! The one way into the module: every C function runs through one of the guards here. A panic is
//! caught, the module must be initialised in this very process, and an error becomes its code.
//!
//! The module is read without a lock. After a fork the child's copy of it is dead: it is never used
//! and never dropped, because it refers to threads and files that belong to the parent.

use super::os::fork::fork_generation;
use crate::crypto::known;
use crate::error::{Error, Result};
use crate::module::Module;
use crate::session::handles::SessionHandle;
use crate::warnings;
use arc_swap::{ArcSwapOption, Cache};
use cryptoki_sys::*;
use std::cell::RefCell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The module, with the fork generation that started it.
struct Running {
    generation: u64,
    module: Module,
}

static MODULE: ArcSwapOption<Running> = ArcSwapOption::const_empty();

thread_local! {
    /// The module as this thread last knew it. A look tells whether it is still that.
    static KNOWN: RefCell<Cache<&'static ArcSwapOption<Running>, Option<Arc<Running>>>> =
        RefCell::new(Cache::new(&MODULE));
}

/// The fork generation in which a thread is starting or stopping the module; 0 when none is.
static CHANGING: AtomicU64 = AtomicU64::new(0);

/// Runs a function that needs no module.
pub(super) fn bare(body: impl FnOnce() -> Result<()>) -> CK_RV {
    // A panic can leave no broken state behind: shared state is changed under locks that a panic
    // releases, by replacing whole values.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => CKR_OK,
        Ok(Err(error)) => {
            if is_of_the_machine(&error) {
                warnings::say(&error);
            }
            code(&error)
        }
        Err(panic) => {
            warnings::say(&"a call ended in a fault of this module: please report it");
            // Dropping a panic's payload runs code of whoever panicked.
            mem::forget(panic);
            CKR_GENERAL_ERROR
        }
    }
}

/// Whether whoever runs the machine should hear of an error, not the caller alone.
fn is_of_the_machine(error: &Error) -> bool {
    matches!(
        error,
        Error::StoreTampered(_)
            | Error::ObjectTampered(_)
            | Error::Store(_)
            | Error::StoreFull
            | Error::TokenWriteProtected(_)
            | Error::DomainBehind(_)
            | Error::PinLocked
            | Error::HostMemory
            | Error::Internal(_)
            | Error::SelfTest(_)
            | Error::PairTest(_)
            | Error::Config(_)
    )
}

/// Runs a function of the initialised module.
pub(super) fn module(body: impl FnOnce(&Module) -> Result<()>) -> CK_RV {
    bare(|| {
        let mut body = Some(body);
        // Not in a thread that ends, nor in a call that a callback of another call makes.
        let known = KNOWN.try_with(|known| {
            let mut known = known.try_borrow_mut().ok()?;
            Some(within(known.load().as_ref(), body.take()?))
        });
        let answer = match (known, body) {
            (Ok(Some(answer)), _) => answer,
            (_, Some(body)) => within(MODULE.load().as_ref(), body),
            (_, None) => Err(Error::Internal("a call was begun and has no answer")),
        };
        answer.inspect_err(|error| {
            if let Error::SelfTest(_) | Error::PairTest(_) = error {
                end();
            }
        })
    })
}

/// Takes the module down because a self-test failed. It cannot be started again in this process.
#[cold]
fn end() {
    let turn = Turn::take();
    match MODULE.swap(None) {
        Some(running) if running.generation == turn.generation => running.module.stop(),
        // Of the process that this one was forked from.
        other => mem::forget(other),
    }
}

/// Why there is no module: it was not started, or a self-test has ended it.
#[cold]
fn no_module() -> Error {
    known::check().err().unwrap_or(Error::NotInitialized)
}

/// Runs a function of what may be the module of this process.
fn within(current: Option<&Arc<Running>>, body: impl FnOnce(&Module) -> Result<()>) -> Result<()> {
    let running = current.ok_or_else(no_module)?;
    if running.generation != fork_generation() {
        return Err(Error::NotInitialized);
    }
    body(&running.module)
}

/// Runs a function of a session. Whatever else is wrong, a handle of no session comes first; that
/// is looked at when something is wrong, so that a good call looks the session up once.
pub(super) fn session(
    handle: CK_SESSION_HANDLE,
    body: impl FnOnce(&Module, SessionHandle) -> Result<()>,
) -> CK_RV {
    let handle = SessionHandle(handle);
    module(|module| {
        body(module, handle).map_err(|error| match module.session(handle) {
            Ok(_) => error,
            Err(no_session) => no_session,
        })
    })
}

/// Runs a step of an operation: bad arguments end the operation, as every error does except a
/// buffer that is too small. (The operation itself sees to errors that come after the arguments.)
pub(super) fn step(
    handle: CK_SESSION_HANDLE,
    cancel: impl FnOnce(&Module, SessionHandle),
    body: impl FnOnce(&Module, SessionHandle) -> Result<()>,
) -> CK_RV {
    session(handle, |module, handle| {
        let answer = body(module, handle);
        if let Err(Error::BadArguments(_) | Error::HostMemory) = answer {
            cancel(module, handle);
        }
        answer
    })
}

/// Starts the module: what `build` makes is the module of this process from now on.
///
/// # Errors
/// `AlreadyInitialized`, and those of `build`.
pub(super) fn start(build: impl FnOnce() -> Result<Module>) -> Result<()> {
    let turn = Turn::take();
    if is_running(turn.generation) {
        return Err(Error::AlreadyInitialized);
    }
    let running = Running {
        generation: turn.generation,
        module: build()?,
    };
    let inherited = MODULE.swap(Some(Arc::new(running)));
    mem::forget(inherited);
    Ok(())
}

/// Takes the module down, after `end` has ended what it does. Calls of other threads that are under
/// way finish with what they hold.
///
/// # Errors
/// `NotInitialized`, and those of `end`, which leave the module as it was.
pub(super) fn stop(end: impl FnOnce(&Module) -> Result<()>) -> Result<()> {
    let turn = Turn::take();
    let current = MODULE
        .load_full()
        .filter(|running| running.generation == turn.generation);
    end(&current.ok_or_else(no_module)?.module)?;
    drop(MODULE.swap(None));
    let _ = KNOWN.try_with(|known| {
        known
            .try_borrow_mut()
            .map(|mut known| known.load().is_none())
    });
    Ok(())
}

fn is_running(generation: u64) -> bool {
    MODULE
        .load()
        .as_ref()
        .is_some_and(|running| running.generation == generation)
}

/// The right to start or stop the module. It is no mutex: a thread that held one in the parent
/// during a fork would never release it in the child.
struct Turn {
    generation: u64,
}

impl Turn {
    /// Waits until no other thread of this process starts or stops the module.
    fn take() -> Self {
        let generation = fork_generation();
        loop {
            let now = CHANGING.load(Ordering::Relaxed);
            let free = now != generation;
            let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
            if free
                && CHANGING
                    .compare_exchange(now, generation, acquire, relaxed)
                    .is_ok()
            {
                return Turn { generation };
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        CHANGING.store(0, Ordering::Release);
    }
}

/// The code of a cause. The only place where a cause becomes a number.
#[expect(
    clippy::too_many_lines,
    reason = "one arm a cause, so that none is forgotten"
)]
pub(super) fn code(error: &Error) -> CK_RV {
    match error {
        Error::NotInitialized => CKR_CRYPTOKI_NOT_INITIALIZED,
        Error::AlreadyInitialized => CKR_CRYPTOKI_ALREADY_INITIALIZED,
        Error::BadArguments(_) => CKR_ARGUMENTS_BAD,
        Error::CantLock => CKR_CANT_LOCK,
        Error::FunctionNotSupported => CKR_FUNCTION_NOT_SUPPORTED,
        Error::HostMemory => CKR_HOST_MEMORY,
        Error::Internal(_) => CKR_GENERAL_ERROR,
        Error::FunctionNotParallel => CKR_FUNCTION_NOT_PARALLEL,
        Error::NoEvent => CKR_NO_EVENT,

        Error::SlotIdInvalid => CKR_SLOT_ID_INVALID,
        Error::TokenNotRecognized => CKR_TOKEN_NOT_RECOGNIZED,
        Error::SessionExists => CKR_SESSION_EXISTS,
        Error::TokenWriteProtected(_) | Error::TokenReadOnly => CKR_TOKEN_WRITE_PROTECTED,

        Error::SessionHandleInvalid => CKR_SESSION_HANDLE_INVALID,
        Error::SessionReadOnly => CKR_SESSION_READ_ONLY,
        Error::SessionReadOnlyExists => CKR_SESSION_READ_ONLY_EXISTS,
        Error::SessionReadWriteSoExists => CKR_SESSION_READ_WRITE_SO_EXISTS,
        Error::SessionParallelNotSupported => CKR_SESSION_PARALLEL_NOT_SUPPORTED,
        Error::SessionAsyncNotSupported => CKR_SESSION_ASYNC_NOT_SUPPORTED,
        Error::SessionCount => CKR_SESSION_COUNT,
        Error::UserNotLoggedIn => CKR_USER_NOT_LOGGED_IN,
        Error::UserAlreadyLoggedIn => CKR_USER_ALREADY_LOGGED_IN,
        Error::UserAnotherAlreadyLoggedIn => CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
        Error::UserPinNotInitialized => CKR_USER_PIN_NOT_INITIALIZED,
        Error::UserTypeInvalid => CKR_USER_TYPE_INVALID,
        Error::PinIncorrect => CKR_PIN_INCORRECT,
        Error::PinLenRange => CKR_PIN_LEN_RANGE,
        Error::PinLocked => CKR_PIN_LOCKED,
        Error::OperationNotInitialized => CKR_OPERATION_NOT_INITIALIZED,
        Error::OperationActive => CKR_OPERATION_ACTIVE,
        Error::OperationCancelFailed => CKR_OPERATION_CANCEL_FAILED,
        Error::SavedStateInvalid => CKR_SAVED_STATE_INVALID,
        Error::StateUnsaveable => CKR_STATE_UNSAVEABLE,

        Error::ObjectHandleInvalid => CKR_OBJECT_HANDLE_INVALID,
        Error::KeyHandleInvalid => CKR_KEY_HANDLE_INVALID,
        Error::ActionProhibited => CKR_ACTION_PROHIBITED,
        Error::AttributeTypeInvalid(_) => CKR_ATTRIBUTE_TYPE_INVALID,
        Error::AttributeValueInvalid(_) => CKR_ATTRIBUTE_VALUE_INVALID,
        Error::AttributeReadOnly(_) => CKR_ATTRIBUTE_READ_ONLY,
        Error::AttributeSensitive(_) => CKR_ATTRIBUTE_SENSITIVE,
        Error::TemplateIncomplete(_) => CKR_TEMPLATE_INCOMPLETE,
        Error::TemplateInconsistent(_) => CKR_TEMPLATE_INCONSISTENT,
        Error::CurveNotSupported => CKR_CURVE_NOT_SUPPORTED,
        Error::ParameterSetNotSupported => CKR_PARAMETER_SET_NOT_SUPPORTED,

        Error::MechanismInvalid => CKR_MECHANISM_INVALID,
        Error::MechanismParamInvalid(_) => CKR_MECHANISM_PARAM_INVALID,
        Error::KeyTypeInconsistent => CKR_KEY_TYPE_INCONSISTENT,
        Error::KeySizeRange => CKR_KEY_SIZE_RANGE,
        Error::KeyFunctionNotPermitted => CKR_KEY_FUNCTION_NOT_PERMITTED,
        Error::KeyIndigestible => CKR_KEY_INDIGESTIBLE,
        Error::KeyUnextractable => CKR_KEY_UNEXTRACTABLE,
        Error::KeyNotWrappable => CKR_KEY_NOT_WRAPPABLE,
        Error::KeyNotNeeded => CKR_KEY_NOT_NEEDED,
        Error::WrappingKeyHandleInvalid => CKR_WRAPPING_KEY_HANDLE_INVALID,
        Error::WrappingKeyTypeInconsistent => CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
        Error::WrappingKeySizeRange => CKR_WRAPPING_KEY_SIZE_RANGE,
        Error::UnwrappingKeyHandleInvalid => CKR_UNWRAPPING_KEY_HANDLE_INVALID,
        Error::UnwrappingKeyTypeInconsistent => CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
        Error::UnwrappingKeySizeRange => CKR_UNWRAPPING_KEY_SIZE_RANGE,
        // What is wrapped under a key that this module does not hold opens for nobody here.
        Error::WrappedKeyInvalid | Error::UnknownDomainKey(_) | Error::KeyTokenRefused(_) => {
            CKR_WRAPPED_KEY_INVALID
        }
        Error::WrappedKeyLenRange => CKR_WRAPPED_KEY_LEN_RANGE,

        Error::BufferTooSmall(_) => CKR_BUFFER_TOO_SMALL,
        Error::DataInvalid | Error::Malformed(_) => CKR_DATA_INVALID,
        Error::DataLenRange => CKR_DATA_LEN_RANGE,
        Error::EncryptedDataInvalid => CKR_ENCRYPTED_DATA_INVALID,
        Error::EncryptedDataLenRange => CKR_ENCRYPTED_DATA_LEN_RANGE,
        Error::AeadDecryptFailed => CKR_AEAD_DECRYPT_FAILED,
        Error::SignatureInvalid => CKR_SIGNATURE_INVALID,
        Error::SignatureLenRange => CKR_SIGNATURE_LEN_RANGE,

        // Trying again may help.
        Error::StoreBusy | Error::DomainBehind(_) | Error::Config(_) => CKR_FUNCTION_FAILED,
        Error::StoreFull => CKR_DEVICE_MEMORY,
        Error::ObjectTampered(_)
        | Error::Store(_)
        | Error::StoreTampered(_)
        | Error::SelfTest(_)
        | Error::PairTest(_)
        | Error::ForeignToken(_) => CKR_DEVICE_ERROR,
        Error::DomainTokenRefused(_)
        | Error::DomainRule(_)
        | Error::VersionInUse(_)
        | Error::OperatorSessionRefused(_) => CKR_ACTION_PROHIBITED,
        Error::PolicyDenied(_) | Error::VersionSuperseded { .. } => CKR_KEY_FUNCTION_NOT_PERMITTED,
        Error::OperatorNeeded => CKR_USER_NOT_LOGGED_IN,
        Error::OperatorUnknown(_) => CKR_USER_TYPE_INVALID,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::crypto::known::Family;
    use crate::mechanism::params::{Mechanism, Params};
    use std::process::Command;

    #[test]
    fn a_panic_becomes_a_code() {
        assert_eq!(bare(|| panic!("as a test")), CKR_GENERAL_ERROR);
        assert_eq!(bare(|| Err(Error::PinLocked)), CKR_PIN_LOCKED);
        assert_eq!(bare(|| Ok(())), CKR_OK);
    }

    #[test]
    fn without_a_module_every_call_is_refused() {
        let code = session(1, |_, _| Ok(()));
        assert_eq!(code, CKR_CRYPTOKI_NOT_INITIALIZED);
        assert_eq!(stop(|_| Ok(())), Err(Error::NotInitialized));
    }

    #[test]
    fn a_failed_self_test_ends_the_module() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("log");
        // What has failed is never forgotten, so it fails in a process of its own.
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "ffi::guard::tests::in_a_process_that_fails",
            ])
            .env("KEYWARD_HOME", home.path().join("home"))
            .env("KEYWARD_LOG", &log)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(
            child.status.success() && told.contains("1 passed"),
            "{told}"
        );
        let log = std::fs::read_to_string(log).unwrap();
        let line = "a new pair of keys does not fit (RSA) and was thrown away";
        assert!(
            log.contains(line) && log.contains("run keyward doctor"),
            "{log}"
        );
    }

    #[test]
    #[ignore = "it ends the cryptography of its process: the test above runs it"]
    fn in_a_process_that_fails() {
        let config = Config::load().unwrap();
        start(|| Module::start(config.clone(), false)).unwrap();
        let digest = || {
            let sha256 = Mechanism::new(CKM_SHA256, Ok(Params::None));
            module(|_| sha256.row().map(drop))
        };
        assert_eq!(digest(), CKR_OK);
        assert_eq!(known::unfit(Family::Rsa), Error::PairTest("RSA"));
        // What uses an algorithm finds out, and from then on there is no module.
        assert_eq!(module(|_| Ok(())), CKR_OK);
        assert_eq!(digest(), CKR_DEVICE_ERROR);
        assert_eq!(module(|_| Ok(())), CKR_DEVICE_ERROR);
        assert_eq!(session(1, |_, _| Ok(())), CKR_DEVICE_ERROR);
        let failed = Err(Error::PairTest("RSA"));
        assert_eq!(stop(|_| Ok(())), failed);
        assert_eq!(start(|| Module::start(config, false)), failed);
    }

    #[test]
    fn a_failed_start_leaves_nothing_behind() {
        for _ in 0..2 {
            assert_eq!(start(|| Err(Error::StoreBusy)), Err(Error::StoreBusy));
        }
    }
}
