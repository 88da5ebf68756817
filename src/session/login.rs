//! Who is logged in to a token, and which moves are allowed.

use crate::error::{Error, Result};
use cryptoki_sys::{
    CKS_RO_PUBLIC_SESSION, CKS_RO_USER_FUNCTIONS, CKS_RW_PUBLIC_SESSION, CKS_RW_SO_FUNCTIONS,
    CKS_RW_USER_FUNCTIONS, CKU_SO, CKU_USER,
};

/// Who is logged in. All sessions that a process has with a token share this.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Who {
    /// Nobody: public sessions.
    #[default]
    Nobody,
    /// The user.
    User,
    /// The security officer.
    SecurityOfficer,
}

impl Who {
    /// The state of a session, `CKS_…`. The SO has no read-only session: [`may_log_in`] sees to it.
    #[must_use]
    pub fn session_state(self, read_write: bool) -> u64 {
        match (self, read_write) {
            (Who::Nobody, false) => CKS_RO_PUBLIC_SESSION,
            (Who::Nobody, true) => CKS_RW_PUBLIC_SESSION,
            (Who::User, false) => CKS_RO_USER_FUNCTIONS,
            (Who::User, true) => CKS_RW_USER_FUNCTIONS,
            (Who::SecurityOfficer, _) => CKS_RW_SO_FUNCTIONS,
        }
    }
}

/// The user that `CK_USER_TYPE` names, other than the context-specific one.
///
/// # Errors
/// `UserTypeInvalid`.
pub fn who_of(user_type: u64) -> Result<Who> {
    match user_type {
        CKU_SO => Ok(Who::SecurityOfficer),
        CKU_USER => Ok(Who::User),
        _ => Err(Error::UserTypeInvalid),
    }
}

/// Whether `asked` may log in now.
///
/// # Errors
/// The move that the standard forbids (PKCS#11 3.2, `C_Login`).
pub fn may_log_in(now: Who, asked: Who, read_only_sessions: bool) -> Result<()> {
    match (now, asked) {
        (Who::Nobody, Who::SecurityOfficer) if read_only_sessions => {
            Err(Error::SessionReadOnlyExists)
        }
        (Who::Nobody, _) => Ok(()),
        (own, other) if own == other => Err(Error::UserAlreadyLoggedIn),
        _ => Err(Error::UserAnotherAlreadyLoggedIn),
    }
}
