//! Customer keys: whoever asks, by a vendor call, a session or the program, comes through [`execute`] or
//! through the function of [`data`] that it would call.

mod care;
pub mod data;
mod ending;
pub mod handles;
pub mod making;
pub mod naming;
mod suspension;

use crate::domain::customer::{Answer, KeyInfo, Request, Supplied};
use crate::domain::ids::OperatorId;
use crate::error::{Error, Result};
use crate::object::access::State;
use crate::secret::SecretBytes;
use crate::token::{Role, Token};
use data::Outcome;

/// Who asks, and through what.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Actor {
    /// The operator that the login or session named; `None` when nobody was named.
    pub operator: Option<OperatorId>,
    /// Whether the token may be changed through it: not by a read-only session.
    pub may_change: bool,
}

impl Actor {
    /// The state of a session of this actor, who is the logged-in user.
    fn state(self) -> State {
        if self.may_change {
            State::RwUser
        } else {
            State::RoUser
        }
    }

    /// Whether the token may be changed.
    fn needs_change(self) -> Result<()> {
        if self.may_change {
            Ok(())
        } else {
            Err(Error::SessionReadOnly)
        }
    }
}

/// Does what a request asks. The user must be logged in.
///
/// # Errors
/// `UserNotLoggedIn`; `SessionReadOnly` for what changes the token; `KeyHandleInvalid` for a key that
/// there is not; `PolicyDenied`, `OperatorNeeded`; `VersionSuperseded`; those of the store.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "every other request changes keys"
)]
pub fn execute(token: &Token, actor: Actor, request: &Request) -> Result<Answer> {
    let login = token.unlocked().ok_or(Error::UserNotLoggedIn)?;
    if login.role() != Role::User {
        return Err(Error::UserNotLoggedIn);
    }
    match request {
        Request::Encrypt {
            key,
            version,
            aad,
            plaintext,
        } => {
            let key = naming::find(token, key)?.newest()?;
            data::names_newest(&key, *version)?;
            data::encrypt(token, actor, &key, aad, plaintext.expose()).map(sealed)
        }
        Request::Decrypt {
            ciphertext,
            aad,
            update,
        } => data::decrypt(token, actor, None, (ciphertext, aad), *update).map(opened),
        Request::Rekey {
            ciphertext,
            aad,
            to,
            to_aad,
        } => {
            let to = naming::find(token, to)?.newest()?;
            data::rekey(token, actor, (ciphertext, aad), (&to, to_aad)).map(sealed)
        }
        Request::GenerateDataKey {
            key,
            length,
            aad,
            plain,
        } => {
            let key = naming::find(token, key)?.newest()?;
            let made = data::generate_data_key(token, actor, &key, *length, aad)?;
            let mut answer = sealed(made.wrapped);
            answer.plain = plain.then_some(made.plain);
            Ok(answer)
        }
        Request::Describe { key } => care::describe(token, key),
        Request::List { tenant } => care::list(token, tenant.as_deref()),
        Request::ProofOfDestruction { key, version } => ending::prove(token, key, *version),
        _ => {
            actor.needs_change()?;
            change(token, actor, request)
        }
    }
}

/// Does what changes keys.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the rest is done before this is called"
)]
fn change(token: &Token, actor: Actor, request: &Request) -> Result<Answer> {
    match request {
        Request::Create {
            label,
            id,
            tenant,
            policy,
            material,
        } => {
            let new = making::New {
                label,
                id,
                tenant,
                policy: policy.as_ref(),
            };
            let material = supplied(token, actor, material.as_ref())?;
            let made = making::create(token, actor, &new, material)?;
            Ok(about(naming::info(&made, 1)))
        }
        Request::Rotate { key, material } => {
            let old = naming::find(token, key)?.newest()?;
            let material = supplied(token, actor, material.as_ref())?;
            let made = making::rotate(token, actor, &old, material)?;
            Ok(about(naming::info(&made, naming::version_of(&made))))
        }
        Request::SetPolicy { key, policy } => care::set_policy(token, actor, key, policy),
        Request::Register {
            key,
            version,
            count,
        } => care::register(token, key, *version, |now| now.saturating_add(*count)),
        Request::Unregister {
            key,
            version,
            count,
        } => care::register(token, key, *version, |now| now.saturating_sub(*count)),
        Request::DeleteVersion {
            key,
            version,
            force,
        } => ending::delete_version(token, actor, key, *version, *force),
        Request::MarkForShredding { key } => ending::mark(token, actor, key),
        Request::CancelShredding { key } => ending::cancel(token, actor, key),
        Request::Shred { key } => ending::shred(token, actor, key),
        Request::NoteCompromise { key, version } => {
            ending::compromised(token, actor, key, *version)
        }
        Request::Suspend { key, to } => suspension::suspend(token, actor, key, to),
        Request::Reinstate { opened } => suspension::reinstate(token, actor, opened),
        _ => Err(Error::FunctionNotSupported),
    }
}

/// The material that a request supplies.
fn supplied(
    token: &Token,
    actor: Actor,
    material: Option<&Supplied>,
) -> Result<Option<SecretBytes>> {
    material
        .map(|own| making::unwrapped(token, actor, own))
        .transpose()
}

/// How long the answer to an encoded request of `length` bytes may be. What changes nothing is done to
/// find out; answers to the rest have a bound.
///
/// # Errors
/// Those of [`execute`].
#[expect(clippy::wildcard_enum_match_arm, reason = "only these answer more")]
pub fn answer_bound(
    token: &Token,
    actor: Actor,
    request: &Request,
    length: usize,
) -> Result<usize> {
    // What a request carries comes back once, and once more where it was stale.
    let carried = length.saturating_mul(2).saturating_add(ROOM);
    match request {
        Request::Describe { .. } | Request::List { .. } => {
            Ok(execute(token, actor, request)?.encode().len())
        }
        Request::Suspend { key, .. } => {
            let versions = naming::find(token, key)?.all().len();
            Ok(carried.saturating_add(versions.saturating_mul(ROOM)))
        }
        _ => Ok(carried),
    }
}

/// [`execute`] for an encoded answer of at most `most` bytes, which is [`answer_bound`] or more: what else
/// there is to say of other versions is left out where it does not fit.
///
/// # Errors
/// As [`execute`].
pub fn execute_within(
    token: &Token,
    actor: Actor,
    request: &Request,
    most: usize,
) -> Result<SecretBytes> {
    let mut answer = execute(token, actor, request)?;
    loop {
        let encoded = answer.encode();
        if encoded.len() <= most || answer.keys.len() <= 1 {
            return Ok(encoded);
        }
        answer.keys.truncate(answer.keys.len() / 2);
    }
}

/// Room in an answer for what is said of a key, or kept of a suspended one, in bytes.
const ROOM: usize = 32 << 10;

/// The answer about one key.
fn about(key: KeyInfo) -> Answer {
    Answer {
        keys: vec![key],
        ..Answer::default()
    }
}

fn sealed(outcome: Outcome<Vec<u8>>) -> Answer {
    Answer {
        sealed: Some(outcome.result),
        update: outcome.update,
        keys: vec![outcome.key],
        ..Answer::default()
    }
}

fn opened(outcome: Outcome<SecretBytes>) -> Answer {
    Answer {
        plain: Some(outcome.result),
        update: outcome.update,
        keys: vec![outcome.key],
        ..Answer::default()
    }
}
