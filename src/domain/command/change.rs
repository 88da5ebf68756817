//! One change of a domain, as operators sign it.

use super::kind::Kind;
use crate::domain::cbor::{Flaw, Reader, Result, Writer, flawed};
use crate::domain::ids::{DomainKeyId, KeyId, MemberId, OperatorId, RepositoryId};
use crate::domain::package::PUBLIC_KEY_LEN;
use crate::domain::state::governance::{Operator, Rule};
use crate::domain::state::member::{Card, MAX_CARD, MAX_LABEL};
use crate::domain::state::policy::Policy;

/// The most customer keys that one change revokes.
const MAX_REVOKED: usize = 4096;
/// The most changes of a recovery.
const MAX_CHANGES: usize = 64;

/// A recovery key with its delay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecoveryTerms {
    /// The X-Wing key held offline.
    pub agreement: Vec<u8>,
    /// How long a recovery is announced before it can be done, in seconds.
    pub delay: u64,
}

/// One change. [`Kind`] says what each does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// [`Kind::KeyAdd`] under a name that the request chose.
    KeyAdd(DomainKeyId),
    /// [`Kind::KeyActivate`].
    KeyActivate(DomainKeyId),
    /// [`Kind::KeyRetire`].
    KeyRetire(DomainKeyId),
    /// [`Kind::KeyRemove`].
    KeyRemove {
        /// Which.
        id: DomainKeyId,
        /// Whether every member renews its agreement key with it, so that no archived token brings the
        /// key back.
        last: bool,
    },
    /// [`Kind::MemberAdd`].
    MemberAdd(Box<Card>),
    /// [`Kind::MemberSuspend`].
    MemberSuspend(MemberId),
    /// [`Kind::MemberResume`].
    MemberResume(MemberId),
    /// [`Kind::MemberRemove`].
    MemberRemove(MemberId),
    /// [`Kind::MemberRenew`].
    MemberRenew(Box<Card>),
    /// [`Kind::OperatorAdd`].
    OperatorAdd(Box<Operator>),
    /// [`Kind::OperatorSuspend`].
    OperatorSuspend(OperatorId),
    /// [`Kind::OperatorResume`].
    OperatorResume(OperatorId),
    /// [`Kind::OperatorRemove`].
    OperatorRemove(OperatorId),
    /// [`Kind::RuleSet`].
    RuleSet(Rule),
    /// [`Kind::PolicySet`].
    PolicySet(Box<Policy>),
    /// [`Kind::Revoke`], sorted.
    Revoke(Vec<KeyId>),
    /// [`Kind::ShredCancel`], sorted.
    ShredCancel(Vec<KeyId>),
    /// [`Kind::RevisionRaise`].
    RevisionRaise(KeyId, u64),
    /// [`Kind::RecoverySet`]; none to do without.
    RecoverySet(Option<RecoveryTerms>),
    /// [`Kind::RecoveryBegin`] of these changes.
    RecoveryBegin(Vec<Change>),
    /// [`Kind::RecoveryCancel`].
    RecoveryCancel,
    /// [`Kind::RecoveryFinish`] of the changes that were announced.
    RecoveryFinish(Vec<Change>),
    /// [`Kind::RepositorySet`].
    RepositorySet(RepositoryId),
    /// [`Kind::LabelSet`].
    LabelSet(String),
}

