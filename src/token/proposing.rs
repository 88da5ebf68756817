//! Proposing versions of the domain: what operators approved, with what the members contribute.

use super::account::approvers;
use super::domain::now;
use super::pins::Role;
use super::unlocked::Unlocked;
use super::{Ingested, Token};
use crate::crypto::random::ThreadGenerator;
use crate::domain::command::{Approvals, Change};
use crate::domain::ids::Digest;
use crate::domain::ingest::next_change;
use crate::domain::state::State;
use crate::domain::state::member::Card;
use crate::domain::token::Token as DomainToken;
use crate::domain::token::build::{Proposal, propose};
use crate::domain::token::running::Running;
use crate::error::{Error, Result};
use crate::storage::Reader;

/// The kind of event of a request that no version was made of.
pub const REQUEST_REFUSED: &str = "domain request refused";

/// A version that was proposed.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// The domain token.
    pub token: Vec<u8>,
    /// How many changes of the request it makes.
    pub changes: usize,
    /// Why it does not make the one after them, where that was left to this module.
    pub obstacle: Option<String>,
}

/// What the members contribute to a version.
#[derive(Clone, Default, Debug)]
pub struct Contributed {
    /// The word of members that they run the installed version.
    pub running: Vec<Running>,
    /// The cards with which members change their agreement keys.
    pub renewals: Vec<Card>,
    /// Whether a domain key may go though something is still under it, which is lost then.
    pub force: bool,
}

impl Token {
    /// Proposes a version that makes the next `count` changes of an approved request, as many as one
    /// version can if left out; nothing is installed. What members have left in the repository is taken beside `given`. In a domain without
    /// operators the security officer who is logged in approves.
    ///
    /// # Errors
    /// `DomainTokenRefused` with whatever would have the version refused, and `DomainRule`, which are kept as
    /// an event; `UserNotLoggedIn`; those of the stores.
    pub fn propose(
        &self,
        approvals: &mut Approvals,
        count: Option<usize>,
        given: Contributed,
    ) -> Result<Proposed> {
        let done = self.try_to_propose(approvals, count, given);
        self.with_refusal_kept(approvals, done)
    }

    /// Keeps that a request was refused, and who signed it.
    fn with_refusal_kept<T>(&self, approvals: &Approvals, done: Result<T>) -> Result<T> {
        if let Err(Error::DomainTokenRefused(why) | Error::DomainRule(why)) = &done {
            let domain = self.login_needed()?.domain();
            let signers = approvers(approvals, &[&domain.state]);
            // What the request was refused for is told, even where it cannot be kept.
            let _kept = self.note(
                REQUEST_REFUSED,
                &format!("{}: {why}{signers}", approvals.hash()),
            );
        }
        done
    }

    fn try_to_propose(
        &self,
        approvals: &mut Approvals,
        count: Option<usize>,
        given: Contributed,
    ) -> Result<Proposed> {
        let unlocked = self.login_needed()?;
        if self.left_of(approvals)? == 0 {
            return Err(Error::DomainRule(
                "the request is carried out already: nothing of it is left".into(),
            ));
        }
        let domain = unlocked.domain();
        if !domain.state.governance.has_operators() {
            if unlocked.role() != Role::SecurityOfficer {
                return Err(Error::DomainRule(
                    "the domain has no operators: the security officer decides (--so)".into(),
                ));
            }
            let identity = unlocked.identity();
            approvals.approve_as_member(identity.id(), &*identity)?;
        }
        let mut given = given;
        self.gather(&mut given)?;
        let changes = &approvals.mandate().changes;
        if changes.iter().any(|change| change.needs_renewals()) {
            self.add_own_card(&unlocked, &mut given)?;
        }
        let proposal = Proposal {
            installed: &domain,
            ring: &*self.keyring(&unlocked)?,
            approvals,
            count: count.unwrap_or_default(),
            running: given.running,
            renewals: given.renewals,
        };
        // The identity is read here: it may have a new agreement key waiting.
        let (identity, now) = (unlocked.identity(), now());
        let (count, obstacle) = match count {
            Some(count) => (count, None),
            None => proposal.reach(&identity, now)?,
        };
        if !given.force {
            self.check_empty(self.next_changes(approvals, count)?)?;
        }
        let proposal = Proposal { count, ..proposal };
        let token = propose(&proposal, &identity, now, &mut ThreadGenerator)?;
        let made = DomainToken::parse(&token).map_err(Error::from)?;
        self.note_sealings(&domain, &made.public.state)?;
        Ok(Proposed {
            token,
            changes: count,
            obstacle,
        })
    }

    /// How many changes of a request are still to be made; none when it is done, whichever versions came
    /// after it.
    ///
    /// # Errors
    /// `DomainTokenRefused` when the request was made for another version of the domain, kept as an event;
    /// those of the stores.
    pub fn changes_left(&self, approvals: &Approvals) -> Result<usize> {
        self.with_refusal_kept(approvals, self.left_of(approvals))
    }

