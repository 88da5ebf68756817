//! The rules themselves, in the order in which they are asked.

use super::facts::{Act, Facts, Key, Mode};
use super::{Level, Role, RoleState};
use crate::error::Error;
use crate::object::usage::Use;

/// What a rule says of an act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing against it.
    Pass,
    /// No.
    Refuse(Error),
    /// It counts as a use in this role.
    CountsAs(Role),
    /// Yes, but the resulting key is at least as closed as this.
    Tighten {
        /// It is sensitive.
        sensitive: bool,
        /// It is not extractable.
        unextractable: bool,
        /// It leaves under trusted keys only.
        trusted_only: bool,
    },
    /// Yes, once this is recorded for the acting key.
    Record(RoleState),
    /// Yes, once this is recorded for the target.
    RecordTarget(RoleState),
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// The hole that it closes.
    pub why: &'static str,
    /// The rule.
    pub judge: fn(&Facts) -> Verdict,
}

/// Every rule. Those that say what an act counts as come first, because others build on them.
pub const RULES: &[Rule] = &[
    Rule {
        name: "encrypting is a use for data",
        why: "what decrypts data decrypts wrapped keys",
        judge: |facts| {
            let data = facts.is(Use::Decrypt) || (facts.is(Use::Encrypt) && !facts.key.public);
            counts(data, Role::Data)
        },
    },
    Rule {
        name: "wrapping is a use for keys",
        why: "wrapped keys are ciphertext to whoever decrypts with the same key",
        judge: |facts| {
            // An encapsulated key is a wrapped one, and what decapsulates unwraps.
            let wraps = facts.is(Use::Wrap) || facts.is(Use::Encapsulate);
            counts(wraps || gives_back(facts), Role::Wrapping)
        },
    },
    Rule {
        name: "raw RSA signing is decrypting",
        why: "the bare RSA function opens what RSA has wrapped",
        judge: |facts| {
            let signs = facts.is(Use::Sign) || facts.is(Use::SignRecover);
            counts(signs && facts.mode == Mode::RawRsa, Role::Data)
        },
    },
    Rule {
        name: "deriving by encryption is encrypting",
        why: "a derived key that can be read is ciphertext of the caller's data",
        judge: |facts| {
            let derives = facts.is(Use::Derive) && facts.mode == Mode::ByEncryption;
            counts(derives, Role::Data)
        },
    },
    Rule {
        name: "domain keys only wrap",
        why: "a domain key that decrypts opens every key of the domain",
        judge: |facts| {
            let wraps = facts.counts_as == Some(Role::Wrapping);
            let well = wraps && facts.mode != Mode::Unauthenticated;
            refuse(facts.key.domain && !well, Error::KeyFunctionNotPermitted)
        },
    },
    Rule {
        name: "no unwrapping without integrity",
        why: "a forged or cut ciphertext becomes a key of the attacker's choice",
        judge: |facts| {
            let bare = facts.is(Use::Unwrap) && facts.mode == Mode::Unauthenticated;
            refuse(
                bare && facts.level == Level::Guarded,
                Error::MechanismInvalid,
            )
        },
    },
    Rule {
        name: "a data key does not wrap",
        why: "a key that was wrapped by a key for data is decrypted as data",
        judge: |facts| one_role(facts, Role::Data),
    },
    Rule {
        name: "a wrapping key does not decrypt",
        why: "a wrapped key is decrypted as data",
        judge: |facts| one_role(facts, Role::Wrapping),
    },
    Rule {
        name: "what carried by a temporary key gives back nothing otherwise",
        why: "the temporary key, unwrapped or agreed on by itself, decrypts what it wrapped",
        judge: |facts| {
            let agrees = facts.is(Use::Derive) && facts.key.agrees;
            let otherwise = facts.mode != Mode::Transport && (gives_back(facts) || agrees);
            let carried = facts.key.uses.role == Role::Transport && guards(facts);
            refuse(otherwise && carried, Error::KeyFunctionNotPermitted)
        },
    },
    Rule {
        name: "the first use decides",
        why: "a key that may do both wraps today and decrypts tomorrow, here or in another process",
        judge: |facts| match (facts.counts_as, facts.key.uses.role) {
            (Some(role), Role::Undecided) if guards(facts) => Verdict::Record(RoleState {
                role,
                ..facts.key.uses
            }),
            _ => Verdict::Pass,
        },
    },
    Rule {
        name: "protected keys leave as key tokens only",
        why: "what leaves in a standard wrap comes back with the attributes that the caller likes",
        judge: |facts| {
            let protected = facts.target.is_some_and(|target| target.is_protected());
            refuse(protected && leaves(facts), Error::KeyUnextractable)
        },
    },
    Rule {
        name: "some keys leave under trusted keys only",
        why: "CKA_WRAP_WITH_TRUSTED is its owner's word",
        judge: |facts| {
            let asks = facts.target.is_some_and(|target| target.wrap_with_trusted);
            let trusted = facts.key.trusted || facts.key.domain;
            refuse(asks && leaves(facts) && !trusted, Error::KeyNotWrappable)
        },
    },
    Rule {
        name: "sensitive keys leave under good keys only",
        why: "whoever knows the wrapping key, or can learn it, knows what it wraps",
        judge: |facts| {
            let guarded = facts.target.is_some_and(|target| target.is_guarded());
            let key = &facts.key;
            let made_here = key.local && key.never_extractable && !key.public;
            let good = made_here || key.protected_pair || key.trusted || key.domain;
            let bad = guarded && leaves(facts) && facts.level == Level::Guarded && !good;
            refuse(bad, Error::KeyNotWrappable)
        },
    },
    Rule {
        name: "a pair carries sensitive keys in one way",
        why: "a copy of the pair elsewhere unwraps the temporary key, which decrypts what it wrapped",
        judge: |facts| {
            let other = facts.key.uses.carried && facts.key.uses.role != Role::Transport;
            let bad = transports_guarded(facts) && other && guards(facts);
            refuse(bad, Error::KeyNotWrappable)
        },
    },
    Rule {
        name: "pairs without a common record carry nothing by agreement",
        why: "the private half, which is not told, agrees on the temporary key once more",
        judge: |facts| {
            let key = &facts.key;
            let apart = key.agrees && key.local && !key.has_roles;
            let guarded = facts.level == Level::Guarded;
            refuse(
                transports_guarded(facts) && apart && guarded,
                Error::KeyNotWrappable,
            )
        },
    },
    Rule {
        name: "what carried a sensitive key is remembered",
        why: "a sensitive key that was wrapped would come back open",
        judge: |facts| {
            let guarded = facts.target.is_some_and(|target| target.is_guarded());
            let first = guarded && leaves(facts) && !facts.key.uses.carried && guards(facts);
            if first {
                let role = if facts.mode == Mode::Transport {
                    Role::Transport
                } else {
                    facts.key.uses.role
                };
                Verdict::Record(RoleState {
                    role,
                    carried: true,
                })
            } else {
                Verdict::Pass
            }
        },
    },
    Rule {
        name: "what carried a sensitive key gives back only hidden ones",
        why: "a sensitive key that was wrapped would come back open",
        judge: |facts| {
            let comes_back = gives_back(facts) && facts.mode != Mode::KeyToken;
            hide(comes_back && facts.key.uses.carried && facts.level == Level::Guarded)
        },
    },
    Rule {
        name: "domain keys give back only hidden ones",
        why: "what a domain key wrapped would come back open on another member",
        judge: |facts| {
            hide(facts.is(Use::Unwrap) && facts.mode != Mode::KeyToken && facts.key.domain)
        },
    },
    Rule {
        name: "sealing decides the role",
        why: "a copy on another member would be used in the other role",
        judge: |facts| match facts.target {
            Some(target) if seals(facts) && target.has_roles => {
                let held_to = sealed(target.uses);
                if held_to == target.uses {
                    Verdict::Pass
                } else {
                    Verdict::RecordTarget(held_to)
                }
            }
            _ => Verdict::Pass,
        },
    },
    Rule {
        name: "derived keys that hold a key inherit its protection",
        why: "the derived key is read, and the base key with it",
        judge: |facts| {
            let inherits = matches!(
                facts.mode,
                Mode::HoldsKey | Mode::PartOfKey | Mode::Descends
            );
            if !(facts.is(Use::Derive) && inherits) {
                return Verdict::Pass;
            }
            let any =
                |has: fn(&Key) -> bool| has(&facts.key) || facts.target.as_ref().is_some_and(has);
            Verdict::Tighten {
                sensitive: any(|key| key.sensitive),
                unextractable: any(Key::is_protected),
                trusted_only: any(|key| key.wrap_with_trusted),
            }
        },
    },
    Rule {
        name: "a key with a role holds no other",
        why: "a wrapping key XORed with zeros is a key for data of the same value",
        judge: |facts| {
            let joined = facts.is(Use::Derive) && facts.mode == Mode::HoldsKey;
            let bound = is_bound(&facts.key) || facts.target.as_ref().is_some_and(is_bound);
            let guarded = facts.level == Level::Guarded;
            refuse(joined && bound && guarded, Error::KeyFunctionNotPermitted)
        },
    },
    Rule {
        name: "no part of a hidden key is a key",
        why: "keys of a few bytes are guessed one after the other",
        judge: |facts| {
            let cut = facts.mode == Mode::HoldsKey && facts.shorter;
            let parts = facts.mode == Mode::PartOfKey || cut;
            let hidden = !facts.key.is_open() || facts.target.is_some_and(|key| !key.is_open());
            refuse(
                facts.is(Use::Derive) && parts && hidden,
                Error::KeyFunctionNotPermitted,
            )
        },
    },
    Rule {
        name: "hidden keys are not digested",
        why: "the digest of a key together with chosen data tells about the key",
        judge: |facts| {
            let lifted = facts.level == Level::Standard && facts.key.is_guarded();
            let hidden = !facts.key.is_open() && !lifted;
            refuse(
                facts.act == Act::DigestKey && hidden,
                Error::KeyIndigestible,
            )
        },
    },
];

