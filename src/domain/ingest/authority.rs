//! Step 3 of the checks before a domain token is installed: who made it, and who approved it.

use super::{Installed, is_active, next_change};
use crate::domain::command::{Approvals, Change};
use crate::domain::ids::{MemberId, OperatorId};
use crate::domain::refusal::{QuorumFailure, Refusal};
use crate::domain::state::State;
use crate::domain::state::governance::Governance;
use crate::domain::token::Token;
use std::collections::BTreeSet;

/// Step 3: an active member made it, and the quorum of the installed version signed it; where operators
/// or rules change, that of the proposed version too. Gives the changes that were signed.
pub(super) fn check_3_authority(
    installed: &Installed,
    token: &Token,
) -> Result<Vec<Change>, Refusal> {
    let approvals = token.public.approvals.as_ref().ok_or(Refusal::NoMandate)?;
    let applied = token.public.state.applied.ok_or(Refusal::NoMandate)?;
    if applied.mandate != approvals.hash() {
        return Err(Refusal::MandateOther);
    }
    let next = next_change(installed, approvals)?;
    if applied.first != next {
        return Err(Refusal::MandateOrder {
            taken: applied.first,
            next,
        });
    }
    let created = token.public.state.created;
    if created > approvals.mandate().expires {
        return Err(Refusal::MandateExpired(approvals.mandate().expires));
    }
    let changes = applied.of(&approvals.mandate().changes);
    let changes = changes.ok_or(Refusal::MandateCount(applied.count))?;
    check_3_producer(installed, token, changes)?;
    check_3_quorum(&installed.state, token, approvals, changes)?;
    Ok(changes.to_vec())
}

/// Step 3: who made the token.
fn check_3_producer(
    installed: &Installed,
    token: &Token,
    changes: &[Change],
) -> Result<(), Refusal> {
    if is_active(&installed.state, token.producer()) {
        return check_producer(&installed.state, token);
    }
    // When all members are lost, the module that a recovery admits makes the recovery's own versions.
    let recovering = changes
        .iter()
        .all(|change| matches!(change, Change::RecoveryBegin(_) | Change::RecoveryFinish(_)));
    let card = changes
        .iter()
        .find_map(|change| change.admitted(token.producer()));
    match card {
        Some(card) if recovering && token.signature.is_by(&card.signing) => Ok(()),
        _ => Err(Refusal::ProducerNotActive(token.producer())),
    }
}

/// The token is signed by an active member of `state`.
pub(super) fn check_producer(state: &State, token: &Token) -> Result<(), Refusal> {
    let producer = token.producer();
    let member = state.member(producer).filter(|member| member.active);
    let member = member.ok_or(Refusal::ProducerNotActive(producer))?;
    if token.signature.is_by(&member.card.signing) {
        Ok(())
    } else {
        Err(Refusal::ProducerSignature(producer))
    }
}

/// Step 3: distinct operators meet the rules, old and new.
fn check_3_quorum(
    parent: &State,
    token: &Token,
    approvals: &Approvals,
    changes: &[Change],
) -> Result<(), Refusal> {
    let state = &token.public.state;
    let signers = check_signatures(parent, &state.governance, approvals)?;
    for change in changes {
        let kind = change.kind();
        if parent.governance.has_operators() {
            let approved = parent
                .governance
                .approve(kind, &signers.operators, state.created);
            approved.map_err(Refusal::shortfall)?;
        } else if !signers.members.contains(&token.producer()) {
            return Err(Refusal::without_operators(kind));
        }
        for kind in change.governing_kinds() {
            if state.governance.has_operators() {
                let approved = state
                    .governance
                    .approve(kind, &signers.operators, state.created);
                approved.map_err(|shortfall| Refusal::NewQuorum(QuorumFailure(shortfall)))?;
            }
        }
    }
    Ok(())
}

/// Who signed a mandate.
#[derive(Default)]
struct Signers {
    operators: BTreeSet<OperatorId>,
    members: BTreeSet<MemberId>,
}

/// Checks every signature on a mandate. Each must be by an operator of the installed or the proposed
/// version, or, where there are no operators, by the member.
fn check_signatures(
    parent: &State,
    proposed: &Governance,
    approvals: &Approvals,
) -> Result<Signers, Refusal> {
    let mut signers = Signers::default();
    for signature in &approvals.signed().signatures {
        let operator = OperatorId(signature.signer);
        let member = MemberId(signature.signer);
        let known = parent
            .governance
            .operator(operator)
            .or_else(|| proposed.operator(operator));
        let own = parent
            .member(member)
            .filter(|_| !parent.governance.has_operators());
        let verifies = match (known, own) {
            (Some(operator), _) => signature.is_by(&operator.card.key),
            (None, Some(member)) => signature.is_by(&member.card.signing),
            (None, None) => return Err(Refusal::UnknownSigner(operator.to_string())),
        };
        if !verifies {
            return Err(Refusal::OperatorSignature(operator.to_string()));
        }
        if known.is_some() {
            signers.operators.insert(operator);
        } else {
            signers.members.insert(member);
        }
    }
    Ok(signers)
}
