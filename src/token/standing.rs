//! How a key stands: current, superseded by a newer version, marked for shredding, destroyed. The row
//! tree authenticates it, so that a mark that was taken off outside is noticed.

use super::changes::Touched;
use super::domain::now;
use super::objects::{checked_row, entry, free_place, touched};
use super::unlocked::Unlocked;
use super::{Token, record};
use crate::domain::command::Change;
use crate::domain::ids::KeyId;
use crate::domain::token::Public;
use crate::error::{Error, Result};
use crate::object::attribute::Attributes;
use crate::object::history::{COMPROMISED, Entry};
use crate::object::standing::Standing;
use crate::object::{Object, ObjectId};
use crate::storage::{Query, Scope, Writer};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How many marked keys are completed in one transaction.
const BATCH: usize = 500;

impl Token {
    /// Changes how an object stands, and its attributes with it: `change` makes both from what there is
    /// now, while nobody else can change it. The material of an object that becomes `Destroyed` is
    /// dropped; its record stays.
    ///
    /// # Errors
    /// Those of `change`; `ObjectHandleInvalid` when the object is gone; `ObjectTampered`; those of the
    /// store.
    pub fn restand(
        &self,
        id: ObjectId,
        mut change: impl FnMut(&Object) -> Result<(Attributes, Standing)>,
    ) -> Result<Arc<Object>> {
        let unlocked = self.login_needed()?;
        let changed = self.change_rows(&unlocked, |writer, rows| {
            let (keys, ring) = (&rows.keys, rows.ring()?);
            let row = checked_row(keys, writer, keys.tree.floor(), id)?;
            let current = record::open(keys, ring, &row)?;
            let (attributes, standing) = change(&current)?;
            let object = record::restood(ring, &current, attributes, standing);
            writer.put_row(&record::seal(&unlocked, keys, ring, &object)?)?;
            let changes = [(id, Some(entry(&object)))];
            let head = keys.tree.update(writer, &changes)?;
            Ok((Arc::new(object), touched(&changes, head)))
        })?;
        self.let_go(&unlocked, id);
        Ok(changed)
    }

    /// Puts a new version of a key beside the old one, which from then on is superseded and has these
    /// attributes: both or neither. Answers the new one.
    ///
    /// # Errors
    /// `StoreBusy` when somebody else has changed the old one since it was read: read and try again;
    /// those of [`Token::restand`].
    pub fn supersede(
        &self,
        old: &Object,
        old_attributes: &Attributes,
        new: &Attributes,
    ) -> Result<Arc<Object>> {
        let unlocked = self.login_needed()?;
        let made = self.change_rows(&unlocked, |writer, rows| {
            let (keys, ring) = (&rows.keys, rows.ring()?);
            let row = checked_row(keys, writer, keys.tree.floor(), old.id())?;
            if row.revision != old.revision() || row.standing != Standing::Current {
                return Err(Error::StoreBusy);
            }
            let attributes = old_attributes.clone();
            let before = record::restood(ring, old, attributes, Standing::Superseded);
            let id = free_place(keys, writer)?;
            let object = Object::new(id, 1, new.clone());
            let mut changes = Vec::new();
            for one in [&before, &object] {
                writer.put_row(&record::seal(&unlocked, keys, ring, one)?)?;
                changes.push((one.id(), Some(entry(one))));
            }
            let head = keys.tree.update(writer, &changes)?;
            Ok((Arc::new(object), touched(&changes, head)))
        })?;
        self.let_go(&unlocked, old.id());
        Ok(made)
    }

    /// Destroys the material of one key at once: its record stays, and nothing of the material is left in
    /// the store's files when this returns true. Copies of the database made before hold it sealed, until
    /// the domain key it was under is removed.
    ///
    /// # Errors
    /// As [`Token::restand`].
    pub fn shred(&self, id: ObjectId) -> Result<(Arc<Object>, bool)> {
        let shredded = self.restand(id, |object| {
            Ok((object.attributes().clone(), Standing::Destroyed))
        })?;
        let erased = self.scrub_rows()?;
        Ok((shredded, erased))
    }

