//! Whether a policy allows an attempt to use its key.

use super::{KeyPolicy, Operation};
use crate::domain::ids::{MemberId, OperatorId};
use crate::error::Error;
use std::fmt;

/// What is known of an attempt to use a key.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// What is to be done.
    pub operation: Operation,
    /// By which mechanism, `CKM_…`.
    pub mechanism: u64,
    /// Who asks: the operator and their role in the domain; `None` when nobody was named.
    pub operator: Option<(OperatorId, &'a str)>,
    /// The member that is asked.
    pub member: MemberId,
    /// The region in which it stands; empty for none.
    pub region: &'a str,
    /// The time in seconds since 1970-01-01 UTC.
    pub now: u64,
    /// The authenticated data; `None` where the mechanism has none.
    pub data: Option<&'a [u8]>,
}

/// Why a policy does not allow an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// The operation is not among those allowed.
    Operation(Operation),
    /// The mechanism is not among those allowed.
    Mechanism,
    /// The policy asks who uses the key, and nobody was named.
    Nobody,
    /// This operator, in this role, may not.
    Operator,
    /// Not on this member, nor in its region.
    Place,
    /// Not yet.
    TooEarly,
    /// No longer.
    TooLate,
    /// The authenticated data are not as the policy wants them.
    Data,
    /// It was used as often as it may be.
    UsedUp,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denied::Operation(operation) => {
                write!(f, "the key's policy does not allow {}", operation.name())
            }
            Denied::Mechanism => f.write_str("the key's policy does not allow this mechanism"),
            Denied::Nobody => {
                f.write_str("the key's policy wants to know the operator: log in by name")
            }
            Denied::Operator => f.write_str("the key's policy does not admit this operator"),
            Denied::Place => f.write_str("the key's policy does not admit this member or region"),
            Denied::TooEarly => f.write_str("the key's policy does not allow its use yet"),
            Denied::TooLate => f.write_str("the key's policy does not allow its use any longer"),
            Denied::Data => f.write_str("the key's policy does not admit these authenticated data"),
            Denied::UsedUp => f.write_str("the key was used as often as its policy allows"),
        }
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        if denied == Denied::Nobody {
            Error::OperatorNeeded
        } else {
            Error::PolicyDenied(denied.to_string())
        }
    }
}

impl KeyPolicy {
    /// Whether the policy allows an attempt. How often the key was used is for the caller to count.
    ///
    /// # Errors
    /// The first restriction that the attempt does not meet.
    pub fn judge(&self, attempt: &Attempt<'_>) -> Result<(), Denied> {
        if let Some(operations) = self.operations
            && !operations.include(attempt.operation)
        {
            return Err(Denied::Operation(attempt.operation));
        }
        if let Some(mechanisms) = &self.mechanisms
            && !mechanisms.contains(&attempt.mechanism)
        {
            return Err(Denied::Mechanism);
        }
        self.judge_who_and_where(attempt)?;
        if self.not_before.is_some_and(|first| attempt.now < first) {
            return Err(Denied::TooEarly);
        }
        if self.not_after.is_some_and(|last| attempt.now > last) {
            return Err(Denied::TooLate);
        }
        if let Some(rules) = &self.data {
            let fits = |data: &[u8]| rules.iter().any(|rule| rule.admits(data));
            if !attempt.data.is_some_and(fits) {
                return Err(Denied::Data);
            }
        }
        Ok(())
    }

    /// The part of [`KeyPolicy::judge`] that also holds for looking after the key: rotating,
    /// suspending, shredding it and tightening its policy.
    ///
    /// # Errors
    /// As [`KeyPolicy::judge`].
    pub fn judge_who_and_where(&self, attempt: &Attempt<'_>) -> Result<(), Denied> {
        if self.needs_operator() {
            let (id, role) = attempt.operator.ok_or(Denied::Nobody)?;
            let named = self.operators.as_ref().is_some_and(|own| own.contains(&id));
            let in_role = self
                .roles
                .as_ref()
                .is_some_and(|own| own.iter().any(|own| own == role));
            if !named && !in_role {
                return Err(Denied::Operator);
            }
        }
        if self.members.is_some() || self.regions.is_some() {
            let member = &attempt.member;
            let named = self
                .members
                .as_ref()
                .is_some_and(|own| own.contains(member));
            let in_region = self
                .regions
                .as_ref()
                .is_some_and(|own| own.iter().any(|own| own == attempt.region));
            if !named && !in_region {
                return Err(Denied::Place);
            }
        }
        Ok(())
    }
}
