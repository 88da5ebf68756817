//! Whether a key's policy admits a use of it: asked for every use of a key that has one, by whatever
//! call. Keys without a policy pay for one look at their attributes.

use super::context::Context;
use super::customer::Actor;
use crate::domain::ids::OperatorId;
use crate::domain::key_policy::{Attempt, Denied, KeyPolicy, Operation};
use crate::error::{Error, Result};
use crate::object::Object;
use crate::object::attribute::Attributes;
use crate::object::usage::Use;
use crate::object::vendor::CKA_KEYWARD_POLICY;
use crate::token::{Token, Unlocked};
use std::time::{SystemTime, UNIX_EPOCH};

/// The operation that a use is.
fn operation_of(usage: Use) -> Operation {
    match usage {
        Use::Encrypt => Operation::Encrypt,
        Use::Decrypt => Operation::Decrypt,
        Use::Sign | Use::SignRecover => Operation::Sign,
        Use::Verify | Use::VerifyRecover => Operation::Verify,
        Use::Wrap => Operation::Wrap,
        Use::Unwrap => Operation::Unwrap,
        Use::Derive => Operation::Derive,
        Use::Encapsulate => Operation::Encapsulate,
        Use::Decapsulate => Operation::Decapsulate,
    }
}

/// The policy as the key holds it; none when it is empty.
fn encoded(key: &Attributes) -> Option<&[u8]> {
    key.bytes(CKA_KEYWARD_POLICY)
        .filter(|encoded| !encoded.is_empty())
}

/// Whether the key has a policy.
#[must_use]
pub fn has_policy(key: &Attributes) -> bool {
    encoded(key).is_some()
}

/// The policy of a key, if it has one.
///
/// # Errors
/// `PolicyDenied` for a policy that cannot be read here: nothing can be said to keep to it.
pub fn policy_of(key: &Attributes) -> Result<Option<KeyPolicy>> {
    let Some(encoded) = encoded(key) else {
        return Ok(None);
    };
    KeyPolicy::decode(encoded)
        .map(Some)
        .map_err(|flaw| Error::PolicyDenied(format!("the key's policy cannot be kept: {flaw}")))
}

/// What is to be done with a key, and with which authenticated data.
#[derive(Clone, Copy, Debug)]
pub struct Purpose<'a> {
    /// The operation.
    pub operation: Operation,
    /// The mechanism, `CKM_…`.
    pub mechanism: u64,
    /// The authenticated data; `None` where the mechanism has none.
    pub data: Option<&'a [u8]>,
}

/// Whether the key's policy admits a use. The use is not counted yet.
///
/// # Errors
/// `PolicyDenied`, `OperatorNeeded`; `UserNotLoggedIn`.
pub fn admit(token: &Token, actor: Actor, key: &Attributes, purpose: Purpose<'_>) -> Result<()> {
    let Some(policy) = policy_of(key)? else {
        return Ok(());
    };
    judge(token, actor, purpose, |attempt| policy.judge(attempt))
}

/// Whether the key's policy lets the actor look after the key: rotate, suspend or shred it, and tighten
/// the policy.
///
/// # Errors
/// As [`admit`].
pub fn admit_care(token: &Token, actor: Actor, key: &Attributes) -> Result<()> {
    let Some(policy) = policy_of(key)? else {
        return Ok(());
    };
    let purpose = Purpose {
        operation: Operation::Encrypt,
        mechanism: 0,
        data: None,
    };
    judge(token, actor, purpose, |attempt| {
        policy.judge_who_and_where(attempt)
    })
}

/// Counts a use of a key whose policy limits their number, durably.
///
/// # Errors
/// `PolicyDenied` when it was used as often as it may be; those of the store.
pub fn count(token: &Token, key: &Object) -> Result<()> {
    let Some(policy) = policy_of(key.attributes())? else {
        return Ok(());
    };
    let Some(most) = policy.max_uses else {
        return Ok(());
    };
    let lineage = crate::object::policy::lineage(key);
    if token.count_use(&lineage, most)? {
        Ok(())
    } else {
        Err(Denied::UsedUp.into())
    }
}

/// Judges an attempt by what is installed here.
fn judge(
    token: &Token,
    actor: Actor,
    purpose: Purpose<'_>,
    by: impl FnOnce(&Attempt<'_>) -> Result<(), Denied>,
) -> Result<()> {
    let unlocked = token.unlocked().ok_or(Error::UserNotLoggedIn)?;
    let domain = unlocked.domain();
    let member = unlocked.identity().id();
    let region = domain
        .state
        .member(member)
        .map_or("", |own| own.card.region.as_str());
    let now = now();
    let operators = &domain.state.governance.operators;
    let operator = actor.operator.and_then(|id| {
        let known = operators.iter().find(|own| own.id() == id)?;
        let counts = !known.suspended && known.expires.is_none_or(|expires| now <= expires);
        counts.then_some((id, known.role.as_str()))
    });
    let attempt = Attempt {
        operation: purpose.operation,
        mechanism: purpose.mechanism,
        operator,
        member,
        region,
        now,
        data: purpose.data,
    };
    Ok(by(&attempt)?)
}

/// The operator of the installed domain whom people call `name`, by label or id, if they may log in.
///
/// # Errors
/// `OperatorUnknown`.
pub fn operator_named(unlocked: &Unlocked, name: &str) -> Result<OperatorId> {
    let domain = unlocked.domain();
    let asked = OperatorId::from_hex(name);
    let now = now();
    let mut found = domain.state.governance.operators.iter().filter(|own| {
        let named = asked == Some(own.id()) || own.card.label == name;
        named && !own.suspended && own.expires.is_none_or(|expires| now <= expires)
    });
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only.id()),
        _ => Err(Error::OperatorUnknown(name.to_owned())),
    }
}

/// Seconds since 1970-01-01 UTC.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

impl Context<'_> {
    /// Who asks: the operator whom the login named.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor {
            operator: self.session.slot().operator(),
            may_change: self.session.is_read_write(),
        }
    }

    /// [`admit`], for a use by a standard call.
    ///
    /// # Errors
    /// As [`admit`].
    pub fn admit(
        &self,
        key: &Object,
        usage: Use,
        mechanism: u64,
        data: Option<&[u8]>,
    ) -> Result<()> {
        if !has_policy(key.attributes()) {
            return Ok(());
        }
        let purpose = Purpose {
            operation: operation_of(usage),
            mechanism,
            data,
        };
        admit(
            self.session.token(),
            self.actor(),
            key.attributes(),
            purpose,
        )
    }
}

/// Whether a key may go from one policy to another: only to a tighter one.
///
/// # Errors
/// `AttributeValueInvalid` for what is no policy; `AttributeReadOnly` for one that allows more.
pub fn may_become(old: Option<&Attributes>, new: &Attributes) -> Result<()> {
    if old.is_some_and(|old| encoded(old) == encoded(new)) {
        return Ok(());
    }
    let parsed = |key| match encoded(key) {
        None => Ok(KeyPolicy::default()),
        Some(encoded) => {
            KeyPolicy::decode(encoded).map_err(|_| Error::AttributeValueInvalid(CKA_KEYWARD_POLICY))
        }
    };
    let next = parsed(new)?;
    let Some(old) = old else {
        return Ok(());
    };
    if next.tightens(&parsed(old)?) {
        Ok(())
    } else {
        Err(Error::AttributeReadOnly(CKA_KEYWARD_POLICY))
    }
}
