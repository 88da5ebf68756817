//! Ending customer keys: marking them for destruction, destroying them at once, deleting versions.

use super::naming::{family_of, find, info, version_of};
use super::{Actor, care};
use crate::calls::admission::{admit_care, now};
use crate::domain::customer::{Answer, KeyName};
use crate::domain::destruction::Destroyed;
use crate::error::{Error, Result};
use crate::object::standing::Standing;
use crate::object::vendor::{CKA_KEYWARD_CREATED, CKA_KEYWARD_FINGERPRINT};
use crate::token::Token;
use cryptoki_sys::CKA_LABEL;

/// Marks every version of a key to be destroyed.
///
/// # Errors
/// `KeyHandleInvalid`; those of the policy and the store.
pub(super) fn mark(token: &Token, actor: Actor, key: &KeyName) -> Result<Answer> {
    restand(token, actor, key, |now, _| match now {
        Standing::Current | Standing::Superseded => Standing::ShredPending,
        Standing::ShredPending | Standing::Destroyed | Standing::Suspended => now,
    })
}

/// Takes the mark away: the newest version is current again, the others only undo. Where operators govern
/// the domain, they do so by quorum instead.
///
/// # Errors
/// As [`mark`]; `ActionProhibited` when the key is not marked, or its material is gone already;
/// `DomainRule` in a domain with operators.
pub(super) fn cancel(token: &Token, actor: Actor, key: &KeyName) -> Result<Answer> {
    let newest = find(token, key)?.newest()?;
    admit_care(token, actor, newest.attributes())?;
    if newest.standing() != Standing::ShredPending {
        return Err(Error::ActionProhibited);
    }
    let id = family_of(&newest).unwrap_or(newest.id().into());
    if token.domain_state()?.0.governance.has_operators() {
        return Err(Error::DomainRule(format!(
            "operators keep a marked key by quorum: keyward domain request shred.cancel:{id}"
        )));
    }
    token.keep_marked(&[id])?;
    if find(token, key)?.newest()?.standing() == Standing::ShredPending {
        return Err(Error::ActionProhibited);
    }
    care::describe(token, key)
}

/// Destroys every version of a key. What stays is the record of it.
///
/// # Errors
/// As [`mark`].
pub(super) fn shred(token: &Token, actor: Actor, key: &KeyName) -> Result<Answer> {
    let versions = find(token, key)?;
    admit_care(token, actor, versions.newest()?.attributes())?;
    for version in versions.all() {
        if version.standing() != Standing::Destroyed {
            token.shred(version.id())?;
        }
    }
    care::describe(token, key)
}

/// Deletes an older version: its material goes, its record stays.
///
/// # Errors
/// `ActionProhibited` for the newest version; `VersionInUse` while something is counted as wrapped under
/// it, unless `force` says otherwise; as [`mark`].
pub(super) fn delete_version(
    token: &Token,
    actor: Actor,
    key: &KeyName,
    version: u64,
    force: bool,
) -> Result<Answer> {
    let versions = find(token, key)?;
    let object = versions.version(version)?;
    let newest = versions.newest()?;
    admit_care(token, actor, newest.attributes())?;
    if version_of(&newest) == version {
        return Err(Error::ActionProhibited);
    }
    let count = token.registered(object.id())?;
    if count > 0 && !force {
        return Err(Error::VersionInUse(count));
    }
    token.shred(object.id())?;
    care::describe(token, key)
}

/// Notes that a version of a key, or all of them, became known to others.
///
/// # Errors
/// As [`mark`].
pub(super) fn compromised(
    token: &Token,
    actor: Actor,
    key: &KeyName,
    version: Option<u64>,
) -> Result<Answer> {
    let versions = find(token, key)?;
    admit_care(token, actor, versions.newest()?.attributes())?;
    match version {
        Some(version) => drop(token.note_compromise(versions.version(version)?.id())?),
        None => {
            for version in versions.all() {
                token.note_compromise(version.id())?;
            }
        }
    }
    care::describe(token, key)
}

/// This member's signed word that a version was destroyed.
///
/// # Errors
/// `KeyHandleInvalid`; `ActionProhibited` while it is not.
pub(super) fn prove(token: &Token, key: &KeyName, version: u64) -> Result<Answer> {
    let versions = find(token, key)?;
    let object = versions.version(version)?;
    if object.standing() != Standing::Destroyed {
        return Err(Error::ActionProhibited);
    }
    let unlocked = token.unlocked().ok_or(Error::UserNotLoggedIn)?;
    let (domain, identity) = (unlocked.domain(), unlocked.identity());
    let attributes = object.attributes();
    let word = Destroyed {
        domain: domain.state.domain,
        version: domain.state.version,
        family: family_of(&object).ok_or(Error::KeyHandleInvalid)?,
        key_version: version,
        object: object.id(),
        revision: object.revision(),
        label: attributes.bytes(CKA_LABEL).unwrap_or_default().to_vec(),
        key_type: attributes.key_type().unwrap_or_default(),
        created: attributes.ulong(CKA_KEYWARD_CREATED).unwrap_or(0),
        fingerprint: attributes
            .bytes(CKA_KEYWARD_FINGERPRINT)
            .unwrap_or_default()
            .to_vec(),
        at: now(),
    };
    Ok(Answer {
        sealed: Some(word.sign(identity.id(), &*identity)?),
        keys: vec![info(&object, version_of(&*versions.newest()?))],
        ..Answer::default()
    })
}

/// Changes how every version stands; `next` says how, from how it stands and whether it is the newest.
fn restand(
    token: &Token,
    actor: Actor,
    key: &KeyName,
    next: impl Fn(Standing, bool) -> Standing,
) -> Result<Answer> {
    let versions = find(token, key)?;
    let newest = versions.newest()?;
    admit_care(token, actor, newest.attributes())?;
    for version in versions.all() {
        let of_newest = version.id() == newest.id();
        if next(version.standing(), of_newest) == version.standing() {
            continue;
        }
        token.restand(version.id(), |now| {
            // A rotation has left the material behind already.
            if now.standing() == Standing::ShredPending && now.secret_value().is_none() {
                return Err(Error::ActionProhibited);
            }
            Ok((now.attributes().clone(), next(now.standing(), of_newest)))
        })?;
    }
    care::describe(token, key)
}