    /// Adds to the history of a key that it became known to others, whether it is still there or destroyed.
    ///
    /// # Errors
    /// As [`Token::restand`].
    pub fn note_compromise(&self, id: ObjectId) -> Result<Arc<Object>> {
        self.restand(id, |object| {
            let mut attributes = object.attributes().clone();
            let (mark, at) = (COMPROMISED, now());
            Entry { mark, at }.add_to(&mut attributes);
            Ok((attributes, object.standing()))
        })
    }

    /// Takes the marks off keys that a version of the domain says are kept.
    pub(super) fn keep_what_it_says(&self, public: &Public) -> Result<()> {
        let Some((approvals, applied)) = public.approvals.as_ref().zip(public.state.applied) else {
            return Ok(());
        };
        let changes = applied.of(&approvals.mandate().changes).unwrap_or_default();
        for change in changes {
            if let Change::ShredCancel(keys) = change {
                self.keep_marked(keys)?;
            }
        }
        Ok(())
    }

    /// Keeps keys that were marked for shredding: of each family, by its id or an object's, the newest is
    /// current again. One whose material is gone stays marked. A domain with operators decides this by
    /// quorum.
    ///
    /// # Errors
    /// As [`Token::restand`].
    pub fn keep_marked(&self, keys: &[KeyId]) -> Result<()> {
        for key in keys {
            let versions = self.versions(key.0)?;
            let newest = versions.last().map(|version| version.id());
            for version in &versions {
                if version.standing() == Standing::ShredPending {
                    self.keep(version.id(), Some(version.id()) == newest)?;
                }
            }
        }
        Ok(())
    }

    /// Takes the mark off an object whose material is still there.
    fn keep(&self, id: ObjectId, newest: bool) -> Result<()> {
        let kept = if newest {
            Standing::Current
        } else {
            Standing::Superseded
        };
        self.restand(id, |current| {
            let marked = current.standing() == Standing::ShredPending;
            let standing = if marked && record::has_secrets(current.attributes()) {
                kept
            } else {
                current.standing()
            };
            Ok((current.attributes().clone(), standing))
        })
        .map(drop)
    }

    /// Sets every marked key whose material a rotation left behind to destroyed. Answers them.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the store.
    pub fn complete_shredding(&self) -> Result<Vec<ObjectId>> {
        let unlocked = self.login_needed()?;
        let mut all = Vec::new();
        loop {
            let done = self.change_rows(&unlocked, |writer, rows| {
                let mut changes = Vec::new();
                for id in marked(writer)? {
                    if changes.len() == BATCH {
                        break;
                    }
                    let (keys, ring) = (&rows.keys, rows.ring()?);
                    let row = checked_row(keys, writer, keys.tree.floor(), id)?;
                    let object = record::open(keys, ring, &row)?;
                    // One that was marked after the rotation waits for the next.
                    if record::has_secrets(object.attributes()) {
                        continue;
                    }
                    let attributes = object.attributes().clone();
                    let object = record::restood(ring, &object, attributes, Standing::Destroyed);
                    writer.put_row(&record::seal(&unlocked, keys, ring, &object)?)?;
                    changes.push((id, Some(entry(&object))));
                }
                if changes.is_empty() {
                    return Ok((Vec::new(), Touched::nothing()));
                }
                let head = rows.keys.tree.update(writer, &changes)?;
                let ids = changes.iter().map(|(id, _)| *id).collect();
                Ok((ids, touched(&changes, head)))
            })?;
            if done.is_empty() {
                return Ok(all);
            }
            for id in &done {
                self.let_go(&unlocked, *id);
            }
            all.extend(done);
        }
    }

    /// Forgets what is kept of an object that was changed.
    pub(super) fn let_go(&self, unlocked: &Unlocked, id: ObjectId) {
        self.unscrubbed.store(true, Ordering::SeqCst);
        unlocked.cache.forget(id);
        self.public.forget(id);
    }

    /// [`Token::scrub`], of the store that has the objects.
    pub(super) fn scrub_rows(&self) -> Result<bool> {
        let unlocked = self.login_needed()?;
        let keys = self.row_keys(&unlocked)?;
        if keys.are_shared() {
            self.repository()?.scrub()
        } else {
            self.scrub()
        }
    }
}

/// The objects that are marked for shredding.
fn marked(writer: &dyn Writer) -> Result<Vec<ObjectId>> {
    writer.find(&Query {
        scope: Scope::All,
        standing: Some(Standing::ShredPending),
        ..Query::default()
    })
}
