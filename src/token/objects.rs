//! Objects in and out: one transaction for each change, checked rows for each read.

use super::changes::{Touched, tampered};
use super::header::Card;
use super::pins::Role;
use super::rows::{RowKeys, Seal};
use super::unlocked::Unlocked;
use super::{Token, record};
use crate::domain::keyring::Keyring;
use crate::error::{Error, Result};
use crate::object::attribute::Attributes;
use crate::object::{Object, ObjectId};
use crate::seal::envelope::random;
use crate::storage::tree::{Entry, Mark, leaf_of};
use crate::storage::{Query, Reader, Row, Scope, Writer};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How often another id is tried for a new object whose place in the row tree is damaged.
const PLACES_TRIED: usize = 8;

impl Token {
    /// Stores new objects, all of them or none.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the domain and the store.
    pub fn insert(&self, made: Vec<Attributes>) -> Result<Vec<Arc<Object>>> {
        let unlocked = self.login_needed()?;
        let mut objects = Vec::new();
        self.change_rows(&unlocked, |writer, rows| {
            objects.clear();
            let mut changes = Vec::new();
            let mut fresh = Vec::with_capacity(made.len());
            for attributes in &made {
                let id = free_place(&rows.keys, writer)?;
                let object = Object::new(id, 1, attributes.clone());
                fresh.push(record::seal(&unlocked, &rows.keys, rows.ring()?, &object)?);
                changes.push((id, Some(entry(&object))));
                objects.push(Arc::new(object));
            }
            writer.put_rows(&fresh)?;
            let head = rows.keys.tree.update(writer, &changes)?;
            Ok(((), touched(&changes, head)))
        })?;
        for object in &objects {
            self.remember(&unlocked, object);
        }
        Ok(objects)
    }

    /// Puts an object with these attributes in the place of `object`, as its next revision.
    ///
    /// # Errors
    /// `StoreBusy` when somebody else has changed the object since it was read: read and try again;
    /// `ObjectHandleInvalid` when it is gone; `ObjectTampered`; those of the store.
    pub fn replace(&self, object: &Object, attributes: Attributes) -> Result<Arc<Object>> {
        self.update(object.id(), |current| {
            if current.revision() == object.revision() {
                Ok(attributes.clone())
            } else {
                Err(Error::StoreBusy)
            }
        })
    }

    /// Changes an object: `change` makes the new attributes from the object as it is now, while nobody
    /// else can change it.
    ///
    /// # Errors
    /// Those of `change`; `ObjectHandleInvalid` when it is gone; `ObjectTampered`; those of the store.
    pub fn update(
        &self,
        id: ObjectId,
        mut change: impl FnMut(&Object) -> Result<Attributes>,
    ) -> Result<Arc<Object>> {
        let unlocked = self.login_needed()?;
        let changed = self.change_rows(&unlocked, |writer, rows| {
            let (keys, ring) = (&rows.keys, rows.ring()?);
            let row = checked_row(keys, writer, keys.tree.floor(), id)?;
            let current = record::open(keys, ring, &row)?;
            let next = row.revision.saturating_add(1);
            let object = Object::new(id, next, change(&current)?).standing_as(current.standing());
            writer.put_rows(&[record::seal(&unlocked, keys, ring, &object)?])?;
            let changes = [(id, Some(entry(&object)))];
            let head = keys.tree.update(writer, &changes)?;
            Ok((Arc::new(object), touched(&changes, head)))
        })?;
        self.unscrubbed.store(true, Ordering::SeqCst);
        self.public.forget(id);
        self.remember(&unlocked, &changed);
        Ok(changed)
    }

    /// Destroys an object. It is gone from the store when this returns.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; `ObjectHandleInvalid` when it is gone already; those of the store.
    pub fn remove(&self, object: &Object) -> Result<()> {
        self.remove_id(object.id())
    }

    /// Destroys an object that may be too damaged to be read.
    ///
    /// # Errors
    /// As [`Token::remove`].
    pub fn remove_id(&self, id: ObjectId) -> Result<()> {
        let unlocked = self.login_needed()?;
        self.change_rows(&unlocked, |writer, rows| {
            let tree = &rows.keys.tree;
            let listed = tree.entry(writer, tree.floor(), id)?.is_some();
            if !writer.delete_row(id)? && !listed {
                return Err(Error::ObjectHandleInvalid);
            }
            let changes = [(id, None)];
            let head = tree.update(writer, &changes)?;
            Ok(((), touched(&changes, head)))
        })?;
        self.unscrubbed.store(true, Ordering::SeqCst);
        unlocked.cache.forget(id);
        self.public.forget(id);
        Ok(())
    }

    /// An object as it is now. Before login, what anybody may see of it.
    ///
    /// # Errors
    /// `ObjectHandleInvalid` when there is none, or none to be seen; `ObjectTampered`, `StoreTampered`;
    /// those of the store.
    pub fn load(&self, id: ObjectId) -> Result<Arc<Object>> {
        // Read before the store is: a change in between makes what is kept look old, never new.
        let counter = self.group_counter(leaf_of(id));
        let login = self.unlocked.load();
        let cache = login
            .as_ref()
            .map_or(&self.public, |unlocked| &unlocked.cache);
        if let Some(object) = counter.and_then(|counter| cache.current(id, counter)) {
            return Ok(object);
        }
        if let Some(object) = Token::built_in(id) {
            return Ok(object);
        }
        match login.as_ref() {
            Some(unlocked) => match self.domain_key(unlocked, id) {
                Some(object) => Ok(object),
                None => self.load_checked(unlocked, id, counter),
            },
            None => self.load_public(id, counter),
        }
    }

