//! Customer keys in the store: the versions of a family, and what is counted of each.
//!
//! Counts are entries of the row tree without a row, so that one that was put back is noticed. A process
//! reserves some of a count at a time, so that not each step is a transaction; what it reserved and did
//! not use it gives back when it logs out. One that dies has counted too many, never too few.

use super::changes::{Touched, tampered};
use super::objects::{checked_row, entry, touched};
use super::rows::RowKeys;
use super::{Token, record};
use crate::domain::customer::suspension::Version;
use crate::error::{Error, Result};
use crate::object::attribute::{Attributes, Value};
use crate::object::standing::Standing;
use crate::object::vendor::CKA_KEYWARD_KEY_VERSION;
use crate::object::{Object, ObjectId};
use crate::seal::envelope::mac;
use crate::storage::tree::{Entry, Mark, leaf_of};
use crate::storage::{Column, Query, Scope};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// The most of one count that a process reserves at a time.
const BLOCK_MAX: u64 = 1024;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Count {
    /// Uses of a key whose policy limits them.
    Uses,
    /// Things wrapped under a version of a key.
    Registered,
}

/// The counts of which this process has reserved something.
#[derive(Default)]
pub(super) struct Counts(Mutex<HashMap<Counted, Block>>);

/// A count of one thing: a lineage, or an object that is a version.
type Counted = (Count, [u8; 16]);

/// What a process has reserved of a count.
#[derive(Clone, Copy, Default)]
struct Block {
    left: u64,
    /// How much it reserved last.
    last: u64,
    /// What the count was then.
    total: u64,
}

impl Token {
    /// Every version of a family, oldest first, those that are destroyed too. An object that belongs to no
    /// family is the only version of its own.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the store.
    pub fn versions(&self, family: [u8; 16]) -> Result<Vec<Arc<Object>>> {
        let mut versions = self.all_with(Column::Family, &family)?;
        if versions.is_empty()
            && let Ok(object) = self.load(ObjectId(family))
        {
            versions.push(object);
        }
        versions.sort_by_key(|object| object.attributes().ulong(CKA_KEYWARD_KEY_VERSION));
        Ok(versions)
    }

    /// Every key with this label, in every version that bears it.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the store.
    pub fn labelled(&self, label: &[u8]) -> Result<Vec<Arc<Object>>> {
        self.all_with(Column::Label, label)
    }

    /// The objects, however they stand, that have this value in a column.
    fn all_with(&self, column: Column, value: &[u8]) -> Result<Vec<Arc<Object>>> {
        let unlocked = self.login_needed()?;
        let rows = self.row_keys(&unlocked)?;
        let value = Value::Bytes(value.to_vec());
        let keys = [
            record::index_key(column, &value, None),
            record::index_key(column, &value, Some(&rows.index)),
        ];
        let query = Query {
            scope: Scope::All,
            conditions: vec![(column, keys.into_iter().flatten().collect())],
            any_standing: true,
            ..Query::default()
        };
        let found = self
            .store_of(&rows)?
            .reading(|reader| reader.find(&query))?;
        found.into_iter().map(|id| self.load(id)).collect()
    }

    /// Erases the material of a key whose customer holds it from now on, all versions or none, and keeps what
    /// the customer was given, which opens with the customer's key only. `versions` are the objects with
    /// the revisions that were sealed.
    ///
    /// # Errors
    /// `StoreBusy` when a version was changed since: read and try again; those of the store.
    pub fn suspend(
        &self,
        family: [u8; 16],
        versions: &[(ObjectId, u64)],
        given: &[u8],
    ) -> Result<()> {
        let ids: Vec<ObjectId> = versions.iter().map(|(id, _)| *id).collect();
        self.restand_all(&ids, (family, Some(given)), |now| {
            let sealed = versions.iter().find(|(id, _)| *id == now.id());
            if sealed.is_none_or(|(_, revision)| *revision != now.revision()) {
                return Err(Error::StoreBusy);
            }
            Ok((now.attributes().clone(), Standing::Suspended))
        })
    }

