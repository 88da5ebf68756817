//! The policy of a customer key: what may be done with it, by whom, where, when, how often, and with
//! which authenticated data. `docs/formats.md`, "Key policy". Judged in `judge`, and only ever
//! tightened: [`KeyPolicy::tightens`].

mod form;
mod judge;

pub use judge::{Attempt, Denied};

use super::ids::{MemberId, OperatorId};

/// The longest policy in bytes.
pub const MAX_LEN: usize = 16 << 10;
/// The most items of one list.
pub const MAX_ITEMS: usize = 256;
/// The longest value that authenticated data must carry, in bytes.
pub const MAX_DATA: usize = 1024;

/// What may be done with a customer key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is named by its request or C function")]
pub enum Operation {
    Encrypt,
    Decrypt,
    Sign,
    Verify,
    Wrap,
    Unwrap,
    Derive,
    GenerateDataKey,
    Rekey,
    Encapsulate,
    Decapsulate,
}

impl Operation {
    /// Every operation, each at its bit.
    pub const ALL: [Operation; 11] = [
        Operation::Encrypt,
        Operation::Decrypt,
        Operation::Sign,
        Operation::Verify,
        Operation::Wrap,
        Operation::Unwrap,
        Operation::Derive,
        Operation::GenerateDataKey,
        Operation::Rekey,
        Operation::Encapsulate,
        Operation::Decapsulate,
    ];

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Operation::Encrypt => "encrypt",
            Operation::Decrypt => "decrypt",
            Operation::Sign => "sign",
            Operation::Verify => "verify",
            Operation::Wrap => "wrap",
            Operation::Unwrap => "unwrap",
            Operation::Derive => "derive",
            Operation::GenerateDataKey => "data-key",
            Operation::Rekey => "rekey",
            Operation::Encapsulate => "encapsulate",
            Operation::Decapsulate => "decapsulate",
        }
    }

    /// The operation that people call so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.name() == name)
    }

    /// Its bit in [`Operations`].
    fn bit(self) -> u64 {
        match self {
            Operation::Encrypt => 1,
            Operation::Decrypt => 1 << 1,
            Operation::Sign => 1 << 2,
            Operation::Verify => 1 << 3,
            Operation::Wrap => 1 << 4,
            Operation::Unwrap => 1 << 5,
            Operation::Derive => 1 << 6,
            Operation::GenerateDataKey => 1 << 7,
            Operation::Rekey => 1 << 8,
            Operation::Encapsulate => 1 << 9,
            Operation::Decapsulate => 1 << 10,
        }
    }
}

/// A set of operations, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operations(u64);

impl Operations {
    /// These operations.
    #[must_use]
    pub fn of(operations: &[Operation]) -> Self {
        Operations(operations.iter().fold(0, |bits, one| bits | one.bit()))
    }

    /// Whether one of them is `operation`.
    #[must_use]
    pub fn include(self, operation: Operation) -> bool {
        self.0 & operation.bit() != 0
    }

    /// The operations, in the order of [`Operation::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Operation> {
        Operation::ALL
            .into_iter()
            .filter(move |one| self.include(*one))
    }
}

/// A value that authenticated data must have, or begin with.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DataRule {
    /// Whether the data must be just the value; else it must begin with it.
    pub exact: bool,
    /// The value.
    pub value: Vec<u8>,
}

impl DataRule {
    /// Whether data are as the rule wants them.
    #[must_use]
    pub fn admits(&self, data: &[u8]) -> bool {
        if self.exact {
            self.value == data
        } else {
            data.starts_with(&self.value)
        }
    }

    /// Whether everything that `other` admits is admitted.
    fn covers(&self, other: &DataRule) -> bool {
        if self.exact {
            self == other
        } else {
            other.value.starts_with(&self.value)
        }
    }
}

/// The policy of a key. What a field does not restrict is `None`; an empty list admits nothing. Lists
/// are sorted and name nothing twice.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct KeyPolicy {
    /// The operations that are allowed.
    pub operations: Option<Operations>,
    /// The mechanisms that are allowed, `CKM_…`.
    pub mechanisms: Option<Vec<u64>>,
    /// The operators that may use the key. Those of [`KeyPolicy::roles`] may too.
    pub operators: Option<Vec<OperatorId>>,
    /// The roles whose operators may use the key.
    pub roles: Option<Vec<String>>,
    /// The members on which it may be used. It may be used in [`KeyPolicy::regions`] too.
    pub members: Option<Vec<MemberId>>,
    /// The regions in which it may be used.
    pub regions: Option<Vec<String>>,
    /// The first second in which it may be used, since 1970-01-01 UTC.
    pub not_before: Option<u64>,
    /// The last second in which it may be used.
    pub not_after: Option<u64>,
    /// How often it may be used in all.
    pub max_uses: Option<u64>,
    /// What the authenticated data of each use must be like: as one of these rules says.
    pub data: Option<Vec<DataRule>>,
}

impl KeyPolicy {
    /// Whether the policy restricts nothing.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == KeyPolicy::default()
    }

    /// Whether it asks who uses the key.
    #[must_use]
    pub fn needs_operator(&self) -> bool {
        self.operators.is_some() || self.roles.is_some()
    }

    /// Whether everything that this policy allows, `old` allows too: only then may it take the place
    /// of `old`. Where that cannot be told from the two policies alone, the answer is no.
    #[must_use]
    pub fn tightens(&self, old: &KeyPolicy) -> bool {
        let operations = match (self.operations, old.operations) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(new), Some(old)) => new.0 & !old.0 == 0,
        };
        let data = match (&self.data, &old.data) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(new), Some(old)) => new
                .iter()
                .all(|rule| old.iter().any(|own| own.covers(rule))),
        };
        operations
            && data
            && narrows(&self.mechanisms, &old.mechanisms)
            && narrows_either((&self.operators, &self.roles), (&old.operators, &old.roles))
            && narrows_either((&self.members, &self.regions), (&old.members, &old.regions))
            && self.not_before.unwrap_or(0) >= old.not_before.unwrap_or(0)
            && self.not_after.unwrap_or(u64::MAX) <= old.not_after.unwrap_or(u64::MAX)
            && self.max_uses.unwrap_or(u64::MAX) <= old.max_uses.unwrap_or(u64::MAX)
    }
}

/// Whether every item of `new` is one of `old`.
fn narrows<T: PartialEq>(new: &Option<Vec<T>>, old: &Option<Vec<T>>) -> bool {
    match (new, old) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(new), Some(old)) => new.iter().all(|item| old.contains(item)),
    }
}

/// The same for two lists of which either suffices: together they restrict when one is there.
fn narrows_either<A: PartialEq, B: PartialEq>(
    new: (&Option<Vec<A>>, &Option<Vec<B>>),
    old: (&Option<Vec<A>>, &Option<Vec<B>>),
) -> bool {
    if old.0.is_none() && old.1.is_none() {
        return true;
    }
    if new.0.is_none() && new.1.is_none() {
        return false;
    }
    within(new.0, old.0) && within(new.1, old.1)
}

/// Whether what a list names, nothing when it is absent, is named by the other.
fn within<T: PartialEq>(new: &Option<Vec<T>>, old: &Option<Vec<T>>) -> bool {
    let old = old.as_deref().unwrap_or_default();
    let new = new.as_deref().unwrap_or_default();
    new.iter().all(|item| old.contains(item))
}

#[cfg(test)]
mod tests;
