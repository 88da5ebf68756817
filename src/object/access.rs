//! Which session may see, change or use which object: the access matrix of PKCS #11 3.2, section
//! 5.6.2, and what this module adds to it for keys that are not private.

use super::attribute::Attributes;
use crate::error::{Error, Result};
use cryptoki_sys::{
    CKA_COPYABLE, CKA_DESTROYABLE, CKA_MODIFIABLE, CKA_PRIVATE, CKA_TOKEN, CKA_TRUSTED,
    CKO_CERTIFICATE, CKO_PRIVATE_KEY, CKO_SECRET_KEY,
};

/// A session's kind and who is logged in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Read-only, nobody logged in.
    RoPublic,
    /// Read-only, the user logged in.
    RoUser,
    /// Read/write, nobody logged in.
    RwPublic,
    /// Read/write, the user logged in.
    RwUser,
    /// Read/write, the SO logged in.
    RwSo,
}

impl State {
    /// Whether the SO is logged in.
    #[must_use]
    pub fn is_so(self) -> bool {
        self == State::RwSo
    }

    /// Whether the user is logged in.
    #[must_use]
    pub fn is_user(self) -> bool {
        matches!(self, State::RoUser | State::RwUser)
    }

    /// The column of [`MATRIX`].
    fn column(self) -> usize {
        match self {
            State::RoPublic => 0,
            State::RwPublic => 1,
            State::RoUser => 2,
            State::RwUser => 3,
            State::RwSo => 4,
        }
    }
}

/// What a session may do with an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Not even see it.
    Nothing,
    /// See and use it.
    Read,
    /// See, use, make, change and destroy it.
    Write,
}

use Access::{Nothing, Read, Write};

/// Rows: public session object, private session object, public token object, private token object.
/// Columns: read-only public, read/write public, read-only user, read/write user, read/write SO.
const MATRIX: [[Access; 5]; 4] = [
    [Write, Write, Write, Write, Write],
    [Nothing, Nothing, Write, Write, Nothing],
    [Read, Write, Read, Write, Write],
    [Nothing, Nothing, Read, Write, Nothing],
];

/// What a session may do with objects that are on the token or not, and private or not.
#[must_use]
pub fn access(state: State, token: bool, private: bool) -> Access {
    let row = match (token, private) {
        (false, false) => 0,
        (false, true) => 1,
        (true, false) => 2,
        (true, true) => 3,
    };
    MATRIX
        .get(row)
        .and_then(|row| row.get(state.column()))
        .copied()
        .unwrap_or(Nothing)
}

fn access_to(state: State, object: &Attributes) -> Access {
    access(state, object.is(CKA_TOKEN), object.is(CKA_PRIVATE))
}

/// Whether the object is a private or secret key.
fn is_hidden_key(object: &Attributes) -> bool {
    matches!(object.class(), Some(CKO_PRIVATE_KEY | CKO_SECRET_KEY))
}

/// Whether the session sees the object: lists it and reads its attributes.
#[must_use]
pub fn sees(state: State, object: &Attributes) -> bool {
    access_to(state, object) != Nothing
}

/// Whether the session sees the object.
///
/// # Errors
/// `UserNotLoggedIn` where it does not.
pub fn may_see(state: State, object: &Attributes) -> Result<()> {
    if sees(state, object) {
        Ok(())
    } else {
        Err(Error::UserNotLoggedIn)
    }
}

/// Whether the session may make such an object.
///
/// # Errors
/// `UserNotLoggedIn` for private objects, and for private and secret keys of any kind, without the
/// user; `SessionReadOnly` for token objects in a read-only session.
pub fn may_make(state: State, object: &Attributes) -> Result<()> {
    if is_hidden_key(object) && !state.is_user() {
        return Err(Error::UserNotLoggedIn);
    }
    match access_to(state, object) {
        Write => Ok(()),
        Read => Err(Error::SessionReadOnly),
        Nothing => Err(Error::UserNotLoggedIn),
    }
}

/// Whether the session may use the key in an operation, or copy it.
///
/// # Errors
/// `KeyHandleInvalid` when the session does not see it; `UserNotLoggedIn` for private and secret
/// keys without the user, even those that are listed before login.
pub fn may_use(state: State, key: &Attributes) -> Result<()> {
    if !sees(state, key) {
        return Err(Error::KeyHandleInvalid);
    }
    if is_hidden_key(key) && !state.is_user() {
        return Err(Error::UserNotLoggedIn);
    }
    Ok(())
}

/// Whether the session may change or destroy the object, by the matrix alone.
fn may_write(state: State, object: &Attributes) -> Result<()> {
    match access_to(state, object) {
        Write => Ok(()),
        Read => Err(Error::SessionReadOnly),
        Nothing => Err(Error::ObjectHandleInvalid),
    }
}