    /// Gives the versions of a suspended key their material back, all or none.
    ///
    /// # Errors
    /// `KeyTokenRefused` when they are of an earlier suspension; those of the store.
    pub fn reinstate(&self, family: [u8; 16], versions: &[Version]) -> Result<()> {
        let ids: Vec<ObjectId> = versions.iter().map(|own| own.id).collect();
        self.restand_all(&ids, (family, None), |now| {
            let held = versions.iter().find(|own| own.id == now.id());
            // Just the revision after the one that was sealed: an older suspension brings nothing back.
            let held = held.filter(|own| {
                now.standing() == Standing::Suspended
                    && own.revision.checked_add(1) == Some(now.revision())
            });
            let held = held.ok_or_else(|| {
                Error::KeyTokenRefused("it is of an earlier suspension of the key".into())
            })?;
            let standing = Standing::from_number(held.standing).unwrap_or(Standing::EDITED);
            Ok((held.attributes.clone(), standing))
        })
    }

    /// What the customer of a suspended key was given.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the store.
    pub fn suspended(&self, family: [u8; 16]) -> Result<Option<Vec<u8>>> {
        let unlocked = self.login_needed()?;
        let rows = self.row_keys(&unlocked)?;
        self.store_of(&rows)?
            .reading(|reader| reader.fact(&suspension(family)))
    }

    /// Changes how objects stand, and their attributes with it, and what is kept of a suspension: all of it,
    /// or nothing.
    fn restand_all(
        &self,
        ids: &[ObjectId],
        (family, kept): ([u8; 16], Option<&[u8]>),
        change: impl Fn(&Object) -> Result<(Attributes, Standing)>,
    ) -> Result<()> {
        let unlocked = self.login_needed()?;
        self.change_rows(&unlocked, |writer, rows| {
            let (keys, ring) = (&rows.keys, rows.ring()?);
            let mut changes = Vec::with_capacity(ids.len());
            for id in ids {
                let row = checked_row(keys, writer, keys.tree.floor(), *id)?;
                let current = record::open(keys, ring, &row)?;
                let (attributes, standing) = change(&current)?;
                let object = record::restood(ring, &current, attributes, standing);
                writer.put_row(&record::seal(&unlocked, keys, ring, &object)?)?;
                changes.push((*id, Some(entry(&object))));
            }
            writer.set_fact(&suspension(family), kept)?;
            let head = keys.tree.update(writer, &changes)?;
            Ok(((), touched(&changes, head)))
        })?;
        for id in ids {
            self.let_go(&unlocked, *id);
        }
        self.scrub_rows().map(drop)
    }

    /// Counts one use of a key, of which there may be `most` in all. Whether it was one of those.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the store.
    pub fn count_use(&self, lineage: &[u8; 16], most: u64) -> Result<bool> {
        self.take_one((Count::Uses, *lineage), most)
    }

    /// Counts one more thing as wrapped under a version.
    ///
    /// # Errors
    /// As [`Token::count_use`].
    pub fn register_one(&self, version: ObjectId) -> Result<()> {
        self.take_one((Count::Registered, version.0), u64::MAX)
            .map(drop)
    }

    /// Counts things as wrapped under a version, or off: `change` makes the new count from the old one.
    ///
    /// # Errors
    /// As [`Token::count_use`].
    pub fn register(&self, version: ObjectId, change: impl Fn(u64) -> u64) -> Result<u64> {
        let counted = (Count::Registered, version.0);
        let left = self.counts.0.lock().get(&counted).map_or(0, |own| own.left);
        let total = self.change_count(counted, |now| {
            change(now.saturating_sub(left)).saturating_add(left)
        })?;
        Ok(total.saturating_sub(left))
    }

