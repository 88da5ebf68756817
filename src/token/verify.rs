//! The check of everything: every row against the row tree, its signature or its sealing, and the
//! database against the anchor. Findings name what is wrong; nothing is changed.

use super::anchoring::genuine;
use super::changes::Touched;
use super::domain::now;
use super::rows::RowKeys;
use super::unlocked::Unlocked;
use super::{Token, record};
use crate::error::{Error, Result};
use crate::object::ObjectId;
use crate::object::standing::Standing;
use crate::storage::anchor::Anchor;
use crate::storage::tree::{Entry, Listed, Mark, leaf_of};
use crate::storage::{EVENTS_KEPT, Query, Reader, Row, Scope};
use crate::warnings;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::sync::Arc;

/// The fact that says when the repository was last checked, in seconds since 1970-01-01 UTC.
const CHECKED: &str = "checked";
/// How often it is, in seconds.
const CHECK_EVERY: u64 = 3_600;
/// Rows that are listed at once.
const PART: usize = 20_000;
/// The kind of event of what [`Token::check`] found.
pub const TAMPERED: &str = "tampering found";

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
    /// What the token's own database finds wrong in its pages, without a login: a line for each.
    ///
    /// # Errors
    /// Those of the store.
    pub fn flaws(&self) -> Result<Vec<String>> {
        self.store.flaws()
    }

    /// Checks everything that the login can open. The empty list means that all is well. What is found is
    /// also kept as events, once.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the store.
    pub fn verify(&self) -> Result<Vec<Finding>> {
        let unlocked = self.login_needed()?;
        let mut findings = Vec::new();
        for (keys, anchor) in self.row_sets(&unlocked)? {
            let store = self.store_of(&keys)?;
            findings.extend(store.flaws()?.into_iter().map(Finding::Store));
            findings.extend(
                self.survey(&unlocked, (&keys, anchor), &|| false, |reader, id| {
                    // A row that went meanwhile cannot go within a transaction.
                    let Some(row) = reader.row(id)? else {
                        return Ok(None);
                    };
                    let opened = self.try_open(&unlocked, &keys, reader, &row);
                    Ok(opened
                        .err()
                        .map(|error| Finding::Damaged(id, error.to_string())))
                })?,
            );
        }
        self.keep_findings(&findings)?;
        Ok(findings)
    }

    /// Checks which rows there are, and in which revisions, without opening any: some microseconds for
    /// each. What is found is also kept as events, once. Ends early, with nothing found, when `enough`
    /// says so; a repository is checked once an hour, by whichever process comes first.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the store.
    pub fn check(&self, enough: &dyn Fn() -> bool) -> Result<Vec<Finding>> {
        let unlocked = self.login_needed()?;
        if !self.is_check_due()? {
            return Ok(Vec::new());
        }
        let mut findings = Vec::new();
        for (keys, anchor) in self.row_sets(&unlocked)? {
            findings.extend(self.survey(&unlocked, (&keys, anchor), enough, |_, _| Ok(None))?);
        }
        self.keep_findings(&findings)?;
        Ok(findings)
    }

    /// Keeps as events what was not found before.
    fn keep_findings<F: ToString>(&self, findings: &[F]) -> Result<()> {
        if findings.is_empty() {
            return Ok(());
        }
        let known = self.events(EVENTS_KEPT)?;
        let texts = findings.iter().map(ToString::to_string);
        for text in texts.filter(|text| !known.iter().any(|event| event.text == *text)) {
            warnings::say(&format_args!("token {}: {text}", self.serial));
            self.note(TAMPERED, &text)?;
        }
        Ok(())
    }

    /// Passes an answer on. A refusal because a database is an older copy, or was edited, is kept as an
    /// event too, once.
    ///
    /// # Errors
    /// Those of the answer.
    pub(super) fn with_tampering_kept<T>(&self, answer: Result<T>) -> Result<T> {
        if let Err(error @ Error::StoreTampered(_)) = &answer {
            // The caller hears of it even where no event can be kept.
            let _ = self.keep_findings(&[error]);
        }
        answer
    }

    /// Whether the check after a login has something to do, and takes it upon this process.
    fn is_check_due(&self) -> Result<bool> {
        if self.attached()?.is_none() {
            return Ok(true);
        }
        let last = self.store.reading(|reader| reader.fact(CHECKED))?;
        let last = last.and_then(|bytes| bytes.try_into().ok().map(u64::from_be_bytes));
        let now = now();
        if last.is_some_and(|last| now.saturating_sub(last) < CHECK_EVERY) {
            return Ok(false);
        }
        self.change(|writer| {
            writer.set_fact(CHECKED, Some(&now.to_be_bytes()))?;
            Ok((true, Touched::nothing()))
        })
    }

    /// The sets of rows there are: the own store's, and the repository's where the objects are in one.
    fn row_sets(&self, unlocked: &Unlocked) -> Result<Vec<(Arc<RowKeys>, &Anchor)>> {
        let mut sets = vec![(Arc::clone(&unlocked.own), &self.anchor)];
        if self.attached()?.is_some() {
            sets.push((self.row_keys(unlocked)?, &self.rows_anchor));
        }
        Ok(sets)
    }

    /// Compares the rows with the row tree, and that with the anchor; `look` looks at each row that is
    /// as it is listed.
    fn survey(
        &self,
        unlocked: &Unlocked,
        (keys, anchor): (&RowKeys, &Anchor),
        enough: &dyn Fn() -> bool,
        mut look: impl FnMut(&dyn Reader, ObjectId) -> Result<Option<Finding>>,
    ) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        // Read first: a change in between makes the database newer than it, which is as it should be.
        let anchored = genuine(anchor.newest()?, unlocked.keys());
        let survey = self.store_of(keys)?.reading(|reader| {
            findings.clear();
            let mut rows = Revisions::of(reader);
            let mut each = |listed: &Listed| {
                compare(listed, &mut rows, &mut findings, &mut |id| look(reader, id))
            };
            keys.tree.survey(reader, enough, &mut each)
        })?;
        if !survey.whole {
            return Ok(Vec::new());
        }
        let own = survey.counter.unwrap_or(u64::MAX);
        match anchored {
            None if keys.are_shared() && anchor.newest()?.is_none() => {}
            None => findings.push(Finding::NoAnchor),
            Some(known) if known.epoch != self.card.load().epoch || own < known.counter => {
                findings.push(Finding::RolledBack(own, known.counter));
            }
            Some(_) => {}
        }
        findings.extend(survey.flaws.into_iter().map(Finding::Store));
        Ok(findings)
    }

    fn try_open(
        &self,
        unlocked: &Unlocked,
        keys: &RowKeys,
        reader: &dyn Reader,
        row: &Row,
    ) -> Result<()> {
        // A row without either is refused by the first.
        if row.clear.is_some() || row.sealed.is_none() {
            record::open_clear(&keys.seal, row)?;
        }
        if row.sealed.is_some() {
            let ring = if keys.are_shared() {
                self.keyring(unlocked)?
            } else {
                self.keyring_within(unlocked, reader)?
            };
            record::open(keys, &ring, row)?;
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
        let given_up = self.change_rows(&unlocked, |writer, rows| {
            let (keys, anchor) = if rows.keys.are_shared() {
                (&rows.keys, self.rows_anchor.newest()?)
            } else {
                (&unlocked.own, self.anchor.newest()?)
            };
            let anchor = anchor.map_or(0, |known| known.counter);
            let (mut listed, mut damaged) = (BTreeMap::new(), BTreeSet::new());
            let survey = keys.tree.survey(writer, &|| false, &mut |leaf| {
                listed.extend(leaf.entries());
                damaged.extend(leaf.damaged.then_some(leaf.place));
                Ok(())
            })?;
            let mut kept = listed.clone();
            kept.retain(|_, entry| entry.mark == Mark::Role);
            let mut gone = Vec::new();
            for id in writer.find(&Query {
                scope: Scope::All,
                any_standing: true,
                ..Query::default()
            })? {
                let Some(row) = writer.row(id)? else { continue };
                let known = listed.contains_key(&id) || damaged.contains(&leaf_of(id));
                if known && self.try_open(&unlocked, keys, writer, &row).is_ok() {
                    kept.insert(
                        id,
                        Entry {
                            revision: row.revision,
                            mark: Mark::of(row.standing),
                        },
                    );
                } else {
                    writer.delete_row(id)?;
                    gone.push(id);
                }
            }
            let counter = survey.counter.unwrap_or(0).max(anchor);
            let head = keys.tree.replant(writer, &kept, counter)?;
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

/// Compares the rows of a leaf's objects with what it lists; `look` looks at each one that is as it is listed.
fn compare(
    listed: &Listed,
    rows: &mut Revisions<'_>,
    findings: &mut Vec<Finding>,
    look: &mut dyn FnMut(ObjectId) -> Result<Option<Finding>>,
) -> Result<()> {
    let deleted =
        |(id, entry): (ObjectId, Entry)| (entry.mark != Mark::Role).then_some(Finding::Deleted(id));
    let mut entries = listed.entries().peekable();
    while let Some((id, revision, standing)) = rows.next_of(listed.place)? {
        while let Some(before) = entries.next_if(|(other, _)| *other < id) {
            findings.extend(deleted(before));
        }
        findings.extend(match entries.next_if(|(own, _)| *own == id) {
            Some((_, entry)) if entry.revision != revision => {
                Some(Finding::PutBack(id, revision, entry.revision))
            }
            Some((_, entry)) if entry.mark != Mark::of(standing) => {
                Some(Finding::Damaged(id, "its standing was edited".to_owned()))
            }
            None if !listed.damaged => Some(Finding::Foreign(id)),
            _ => look(id)?,
        });
    }
    findings.extend(entries.filter_map(deleted));
    Ok(())
}

/// The rows of a store, ascending by id, some thousand in memory at a time.
struct Revisions<'r> {
    reader: &'r dyn Reader,
    last: Option<ObjectId>,
    ended: bool,
    part: Peekable<std::vec::IntoIter<(ObjectId, u64, Standing)>>,
}

impl<'r> Revisions<'r> {
    fn of(reader: &'r dyn Reader) -> Self {
        Revisions {
            reader,
            last: None,
            ended: false,
            part: Vec::new().into_iter().peekable(),
        }
    }

    /// The next row of an object of this leaf; leaves are asked for in their order.
    fn next_of(&mut self, leaf: u16) -> Result<Option<(ObjectId, u64, Standing)>> {
        if self.part.peek().is_none() && !self.ended {
            let part = self.reader.revisions(self.last, PART)?;
            self.ended = part.is_empty();
            self.last = part.last().map(|(id, ..)| *id).or(self.last);
            self.part = part.into_iter().peekable();
        }
        Ok(self.part.next_if(|(id, ..)| leaf_of(*id) == leaf))
    }
}
