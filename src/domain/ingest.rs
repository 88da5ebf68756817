//! What is checked before a domain token is installed, in order. Pure: the caller commits the outcome in
//! one transaction (step 6), or nothing.

mod authority;
mod lineage;

use super::command::Change;
use super::command::apply::{Contributions, apply};
use super::identity::Identity;
use super::ids::{Digest, DomainKeyId, MemberId};
use super::keyring::Keyring;
use super::refusal::Refusal;
use super::state::State;
use super::state::member::Member;
use super::token::Token;
use super::token::keyset::TokenKey;
use super::token::running::Running;
use authority::{check_3_authority, check_producer};
pub use lineage::{lineage, next_change};
use std::collections::{BTreeMap, BTreeSet};

/// How far, in seconds, the clocks of two members may differ.
pub const CLOCK_SKEW: u64 = 300;

/// The version that a member runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installed {
    /// Its state.
    pub state: State,
    /// The hash of its token.
    pub hash: Digest,
    /// When the member last learnt that this is the newest version, in seconds since 1970-01-01 UTC.
    pub seen: u64,
}

/// What a token that passed every check leads to.
#[derive(Debug)]
pub enum Outcome {
    /// The token is the installed one. Its keys, unless this module holds none in that version.
    NoOp(Option<Keyring>),
    /// The token is the next version: its state and keys are to be installed.
    Install(Box<Installation>),
    /// The token is the next version, in which this module is suspended or no member: the state is to
    /// be installed, and the domain's keys are to be erased.
    Dismissed(Box<Installed>),
    /// Another token of the installed version: both are to be kept for evidence, and no further version
    /// taken. Ordinary use goes on.
    Fork(Digest),
}

/// A version to be installed.
#[derive(Debug)]
pub struct Installation {
    /// The version.
    pub installed: Installed,
    /// Its keys.
    pub ring: Keyring,
}

/// Checks one token against the installed version. `now` is in seconds since 1970-01-01 UTC.
///
/// # Errors
/// Why the token is refused; nothing is to be changed.
pub fn ingest(
    installed: &Installed,
    token: &[u8],
    identity: &Identity,
    now: u64,
) -> Result<Outcome, Refusal> {
    let moment = Moment {
        now,
        successor: None,
        confirmations: &[],
    };
    ingest_at(installed, token, identity, &moment)
}

/// As [`ingest`], for one of the tokens that a member that was away takes in turn. `installed.seen` must
/// be what it was before the first of them: it decides whether the member was away.
///
/// # Errors
/// Why the token is refused; nothing is to be changed.
pub fn ingest_in_turn(
    installed: &Installed,
    token: &[u8],
    identity: &Identity,
    moment: &Moment<'_>,
) -> Result<Outcome, Refusal> {
    ingest_at(installed, token, identity, moment)
}

/// Checks the tokens of several versions, one after the other, as for a member that was away. The word
/// of other members that they run the last of them comes along as `confirmations`. Gives one outcome for
/// each token taken; each is to be committed before the next.
///
/// # Errors
/// Why a token is refused, with the outcomes before it, which stand.
pub fn ingest_all(
    installed: &Installed,
    tokens: &[&[u8]],
    confirmations: &[Running],
    identity: &Identity,
    now: u64,
) -> Result<Vec<Outcome>, (Vec<Outcome>, Refusal)> {
    let mut outcomes = Vec::with_capacity(tokens.len());
    let mut current = installed.clone();
    for (place, token) in tokens.iter().enumerate() {
        let following = tokens.get(place.saturating_add(1));
        let successor = following.and_then(|next| Token::parse(next).ok());
        let successor = successor.map(|token| token.public.state.created);
        let moment = Moment {
            now,
            successor,
            confirmations,
        };
        match ingest_at(&current, token, identity, &moment) {
            Ok(outcome) => {
                match &outcome {
                    Outcome::Install(next) => current = next.installed.clone(),
                    Outcome::Dismissed(next) => current = (**next).clone(),
                    Outcome::NoOp(_) | Outcome::Fork(_) => {}
                }
                // What was seen before the catch-up decides whether the member was away.
                current.seen = installed.seen;
                outcomes.push(outcome);
            }
            Err(refusal) => return Err((outcomes, refusal)),
        }
    }
    Ok(outcomes)
}