    /// How many things are counted as wrapped under a version, by every process.
    ///
    /// # Errors
    /// As [`Token::count_use`].
    pub fn registered(&self, version: ObjectId) -> Result<u64> {
        let unlocked = self.login_needed()?;
        let counted = (Count::Registered, version.0);
        let left = self.counts.0.lock().get(&counted).map_or(0, |own| own.left);
        let rows = self.row_keys(&unlocked)?;
        let place = place(&rows, counted);
        let floor = rows.tree.floor();
        let entry = self
            .store_of(&rows)?
            .reading(|reader| rows.tree.entry(reader, floor, place))?;
        Ok(decode(place, entry)?.saturating_sub(left))
    }

    /// Gives back what this process reserved and did not use.
    ///
    /// # Errors
    /// As [`Token::count_use`]; what was not given back stays counted.
    pub(super) fn give_back_counts(&self) -> Result<()> {
        let reserved = std::mem::take(&mut *self.counts.0.lock());
        for (counted, block) in reserved.into_iter().filter(|(_, block)| block.left > 0) {
            self.change_count(counted, |now| now.saturating_sub(block.left))?;
        }
        Ok(())
    }

    /// Takes one of a count that may reach `most`. Whether there was one left.
    fn take_one(&self, counted: Counted, most: u64) -> Result<bool> {
        // Held throughout: two threads must not both take the last one.
        let mut counts = self.counts.0.lock();
        let block = counts.entry(counted).or_default();
        if block.left > 0 && block.total > most {
            // Fewer are allowed than when these were reserved.
            self.change_count(counted, |now| now.saturating_sub(block.left))?;
            block.left = 0;
        }
        if block.left == 0 {
            let wish = block.last.saturating_mul(2).clamp(1, BLOCK_MAX);
            let mut reserved = 0;
            block.total = self.change_count(counted, |now| {
                let free = most.saturating_sub(now);
                // Others may want some, too, of what is left.
                reserved = wish.min(free.div_ceil(4));
                now.saturating_add(reserved)
            })?;
            (block.left, block.last) = (reserved, reserved);
        }
        match block.left.checked_sub(1) {
            Some(left) => {
                block.left = left;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Changes a count durably. Answers the new one.
    fn change_count(&self, counted: Counted, mut change: impl FnMut(u64) -> u64) -> Result<u64> {
        let unlocked = self.login_needed()?;
        self.change_rows(&unlocked, |writer, rows| {
            let place = place(&rows.keys, counted);
            let tree = &rows.keys.tree;
            let now = decode(place, tree.entry(writer, tree.floor(), place)?)?;
            let next = change(now);
            if next == now {
                return Ok((now, Touched::nothing()));
            }
            let head = tree.update(writer, &[(place, encode(next))])?;
            let touched = Touched {
                groups: vec![leaf_of(place)],
                head: Some(head),
                ..Touched::nothing()
            };
            Ok((next, touched))
        })
    }
}

/// The fact that keeps what the customer of a suspended key was given.
fn suspension(family: [u8; 16]) -> String {
    format!("suspended/{}", ObjectId(family))
}

/// The entry of the row tree that holds a count.
fn place(rows: &RowKeys, (count, of): Counted) -> ObjectId {
    let kind: &[u8] = match count {
        Count::Uses => b"uses ",
        Count::Registered => b"registered ",
    };
    let mac = mac(&rows.roles, &[kind, &of].concat());
    ObjectId(mac.first_chunk::<16>().copied().unwrap_or_default())
}

fn decode(place: ObjectId, entry: Option<Entry>) -> Result<u64> {
    match entry {
        None => Ok(0),
        Some(entry) if entry.mark == Mark::Role => Ok(entry.revision),
        Some(_) => Err(tampered(place)),
    }
}

/// A count of nothing needs no entry.
fn encode(count: u64) -> Option<Entry> {
    (count > 0).then_some(Entry {
        revision: count,
        mark: Mark::Role,
    })
}
