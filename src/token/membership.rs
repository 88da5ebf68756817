//! The module as a member: its public card, its word that it runs a version, and what the domain's
//! settings ask of it.

use super::Token;
use super::changes::Touched;
use super::domain::{identity, write_identity};
use super::header::Card as Header;
use crate::domain::state::member::Card;
use crate::domain::state::policy::{Policy, Wrapping};
use crate::domain::token::running::Running;
use crate::error::{Error, Result};
use crate::object::ObjectId;

/// The fact that holds the public card, where it says more than the installed version.
const CARD: &str = "card";

impl Token {
    /// The module's public card: the one that was made last, or that of the installed version. Needs no
    /// login.
    ///
    /// # Errors
    /// `DomainRule` when the installed version does not name the module; those of the store.
    pub fn module_card(&self) -> Result<Card> {
        let (signing, kept) = self
            .store
            .reading(|reader| Ok((Header::read(reader)?.signing, reader.fact(CARD)?)))?;
        let members = self.domain_state()?.0.members.into_iter();
        let installed = members
            .map(|member| member.card)
            .find(|card| card.signing == signing);
        let kept = kept.map(|bytes| Card::parse(&bytes)).transpose()?;
        let kept = kept.filter(|card| card.signing == signing);
        match (kept, installed) {
            (Some(kept), Some(installed)) if kept.serial < installed.serial => Ok(installed),
            (Some(card), _) | (None, Some(card)) => Ok(card),
            (None, None) => Err(Error::DomainRule(
                "the installed version does not name this module: make its card anew with --label"
                    .into(),
            )),
        }
    }

    /// Gives the module another label or region, and the card that says so. The domain knows of it when a
    /// version names a card made after this one.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; `Malformed` for one that is too long; those of the store.
    pub fn describe(&self, label: Option<&str>, region: Option<&str>) -> Result<Card> {
        let unlocked = self.login_needed()?;
        let card = self.change(|writer| {
            let described = identity(writer, unlocked.keys())?.described(label, region)?;
            let card = described.card()?;
            write_identity(writer, unlocked.keys(), &described)?;
            writer.set_fact(CARD, Some(&card.encode()))?;
            let touched = Touched {
                domain: true,
                ..Touched::nothing()
            };
            Ok((card, touched))
        })?;
        self.look_at_identity(&unlocked)?;
        Ok(card)
    }

    /// The module's signed word that all its processes run the installed version.
    ///
    /// # Errors
    /// `DomainRule` naming the processes that do not; `UserNotLoggedIn`.
    pub fn statement(&self, now: u64) -> Result<Running> {
        let late = self.laggards()?;
        if !late.is_empty() {
            let pids: Vec<String> = late.iter().map(|own| own.pid.to_string()).collect();
            let pids = pids.join(", ");
            return Err(Error::DomainRule(format!(
                "processes {pids} run an older version still: wait for them, or end them"
            )));
        }
        let unlocked = self.login_needed()?;
        let (identity, installed) = (unlocked.identity(), unlocked.domain());
        let member = installed.state.member(identity.id());
        if member.is_none_or(|member| !member.active) {
            return Err(Error::DomainRule(
                "this module is no active member of the installed version".into(),
            ));
        }
        let (state, hash) = (&installed.state, installed.hash);
        Running::make(
            identity.id(),
            &*identity,
            (state.domain, state.version, hash),
            now,
        )
    }

    /// Which keys sensitive keys may be wrapped under, as the domain says now. Nobody's word counts
    /// before a login: guarded.
    #[must_use]
    pub fn wrapping(&self) -> Wrapping {
        self.settings(|policy| policy.wrapping).unwrap_or_default()
    }

    /// Whether the domain's quorum trusts a key to wrap sensitive ones.
    #[must_use]
    pub fn trusts(&self, key: ObjectId) -> bool {
        let trusted = |policy: &Policy| policy.trusted.binary_search(&key.into()).is_ok();
        self.settings(trusted).unwrap_or_default()
    }

    /// Reads the settings of the domain as they are now, if somebody is logged in.
    fn settings<T>(&self, read: impl FnOnce(&Policy) -> T) -> Option<T> {
        let login = self.unlocked.load();
        let unlocked = login.as_ref()?;
        self.of_installed(unlocked, |installed| read(&installed.state.policy))
            .ok()
    }
}