/// The first token of a new member: admitted when the domain is the one that its security officer named
/// by `fingerprint`, and a quorum of that domain added just this module to the parent version. `parent`
/// is the token before.
///
/// # Errors
/// Why the token is refused.
pub fn join(
    parent: &[u8],
    token: &[u8],
    fingerprint: Digest,
    identity: &Identity,
    now: u64,
) -> Result<Outcome, Refusal> {
    let before = Token::parse(parent)?;
    let found = before.public.state.fingerprint();
    if found != fingerprint {
        return Err(Refusal::Fingerprint(found));
    }
    before.public.state.validate().map_err(Refusal::Unsound)?;
    let after = Token::parse(token)?;
    // Only a mandate whose first change is made here names the parent token; through that signature the
    // quorum vouches for a parent that this module cannot check itself.
    let admitted = after.public.approvals.as_ref().is_some_and(|approvals| {
        let changes = &approvals.mandate().changes;
        let applied = after
            .public
            .state
            .applied
            .filter(|applied| applied.first == 0);
        let made = applied
            .and_then(|applied| applied.of(changes))
            .unwrap_or_default();
        made.iter().any(|change| change.admits(identity.id()))
    });
    if !admitted || !before.public.state.governance.has_operators() {
        return Err(Refusal::NotAdmitted);
    }
    let installed = Installed {
        state: before.public.state,
        hash: before.hash,
        seen: now,
    };
    ingest(&installed, token, identity, now)
}

/// Opens the first version of a lone module: made by the module itself, which is its only member.
///
/// # Errors
/// Why the token is refused.
pub fn begin(token: &[u8], identity: &Identity) -> Result<Installation, Refusal> {
    let token = Token::parse(token)?;
    let state = &token.public.state;
    let alone = state.members.len() == 1 && state.member(identity.id()).is_some();
    if state.version != 1 || state.parent.is_some() || !alone || token.public.approvals.is_some() {
        return Err(Refusal::NotAdmitted);
    }
    state.validate().map_err(Refusal::Unsound)?;
    check_producer(state, &token)?;
    let ring = check_5_secrets(&token, identity)?;
    let installed = Installed {
        state: state.clone(),
        hash: token.hash,
        seen: token.public.state.created,
    };
    Ok(Installation { installed, ring })
}

/// Opens the installed token again, as after a restart. `authenticator` is what
/// [`Identity::vouch`] gave when it was installed. No keys come of a version in which this module holds
/// none.
///
/// # Errors
/// [`Refusal::NotInstalled`] for any other token.
pub fn restore(
    token: &[u8],
    authenticator: &[u8; 32],
    identity: &Identity,
    seen: u64,
) -> Result<(Installed, Option<Keyring>), Refusal> {
    let token = Token::parse(token)?;
    if !identity.vouched(token.public.state.version, token.hash, authenticator) {
        return Err(Refusal::NotInstalled);
    }
    let ring = own_keys(&token, identity)?;
    Ok((
        Installed {
            state: token.public.state,
            hash: token.hash,
            seen,
        },
        ring,
    ))
}

/// The keys of a token that is installed, if this module holds any in its version. That it is the
/// installed one is the caller's to know.
///
/// # Errors
/// Why it does not open.
pub fn keys_of(token: &[u8], identity: &Identity) -> Result<Option<Keyring>, Refusal> {
    own_keys(&Token::parse(token)?, identity)
}

/// At what time a token is judged. Times are in seconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The time.
    pub now: u64,
    /// When the version after it was made, if there is one.
    pub successor: Option<u64>,
    /// The word of other members that they run the last version there is.
    pub confirmations: &'a [Running],
}

/// The checks in order.
fn ingest_at(
    installed: &Installed,
    bytes: &[u8],
    identity: &Identity,
    moment: &Moment<'_>,
) -> Result<Outcome, Refusal> {
    let token = check_1_form(installed, bytes)?;
    let proposed = token.public.state.version;
    if proposed <= installed.state.version {
        return check_7_known(installed, &token, identity);
    }
    check_2_lineage(installed, &token, identity, moment)?;
    let changes = check_3_authority(installed, &token)?;
    check_4_change(installed, &token, &changes)?;
    let ring = if is_active(&token.public.state, identity.id()) {
        Some(check_5_secrets(&token, identity)?)
    } else {
        None
    };
    let installed = Installed {
        state: token.public.state,
        hash: token.hash,
        seen: moment.now,
    };
    Ok(match ring {
        Some(ring) => Outcome::Install(Box::new(Installation { installed, ring })),
        None => Outcome::Dismissed(Box::new(installed)),
    })
}

/// Step 1: size, canonical form, format, domain.
fn check_1_form(installed: &Installed, bytes: &[u8]) -> Result<Token, Refusal> {
    let token = Token::parse(bytes)?;
    let domain = token.public.state.domain;
    if domain != installed.state.domain {
        return Err(Refusal::OtherDomain(domain));
    }
    Ok(token)
}

/// Step 2: the version follows the installed one, descends from it, and comes at its time.
fn check_2_lineage(
    installed: &Installed,
    token: &Token,
    identity: &Identity,
    moment: &Moment<'_>,
) -> Result<(), Refusal> {
    let (state, current) = (&token.public.state, &installed.state);
    if current.version.checked_add(1) != Some(state.version) {
        let (proposed, installed) = (state.version, current.version);
        return Err(Refusal::Gap {
            proposed,
            installed,
        });
    }
    if state.parent != Some(installed.hash) {
        return Err(Refusal::OtherParent(installed.hash));
    }
    if state.created < current.created {
        return Err(Refusal::BeforeParent);
    }
    if state.created > moment.now.saturating_add(CLOCK_SKEW) {
        return Err(Refusal::FromFuture(state.created));
    }
    if moment.successor.unwrap_or(moment.now) > state.not_after {
        return Err(Refusal::Expired(state.not_after));
    }
    // A version in between is confirmed by those who confirm its successors.
    if moment.successor.is_none() {
        check_2_away(installed, token, identity, moment)
    } else {
        Ok(())
    }
}

