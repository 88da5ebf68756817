//! Customer keys: whoever asks, by a vendor call, a session or the program, comes through [`execute`].

use crate::domain::customer::{Answer, Request};
use crate::domain::ids::OperatorId;
use crate::error::{Error, Result};
use crate::token::Token;

/// Who asks, and through what.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Actor {
    /// The operator that the login or session named; `None` when nobody was named.
    pub operator: Option<OperatorId>,
    /// Whether the token may be changed through it: not by a read-only session.
    pub may_change: bool,
}

/// Does what a request asks. The user must be logged in.
///
/// # Errors
/// `UserNotLoggedIn`; `SessionReadOnly` for what changes the token; `KeyHandleInvalid` for a key that
/// there is not; `PolicyDenied`, `OperatorNeeded`; `VersionSuperseded`; those of the store.
pub fn execute(_token: &Token, _actor: Actor, _request: &Request) -> Result<Answer> {
    Err(Error::FunctionNotSupported)
}