    fn left_of(&self, approvals: &Approvals) -> Result<usize> {
        let unlocked = self.login_needed()?;
        let domain = unlocked.domain();
        let all = approvals.mandate().changes.len();
        match next_change(&domain, approvals) {
            Ok(next) => Ok(all.saturating_sub(usize::try_from(next).unwrap_or(all))),
            Err(_) if self.is_finished(&domain.state, approvals.hash(), all)? => Ok(0),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Publishes a proposed version where the domain has a repository, and installs it here.
    ///
    /// # Errors
    /// Those of [`Token::publish`] and [`Token::ingest`].
    pub fn advance(&self, token: &[u8]) -> Result<Ingested> {
        if self.repository.is_some() {
            self.publish(token)
        } else {
            self.ingest(token)
        }
    }

    /// The active members that have not said that they run the installed version, by name; of a module
    /// without a repository, its processes that do not.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the stores.
    pub fn lagging_members(&self) -> Result<Vec<String>> {
        let unlocked = self.login_needed()?;
        let domain = unlocked.domain();
        if self.attached()?.is_none() {
            let lagging = self.laggards()?;
            return Ok(lagging
                .iter()
                .map(|process| format!("process {}", process.pid))
                .collect());
        }
        let words = self.standings()?;
        let runs = |member| {
            words
                .iter()
                .filter(|own| own.member == member)
                .filter_map(|own| own.running.as_ref())
                .any(|word| (word.version, word.token) == (domain.state.version, domain.hash))
        };
        let lagging = domain.state.active_members().filter(|own| !runs(own.id()));
        Ok(lagging
            .map(|own| format!("{} ({})", own.card.label, own.id()))
            .collect())
    }

    /// The next changes of a request.
    fn next_changes<'a>(&self, approvals: &'a Approvals, count: usize) -> Result<&'a [Change]> {
        let changes = approvals.mandate().changes.as_slice();
        let first = changes.len().saturating_sub(self.left_of(approvals)?);
        let end = first.saturating_add(count).min(changes.len());
        Ok(changes.get(first..end).unwrap_or_default())
    }

    /// Fails when a domain key would go that something is still under: objects of a repository, or key
    /// tokens that callers hold. A module's own objects go along by themselves.
    fn check_empty(&self, changes: &[Change]) -> Result<()> {
        for change in changes {
            let Change::KeyRemove { id, .. } = change else {
                continue;
            };
            let sealed = match self.attached()? {
                Some(_) => self.sealed_under(*id)?,
                None => 0,
            };
            if sealed > 0 {
                return Err(Error::DomainRule(format!(
                    "{sealed} objects are still under domain key {id}: keyward domain rotate takes \
                     them to the active one"
                )));
            }
            let held = self.held_under(*id)?;
            if held > 0 {
                return Err(Error::DomainRule(format!(
                    "callers may hold {held} key tokens under domain key {id}: keyward rewrap takes \
                     them to the active one, --force gives them up"
                )));
            }
        }
        Ok(())
    }

    /// Adds what the members have left in the repository.
    fn gather(&self, given: &mut Contributed) -> Result<()> {
        if self.attached()?.is_none() {
            return Ok(());
        }
        let state = &self.login_needed()?.domain().state.clone();
        for left in self.standings()? {
            let member = left.member;
            if !given.running.iter().any(|word| word.member == member) {
                given.running.extend(left.running);
            }
            if !given.renewals.iter().any(|card| card.id() == member) {
                let newer = |card: &Card| {
                    let own = state.member(member);
                    own.is_some_and(|own| card.serial > own.card.serial)
                };
                given.renewals.extend(left.renewal.filter(newer));
            }
        }
        Ok(())
    }

    /// Adds a card of this member: the one that it left in the repository, else a new one.
    fn add_own_card(&self, unlocked: &Unlocked, given: &mut Contributed) -> Result<()> {
        let own = unlocked.identity().id();
        if self.attached()?.is_some() && given.renewals.iter().any(|card| card.id() == own) {
            // Another process of this member may have left it.
            return self.look_at_identity(unlocked);
        }
        given.renewals.retain(|card| card.id() != own);
        given.renewals.push(self.renew_identity()?);
        Ok(())
    }

    /// Whether a version that is installed, or was, made the last change of a mandate.
    fn is_finished(&self, installed: &State, mandate: Digest, changes: usize) -> Result<bool> {
        let made_last = |state: &State| {
            state.applied.is_some_and(|applied| {
                let done = applied.first.saturating_add(applied.count);
                applied.mandate == mandate
                    && usize::try_from(done).is_ok_and(|done| done == changes)
            })
        };
        if made_last(installed) || self.attached()?.is_none() {
            return Ok(made_last(installed));
        }
        let rows = self
            .repository()?
            .reading(|reader: &dyn Reader| reader.domain_rows())?;
        let mut tokens = rows
            .iter()
            .filter_map(|row| DomainToken::parse(&row.token).ok());
        Ok(tokens.any(|token| made_last(&token.public.state)))
    }
}
