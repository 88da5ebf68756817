//! The installed domain: kept with the module, changed by ingest only, the same in every process.

use super::account::signers;
use super::anchoring::Installed as Version;
use super::changes::Touched;
use super::header::Card;
use super::unlocked::Unlocked;
use super::volatile;
use super::{Token, objects};
use crate::domain::cbor::{Reader as Decoder, Writer as Encoder};
use crate::domain::identity::Identity;
use crate::domain::ids::Digest;
use crate::domain::ingest::{self, Installed, Moment, Outcome};
use crate::domain::keyring::Keyring;
use crate::domain::refusal::Refusal;
use crate::domain::state::State;
use crate::domain::token::Token as DomainToken;
use crate::domain::token::build::{genesis, token_hash};
use crate::error::{Error, Result};
use crate::seal::root::ModuleKeys;
use crate::storage::{DomainRow, Event, Reader, Writer};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The fact that holds the sealed identity.
const IDENTITY: &str = "identity";
/// The fact that says which version is installed.
const INSTALLED: &str = "installed";
/// The fact that holds a second token with the installed version, as evidence of a fork.
pub(super) const FORK: &str = "fork";
/// The kind of event of a refused domain token.
pub const REFUSED: &str = "domain token refused";
/// The kind of event of an installed domain token.
pub const INSTALLED_EVENT: &str = "domain token installed";
/// The kind of event of a second token with the installed version.
pub const FORKED: &str = "domain fork";
/// The kind of event of an object that could not be taken to the new domain key.
const LEFT_BEHIND: &str = "object left behind";
/// The kind of event of an erasure that other processes put off.
const SCRUB_LATER: &str = "erasure put off";
/// How often erasing from the files is tried while other processes read.
const SCRUB_TRIES: u32 = 100;

/// What an ingest led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ingested {
    /// The token was installed already.
    NoOp,
    /// This version is installed now.
    Installed(u64),
    /// This version is installed now, and this module holds none of its keys.
    Dismissed(u64),
    /// Another token with the installed version; both are kept, and the domain takes no further one.
    Fork,
}

/// How a token comes in.
pub(super) enum Entry<'t> {
    /// As the successor of the installed one.
    Successor(&'t [u8]),
    /// As one of several successors: its version, the moment it is judged at, and when the installed version was seen to
    /// be the newest, before the first of them was taken.
    InTurn(&'t [u8], u64, &'t Moment<'t>, u64),
    /// As the first of a domain that the module joins: the token before it, itself, and the
    /// fingerprint that the security officer gave.
    First(&'t [u8], &'t [u8], Digest),
}

impl Entry<'_> {
    fn token(&self) -> &[u8] {
        match self {
            Entry::Successor(token) | Entry::InTurn(token, ..) | Entry::First(_, token, _) => token,
        }
    }
}

impl Token {
    /// Takes a domain token: checks it and installs it in one transaction; where members share a
    /// repository, publishes it there first ([`Token::publish`]). Own objects under a domain
    /// key that it removes are taken to the active one. When it returns, removed keys are gone from
    /// this process and from the files, and the other processes have been told.
    ///
    /// # Errors
    /// `DomainTokenRefused`, which is also kept as an event; `UserNotLoggedIn`; those of the store.
    pub fn ingest(&self, token: &[u8]) -> Result<Ingested> {
        // Where members share a repository, that takes one token of each number, and the others follow.
        if self.attached()?.is_some() {
            return self.publish(token);
        }
        let done = self.take(&Entry::Successor(token))?;
        if matches!(done, Ingested::Installed(_)) {
            self.keep_what_it_says(&DomainToken::parse(token)?.public)?;
        }
        Ok(done)
    }

    /// Takes the first token of a domain that this module joins, with the token before it.
    ///
    /// # Errors
    /// As [`Token::ingest`].
    pub fn join(&self, parent: &[u8], token: &[u8], fingerprint: Digest) -> Result<Ingested> {
        self.take(&Entry::First(parent, token, fingerprint))
    }

