//! Following the domain: what the repository has published is taken in turn, and this member's own word
//! goes there: which version all its processes run, and the agreement key it will change to.

use super::domain::{Entry, Ingested, REFUSED, now};
use super::unlocked::Unlocked;
use super::{Token, sealings};
use crate::domain::ids::MemberId;
use crate::domain::ingest::{Installed, Moment};
use crate::domain::state::member::Card;
use crate::domain::token::Token as DomainToken;
use crate::domain::token::build::token_hash;
use crate::domain::token::running::Running;
use crate::error::{Error, Result};
use crate::seal::envelope::hash;
use crate::storage::{DomainRow, Reader, Store};
use std::sync::atomic::Ordering;

/// The facts that hold the members' word that they run a version.
const RUNNING: &str = "running/";
/// The facts that hold the cards with which members will change their agreement keys.
const RENEWAL: &str = "renewal/";

/// What of the repository was refused last.
pub(super) struct Refused {
    /// The version's row and the installed version, hashed.
    what: [u8; 32],
    reason: String,
}

/// How a member stands, by the repository.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The member.
    pub member: MemberId,
    /// Its word, if it gave any that its key signed.
    pub running: Option<Running>,
    /// The card with which it will change its agreement key, if it left one.
    pub renewal: Option<Card>,
}

impl Token {
    /// Takes every version that the repository has and this module has not, one after the other, and
    /// reports. Answers the versions taken. Nothing is done, and nothing fails, where the objects are in
    /// the own store.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; `DomainTokenRefused` for a version that this module does not accept, kept as an
    /// event once; `StoreTampered` when the repository is an older copy, kept likewise; those of the stores.
    pub fn follow(&self) -> Result<Vec<u64>> {
        let unlocked = self.login_needed()?;
        if self.attached()?.is_none() {
            return Ok(Vec::new());
        }
        // One at a time: a second thread finds everything done.
        let mut refused = self.following.lock();
        // What another process of this member took counts as taken.
        self.refresh_after_install(&unlocked)?;
        let repository = self.repository()?;
        let before = unlocked.domain();
        let own = unlocked.identity().id();
        let published = repository.reading(|reader| {
            check_age(reader, &before)?;
            if let Some(left) = renewal(reader, own)?
                && sealings::is_used(reader, &left.agreement)?
            {
                // Another one is left, whatever was reported before.
                self.reported.store(0, Ordering::SeqCst);
            }
            let rows = reader.domain_rows_after(before.state.version)?;
            let words = if rows.is_empty() {
                Vec::new()
            } else {
                statements(reader)?
            };
            Ok((rows, words))
        });
        let (rows, words) = self.with_tampering_kept(published)?;
        // Keys that are kept in memory only may not have been there to be had at login.
        if unlocked.view().waits_for_keys() {
            self.look_anew(&unlocked)?;
        }
        let mut taken = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            let moment = Moment {
                now: now(),
                successor: rows.get(place.saturating_add(1)).and_then(created),
                confirmations: &words,
            };
            let seen = before.seen;
            taken.extend(self.take_row(&unlocked, row, (&moment, seen), &mut refused)?);
        }
        self.report(&unlocked, repository)?;
        Ok(taken)
    }

    /// Whether this member has reported the version that it runs, as far as this process knows.
    pub(super) fn reported(&self) -> bool {
        let login = self.unlocked.load();
        let installed = login.as_ref().map(|unlocked| unlocked.installed().0);
        installed.is_none_or(|version| self.reported.load(Ordering::SeqCst) == version)
    }

    /// Takes one version of the repository; answers it, unless it was taken already.
    fn take_row(
        &self,
        unlocked: &Unlocked,
        row: &DomainRow,
        (moment, seen): (&Moment<'_>, u64),
        refused: &mut Option<Refused>,
    ) -> Result<Option<u64>> {
        let found = token_hash(&row.token);
        // What was refused is not tried again, until it or what it follows is another one.
        let what = hash(&[&unlocked.domain().hash.0, &found.0, &row.hash]);
        if let Some(before) = refused.as_ref().filter(|before| before.what == what) {
            return Err(Error::DomainTokenRefused(before.reason.clone()));
        }
        let done = if found.0 == row.hash {
            self.take(&Entry::InTurn(&row.token, row.version, moment, seen))
        } else {
            let version = row.version;
            let reason =
                format!("as version {version} the repository has another token than it says");
            self.note(REFUSED, &format!("{found}: {reason}"))?;
            Err(Error::DomainTokenRefused(reason))
        };
        match done {
            Ok(Ingested::Fork) => Err(Error::DomainRule(
                "the domain is forked: two tokens of one version exist".into(),
            )),
            Ok(Ingested::NoOp) => Ok(None),
            Ok(Ingested::Installed(version) | Ingested::Dismissed(version)) => Ok(Some(version)),
            Err(error) => {
                if let Error::DomainTokenRefused(reason) = &error {
                    let reason = reason.clone();
                    *refused = Some(Refused { what, reason });
                }
                Err(error)
            }
        }
    }

    /// Puts this member's word into the repository, when it is not there yet: which version runs, once
    /// every process has it, and the card for its next agreement key.
    fn report(&self, unlocked: &Unlocked, repository: &dyn Store) -> Result<()> {
        let domain = unlocked.domain();
        let version = domain.state.version;
        if self.reported.load(Ordering::SeqCst) == version || !self.laggards()?.is_empty() {
            return Ok(());
        }
        let id = unlocked.identity().id();
        let Some(member) = domain.state.member(id) else {
            return Ok(());
        };
        let (word, card) = repository.reading(|reader| {
            let good = match renewal(reader, id)? {
                Some(card) if card.serial > member.card.serial => {
                    !sealings::is_used(reader, &card.agreement)?
                }
                _ => false,
            };
            Ok((statement(reader, id)?, good))
        })?;
        let said = |word: &Running| (word.version, word.token) == (version, domain.hash);
        // A suspended member is not waited for; its card is wanted all the same.
        let news = if member.active && !word.as_ref().is_some_and(said) {
            Some(self.statement(now())?)
        } else {
            None
        };
        let fresh = if card {
            None
        } else {
            Some(self.renew_identity()?)
        };
        if news.is_some() || fresh.is_some() {
            repository.writing(
                |writer| {
                    if let Some(word) = &news {
                        writer.set_fact(&format!("{RUNNING}{id}"), Some(&word.encode()))?;
                    }
                    if let Some(card) = &fresh {
                        writer.set_fact(&format!("{RENEWAL}{id}"), Some(&card.encode()))?;
                        sealings::forget(writer, &member.card.agreement)?;
                    }
                    Ok(())
                },
                &|| (),
            )?;
        }
        self.reported.store(version, Ordering::SeqCst);
        Ok(())
    }

    /// How every member of the installed version stands, by its own signed word.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the repository.
    pub fn standings(&self) -> Result<Vec<Standing>> {
        let unlocked = self.login_needed()?;
        let state = unlocked.domain().state.clone();
        self.repository()?.reading(|reader| {
            let ids = state.members.iter().map(|member| member.id());
            ids.map(|id| {
                Ok(Standing {
                    member: id,
                    running: statement(reader, id)?.filter(|word| word.is_by_member_of(&state)),
                    renewal: renewal(reader, id)?,
                })
            })
            .collect()
        })
    }

    /// Fails unless this module runs the repository's newest version, as seen in an open transaction.
    ///
    /// # Errors
    /// `DomainBehind` when there is a newer one; `StoreTampered` when the repository is an older copy.
    pub(super) fn at_newest(&self, unlocked: &Unlocked, reader: &dyn Reader) -> Result<()> {
        let installed = unlocked.domain();
        check_age(reader, &installed)?;
        let version = installed.state.version;
        match reader.newest_domain_row()? {
            Some((newest, _)) if newest > version => Err(Error::DomainBehind(format!(
                "version {newest} is published, version {version} is installed"
            ))),
            _ => Ok(()),
        }
    }
}