/// Whether the session may change the object's attributes.
///
/// # Errors
/// `ObjectHandleInvalid` when the session does not see it, `SessionReadOnly`; `UserNotLoggedIn` for
/// private and secret keys while nobody is logged in; `ActionProhibited` when `CKA_MODIFIABLE` is
/// false, and for a trusted certificate, which is the SO's to change (section 4.6.2).
pub fn may_change(state: State, object: &Attributes) -> Result<()> {
    may_write(state, object)?;
    if is_hidden_key(object) && !state.is_user() && !state.is_so() {
        return Err(Error::UserNotLoggedIn);
    }
    let trusted = object.class() == Some(CKO_CERTIFICATE) && object.is(CKA_TRUSTED);
    if trusted && !state.is_so() {
        return Err(Error::ActionProhibited);
    }
    require(object, CKA_MODIFIABLE)
}

/// Whether the session may destroy the object.
///
/// # Errors
/// As [`may_change`], with `CKA_DESTROYABLE`.
pub fn may_destroy(state: State, object: &Attributes) -> Result<()> {
    may_write(state, object)?;
    if is_hidden_key(object) && !state.is_user() && !state.is_so() {
        return Err(Error::UserNotLoggedIn);
    }
    require(object, CKA_DESTROYABLE)
}

/// Whether the session may copy the object; the copy itself is judged by [`may_make`].
///
/// # Errors
/// `ObjectHandleInvalid` when the session does not see it; `UserNotLoggedIn` for private and secret
/// keys without the user; `ActionProhibited` when `CKA_COPYABLE` is false.
pub fn may_copy(state: State, object: &Attributes) -> Result<()> {
    if !sees(state, object) {
        return Err(Error::ObjectHandleInvalid);
    }
    if is_hidden_key(object) && !state.is_user() {
        return Err(Error::UserNotLoggedIn);
    }
    require(object, CKA_COPYABLE)
}

fn require(object: &Attributes, permission: u64) -> Result<()> {
    if object.is(permission) {
        Ok(())
    } else {
        Err(Error::ActionProhibited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::attribute::Value;
    use cryptoki_sys::{CKA_CLASS, CKO_DATA};

    const STATES: [State; 5] = [
        State::RoPublic,
        State::RoUser,
        State::RwPublic,
        State::RwUser,
        State::RwSo,
    ];

    fn object(class: u64, token: bool, private: bool) -> Attributes {
        [
            (CKA_CLASS, Value::Ulong(class)),
            (CKA_TOKEN, Value::Bool(token)),
            (CKA_PRIVATE, Value::Bool(private)),
            (CKA_MODIFIABLE, Value::Bool(true)),
            (CKA_COPYABLE, Value::Bool(true)),
            (CKA_DESTROYABLE, Value::Bool(true)),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn private_objects_are_for_the_user_alone() {
        for state in STATES {
            for token in [false, true] {
                let seen = sees(state, &object(CKO_DATA, token, true));
                assert_eq!(seen, state.is_user(), "{state:?}");
                assert!(sees(state, &object(CKO_DATA, token, false)));
            }
        }
    }

    #[test]
    fn a_read_only_session_makes_session_objects_only() {
        for state in [State::RoPublic, State::RoUser] {
            let token = object(CKO_DATA, true, false);
            assert_eq!(may_make(state, &token), Err(Error::SessionReadOnly));
            assert_eq!(may_change(state, &token), Err(Error::SessionReadOnly));
            assert_eq!(may_destroy(state, &token), Err(Error::SessionReadOnly));
            assert_eq!(may_make(state, &object(CKO_DATA, false, false)), Ok(()));
        }
    }

    #[test]
    fn private_objects_are_not_made_before_login() {
        for state in [State::RoPublic, State::RwPublic, State::RwSo] {
            let object = object(CKO_DATA, false, true);
            assert_eq!(may_make(state, &object), Err(Error::UserNotLoggedIn));
        }
    }

    #[test]
    fn keys_that_are_not_private_are_listed_but_not_used_before_login() {
        for state in [State::RoPublic, State::RwPublic, State::RwSo] {
            for class in [CKO_SECRET_KEY, CKO_PRIVATE_KEY] {
                let key = object(class, false, false);
                assert!(sees(state, &key));
                assert_eq!(may_use(state, &key), Err(Error::UserNotLoggedIn));
                assert_eq!(may_make(state, &key), Err(Error::UserNotLoggedIn));
                assert_eq!(may_copy(state, &key), Err(Error::UserNotLoggedIn));
            }
        }
    }

    #[test]
    fn the_objects_own_word_prohibits() {
        let mut key = object(CKO_SECRET_KEY, true, true);
        for permission in [CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE] {
            key.set(permission, Value::Bool(false));
        }
        assert_eq!(
            may_change(State::RwUser, &key),
            Err(Error::ActionProhibited)
        );
        assert_eq!(may_copy(State::RwUser, &key), Err(Error::ActionProhibited));
        assert_eq!(
            may_destroy(State::RwUser, &key),
            Err(Error::ActionProhibited)
        );
    }
}