    pub(super) fn take(&self, entry: &Entry<'_>) -> Result<Ingested> {
        let unlocked = self.login_needed()?;
        let old_ring = self.keyring(&unlocked).ok();
        let done = self.change(|writer| {
            let (answer, domain) = self.install(&unlocked, old_ring.as_deref(), entry, writer)?;
            // Counted by the row tree too, so that an anchor tells an older domain.
            let head = if domain {
                Some(unlocked.own.tree.update(writer, &[])?)
            } else {
                None
            };
            Ok((
                answer,
                Touched {
                    everything: domain,
                    head,
                    ..Touched::nothing()
                },
            ))
        });
        match done {
            Err(Error::DomainTokenRefused(reason)) => {
                self.note_refusal(&unlocked, entry.token(), &reason)?;
                Err(Error::DomainTokenRefused(reason))
            }
            Err(other) => Err(other),
            Ok(Ingested::NoOp | Ingested::Fork) => {
                // Keys that were missing may have come with it.
                if self.keyring(&unlocked).is_err() {
                    self.look_anew(&unlocked)?;
                }
                self.refresh_after_install(&unlocked)?;
                done
            }
            Ok(Ingested::Installed(_) | Ingested::Dismissed(_)) => {
                drop(old_ring);
                self.public.clear();
                self.refresh_after_install(&unlocked)?;
                self.scrub_patiently()?;
                done
            }
        }
    }

    /// Keeps that a token was refused, and who made and signed it.
    pub(super) fn note_refusal(
        &self,
        unlocked: &Unlocked,
        token: &[u8],
        reason: &str,
    ) -> Result<()> {
        let signers = signers(token, &[&unlocked.domain().state]);
        self.note(
            REFUSED,
            &format!("{}: {reason}{signers}", token_hash(token)),
        )
    }

    /// Checks a token and writes what it leads to. Whether the domain changed.
    fn install(
        &self,
        unlocked: &Unlocked,
        old_ring: Option<&Keyring>,
        entry: &Entry<'_>,
        writer: &dyn Writer,
    ) -> Result<(Ingested, bool)> {
        let identity = identity(writer, unlocked.keys())?;
        let (installed, _) = restore(writer, &identity)?;
        let outcome = match entry {
            Entry::Successor(token) => ingest::ingest(&installed, token, &identity, now())?,
            // Another process of this member took it since this one looked.
            Entry::InTurn(_, version, ..) if *version <= installed.state.version => {
                return Ok((Ingested::NoOp, false));
            }
            Entry::InTurn(token, _, moment, seen) => {
                let before = Installed {
                    seen: *seen,
                    ..installed.clone()
                };
                ingest::ingest_in_turn(&before, token, &identity, moment)?
            }
            Entry::First(parent, token, fingerprint) => {
                ingest::join(parent, token, *fingerprint, &identity, now())?
            }
        };
        let goes_on = matches!(outcome, Outcome::Install(_) | Outcome::Dismissed(_));
        if goes_on && writer.fact(FORK)?.is_some() {
            return Err(Refusal::Forked.into());
        }
        let (next, ring) = match outcome {
            Outcome::NoOp(ring) => {
                if let Some(ring) = ring.filter(|_| installed.state.policy.volatile) {
                    self.hold(installed.hash, &Arc::new(ring));
                }
                return Ok((Ingested::NoOp, false));
            }
            Outcome::Fork(_) => {
                writer.set_fact(FORK, Some(entry.token()))?;
                let signers = signers(entry.token(), &[&installed.state]);
                let text = format!("{}{signers}", token_hash(entry.token()));
                put_event(writer, FORKED, &text)?;
                return Ok((Ingested::Fork, false));
            }
            Outcome::Install(next) => (next.installed, Some(next.ring)),
            Outcome::Dismissed(next) => (*next, None),
        };
        let version = next.state.version;
        write_installed(writer, &identity, &next, entry.token())?;
        if let Some(settled) = identity.settled(&next.state)? {
            write_identity(writer, unlocked.keys(), &settled)?;
        }
        // A module that joins knows the domain from the token alone.
        let signers = signers(entry.token(), &[&installed.state, &next.state]);
        let text = format!("version {version}, {}{signers}", next.hash);
        put_event(writer, INSTALLED_EVENT, &text)?;
        let Some(ring) = ring else {
            return Ok((Ingested::Dismissed(version), true));
        };
        if let Some(old) = old_ring {
            for left in objects::carry_over(writer, unlocked, old, &ring)? {
                put_event(writer, LEFT_BEHIND, &left)?;
            }
        }
        if next.state.policy.volatile {
            self.hold(next.hash, &Arc::new(ring));
        }
        Ok((Ingested::Installed(version), true))
    }

