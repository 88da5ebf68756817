//! Customer keys in the store: the versions of a family, and how they are suspended and reinstated.

use super::objects::{checked_row, entry, touched};
use super::{Token, record};
use crate::domain::customer::suspension::Version;
use crate::error::{Error, Result};
use crate::object::attribute::{Attributes, Value};
use crate::object::standing::Standing;
use crate::object::vendor::CKA_KEYWARD_KEY_VERSION;
use crate::object::{Object, ObjectId};
use crate::storage::{Column, Query, Scope};
use std::sync::Arc;

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
}

/// The fact that keeps what the customer of a suspended key was given.
fn suspension(family: [u8; 16]) -> String {
    format!("suspended/{}", ObjectId(family))
}
