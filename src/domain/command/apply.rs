//! What each change does to a state. Members recompute every proposed version with these functions, so
//! that a version holds what was signed and nothing else.

use super::change::{Change, RecoveryTerms};
use super::mandate::changes_hash;
use crate::domain::date::Date;
use crate::domain::ids::{Digest, DomainKeyId, KeyId, MemberId, OperatorId};
use crate::domain::keyring::KeyState;
use crate::domain::package::Package;
use crate::domain::state::governance::{Operator, Rule};
use crate::domain::state::manifest::{ManifestKey, Tombstone};
use crate::domain::state::member::{Card, Member};
use crate::domain::state::policy::Recovery;
use crate::domain::state::{MAX_ENTRIES, MAX_KEYS, MAX_MEMBERS, MAX_OPERATORS, State};
use std::collections::{BTreeMap, BTreeSet};

/// Why a change cannot be made, in words.
pub type Obstacle = String;
type Outcome = Result<(), Obstacle>;

/// What a version brings besides its changes: what the producing member adds of its own, and what
/// other members contribute.
#[derive(Clone, Debug, Default)]
pub struct Contributions {
    /// The commitments to the secrets of new domain keys.
    pub fresh: BTreeMap<DomainKeyId, Digest>,
    /// The members whose word that they run the parent version is at hand.
    pub running: BTreeSet<MemberId>,
    /// Fresh cards of members, for the final removal of a domain key.
    pub renewals: Vec<Card>,
}

/// Makes `changes` to `parent`, as one version created at `created`. Lineage (version, parent, dates,
/// mandates) is the caller's; the result is not yet validated as a whole.
///
/// # Errors
/// The first change that cannot be made, and why.
pub fn apply(
    parent: &State,
    changes: &[Change],
    created: u64,
    contributions: &Contributions,
) -> Result<State, Obstacle> {
    let mut next = parent.clone();
    next.version = parent
        .version
        .checked_add(1)
        .ok_or("there are no more version numbers")?;
    next.created = created;
    let step = Step {
        parent,
        created,
        contributions,
    };
    for change in changes {
        step.make(&mut next, change)
            .map_err(|why| format!("{}: {why}", change.kind()))?;
    }
    Ok(next)
}

/// One version in the making.
struct Step<'a> {
    parent: &'a State,
    created: u64,
    contributions: &'a Contributions,
}

