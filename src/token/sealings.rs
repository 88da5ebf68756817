//! Which domain keys proposals sealed to an agreement key before it came into use, published or not: a key
//! that comes into use must open no proposal that holds a domain key which is destroyed.

use super::Token;
use super::changes::Touched;
use crate::domain::ids::DomainKeyId;
use crate::domain::ingest::Installed;
use crate::domain::state::State;
use crate::error::{Error, Result};
use crate::seal::envelope::hash;
use crate::storage::{Reader, Writer};
use std::collections::BTreeSet;

/// The facts that hold what was sealed to an agreement key, by a hash of it.
const SEALED: &str = "sealed/";
/// Marks a domain key that a proposal holds.
const HOLDS: u8 = 0;
/// Marks a domain key that a proposal destroys.
const DESTROYS: u8 = 1;

/// What proposals sealed to one agreement key.
#[derive(Default)]
struct Sealings {
    holds: BTreeSet<DomainKeyId>,
    destroys: BTreeSet<DomainKeyId>,
}

/// An agreement key that a proposal brings or leaves behind.
struct Recipient<'a> {
    agreement: &'a [u8],
    /// Whose it is, and what gives another, should this one be used up.
    whose: String,
    sealings: Sealings,
}

impl Token {
    /// Notes what a proposal seals to every agreement key that comes into use with it, before anybody
    /// has the proposal. In the repository this is one transaction at the newest version: of two
    /// proposals the second sees the first.
    ///
    /// # Errors
    /// `DomainRule` when an agreement key was used in another proposal, and one of the two destroys a
    /// domain key that the other holds; `DomainBehind` when a newer version is published; those of the
    /// stores.
    pub(super) fn note_sealings(&self, parent: &Installed, next: &State) -> Result<()> {
        let recipients = recipients(&parent.state, next);
        if recipients.is_empty() {
            return Ok(());
        }
        if self.attached()?.is_none() {
            return self.change(|writer| Ok((add(writer, &recipients, next)?, Touched::nothing())));
        }
        self.repository()?.writing(
            |writer| {
                if writer.newest_domain_row()? != Some((parent.state.version, parent.hash.0)) {
                    return Err(Error::DomainBehind(
                        "a newer version was published meanwhile: propose the change anew".into(),
                    ));
                }
                add(writer, &recipients, next)
            },
            &|| (),
        )
    }
}

/// Whether a proposal was sealed to an agreement key.
pub(super) fn is_used(reader: &dyn Reader, agreement: &[u8]) -> Result<bool> {
    Ok(reader.fact(&name(agreement))?.is_some())
}

/// Forgets what was sealed to an agreement key that is in use, and cannot come into use again.
pub(super) fn forget(writer: &dyn Writer, agreement: &[u8]) -> Result<()> {
    writer.set_fact(&name(agreement), None)
}

fn name(agreement: &[u8]) -> String {
    let short = hash(&[b"keyward/1 sealed to", agreement]);
    let digits = short.iter().take(16).map(|byte| format!("{byte:02x}"));
    format!("{SEALED}{}", digits.collect::<String>())
}

/// The agreement keys that a version brings, and those of members that leave with it: they may come back
/// with the same.
fn recipients<'a>(parent: &'a State, next: &'a State) -> Vec<Recipient<'a>> {
    let keys = |state: &State| state.keys.iter().map(|key| key.id).collect();
    let gone = next.tombstones.iter();
    let gone = gone.filter(|own| own.last && own.version == next.version);
    let destroys: BTreeSet<_> = gone.map(|own| own.id).collect();
    let sealings = || Sealings {
        holds: keys(next),
        destroys: destroys.clone(),
    };
    let brought = next.members.iter().filter(|own| own.since == next.version);
    let mut all: Vec<_> = brought
        .map(|own| Recipient {
            agreement: &own.card.agreement,
            whose: match parent.member(own.id()) {
                Some(_) => format!(
                    "card of member {id}: it leaves another card in the repository when it next follows \
                     the domain; without one, take a new card (keyward module renew there, --renewal here)",
                    id = own.id()
                ),
                None => format!(
                    "card of module {}: give it a new agreement key first (member.renew in its own \
                     domain) and ask for a new card",
                    own.id()
                ),
            },
            sealings: sealings(),
        })
        .collect();
    let recovery = next.recovery.as_ref();
    all.extend(
        recovery
            .filter(|own| own.since == next.version)
            .map(|own| Recipient {
                agreement: &own.agreement,
                whose: "recovery key: make another one (keyward recovery keygen)".to_owned(),
                sealings: sealings(),
            }),
    );
    let left = parent
        .members
        .iter()
        .filter(|own| next.member(own.id()).is_none());
    all.extend(left.map(|own| Recipient {
        agreement: &own.card.agreement,
        whose: String::new(),
        sealings: Sealings {
            holds: keys(parent),
            destroys: BTreeSet::new(),
        },
    }));
    all
}

/// Adds what a proposal seals, unless it does not go together with what was sealed before.
fn add(writer: &dyn Writer, recipients: &[Recipient<'_>], next: &State) -> Result<()> {
    for recipient in recipients {
        let name = name(recipient.agreement);
        let mut all = match writer.fact(&name)? {
            Some(bytes) => Sealings::parse(&bytes)?,
            None => Sealings::default(),
        };
        let own = &recipient.sealings;
        let destroyed = |id: &&DomainKeyId| {
            let tombstone = next.tombstones.iter().find(|gone| gone.id == **id);
            tombstone.is_some_and(|gone| gone.last)
        };
        let lost = all.holds.iter().find(destroyed);
        if let Some(id) = lost.or_else(|| own.holds.intersection(&all.destroys).next()) {
            // Who left is not asked for anything; the next proposal that brings it back is.
            if !recipient.whose.is_empty() {
                return Err(Error::DomainRule(format!(
                    "one of two proposals destroys domain key {id}, which the other holds, and both \
                     would be sealed to the {}",
                    recipient.whose
                )));
            }
        }
        all.holds.extend(&own.holds);
        all.destroys.extend(&own.destroys);
        writer.set_fact(&name, Some(&all.encode()))?;
    }
    Ok(())
}

impl Sealings {
    fn encode(&self) -> Vec<u8> {
        let holds = self.holds.iter().map(|id| (HOLDS, id));
        let all = holds.chain(self.destroys.iter().map(|id| (DESTROYS, id)));
        all.flat_map(|(mark, id)| std::iter::once(mark).chain(id.0))
            .collect()
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let damaged = || Error::StoreTampered("what was sealed to an agreement key".into());
        let (records, []) = bytes.as_chunks::<17>() else {
            return Err(damaged());
        };
        let mut all = Sealings::default();
        for [mark, id @ ..] in records {
            let ids = match *mark {
                HOLDS => &mut all.holds,
                DESTROYS => &mut all.destroys,
                _ => return Err(damaged()),
            };
            ids.insert(DomainKeyId(*id));
        }
        Ok(all)
    }
}