impl Change {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Change::KeyAdd(_) => Kind::KeyAdd,
            Change::KeyActivate(_) => Kind::KeyActivate,
            Change::KeyRetire(_) => Kind::KeyRetire,
            Change::KeyRemove { .. } => Kind::KeyRemove,
            Change::MemberAdd(_) => Kind::MemberAdd,
            Change::MemberSuspend(_) => Kind::MemberSuspend,
            Change::MemberResume(_) => Kind::MemberResume,
            Change::MemberRemove(_) => Kind::MemberRemove,
            Change::MemberRenew(_) => Kind::MemberRenew,
            Change::OperatorAdd(_) => Kind::OperatorAdd,
            Change::OperatorSuspend(_) => Kind::OperatorSuspend,
            Change::OperatorResume(_) => Kind::OperatorResume,
            Change::OperatorRemove(_) => Kind::OperatorRemove,
            Change::RuleSet(_) => Kind::RuleSet,
            Change::PolicySet(_) => Kind::PolicySet,
            Change::Revoke(_) => Kind::Revoke,
            Change::ShredCancel(_) => Kind::ShredCancel,
            Change::RevisionRaise(..) => Kind::RevisionRaise,
            Change::RecoverySet(_) => Kind::RecoverySet,
            Change::RecoveryBegin(_) => Kind::RecoveryBegin,
            Change::RecoveryCancel => Kind::RecoveryCancel,
            Change::RecoveryFinish(_) => Kind::RecoveryFinish,
            Change::RepositorySet(_) => Kind::RepositorySet,
            Change::LabelSet(_) => Kind::LabelSet,
        }
    }

    /// The kinds of the changes of operators and rules that this change makes, whose new rules must
    /// approve them too.
    #[must_use]
    pub fn governing_kinds(&self) -> Vec<Kind> {
        let mut kinds = vec![self.kind()];
        if let Change::RecoveryFinish(changes) = self {
            kinds.extend(changes.iter().map(Change::kind));
        }
        kinds.retain(|kind| kind.governs());
        kinds
    }

    /// Whether it needs the word of every active member that it runs the installed version.
    #[must_use]
    pub fn needs_running(&self) -> bool {
        matches!(self, Change::KeyActivate(_) | Change::KeyRetire(_))
    }

    /// Whether it needs fresh cards of the members.
    #[must_use]
    pub fn needs_renewals(&self) -> bool {
        matches!(self, Change::KeyRemove { last: true, .. })
    }

    /// Whether it lets the module `id` join.
    #[must_use]
    pub fn admits(&self, id: MemberId) -> bool {
        self.admitted(id).is_some()
    }

    /// The card by which it lets the module `id` join, if it does.
    #[must_use]
    pub fn admitted(&self, id: MemberId) -> Option<&Card> {
        match self {
            Change::MemberAdd(card) => Some(card.as_ref()).filter(|card| card.id() == id),
            Change::RecoveryBegin(changes) | Change::RecoveryFinish(changes) => {
                changes.iter().find_map(|change| change.admitted(id))
            }
            Change::KeyAdd(_)
            | Change::KeyActivate(_)
            | Change::KeyRetire(_)
            | Change::KeyRemove { .. }
            | Change::MemberSuspend(_)
            | Change::MemberResume(_)
            | Change::MemberRemove(_)
            | Change::MemberRenew(_)
            | Change::OperatorAdd(_)
            | Change::OperatorSuspend(_)
            | Change::OperatorResume(_)
            | Change::OperatorRemove(_)
            | Change::RuleSet(_)
            | Change::PolicySet(_)
            | Change::Revoke(_)
            | Change::ShredCancel(_)
            | Change::RevisionRaise(..)
            | Change::RecoverySet(_)
            | Change::RecoveryCancel
            | Change::RepositorySet(_)
            | Change::LabelSet(_) => None,
        }
    }

    /// Writes it: its kind, then its one argument.
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.array(2).uint(self.kind().number());
        match self {
            Change::KeyAdd(id) | Change::KeyActivate(id) | Change::KeyRetire(id) => {
                writer.bytes(&id.0);
            }
            Change::KeyRemove { id, last } => {
                writer.array(2).bytes(&id.0).bool(*last);
            }
            Change::MemberAdd(card) | Change::MemberRenew(card) => {
                writer.bytes(&card.encode());
            }
            Change::MemberSuspend(id) | Change::MemberResume(id) | Change::MemberRemove(id) => {
                writer.bytes(&id.0);
            }
            Change::OperatorAdd(operator) => operator.write(writer),
            Change::OperatorSuspend(id)
            | Change::OperatorResume(id)
            | Change::OperatorRemove(id) => {
                writer.bytes(&id.0);
            }
            Change::RuleSet(rule) => rule.write(writer),
            Change::PolicySet(policy) => policy.write(writer),
            Change::Revoke(keys) | Change::ShredCancel(keys) => {
                writer.array(keys.len());
                keys.iter().for_each(|key| {
                    writer.bytes(&key.0);
                });
            }
            Change::RevisionRaise(key, revision) => {
                writer.array(2).bytes(&key.0).uint(*revision);
            }
            Change::RecoverySet(terms) => write_terms(writer, terms.as_ref()),
            Change::RecoveryBegin(changes) | Change::RecoveryFinish(changes) => {
                write_changes(writer, changes);
            }
            Change::RecoveryCancel => {
                writer.null();
            }
            Change::RepositorySet(id) => {
                writer.bytes(&id.0);
            }
            Change::LabelSet(label) => {
                writer.text(label);
            }
        }
    }

    /// Reads a change that is not part of a recovery.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.tuple("change", 2)?;
        let kind = Kind::read(reader)?;
        Ok(match kind {
            Kind::RecoveryBegin => Change::RecoveryBegin(read_recovery(reader)?),
            Kind::RecoveryFinish => Change::RecoveryFinish(read_recovery(reader)?),
            Kind::KeyAdd => Change::KeyAdd(read_key(reader)?),
            Kind::KeyActivate => Change::KeyActivate(read_key(reader)?),
            Kind::KeyRetire => Change::KeyRetire(read_key(reader)?),
            Kind::KeyRemove => {
                reader.tuple("key removal", 2)?;
                Change::KeyRemove {
                    id: read_key(reader)?,
                    last: reader.bool("finality")?,
                }
            }
            Kind::PolicySet => Change::PolicySet(Box::new(Policy::read(reader)?)),
            Kind::Revoke => {
                let read = |reader: &mut Reader<'_>| Ok(KeyId(reader.fixed("revoked key id")?));
                Change::Revoke(reader.sorted_list("revoked keys", MAX_REVOKED, read, |key| *key)?)
            }
            Kind::ShredCancel => {
                let read = |reader: &mut Reader<'_>| Ok(KeyId(reader.fixed("key id")?));
                let keys = reader.sorted_list("keys to be kept", MAX_REVOKED, read, |key| *key)?;
                Change::ShredCancel(keys)
            }
            Kind::RevisionRaise => {
                reader.tuple("minimum revision", 2)?;
                let key = KeyId(reader.fixed("key id")?);
                Change::RevisionRaise(key, reader.uint("minimum revision")?)
            }
            Kind::RecoverySet => {
                Change::RecoverySet(reader.optional("recovery terms", read_terms)?)
            }
            Kind::RecoveryCancel => match reader.optional("argument", |r| r.skip("argument"))? {
                None => Change::RecoveryCancel,
                Some(()) => return Err(flawed("argument", Flaw::BadValue)),
            },
            Kind::RepositorySet => {
                Change::RepositorySet(RepositoryId(reader.fixed("repository id")?))
            }
            Kind::LabelSet => Change::LabelSet(reader.text("label", MAX_LABEL)?.to_owned()),
            Kind::MemberAdd
            | Kind::MemberSuspend
            | Kind::MemberResume
            | Kind::MemberRemove
            | Kind::MemberRenew
            | Kind::OperatorAdd
            | Kind::OperatorSuspend
            | Kind::OperatorResume
            | Kind::OperatorRemove
            | Kind::RuleSet => read_people(reader, kind)?,
        })
    }
}