/// Step 2, for a member that was away: most of the others run the version.
fn check_2_away(
    installed: &Installed,
    token: &Token,
    identity: &Identity,
    moment: &Moment<'_>,
) -> Result<(), Refusal> {
    let limit = installed.state.policy.away_limit;
    if limit == 0 || moment.now.saturating_sub(installed.seen) <= limit {
        return Ok(());
    }
    let state = &token.public.state;
    let confirming: BTreeSet<_> = moment
        .confirmations
        .iter()
        .filter(|word| (word.domain, word.version) == (state.domain, state.version))
        .filter(|word| word.token == token.hash && word.member != identity.id())
        .filter(|word| word.is_by_member_of(state) && word.is_by_member_of(&installed.state))
        .map(|word| word.member)
        .collect();
    let others = state
        .active_members()
        .filter(|member| member.id() != identity.id())
        .count();
    let needed = if others == 0 { 0 } else { others / 2 + 1 };
    if confirming.len() < needed {
        return Err(Refusal::Unconfirmed {
            confirmed: confirming.len(),
            needed,
        });
    }
    Ok(())
}

/// Step 4: the proposed state is the parent's with the signed changes, and nothing else.
fn check_4_change(installed: &Installed, token: &Token, changes: &[Change]) -> Result<(), Refusal> {
    let proposed = &token.public.state;
    let contributions = check_4_contributions(installed, token, changes)?;
    let made = apply(&installed.state, changes, proposed.created, &contributions);
    let mut expected = made.map_err(Refusal::Change)?;
    let approvals = token.public.approvals.as_ref().ok_or(Refusal::NoMandate)?;
    let applied = proposed.applied.ok_or(Refusal::NoMandate)?;
    lineage(&mut expected, installed, approvals.mandate(), applied);
    expected.not_after = proposed.not_after;
    if let Some(part) = expected.difference(proposed) {
        return Err(Refusal::Unsigned(part));
    }
    proposed.validate().map_err(Refusal::Unsound)
}

/// Step 4: what the version brings besides the changes is needed and genuine.
fn check_4_contributions(
    installed: &Installed,
    token: &Token,
    changes: &[Change],
) -> Result<Contributions, Refusal> {
    let public = &token.public;
    if !public.running.is_empty() && !changes.iter().any(Change::needs_running) {
        return Err(Refusal::Superfluous("running statements"));
    }
    if !public.renewals.is_empty() && !changes.iter().any(Change::needs_renewals) {
        return Err(Refusal::Superfluous("renewals"));
    }
    let running = public
        .running
        .iter()
        .filter(|word| word.confirms(installed))
        .map(|word| word.member)
        .collect();
    let fresh: BTreeMap<DomainKeyId, Digest> = public
        .state
        .keys
        .iter()
        .map(|key| (key.id, key.commitment))
        .collect();
    Ok(Contributions {
        fresh,
        running,
        renewals: public.renewals.clone(),
    })
}

/// Step 5: the own package opens, the tag holds, and every key fits its commitment.
fn check_5_secrets(token: &Token, identity: &Identity) -> Result<Keyring, Refusal> {
    let state = &token.public.state;
    let packed = token.sealed.packages.iter().map(|(member, _)| *member);
    if !packed.eq(state.active_members().map(Member::id))
        || token.sealed.recovery.is_some() != state.recovery.is_some()
    {
        return Err(Refusal::Packages);
    }
    TokenKey::open(token, identity)?.key_set(token)?.ring(state)
}

/// Step 7: a token that is not newer than the installed one.
fn check_7_known(
    installed: &Installed,
    token: &Token,
    identity: &Identity,
) -> Result<Outcome, Refusal> {
    let (proposed, current) = (token.public.state.version, installed.state.version);
    if proposed < current {
        return Err(Refusal::Older {
            proposed,
            installed: current,
        });
    }
    if token.hash == installed.hash {
        return own_keys(token, identity).map(Outcome::NoOp);
    }
    // Only a member can show that the domain is forked; anyone else's token is just a bad one.
    check_producer(&installed.state, token)?;
    Ok(Outcome::Fork(token.hash))
}

/// The keys of a token that was installed, if this module holds any in its version.
fn own_keys(token: &Token, identity: &Identity) -> Result<Option<Keyring>, Refusal> {
    if is_active(&token.public.state, identity.id()) {
        check_5_secrets(token, identity).map(Some)
    } else {
        Ok(None)
    }
}

/// Whether a module is an active member.
fn is_active(state: &State, id: MemberId) -> bool {
    state.member(id).is_some_and(|member| member.active)
}