impl Step<'_> {
    /// Makes one change: the table of commands.
    fn make(&self, state: &mut State, change: &Change) -> Outcome {
        match change {
            Change::KeyAdd(id) => self.key_add(state, *id),
            Change::KeyActivate(id) => self.key_activate(state, *id),
            Change::KeyRetire(id) => self.key_retire(state, *id),
            Change::KeyRemove { id, last } => self.key_remove(state, *id, *last),
            Change::MemberAdd(card) => member_add(state, card),
            Change::MemberSuspend(id) => member_activity(state, *id, false),
            Change::MemberResume(id) => member_activity(state, *id, true),
            Change::MemberRemove(id) => member_remove(state, *id),
            Change::MemberRenew(card) => member_renew(state, card),
            Change::OperatorAdd(operator) => operator_add(state, operator),
            Change::OperatorSuspend(id) => operator_activity(state, *id, true),
            Change::OperatorResume(id) => operator_activity(state, *id, false),
            Change::OperatorRemove(id) => operator_remove(state, *id),
            Change::RuleSet(rule) => rule_set(state, rule),
            Change::PolicySet(policy) => {
                state.policy = (**policy).clone();
                Ok(())
            }
            Change::Revoke(keys) => revoke(state, keys),
            // Which keys are marked is not part of the state: who publishes the version takes the marks off.
            Change::ShredCancel(_) => Ok(()),
            Change::RevisionRaise(key, revision) => revision_raise(state, *key, *revision),
            Change::RecoverySet(terms) => recovery_set(state, terms.as_ref()),
            Change::RecoveryBegin(changes) => self.recovery_begin(state, changes),
            Change::RecoveryCancel => recovery_cancel(state),
            Change::RecoveryFinish(changes) => self.recovery_finish(state, changes),
            Change::RepositorySet(id) => {
                state.repository = *id;
                Ok(())
            }
            Change::LabelSet(label) => {
                state.label.clone_from(label);
                Ok(())
            }
        }
    }

    /// A new domain key, pending, with the commitment that the producer gives.
    fn key_add(&self, state: &mut State, id: DomainKeyId) -> Outcome {
        if state.is_removed(id) {
            return Err(format!("domain key {id} was removed for ever"));
        }
        if state.keys.len() >= MAX_KEYS {
            return Err(format!("there are {MAX_KEYS} domain keys already"));
        }
        let place = vacancy(&state.keys, id, |key| key.id, "domain key")?;
        let commitment = *self
            .contributions
            .fresh
            .get(&id)
            .ok_or("the new key is not there")?;
        let (created, since) = (self.created, self.created);
        let key = ManifestKey {
            id,
            state: KeyState::Pending,
            created,
            since,
            commitment,
        };
        state.keys.insert(place, key);
        Ok(())
    }

    /// A pending key that every active member has becomes the active one.
    fn key_activate(&self, state: &mut State, id: DomainKeyId) -> Outcome {
        let pending = |key: &&ManifestKey| key.state == KeyState::Pending;
        if self.parent.key(id).filter(pending).is_none() {
            return Err(format!(
                "domain key {id} is not pending in the installed version"
            ));
        }
        let lacking = |member: &&Member| !self.contributions.running.contains(&member.id());
        if let Some(member) = self.parent.active_members().find(lacking) {
            let id = member.id();
            return Err(format!(
                "member {id} has not confirmed the installed version"
            ));
        }
        for key in &mut state.keys {
            let becomes = match key.state {
                _ if key.id == id => KeyState::Active,
                KeyState::Active => KeyState::DecryptOnly,
                KeyState::Pending | KeyState::DecryptOnly => continue,
            };
            (key.state, key.since) = (becomes, self.created);
        }
        Ok(())
    }

    /// The active key gives way to the only pending one.
    fn key_retire(&self, state: &mut State, id: DomainKeyId) -> Outcome {
        if state.active_key().is_none_or(|key| key.id != id) {
            return Err(format!("domain key {id} is not the active one"));
        }
        let mut pending = state
            .keys
            .iter()
            .filter(|key| key.state == KeyState::Pending);
        match (pending.next().map(|key| key.id), pending.next()) {
            (Some(successor), None) => self.key_activate(state, successor),
            (None, _) => Err("no pending domain key can take its place: add one first".into()),
            (Some(_), Some(_)) => {
                Err("several domain keys are pending: activate one of them".into())
            }
        }
    }

    /// A key that is not active goes for ever.
    fn key_remove(&self, state: &mut State, id: DomainKeyId, last: bool) -> Outcome {
        // A key that the same version adds has no commitment in it that could be recomputed.
        let known = self.parent.key(id).and_then(|_| state.key(id));
        let key = *known.ok_or_else(|| format!("there is no domain key {id}"))?;
        match key.state {
            KeyState::Active => {
                return Err(format!(
                    "domain key {id} is active: activate another one first"
                ));
            }
            KeyState::DecryptOnly => {
                let earliest = key.since.saturating_add(state.policy.removal_wait);
                if self.created < earliest {
                    return Err(format!(
                        "domain key {id} must wait until {}",
                        Date(earliest)
                    ));
                }
            }
            KeyState::Pending => {}
        }
        if state.tombstones.len() >= MAX_ENTRIES {
            return Err("there is no room for another tombstone".into());
        }
        if last {
            self.renew_all(state)?;
        }
        state.keys.retain(|key| key.id != id);
        let place = vacancy(&state.tombstones, id, |own| own.id, "tombstone")?;
        state.tombstones.insert(
            place,
            Tombstone {
                id,
                version: state.version,
                last,
            },
        );
        Ok(())
    }

    /// After this, no key that an earlier token was sealed to is in the state.
    fn renew_all(&self, state: &mut State) -> Outcome {
        for card in &self.contributions.renewals {
            if state
                .member(card.id())
                .is_some_and(|member| member.since < state.version)
            {
                member_renew(state, card)?;
            }
        }
        let version = state.version;
        if let Some(member) = state.members.iter().find(|member| member.since != version) {
            return Err(format!(
                "member {} has not renewed its agreement key",
                member.id()
            ));
        }
        if state
            .recovery
            .as_ref()
            .is_some_and(|recovery| recovery.since != version)
        {
            return Err("the recovery key is not renewed with it".into());
        }
        Ok(())
    }

    /// A recovery is announced.
    fn recovery_begin(&self, state: &mut State, changes: &[Change]) -> Outcome {
        let recovery = state
            .recovery
            .as_mut()
            .ok_or("the domain has no recovery key")?;
        recovery.announced = Some((changes_hash(changes), self.created));
        Ok(())
    }

    /// An announced recovery is done.
    fn recovery_finish(&self, state: &mut State, changes: &[Change]) -> Outcome {
        let recovery = state
            .recovery
            .as_mut()
            .ok_or("the domain has no recovery key")?;
        let (announced, at) = recovery.announced.ok_or("no recovery is announced")?;
        if announced != changes_hash(changes) {
            return Err("another recovery was announced".into());
        }
        let earliest = at.saturating_add(recovery.delay);
        if self.created < earliest {
            return Err(format!("the recovery must wait until {}", Date(earliest)));
        }
        recovery.announced = None;
        changes
            .iter()
            .try_for_each(|change| self.make(state, change))
    }
}

