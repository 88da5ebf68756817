//! Suspending and reinstating customer keys.

use super::naming::{Versions, find};
use super::{Actor, care};
use crate::calls::admission::admit_care;
use crate::domain::customer::suspension::{Inner, Version, seal_inner, seal_outer};
use crate::domain::customer::{Answer, KeyName};
use crate::domain::key_token::Fault;
use crate::error::{Error, Result};
use crate::object::standing::Standing;
use crate::token::Token;

/// Seals a key to the domain and then to the customer, and erases it here. Asked again, it answers what it
/// answered first.
///
/// # Errors
/// `KeyHandleInvalid`; `KeyFunctionNotPermitted` for a key that is to be destroyed or is; `BadArguments`
/// for a public key that nothing can be sealed to; those of the policy and the store.
pub(super) fn suspend(token: &Token, actor: Actor, key: &KeyName, to: &[u8]) -> Result<Answer> {
    let versions = find(token, key)?;
    let newest = versions.newest()?;
    admit_care(token, actor, newest.attributes())?;
    let family = super::naming::family_of(&newest).ok_or(Error::KeyHandleInvalid)?;
    if newest.standing() == Standing::Suspended {
        let kept = token.suspended(family.0)?;
        return answer(token, &versions, kept);
    }
    if newest.standing() != Standing::Current {
        return Err(Error::KeyFunctionNotPermitted);
    }
    let unlocked = token.unlocked().ok_or(Error::UserNotLoggedIn)?;
    let ring = token.keyring(&unlocked)?;
    let held: Vec<Version> = versions
        .all()
        .iter()
        .filter(|own| own.secret_value().is_some())
        .map(|own| Version {
            id: own.id(),
            revision: own.revision(),
            standing: own.standing().number().into(),
            attributes: own.attributes().clone(),
        })
        .collect();
    let inner = seal_inner(ring.stable(), (ring.domain(), family), &held)?;
    let outer = seal_outer(to, &inner)?;
    let ids: Vec<_> = held.iter().map(|own| (own.id, own.revision)).collect();
    token.suspend(family.0, &ids, &outer)?;
    answer(token, &Versions::of(token, family)?, Some(outer))
}

/// Takes a key back in the form that the customer's key opened.
///
/// # Errors
/// `KeyTokenRefused` when it was changed, is of another domain or of an earlier suspension;
/// `KeyHandleInvalid` for a key that there is not; `ActionProhibited` for one that is not suspended; those
/// of the store.
pub(super) fn reinstate(token: &Token, actor: Actor, opened: &[u8]) -> Result<Answer> {
    let inner = Inner::parse(opened)?;
    let unlocked = token.unlocked().ok_or(Error::UserNotLoggedIn)?;
    let ring = token.keyring(&unlocked)?;
    if inner.domain != ring.domain() {
        return Err(Fault::WrongDomain(inner.domain).into());
    }
    let versions = inner.open(ring.stable())?;
    let known = Versions::of(token, inner.family)?;
    admit_care(token, actor, known.newest()?.attributes())?;
    if known.newest()?.standing() != Standing::Suspended {
        return Err(Error::ActionProhibited);
    }
    token.reinstate(inner.family.0, &versions)?;
    let back = Versions::of(token, inner.family)?;
    answer(token, &back, None)
}

fn answer(token: &Token, versions: &Versions, sealed: Option<Vec<u8>>) -> Result<Answer> {
    Ok(Answer {
        sealed,
        keys: care::infos(token, versions)?,
        ..Answer::default()
    })
}
