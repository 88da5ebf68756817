//! Rule 33: no sequence of calls leads to the value of a protected key.
//!
//! A key that is not extractable is *protected*: it leaves only as a key token, and no setting changes
//! that. A key that is sensitive and extractable is *guarded*: it leaves only under wrapping keys that
//! cannot be turned against it, unless the token's owner asked for the `standard` level. Other keys are
//! *open* and behave as the standard says.
//!
//! Every act of a key is judged by the same list of rules, [`RULES`]: each looks at the facts and may
//! refuse, tighten, or have something recorded first. `tests/policy.rs` searches call sequences for
//! leaks, and finds one for each rule that is taken away.

mod facts;
mod rules;

pub use facts::{Act, Facts, Key, Mode, mode};
pub use rules::{RULES, Rule, Verdict};

use super::Object;
use super::attribute::Attributes;
use super::schema::family::Family;
use super::vendor::{CKA_KEYWARD_CARRIED, CKA_KEYWARD_LINEAGE, CKA_KEYWARD_ROLE};
use crate::error::{Error, Result};

/// How far a token's owner lets keys that are sensitive and extractable go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Level {
    /// They leave only under wrapping keys that cannot be turned against them.
    #[default]
    Guarded,
    /// They leave as the standard lets them, with its known weaknesses.
    Standard,
}

/// What a key is used for, once and for all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Role {
    /// It can do both and has done neither.
    #[default]
    Undecided,
    /// Data: it encrypts and decrypts.
    Data,
    /// Keys: it wraps and unwraps.
    Wrapping,
    /// Keys that have left by way of a temporary key: it unwraps in this way only.
    Transport,
}

impl Role {
    /// The number that `CKA_KEYWARD_ROLE` shows.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Role::Undecided => 0,
            Role::Data => 1,
            Role::Wrapping => 2,
            Role::Transport => 3,
        }
    }

    /// The role of a number that [`Role::number`] gave; undecided for any other.
    #[must_use]
    pub const fn from_number(number: u64) -> Role {
        match number {
            1 => Role::Data,
            2 => Role::Wrapping,
            3 => Role::Transport,
            _ => Role::Undecided,
        }
    }
}

/// What is known of a key's uses so far: by the key itself, and by the token's durable record under the
/// key's [`lineage`], which all its copies share.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct RoleState {
    /// What it is used for.
    pub role: Role,
    /// Whether it has wrapped a sensitive key, or may have, elsewhere.
    pub carried: bool,
}

impl RoleState {
    /// What the key itself says.
    #[must_use]
    pub fn of(key: &Attributes) -> RoleState {
        RoleState {
            role: role_of(key),
            carried: key.is(CKA_KEYWARD_CARRIED),
        }
    }

    /// What two sources say together. Where the key itself names a role, that is the role, but for a
    /// wrapping key that the record has turned into one for transport.
    #[must_use]
    pub fn joined(self, record: RoleState) -> RoleState {
        let role = match (self.role, record.role) {
            (Role::Undecided, other) => other,
            (Role::Wrapping, Role::Transport) => Role::Transport,
            (own, _) => own,
        };
        RoleState {
            role,
            carried: self.carried || record.carried,
        }
    }

    /// What stands in a record once `more` is recorded over it. Two processes may decide at the same
    /// moment: this is asked inside the store's transaction, so that the second one learns of the first.
    ///
    /// # Errors
    /// `KeyFunctionNotPermitted` when another role was decided in the meantime.
    pub fn and(self, more: RoleState) -> Result<RoleState> {
        let undecided = [self.role, more.role].contains(&Role::Undecided);
        let turns = (self.role, more.role) == (Role::Wrapping, Role::Transport) && !self.carried;
        if undecided || self.role == more.role || turns {
            Ok(self.joined(more))
        } else {
            Err(Error::KeyFunctionNotPermitted)
        }
    }
}

/// The role that a key bears itself.
#[must_use]
pub fn role_of(key: &Attributes) -> Role {
    key.ulong(CKA_KEYWARD_ROLE)
        .map_or(Role::Undecided, Role::from_number)
}

/// Whether what a key has been used for binds it: the types that can both encrypt and wrap, and pairs on a
/// curve that were made to unwrap by what they agree on.
#[must_use]
pub fn has_roles(key: &Attributes) -> bool {
    Family::of_object(key).is_some_and(|family| {
        family.has_roles() || (family.agrees() && key.has(CKA_KEYWARD_LINEAGE))
    })
}

/// Under which id the uses of a key are recorded: its own, unless it shares one with copies or with the
/// other half of its pair.
#[must_use]
pub fn lineage(key: &Object) -> [u8; 16] {
    let shared = key.attributes().bytes(CKA_KEYWARD_LINEAGE);
    shared
        .and_then(|shared| shared.try_into().ok())
        .unwrap_or(key.id().0)
}

/// What an act is allowed, and on which terms.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Decision {
    /// The resulting key is sensitive, whatever its template says.
    pub sensitive: bool,
    /// The resulting key is not extractable, whatever its template says.
    pub unextractable: bool,
    /// The resulting key leaves under trusted keys only, whatever its template says.
    pub trusted_only: bool,
    /// To be recorded durably for the acting key's lineage before the first byte of output.
    pub record: Option<RoleState>,
    /// To be recorded durably for the target's lineage, and put into its key token.
    pub record_target: Option<RoleState>,
}

impl Decision {
    /// Whether anything is to be recorded first.
    #[must_use]
    pub fn records(&self) -> bool {
        self.record.is_some() || self.record_target.is_some()
    }
}

/// Judges an act by all rules.
///
/// # Errors
/// The refusal of the first rule that refuses.
pub fn judge(facts: Facts) -> Result<Decision> {
    judge_by(RULES.iter(), facts)
}

/// Judges an act by some rules.
///
/// # Errors
/// The refusal of the first rule that refuses.
pub fn judge_by<'r>(
    rules: impl IntoIterator<Item = &'r Rule>,
    mut facts: Facts,
) -> Result<Decision> {
    let mut decision = Decision::default();
    for rule in rules {
        match (rule.judge)(&facts) {
            Verdict::Pass => {}
            Verdict::Refuse(error) => return Err(error),
            Verdict::CountsAs(role) => facts.counts_as = Some(role),
            Verdict::Tighten {
                sensitive,
                unextractable,
                trusted_only,
            } => {
                decision.sensitive |= sensitive;
                decision.unextractable |= unextractable;
                decision.trusted_only |= trusted_only;
            }
            Verdict::Record(state) => {
                facts.key.uses = state;
                decision.record = Some(state);
            }
            Verdict::RecordTarget(state) => decision.record_target = Some(state),
        }
    }
    Ok(decision)
}