/// Where an item of this name belongs in a sorted list that must not have it yet.
fn vacancy<T, K: Ord + std::fmt::Display>(
    items: &[T],
    name: K,
    own: impl Fn(&T) -> K,
    what: &str,
) -> Result<usize, Obstacle> {
    match items.binary_search_by_key(&name, own) {
        Ok(_) => Err(format!("{what} {name} exists already")),
        Err(place) => Ok(place),
    }
}

/// A module joins.
fn member_add(state: &mut State, card: &Card) -> Outcome {
    if state.members.len() >= MAX_MEMBERS {
        return Err(format!("there are {MAX_MEMBERS} members already"));
    }
    if !Package::is_public_key(&card.agreement) {
        return Err("the agreement key of the card is not valid".into());
    }
    let place = vacancy(&state.members, card.id(), Member::id, "member")?;
    let member = Member {
        card: card.clone(),
        active: true,
        since: state.version,
    };
    state.members.insert(place, member);
    Ok(())
}

/// A member by name, to be changed.
fn member(state: &mut State, id: MemberId) -> Result<&mut Member, Obstacle> {
    let found = state.members.iter_mut().find(|member| member.id() == id);
    found.ok_or_else(|| format!("there is no member {id}"))
}

/// A member is suspended, or takes part again.
fn member_activity(state: &mut State, id: MemberId, active: bool) -> Outcome {
    let member = member(state, id)?;
    if member.active == active {
        return Err(format!(
            "member {id} is {} already",
            if active { "active" } else { "suspended" }
        ));
    }
    member.active = active;
    Ok(())
}

/// A member leaves.
fn member_remove(state: &mut State, id: MemberId) -> Outcome {
    member(state, id)?;
    state.members.retain(|member| member.id() != id);
    Ok(())
}

/// A member changes its agreement key by a later card.
fn member_renew(state: &mut State, card: &Card) -> Outcome {
    let version = state.version;
    let member = member(state, card.id())?;
    if card.serial <= member.card.serial || card.agreement == member.card.agreement {
        return Err(format!(
            "the card of member {} is not newer than its last",
            card.id()
        ));
    }
    if !Package::is_public_key(&card.agreement) {
        return Err("the agreement key of the card is not valid".into());
    }
    (member.card, member.since) = (card.clone(), version);
    Ok(())
}

