//! The check of everything: every row against the row tree, its signature or its sealing, and the
//! database against the anchor. Findings name what is wrong; nothing is changed.

use super::changes::Touched;
use super::unlocked::Unlocked;
use super::{Token, record};
use crate::error::{Error, Result};
use crate::object::ObjectId;
use crate::storage::tree::{Entry, Mark, Survey, leaf_of};
use crate::storage::{Query, Reader, Row, Scope};

/// Something wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// The object's row was edited, or cannot be opened; the text says how.
    Damaged(ObjectId, String),
    /// The object's row was deleted outside this module.
    Deleted(ObjectId),
    /// The row is one of an earlier or of no revision: (the revision there is, the one there should be).
    PutBack(ObjectId, u64, u64),
    /// The row belongs to no object: one that was destroyed, or never was.
    Foreign(ObjectId),
    /// The database is older than its anchor: (its count of changes, the anchor's).
    RolledBack(u64, u64),
    /// There is no anchor, or it is damaged.
    NoAnchor,
    /// The database itself, or the row tree, is damaged.
    Store(String),
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Finding::Damaged(id, how) => write!(f, "object {id}: {how}"),
            Finding::Deleted(id) => {
                write!(f, "object {id}: its row was deleted outside this module")
            }
            Finding::PutBack(id, found, wanted) => {
                write!(
                    f,
                    "object {id}: revision {found} was put in the place of revision {wanted}"
                )
            }
            Finding::Foreign(id) => {
                write!(f, "object {id}: it was destroyed, and its row was put back")
            }
            Finding::RolledBack(own, anchor) => write!(
                f,
                "the database is an older copy: it counts {own} changes, its anchor {anchor}"
            ),
            Finding::NoAnchor => {
                f.write_str("the anchor outside the database is missing or damaged")
            }
            Finding::Store(how) => write!(f, "the database: {how}"),
        }
    }
}

impl Token {
    /// Checks everything that the login can open. The empty list means that all is well.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the store.
    pub fn verify(&self) -> Result<Vec<Finding>> {
        let unlocked = self.login_needed()?;
        let mut findings: Vec<Finding> = self
            .store
            .flaws()?
            .into_iter()
            .map(Finding::Store)
            .collect();
        // Read first: a change in between makes the database newer than it, which is as it should be.
        let anchored = self
            .anchored()?
            .filter(|known| known.is_genuine(unlocked.keys()));
        let survey = self.store.reading(|reader| {
            let survey = unlocked.tree.survey(reader)?;
            self.verify_rows(&unlocked, reader, &survey, &mut findings)?;
            Ok(survey)
        })?;
        match (anchored, survey.counter) {
            (None, _) => findings.push(Finding::NoAnchor),
            (Some(known), Some(own))
                if known.epoch != self.card.load().epoch || own < known.counter =>
            {
                findings.push(Finding::RolledBack(own, known.counter));
            }
            _ => {}
        }
        findings.extend(survey.flaws.into_iter().map(Finding::Store));
        Ok(findings)
    }

    fn verify_rows(
        &self,
        unlocked: &Unlocked,
        reader: &dyn Reader,
        survey: &Survey,
        findings: &mut Vec<Finding>,
    ) -> Result<()> {
        let mut listed = survey.entries.clone();
        for id in reader.find(&Query {
            scope: Scope::All,
            ..Query::default()
        })? {
            let Some(row) = reader.row(id)? else { continue };
            match listed.remove(&id) {
                Some(entry) if entry.revision != row.revision => {
                    findings.push(Finding::PutBack(id, row.revision, entry.revision));
                }
                None if !survey.damaged.contains(&leaf_of(id)) => {
                    findings.push(Finding::Foreign(id))
                }
                _ => {
                    if let Err(error) = self.try_open(unlocked, reader, &row) {
                        findings.push(Finding::Damaged(id, error.to_string()));
                    }
                }
            }
        }
        let deleted = listed
            .into_iter()
            .filter(|(_, entry)| entry.mark != Mark::Role);
        findings.extend(deleted.map(|(id, _)| Finding::Deleted(id)));
        Ok(())
    }

    fn try_open(&self, unlocked: &Unlocked, reader: &dyn Reader, row: &Row) -> Result<()> {
        let card = self.card.load();
        // A row without either is refused by the first.
        if row.clear.is_some() || row.sealed.is_none() {
            record::open_clear(&card, row)?;
        }
        if row.sealed.is_some() {
            let ring = self.keyring_within(unlocked, reader)?;
            record::open(unlocked, &ring, &card, row)?;
        }
        Ok(())
    }

    /// Takes the database as it is: removes rows that cannot be opened or belong to no object, and lists
    /// the others anew. For the security officer, after looking at [`Token::verify`]. Answers the
    /// objects that were given up.
    ///
    /// # Errors
    /// `UserNotLoggedIn` unless the security officer is logged in; those of the store.
    pub fn accept(&self) -> Result<Vec<ObjectId>> {
        let unlocked = self.login_needed()?;
        if unlocked.role() != super::Role::SecurityOfficer {
            return Err(Error::UserNotLoggedIn);
        }
        let anchor = self.anchored()?.map_or(0, |known| known.counter);
        let given_up = self.change(|writer| {
            let survey = unlocked.tree.survey(writer)?;
            let mut kept = survey.entries.clone();
            kept.retain(|_, entry| entry.mark == Mark::Role);
            let mut gone = Vec::new();
            for id in writer.find(&Query {
                scope: Scope::All,
                ..Query::default()
            })? {
                let Some(row) = writer.row(id)? else { continue };
                let known =
                    survey.entries.contains_key(&id) || survey.damaged.contains(&leaf_of(id));
                if known && self.try_open(&unlocked, writer, &row).is_ok() {
                    kept.insert(
                        id,
                        Entry {
                            revision: row.revision,
                            mark: Mark::Live,
                        },
                    );
                } else {
                    writer.delete_row(id)?;
                    gone.push(id);
                }
            }
            let counter = survey.counter.unwrap_or(0).max(anchor);
            let head = unlocked.tree.replant(writer, &kept, counter)?;
            Ok((
                gone,
                Touched {
                    head: Some(head),
                    everything: true,
                    ..Touched::nothing()
                },
            ))
        })?;
        unlocked.cache.clear();
        self.public.clear();
        Ok(given_up)
    }
}