    /// Takes in what is installed, whichever process did it, and says that this one runs it.
    pub(super) fn refresh_after_install(&self, unlocked: &Unlocked) -> Result<()> {
        // A module that was dismissed holds no keys now; that is what was asked for.
        match self.keyring(unlocked) {
            Ok(_) | Err(Error::DomainRule(_)) => {}
            Err(other) => return Err(other),
        }
        self.acknowledge(self.registry.generation(), unlocked.installed().0);
        Ok(())
    }

    /// Erases from the files. Readers in other processes are given a second to let it happen; after
    /// that it is done later.
    fn scrub_patiently(&self) -> Result<()> {
        for _ in 0..SCRUB_TRIES {
            if self.scrub()? {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.note(
            SCRUB_LATER,
            "removed bytes stay in the database's files until no process reads",
        )
    }

    /// Keeps an event to be asked about later.
    ///
    /// # Errors
    /// Those of the store.
    pub fn note(&self, kind: &str, text: &str) -> Result<()> {
        self.change(|writer| Ok((put_event(writer, kind, text)?, Touched::nothing())))
    }

    /// The newest events, newest first.
    ///
    /// # Errors
    /// Those of the store.
    pub fn events(&self, limit: usize) -> Result<Vec<Event>> {
        self.store.reading(|reader| reader.events(limit))
    }

    /// The installed domain token, as it was taken.
    ///
    /// # Errors
    /// Those of the store.
    pub fn domain_token(&self) -> Result<Vec<u8>> {
        let (version, hash, kept) = self.installed_row()?;
        let public = self
            .store
            .reading(|reader| volatile::public_state(reader, version, &kept, None))?;
        if public.is_none() {
            return Ok(kept);
        }
        self.published(hash, version)?.ok_or_else(|| {
            Error::DomainRule("the installed domain token is kept in memory only".into())
        })
    }

    /// The installed state and its token's hash, as anybody may read them.
    ///
    /// # Errors
    /// Those of the store.
    pub fn domain_state(&self) -> Result<(State, Digest)> {
        let (version, hash, kept) = self.installed_row()?;
        let public = self
            .store
            .reading(|reader| volatile::public_state(reader, version, &kept, None))?;
        Ok(match public {
            Some(state) => (state, hash),
            None => (DomainToken::parse(&kept)?.public.state, hash),
        })
    }

    /// What the store has of the installed version.
    fn installed_row(&self) -> Result<(u64, Digest, Vec<u8>)> {
        let rows = self.store.reading(|reader| reader.domain_rows())?;
        let newest = rows.into_iter().max_by_key(|row| row.version);
        let row = newest.ok_or_else(nothing_installed)?;
        Ok((row.version, Digest(row.hash), row.token))
    }

    /// Seals the identity with an agreement key that waits to be installed, and gives the card that
    /// asks for it.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the store.
    pub fn renew_identity(&self) -> Result<crate::domain::state::member::Card> {
        let unlocked = self.login_needed()?;
        let card = self.change(|writer| {
            let (renewed, card) = identity(writer, unlocked.keys())?.renewed()?;
            write_identity(writer, unlocked.keys(), &renewed)?;
            Ok((
                card,
                Touched {
                    domain: true,
                    ..Touched::nothing()
                },
            ))
        })?;
        self.look_at_identity(&unlocked)?;
        Ok(card)
    }

    /// Takes in an identity that was changed, though the installed version is the same.
    pub(super) fn look_at_identity(&self, unlocked: &Unlocked) -> Result<()> {
        self.look_anew(unlocked)
    }
}

/// Founds the domain of a new module: one member, one active domain key.
pub(super) fn found(
    writer: &dyn Writer,
    keys: &ModuleKeys,
    identity: &Identity,
    card: &Card,
) -> Result<Version> {
    let token = genesis(
        identity,
        &card.label,
        now(),
        &mut crate::crypto::random::ThreadGenerator,
    )
    .map_err(Error::from)?;
    let begun = ingest::begin(&token, identity).map_err(Error::from)?;
    write_identity(writer, keys, identity)?;
    write_installed(writer, identity, &begun.installed, &token)?;
    Ok((begun.installed.state.version, begun.installed.hash.0))
}

/// The module's identity.
pub(super) fn identity(reader: &dyn Reader, keys: &ModuleKeys) -> Result<Identity> {
    let sealed = reader.fact(IDENTITY)?;
    let sealed =
        sealed.ok_or_else(|| Error::StoreTampered("the module's identity is missing".into()))?;
    Identity::unseal(&keys.identity, &sealed)
}

pub(super) fn write_identity(
    writer: &dyn Writer,
    keys: &ModuleKeys,
    identity: &Identity,
) -> Result<()> {
    writer.set_fact(IDENTITY, Some(&identity.seal(&keys.identity)?))
}

/// Opens the installed token.
pub(super) fn restore(
    reader: &dyn Reader,
    identity: &Identity,
) -> Result<(Installed, Option<Keyring>)> {
    let fact = read_installed(reader)?.ok_or_else(nothing_installed)?;
    let rows = reader.domain_rows()?;
    let row = rows.into_iter().find(|row| row.version == fact.version);
    let token = row.ok_or_else(nothing_installed)?.token;
    if let Some(state) = volatile::public_state(reader, fact.version, &token, Some(identity))? {
        let hash = Digest(fact.hash);
        if !identity.vouched(fact.version, hash, &fact.vouched) {
            return Err(exchanged());
        }
        let seen = fact.seen;
        return Ok((Installed { state, hash, seen }, None));
    }
    ingest::restore(&token, &fact.vouched, identity, fact.seen).map_err(|refusal| {
        if refusal == Refusal::NotInstalled {
            exchanged()
        } else {
            refusal.into()
        }
    })
}

/// The installed version, without opening anything.
pub(super) fn version(reader: &dyn Reader) -> Result<Option<Version>> {
    Ok(read_installed(reader)?.map(|fact| (fact.version, fact.hash)))
}

/// What the fact of the installed version says.
struct InstalledFact {
    version: u64,
    hash: [u8; 32],
    /// The identity's word for it.
    vouched: [u8; 32],
    seen: u64,
}

fn read_installed(reader: &dyn Reader) -> Result<Option<InstalledFact>> {
    let Some(bytes) = reader.fact(INSTALLED)? else {
        return Ok(None);
    };
    let fact = Decoder::whole(&bytes, "installed version", |decoder| {
        decoder.tuple("installed version", 4)?;
        let (version, hash) = (decoder.uint("version")?, decoder.fixed("hash")?);
        let vouched = decoder.fixed("authenticator")?;
        Ok(InstalledFact {
            version,
            hash,
            vouched,
            seen: decoder.uint("seen")?,
        })
    });
    fact.map(Some)
        .map_err(|flaw| Error::StoreTampered(format!("the installed domain: {flaw}")))
}

/// Writes a version as the installed one. Of earlier ones only number and hash stay: their packages
/// must not bring a removed key back.
fn write_installed(
    writer: &dyn Writer,
    identity: &Identity,
    installed: &Installed,
    token: &[u8],
) -> Result<()> {
    let (version, hash) = (installed.state.version, installed.hash);
    for row in writer.domain_rows()? {
        if !row.token.is_empty() {
            writer.put_domain_row(&DomainRow {
                token: Vec::new(),
                ..row
            })?;
        }
    }
    writer.put_domain_row(&DomainRow {
        version,
        hash: hash.0,
        token: volatile::kept(writer, identity, &installed.state, token)?,
    })?;
    let mut encoder = Encoder::default();
    encoder
        .array(4)
        .uint(version)
        .bytes(&hash.0)
        .bytes(&identity.vouch(version, hash))
        .uint(now());
    writer.set_fact(INSTALLED, Some(encoder.as_slice()))
}

pub(super) fn put_event(writer: &dyn Writer, kind: &str, text: &str) -> Result<()> {
    writer.put_event(&Event {
        time: now(),
        kind: kind.to_owned(),
        text: text.to_owned(),
    })
}

fn exchanged() -> Error {
    Error::StoreTampered("the installed domain token was exchanged".into())
}

fn nothing_installed() -> Error {
    Error::StoreTampered("the installed domain token is missing".into())
}

/// Seconds since 1970-01-01 UTC.
pub(super) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