/// Reads the argument of a change of members, operators or rules.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a recovery may hold these kinds and no other"
)]
fn read_people(reader: &mut Reader<'_>, kind: Kind) -> Result<Change> {
    let member = |reader: &mut Reader<'_>| reader.fixed("member id").map(MemberId);
    let operator = |reader: &mut Reader<'_>| reader.fixed("operator id").map(OperatorId);
    let card =
        |reader: &mut Reader<'_>| Card::parse(reader.bytes("module card", MAX_CARD)?).map(Box::new);
    Ok(match kind {
        Kind::MemberAdd => Change::MemberAdd(card(reader)?),
        Kind::MemberRenew => Change::MemberRenew(card(reader)?),
        Kind::MemberSuspend => Change::MemberSuspend(member(reader)?),
        Kind::MemberResume => Change::MemberResume(member(reader)?),
        Kind::MemberRemove => Change::MemberRemove(member(reader)?),
        Kind::OperatorAdd => Change::OperatorAdd(Box::new(Operator::read(reader)?)),
        Kind::OperatorSuspend => Change::OperatorSuspend(operator(reader)?),
        Kind::OperatorResume => Change::OperatorResume(operator(reader)?),
        Kind::OperatorRemove => Change::OperatorRemove(operator(reader)?),
        Kind::RuleSet => Change::RuleSet(Rule::read(reader)?),
        _ => return Err(flawed("recovery", Flaw::BadValue)),
    })
}

/// Reads the changes of a recovery: members, operators and rules, nothing else.
fn read_recovery(reader: &mut Reader<'_>) -> Result<Vec<Change>> {
    reader.list("recovery", MAX_CHANGES, |reader| {
        reader.tuple("change", 2)?;
        let kind = Kind::read(reader)?;
        read_people(reader, kind)
    })
}

/// Writes a list of changes.
pub(super) fn write_changes(writer: &mut Writer, changes: &[Change]) {
    writer.array(changes.len());
    changes.iter().for_each(|change| change.write(writer));
}

/// Reads the name of a domain key.
fn read_key(reader: &mut Reader<'_>) -> Result<DomainKeyId> {
    reader.fixed("domain-key id").map(DomainKeyId)
}

/// Writes the terms of recovery.
fn write_terms(writer: &mut Writer, terms: Option<&RecoveryTerms>) {
    match terms {
        Some(terms) => writer.array(2).bytes(&terms.agreement).uint(terms.delay),
        None => writer.null(),
    };
}

/// Reads the terms of recovery.
fn read_terms(reader: &mut Reader<'_>) -> Result<RecoveryTerms> {
    reader.tuple("recovery terms", 2)?;
    let agreement = reader.fixed::<PUBLIC_KEY_LEN>("recovery key")?.to_vec();
    Ok(RecoveryTerms {
        agreement,
        delay: reader.uint("recovery delay")?,
    })
}