/// Whether roles bind the acting key: at the guarded level, every key that could have two, but open ones,
/// whose value their owner can read anyway. A public key that was made here acts in the role of its pair.
fn guards(facts: &Facts) -> bool {
    is_bound(&facts.key) && facts.level == Level::Guarded
}

/// Whether a key could have two roles and must keep to one.
fn is_bound(key: &Key) -> bool {
    let own = if key.public {
        key.local
    } else {
        !key.is_open()
    };
    own && key.has_roles && !key.domain
}

/// Whether a key leaves by a standard mechanism.
fn leaves(facts: &Facts) -> bool {
    facts.is(Use::Wrap) && facts.mode != Mode::KeyToken
}

/// Whether a key comes back from its wrapped form.
fn gives_back(facts: &Facts) -> bool {
    facts.is(Use::Unwrap) || facts.is(Use::Decapsulate)
}

/// Whether a key leaves as a key token.
fn seals(facts: &Facts) -> bool {
    facts.is(Use::Wrap) && facts.mode == Mode::KeyToken
}

/// What a sealed key is held to: one role, for data if it has done nothing yet; and elsewhere a wrapping
/// key may carry sensitive keys of which this token never hears.
fn sealed(uses: RoleState) -> RoleState {
    let role = if uses.role == Role::Undecided {
        Role::Data
    } else {
        uses.role
    };
    RoleState {
        role,
        carried: uses.carried || role == Role::Wrapping,
    }
}

/// Whether a sensitive key leaves by way of a temporary key.
fn transports_guarded(facts: &Facts) -> bool {
    let guarded = facts.target.is_some_and(|target| target.is_guarded());
    guarded && leaves(facts) && facts.mode == Mode::Transport
}

fn one_role(facts: &Facts, own: Role) -> Verdict {
    // What has become a key for transport wraps still.
    let held_to = match facts.key.uses.role {
        Role::Transport => Role::Wrapping,
        role @ (Role::Undecided | Role::Data | Role::Wrapping) => role,
    };
    let other = facts.counts_as.is_some_and(|role| role != own);
    let barred = held_to == own && other && guards(facts);
    refuse(barred, Error::KeyFunctionNotPermitted)
}

fn counts(so: bool, role: Role) -> Verdict {
    if so {
        Verdict::CountsAs(role)
    } else {
        Verdict::Pass
    }
}

fn refuse(so: bool, error: Error) -> Verdict {
    if so {
        Verdict::Refuse(error)
    } else {
        Verdict::Pass
    }
}

fn hide(so: bool) -> Verdict {
    if so {
        Verdict::Tighten {
            sensitive: true,
            unextractable: true,
            trusted_only: false,
        }
    } else {
        Verdict::Pass
    }
}