/// A new operator.
fn operator_add(state: &mut State, operator: &Operator) -> Outcome {
    let operators = &mut state.governance.operators;
    if operators.len() >= MAX_OPERATORS {
        return Err(format!("there are {MAX_OPERATORS} operators already"));
    }
    let place = vacancy(operators, operator.id(), Operator::id, "operator")?;
    operators.insert(place, operator.clone());
    Ok(())
}

/// An operator is suspended, or counts again.
fn operator_activity(state: &mut State, id: OperatorId, suspended: bool) -> Outcome {
    let found = state
        .governance
        .operators
        .iter_mut()
        .find(|operator| operator.id() == id);
    let operator = found.ok_or_else(|| format!("there is no operator {id}"))?;
    if operator.suspended == suspended {
        return Err(format!("operator {id} is so already"));
    }
    operator.suspended = suspended;
    Ok(())
}

/// An operator leaves.
fn operator_remove(state: &mut State, id: OperatorId) -> Outcome {
    if state.governance.operator(id).is_none() {
        return Err(format!("there is no operator {id}"));
    }
    state
        .governance
        .operators
        .retain(|operator| operator.id() != id);
    Ok(())
}

/// The rule of a kind of command changes.
fn rule_set(state: &mut State, rule: &Rule) -> Outcome {
    let rules = &mut state.governance.rules;
    match rules.binary_search_by_key(&rule.kind, |own| own.kind) {
        Ok(place) => {
            if let Some(own) = rules.get_mut(place) {
                own.clone_from(rule);
            }
        }
        Err(place) => rules.insert(place, rule.clone()),
    }
    Ok(())
}

/// Customer keys that no token may bring back.
fn revoke(state: &mut State, keys: &[KeyId]) -> Outcome {
    for key in keys {
        if let Err(place) = state.revoked.binary_search(key) {
            state.revoked.insert(place, *key);
        }
    }
    if state.revoked.len() > MAX_ENTRIES {
        return Err(format!("more than {MAX_ENTRIES} keys would be revoked"));
    }
    Ok(())
}

/// The lowest revision that opens rises; it never falls.
fn revision_raise(state: &mut State, key: KeyId, revision: u64) -> Outcome {
    let known = &mut state.minimum_revisions;
    match known.binary_search_by_key(&key, |(own, _)| *own) {
        Ok(place) => match known.get_mut(place) {
            Some((_, own)) if *own < revision => *own = revision,
            _ => {
                return Err(format!(
                    "the minimum revision of {key} is not lower than that"
                ));
            }
        },
        Err(_) if known.len() >= MAX_ENTRIES => {
            return Err(format!("there are {MAX_ENTRIES} minimum revisions already"));
        }
        Err(place) => known.insert(place, (key, revision)),
    }
    Ok(())
}

/// The recovery key changes. An announced recovery is not called off by it.
fn recovery_set(state: &mut State, terms: Option<&RecoveryTerms>) -> Outcome {
    if state
        .recovery
        .as_ref()
        .is_some_and(|recovery| recovery.announced.is_some())
    {
        return Err("a recovery is announced: cancel it first".into());
    }
    state.recovery = match terms {
        None => None,
        Some(RecoveryTerms { agreement, .. }) if !Package::is_public_key(agreement) => {
            return Err("the recovery key is not valid".into());
        }
        Some(RecoveryTerms { agreement, delay }) => Some(Recovery {
            agreement: agreement.clone(),
            since: state.version,
            delay: *delay,
            announced: None,
        }),
    };
    Ok(())
}

/// An announced recovery is called off.
fn recovery_cancel(state: &mut State) -> Outcome {
    let recovery = state
        .recovery
        .as_mut()
        .ok_or("the domain has no recovery key")?;
    recovery
        .announced
        .take()
        .map(|_| ())
        .ok_or_else(|| "no recovery is announced".into())
}