    fn load_checked(
        &self,
        unlocked: &Unlocked,
        id: ObjectId,
        counter: Option<u64>,
    ) -> Result<Arc<Object>> {
        let ring = match self.keyring(unlocked) {
            Err(Error::UserNotLoggedIn) => return Err(Error::UserNotLoggedIn),
            // Public objects are read without a domain key.
            other => other,
        };
        let keys = self.row_keys(unlocked)?;
        let floor = keys.tree.floor();
        let row = self
            .store_of(&keys)?
            .reading(|reader| checked_row(&keys, reader, floor, id));
        let row = self.with_tampering_kept(row)?;
        if row.private && unlocked.role() != Role::User {
            return Err(Error::ObjectHandleInvalid);
        }
        if let Some(object) = unlocked.cache.revalidate(id, row.revision, counter) {
            return Ok(object);
        }
        let object = match (&row.sealed, ring) {
            (None, _) => record::open_clear(&keys.seal, &row)?,
            (Some(_), ring) => match record::open(&keys, &*ring?, &row) {
                Err(Error::UnknownDomainKey(_)) if keys.are_shared() => {
                    self.follow()?;
                    record::open(&keys, &*self.keyring(unlocked)?, &row)?
                }
                other => other?,
            },
        };
        let object = Arc::new(record::usable(object));
        if let Some(counter) = counter {
            unlocked.cache.keep(&object, counter);
        }
        Ok(object)
    }

    fn load_public(&self, id: ObjectId, counter: Option<u64>) -> Result<Arc<Object>> {
        let attached = self.attached()?;
        let store = match &attached {
            Some(_) => self.repository()?,
            None => &*self.store,
        };
        let row = store.reading(|reader| reader.row(id))?;
        let row = row
            .filter(|row| !row.private)
            .ok_or(Error::ObjectHandleInvalid)?;
        if let Some(object) = self.public.revalidate(id, row.revision, counter) {
            return Ok(object);
        }
        let seal = match attached {
            Some(attached) => attached.seal,
            None => Seal::of(&*self.trusted_card()?),
        };
        let object = Arc::new(record::open_clear(&seal, &row)?);
        if let Some(counter) = counter {
            self.public.keep(&object, counter);
        }
        Ok(object)
    }

    /// The card, with the public key that the anchor confirms where there is an anchor.
    fn trusted_card(&self) -> Result<Arc<Card>> {
        let card = self.card.load_full();
        match self.anchored()? {
            Some(known) if known.epoch == card.epoch && known.signing != card.signing => Err(
                Error::StoreTampered("the module's public key is not the one it had".into()),
            ),
            _ => Ok(card),
        }
    }

    /// Keeps an object that was just written, unless it was changed again already.
    fn remember(&self, unlocked: &Unlocked, object: &Arc<Object>) {
        // The counter may be that of a later change by another process: then the next read compares
        // revisions, because the row was read under an older one.
        unlocked.cache.keep(object, NEVER);
    }
}

/// A counter that no group has: what is kept under it is compared with the store at the next read.
const NEVER: u64 = u64::MAX;

/// The row of an object, which must be the one that the row tree lists.
pub(super) fn checked_row(
    keys: &RowKeys,
    reader: &dyn Reader,
    floor: u64,
    id: ObjectId,
) -> Result<Row> {
    let listed = keys.tree.entry(reader, floor, id)?;
    match (reader.row(id)?, listed) {
        (None, None) => Err(Error::ObjectHandleInvalid),
        (Some(row), Some(entry))
            if row.revision == entry.revision && entry.mark == Mark::of(row.standing) =>
        {
            Ok(row)
        }
        _ => Err(tampered(id)),
    }
}

/// A new id whose place in the row tree can be written.
pub(super) fn free_place(keys: &RowKeys, reader: &dyn Reader) -> Result<ObjectId> {
    let mut last = Error::Internal("no place in the row tree was tried");
    for _ in 0..PLACES_TRIED {
        let id = ObjectId(random());
        match keys.tree.entry(reader, keys.tree.floor(), id) {
            Ok(None) => return Ok(id),
            Ok(Some(_)) => {}
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Takes every object under a key that `new` lacks to its active key. Answers a line for each one that
/// could not be.
pub(super) fn carry_over(
    writer: &dyn Writer,
    unlocked: &Unlocked,
    old: &Keyring,
    new: &Keyring,
) -> Result<Vec<String>> {
    let mut left = Vec::new();
    let keys = &unlocked.own;
    for key in old
        .keys()
        .iter()
        .map(|key| key.key.id())
        .filter(|id| new.find(*id).is_none())
    {
        let query = Query {
            scope: Scope::All,
            domain_key: Some(key.0),
            any_standing: true,
            ..Query::default()
        };
        for id in writer.find(&query)? {
            let row = checked_row(keys, writer, keys.tree.floor(), id);
            match row.and_then(|row| record::open(keys, old, &row)) {
                Ok(object) => writer.put_row(&record::seal(unlocked, keys, new, &object)?)?,
                Err(error) => left.push(format!("{id}: {error}")),
            }
        }
    }
    Ok(left)
}

/// What the row tree says of an object.
pub(super) fn entry(object: &Object) -> Entry {
    Entry {
        revision: object.revision(),
        mark: Mark::of(object.standing()),
    }
}

pub(super) fn touched(changes: &[(ObjectId, Option<Entry>)], head: (u64, [u8; 32])) -> Touched {
    let groups = changes.iter().map(|(id, _)| leaf_of(*id)).collect();
    Touched {
        groups,
        head: Some(head),
        ..Touched::nothing()
    }
}

/// A module without domain keys can still list and destroy.
pub(super) fn keyless(error: Error) -> Result<()> {
    if matches!(error, Error::DomainRule(_)) {
        Ok(())
    } else {
        Err(error)
    }
}
