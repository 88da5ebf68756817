//! What rule 33 leaves of each mechanism at the level `guarded`, the default: asked of the rules themselves, for
//! the table of mechanisms.

use super::row::Row;
use crate::error::Error;
use crate::object::attribute::{Attributes, Value};
use crate::object::policy::{Act, Decision, Facts, Key, Level, Mode, RoleState, judge, mode};
use crate::object::usage::Use;
use cryptoki_sys::{
    CKA_CLASS, CKA_EXTRACTABLE, CKA_KEY_TYPE, CKA_LOCAL, CKA_NEVER_EXTRACTABLE, CKA_SENSITIVE,
    CKF_DIGEST, CKK_AES, CKK_EC, CKK_EC_MONTGOMERY, CKK_RSA, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY,
    CKO_SECRET_KEY,
};

/// How closed a key is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// Neither sensitive nor barred from leaving: its owner can read it.
    Open,
    /// Sensitive, and allowed to leave.
    Sensitive,
    /// Never extractable.
    Protected,
}

impl Protection {
    /// Every kind.
    pub const ALL: [Protection; 3] = [
        Protection::Open,
        Protection::Sensitive,
        Protection::Protected,
    ];
}

/// What is different for keys of some types.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limit {
    /// What is.
    pub what: What,
    /// The types of keys (`CKK_…`), when it is not all that the mechanism takes.
    pub of: Vec<u64>,
}

/// What is different for a key that is not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// The function is refused.
    Refused(Function),
    /// The key is wrapped, but under keys only that are protected or trusted.
    WrappedUnderGoodKeys,
    /// What is derived is at least as closed as the key.
    AsClosed,
    /// What is unwrapped or decapsulated is closed for good once the key has carried a sensitive one.
    ClosedOnceCarried,
    /// The key is held to one of two uses: data, or other keys.
    OneUse,
}

/// A function of a mechanism.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    /// A use of the key, or for [`Use::Wrap`] its being wrapped.
    Use(Use),
    /// `C_DigestKey`.
    DigestKey,
}

const USES: [Use; 11] = [
    Use::Encrypt,
    Use::Decrypt,
    Use::Sign,
    Use::Verify,
    Use::SignRecover,
    Use::VerifyRecover,
    Use::Wrap,
    Use::Unwrap,
    Use::Derive,
    Use::Encapsulate,
    Use::Decapsulate,
];

/// What is different for keys of a kind of protection, in the order of the functions.
#[must_use]
pub fn limits(row: &Row, protection: Protection) -> Vec<Limit> {
    let flags = row.flags();
    let mut all: Vec<Limit> = Vec::new();
    let mut add = |what: What, kind: Option<u64>| match all.iter_mut().find(|own| own.what == what)
    {
        Some(own) => own.of.extend(kind),
        None => all.push(Limit {
            what,
            of: kind.into_iter().collect(),
        }),
    };
    if flags & CKF_DIGEST != 0 {
        let facts = Facts::new(
            Level::Guarded,
            Act::DigestKey,
            Mode::Ordinary,
            key(CKO_SECRET_KEY, CKK_AES, protection),
        );
        if judge(facts).is_err() {
            add(What::Refused(Function::DigestKey), None);
        }
    }
    for usage in USES {
        if flags & usage.function() == 0 {
            continue;
        }
        for kind in row.key_types {
            for what in of_use(row.mechanism, usage, *kind, protection) {
                add(what, Some(*kind));
            }
        }
    }
    let whole = row.key_types.len();
    for limit in &mut all {
        limit.of.dedup();
        if limit.of.len() == whole {
            limit.of.clear();
        }
    }
    all
}

/// What is different for one use of keys of one type.
fn of_use(mechanism: u64, usage: Use, kind: u64, protection: Protection) -> Vec<What> {
    let mode = mode(mechanism, usage);
    let act = Act::Use(usage);
    if usage == Use::Wrap {
        return wrapped(mode, kind, protection);
    }
    let class = class(usage, kind);
    if class == CKO_PUBLIC_KEY {
        return Vec::new();
    }
    let own = Key {
        domain: mode == Mode::KeyToken,
        ..key(class, kind, protection)
    };
    let ask = |own: Key| judge(Facts::new(Level::Guarded, act, mode, own).with_shorter(false));
    let decision = match ask(own) {
        Ok(decision) => decision,
        Err(_) => return vec![What::Refused(Function::Use(usage))],
    };
    let mut found = Vec::new();
    if usage == Use::Derive && closes(&decision) {
        found.push(What::AsClosed);
    }
    let carried = Key {
        uses: RoleState {
            carried: true,
            ..own.uses
        },
        ..own
    };
    // An open key carries no sensitive one.
    let gives_back = matches!(usage, Use::Unwrap | Use::Decapsulate);
    if gives_back && protection != Protection::Open && ask(carried).is_ok_and(|own| closes(&own)) {
        found.push(What::ClosedOnceCarried);
    }
    if decision.record.is_some() {
        found.push(What::OneUse);
    }
    found
}