/// Fails when the repository lacks the version that a module runs, or has another in its place.
fn check_age(reader: &dyn Reader, installed: &Installed) -> Result<()> {
    let version = installed.state.version;
    let older = |found: u64| {
        Error::StoreTampered(format!(
            "the repository is an older copy: its newest version of the domain is {found}, \
             this module runs version {version}"
        ))
    };
    let (newest, hash) = reader.newest_domain_row()?.ok_or_else(|| older(0))?;
    if newest < version {
        return Err(older(newest));
    }
    if newest == version && hash != installed.hash.0 {
        return Err(Error::StoreTampered(format!(
            "the repository has another token as version {version} of the domain than this module runs"
        )));
    }
    Ok(())
}

/// When the version of a row was made.
fn created(row: &DomainRow) -> Option<u64> {
    let token = DomainToken::parse(&row.token).ok()?;
    Some(token.public.state.created)
}

/// Every member's word. What cannot be read counts for nothing; signatures are checked where it counts.
fn statements(reader: &dyn Reader) -> Result<Vec<Running>> {
    let facts = reader.facts(RUNNING)?;
    Ok(facts
        .iter()
        .filter_map(|(_, bytes)| Running::parse(bytes).ok())
        .collect())
}

fn statement(reader: &dyn Reader, id: MemberId) -> Result<Option<Running>> {
    let fact = reader.fact(&format!("{RUNNING}{id}"))?;
    let word = fact.and_then(|bytes| Running::parse(&bytes).ok());
    Ok(word.filter(|word| word.member == id))
}

fn renewal(reader: &dyn Reader, id: MemberId) -> Result<Option<Card>> {
    let fact = reader.fact(&format!("{RENEWAL}{id}"))?;
    let card = fact.and_then(|bytes| Card::parse(&bytes).ok());
    Ok(card.filter(|card| card.id() == id))
}
