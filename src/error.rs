//! Every way in which a call can fail, by cause. `ffi::guard` turns a cause into its `CK_RV`, and the
//! admin program into one line that says what to do.

use thiserror::Error;

/// The result of every fallible function of the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. Each variant names one cause; the text says what a user can do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    // --- the library -------------------------------------------------------------------------
    /// A call came before `C_Initialize`, after `C_Finalize`, or in a forked child.
    #[error("the module is not initialised: call C_Initialize first")]
    NotInitialized,
    /// `C_Initialize` came twice.
    #[error("the module is already initialised")]
    AlreadyInitialized,
    /// A pointer, length or flag that the call does not allow.
    #[error("bad argument: {0}")]
    BadArguments(&'static str),
    /// The host asked for its own locking without ours.
    #[error("this module cannot work without operating system locks")]
    CantLock,
    /// A function, or a combination, that this module does not offer.
    #[error("this function is not offered")]
    FunctionNotSupported,
    /// An allocation of a size the caller chose was refused by the system.
    #[error("out of memory")]
    HostMemory,
    /// Something that cannot happen happened; the text is for the maintainers.
    #[error("internal error: {0}")]
    Internal(&'static str),
    /// A known answer of an algorithm came out wrong: the process can compute nothing any more.
    #[error(
        "the self-test of {0} failed: this machine or this copy of the module computes wrongly; use nothing that \
        it made, run keyward doctor, and go on with another copy or on another machine"
    )]
    SelfTest(&'static str),
    /// The two keys of a new pair do not fit: the process can compute nothing any more.
    #[error(
        "a new pair of keys does not fit ({0}) and was thrown away: this machine or this copy of the module computes \
        wrongly; use nothing that it made, run keyward doctor, and go on with another copy or on another machine"
    )]
    PairTest(&'static str),
    /// `C_CancelFunction` and `C_GetFunctionStatus`, as the standard prescribes.
    #[error("no function runs in parallel")]
    FunctionNotParallel,
    /// `C_WaitForSlotEvent` without an event to report.
    #[error("no slot event")]
    NoEvent,

    // --- slots and tokens --------------------------------------------------------------------
    /// No slot has this id.
    #[error("no such slot")]
    SlotIdInvalid,
    /// The slot's token is not initialised.
    #[error("the slot holds no initialised token: run keyward token init")]
    TokenNotRecognized,
    /// The token is open elsewhere in this process, so it cannot be initialised.
    #[error("close all sessions with the token first")]
    SessionExists,
    /// The store allows no writes; the text names file or server, and what it said.
    #[error("{0}: allow this user to write there")]
    TokenWriteProtected(String),
    /// The settings say that tokens are only read.
    #[error(
        "the token is only read (store.read_only, KEYWARD_READ_ONLY): nothing of it can be changed"
    )]
    TokenReadOnly,

    // --- sessions and login ------------------------------------------------------------------
    /// The session handle is unknown or closed.
    #[error("no such session")]
    SessionHandleInvalid,
    /// Token objects cannot be changed through a read-only session.
    #[error("the session is read-only")]
    SessionReadOnly,
    /// The SO cannot log in while a read-only session is open.
    #[error("a read-only session is open: close it before the SO logs in")]
    SessionReadOnlyExists,
    /// A read-only session cannot be opened while the SO is logged in.
    #[error("the security officer is logged in: open a read/write session")]
    SessionReadWriteSoExists,
    /// A session cannot be opened without `CKF_SERIAL_SESSION`.
    #[error("CKF_SERIAL_SESSION must be set")]
    SessionParallelNotSupported,
    /// A session was to be asynchronous.
    #[error("asynchronous sessions are not offered")]
    SessionAsyncNotSupported,
    /// Too many sessions.
    #[error("too many sessions")]
    SessionCount,
    /// The call needs the user (or SO) to be logged in.
    #[error("log in first")]
    UserNotLoggedIn,
    /// This user is logged in already.
    #[error("already logged in")]
    UserAlreadyLoggedIn,
    /// The other user is logged in.
    #[error("another user is logged in")]
    UserAnotherAlreadyLoggedIn,
    /// The user PIN was never set.
    #[error("the user PIN is not set: the security officer sets it with C_InitPIN")]
    UserPinNotInitialized,
    /// A user type the call does not know.
    #[error("no such user type")]
    UserTypeInvalid,
    /// The PIN is wrong.
    #[error("the PIN is wrong")]
    PinIncorrect,
    /// The PIN is shorter or longer than the token allows.
    #[error("the PIN is too short or too long: it has from 4 to 255 bytes")]
    PinLenRange,
    /// The PIN is locked after too many wrong tries.
    #[error("the PIN is locked: the security officer can set a new user PIN")]
    PinLocked,
    /// Nothing to cancel or continue.
    #[error("no such operation is in progress")]
    OperationNotInitialized,
    /// Another operation of the kind is in progress.
    #[error("an operation is in progress: finish or cancel it")]
    OperationActive,
    /// The active operation cannot be cancelled.
    #[error("the operation cannot be cancelled")]
    OperationCancelFailed,
    /// The saved state is not one of this module's.
    #[error("the saved operation state is not valid")]
    SavedStateInvalid,
    /// The active operation's state cannot be saved.
    #[error("the operation's state cannot be saved")]
    StateUnsaveable,

    // --- objects and templates ---------------------------------------------------------------
    /// The object handle is unknown, destroyed, or not visible to this session.
    #[error("no such object")]
    ObjectHandleInvalid,
    /// A key handle that is unknown, destroyed, or not visible.
    #[error("no such key")]
    KeyHandleInvalid,
    /// The object's own flags (modifiable, copyable, destroyable) or the token forbid it.
    #[error("the object does not allow this")]
    ActionProhibited,
    /// An attribute that no object of the class has.
    #[error("attribute {0:#x} is not valid here")]
    AttributeTypeInvalid(u64),
    /// An attribute value of wrong size or outside its range.
    #[error("attribute {0:#x} has an invalid value")]
    AttributeValueInvalid(u64),
    /// An attribute that the caller may not set, or not in this direction.
    #[error("attribute {0:#x} cannot be set to this")]
    AttributeReadOnly(u64),
    /// An attribute whose value is not revealed.
    #[error("attribute {0:#x} is sensitive")]
    AttributeSensitive(u64),
    /// A required attribute is missing.
    #[error("the template lacks attribute {0:#x}")]
    TemplateIncomplete(u64),
    /// Attributes that contradict one another or the call.
    #[error("the template contradicts itself at attribute {0:#x}")]
    TemplateInconsistent(u64),
    /// Domain parameters (curve) that are not supported.
    #[error("the curve is not supported")]
    CurveNotSupported,
    /// A parameter set (of ML-KEM, ML-DSA or SLH-DSA) that is not supported.
    #[error("the parameter set is not supported")]
    ParameterSetNotSupported,
    /// The object's record was edited, swapped, rolled back or cut outside this module.
    #[error("object {0} was changed outside this module: run keyward verify")]
    ObjectTampered(String),

    // --- mechanisms and keys -----------------------------------------------------------------
    /// The mechanism is unknown, not offered for this call, or not allowed for this key.
    #[error("the mechanism is not valid here")]
    MechanismInvalid,
    /// The mechanism's parameter is malformed or out of range.
    #[error("bad mechanism parameter: {0}")]
    MechanismParamInvalid(&'static str),
    /// The key's type does not fit the mechanism.
    #[error("the key's type does not fit the mechanism")]
    KeyTypeInconsistent,
    /// The key's size does not fit the mechanism.
    #[error("the key's size does not fit the mechanism")]
    KeySizeRange,
    /// The key's usage flags, role or state forbid the operation.
    #[error("the key does not permit this operation")]
    KeyFunctionNotPermitted,
    /// The key cannot be digested.
    #[error("the key cannot be digested")]
    KeyIndigestible,
    /// The key is not extractable.
    #[error("the key is not extractable")]
    KeyUnextractable,
    /// The key may not be wrapped by this wrapping key.
    #[error("the key may not be wrapped by this key")]
    KeyNotWrappable,
    /// A key was given that the mechanism does not need.
    #[error("the mechanism takes no key")]
    KeyNotNeeded,
    /// The wrapping key's handle is invalid.
    #[error("no such wrapping key")]
    WrappingKeyHandleInvalid,
    /// The wrapping key's type does not fit the mechanism.
    #[error("the wrapping key's type does not fit the mechanism")]
    WrappingKeyTypeInconsistent,
    /// The wrapping key's size does not fit the mechanism.
    #[error("the wrapping key's size does not fit the mechanism")]
    WrappingKeySizeRange,
    /// The unwrapping key's handle is invalid.
    #[error("no such unwrapping key")]
    UnwrappingKeyHandleInvalid,
    /// The unwrapping key's type does not fit the mechanism.
    #[error("the unwrapping key's type does not fit the mechanism")]
    UnwrappingKeyTypeInconsistent,
    /// The unwrapping key's size does not fit the mechanism.
    #[error("the unwrapping key's size does not fit the mechanism")]
    UnwrappingKeySizeRange,
    /// The wrapped key fails its integrity check.
    #[error("the wrapped key is not valid")]
    WrappedKeyInvalid,
    /// The wrapped key's length is impossible, or contradicts the template.
    #[error("the wrapped key has the wrong length")]
    WrappedKeyLenRange,

    // --- data --------------------------------------------------------------------------------
    /// The output does not fit; the number of bytes it needs.
    #[error("the buffer is too small: {0} bytes are needed")]
    BufferTooSmall(usize),
    /// The input is not of a form the mechanism takes.
    #[error("the data is not valid")]
    DataInvalid,
    /// The input is too long or not a multiple of the block size.
    #[error("the data has the wrong length")]
    DataLenRange,
    /// The ciphertext fails its check. One cause for every kind of failure.
    #[error("the encrypted data is not valid")]
    EncryptedDataInvalid,
    /// The ciphertext's length is impossible.
    #[error("the encrypted data has the wrong length")]
    EncryptedDataLenRange,
    /// The tag of a message-based decryption fails.
    #[error("the message does not authenticate")]
    AeadDecryptFailed,
    /// The signature does not verify.
    #[error("the signature is not valid")]
    SignatureInvalid,
    /// The signature's length is impossible.
    #[error("the signature has the wrong length")]
    SignatureLenRange,

    // --- storage and domain ------------------------------------------------------------------
    /// Another process holds the database for longer than the busy timeout.
    #[error("the token's database is busy: another process is writing; try again")]
    StoreBusy,
    /// The disk is full.
    #[error("the disk is full: nothing was changed")]
    StoreFull,
    /// The database or a file cannot be read or written; the text names file and cause.
    #[error("{0}")]
    Store(String),
    /// The database was replaced by an older copy, or rows were put back or deleted.
    #[error("the token's database was rolled back or edited: {0}; run keyward verify")]
    StoreTampered(String),
    /// A key token, domain token, request or other file is malformed; the text names the field.
    #[error("malformed: {0}")]
    Malformed(String),
    /// A key token names a domain key that this module does not hold.
    #[error("the key token is under domain key {0}, which this module does not hold")]
    UnknownDomainKey(String),
    /// A key token was refused; the text says why.
    #[error("key token refused: {0}")]
    KeyTokenRefused(String),
    /// A domain token was refused; the text says why.
    #[error("domain token refused: {0}")]
    DomainTokenRefused(String),
    /// Another PKCS#11 token, which holds an operator's key, did not do its part; the text says why.
    #[error("the token with the operator's key: {0}")]
    ForeignToken(String),
    /// A domain command was refused by rule or state; the text says why.
    #[error("{0}")]
    DomainRule(String),
    /// A customer key's policy does not allow this; the text says what of it.
    #[error("{0}")]
    PolicyDenied(String),
    /// A customer key's policy asks who uses it, and the login named nobody.
    #[error("the key's policy wants to know the operator: log in with C_LoginUser or --operator")]
    OperatorNeeded,
    /// The operator that a login names is none of the domain, is suspended or has expired.
    #[error("the domain has no operator {0} who may log in")]
    OperatorUnknown(String),
    /// A request names an older version of a customer key for encryption: only the newest encrypts.
    #[error("version {asked} only decrypts: the newest version is {newest}")]
    VersionSuperseded {
        /// The version that was named.
        asked: u64,
        /// The newest.
        newest: u64,
    },
    /// An older version of a customer key is still needed: so many things are counted as wrapped under it.
    #[error("still counted as wrapped under this version: {0}; re-wrap them, or use force")]
    VersionInUse(u64),
    /// The repository has a version of the domain that this module has not taken yet; the text says why.
    #[error("this module does not run the repository's version of the domain: {0}")]
    DomainBehind(String),
    /// An operator session, or a request in one, was refused; the text says why.
    #[error("operator session refused: {0}")]
    OperatorSessionRefused(String),
    /// A setting in keyward.toml or the environment is wrong; the text names it.
    #[error("bad setting: {0}")]
    Config(String),
}