/// What is different for a key that is to be wrapped, under a good wrapping key and under one that its owner can
/// read.
fn wrapped(mode: Mode, kind: u64, protection: Protection) -> Vec<What> {
    let target = key(CKO_SECRET_KEY, CKK_AES, protection);
    let under = |protection, class| {
        let wrapping = Key {
            protected_pair: class == CKO_PUBLIC_KEY && protection == Protection::Protected,
            domain: mode == Mode::KeyToken,
            ..key(class, kind, protection)
        };
        let facts = Facts::new(Level::Guarded, Act::Use(Use::Wrap), mode, wrapping);
        judge(facts.with_target(target))
    };
    let class = class(Use::Wrap, kind);
    match (
        under(Protection::Protected, class),
        under(Protection::Open, class),
    ) {
        (Err(_), _) => vec![What::Refused(Function::Use(Use::Wrap))],
        (Ok(_), Err(Error::KeyNotWrappable)) => vec![What::WrappedUnderGoodKeys],
        (Ok(_), _) => Vec::new(),
    }
}

/// Whether a decision closes the key that comes out.
fn closes(decision: &Decision) -> bool {
    decision.sensitive || decision.unextractable
}

/// The class of the key that acts.
fn class(usage: Use, kind: u64) -> u64 {
    let pair = matches!(kind, CKK_RSA | CKK_EC | CKK_EC_MONTGOMERY);
    let public = matches!(
        usage,
        Use::Wrap | Use::Encrypt | Use::Verify | Use::Encapsulate
    );
    match (pair, public) {
        (false, _) => CKO_SECRET_KEY,
        (true, true) => CKO_PUBLIC_KEY,
        (true, false) => CKO_PRIVATE_KEY,
    }
}

/// A key that was made here and has done nothing yet.
fn key(class: u64, kind: u64, protection: Protection) -> Key {
    let hidden = class != CKO_PUBLIC_KEY;
    let attributes: Attributes = [
        (CKA_CLASS, Value::Ulong(class)),
        (CKA_KEY_TYPE, Value::Ulong(kind)),
        (CKA_LOCAL, Value::Bool(protection != Protection::Open)),
        (
            CKA_SENSITIVE,
            Value::Bool(hidden && protection != Protection::Open),
        ),
        (
            CKA_EXTRACTABLE,
            Value::Bool(hidden && protection != Protection::Protected),
        ),
        (
            CKA_NEVER_EXTRACTABLE,
            Value::Bool(hidden && protection == Protection::Protected),
        ),
    ]
    .into_iter()
    .collect();
    let paired = kind == CKK_EC || kind == CKK_EC_MONTGOMERY;
    let own = Key::of(&attributes, RoleState::default());
    Key {
        has_roles: own.has_roles || paired,
        ..own
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanism::table;
    use cryptoki_sys::{
        CKM_AES_KEY_WRAP, CKM_CONCATENATE_BASE_AND_DATA, CKM_EXTRACT_KEY_FROM_KEY, CKM_HKDF_DERIVE,
        CKM_SHA256,
    };

    #[test]
    fn open_keys_are_as_the_standard_says() {
        for row in table::everything() {
            assert_eq!(limits(row, Protection::Open), [], "{}", row.name);
        }
    }

    #[test]
    fn closed_keys_are_limited_where_the_rules_say() {
        let of = |mechanism, protection| {
            let limits = limits(table::row(mechanism).unwrap(), protection);
            limits.into_iter().map(|own| own.what).collect::<Vec<_>>()
        };
        let wrap = Function::Use(Use::Wrap);
        let derive = Function::Use(Use::Derive);
        let protected = of(CKM_AES_KEY_WRAP, Protection::Protected);
        assert!(protected.contains(&What::Refused(wrap)));
        let sensitive = of(CKM_AES_KEY_WRAP, Protection::Sensitive);
        assert!(sensitive.contains(&What::WrappedUnderGoodKeys));
        for protection in [Protection::Sensitive, Protection::Protected] {
            assert_eq!(
                of(CKM_EXTRACT_KEY_FROM_KEY, protection),
                [What::Refused(derive)]
            );
            assert!(of(CKM_CONCATENATE_BASE_AND_DATA, protection).contains(&What::AsClosed));
            assert_eq!(of(CKM_HKDF_DERIVE, protection), []);
            assert_eq!(
                of(CKM_SHA256, protection),
                [What::Refused(Function::DigestKey)]
            );
        }
    }
}
