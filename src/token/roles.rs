//! What keys have been used for, by lineage: all copies of a key, and both halves of a pair, share one
//! record. It is durable before the first output, and never changes from one role to another. The row
//! tree holds the records, so that one that was put back or deleted is noticed.

use super::Token;
use super::changes::{Touched, tampered};
use super::rows::RowKeys;
use crate::error::Result;
use crate::object::policy::{Role, RoleState, lineage};
use crate::object::{Object, ObjectId};
use crate::seal::envelope::{mac, random};
use crate::storage::Reader;
use crate::storage::tree::{Entry, Mark, leaf_of};
use parking_lot::RwLock;
use std::collections::HashMap;

/// The most records kept in memory.
const CACHE_MAX: usize = 1 << 16;

/// Under which a record is kept: an object's id, or one that several share.
type Lineage = [u8; 16];

/// A record as it was read.
#[derive(Clone, Copy)]
struct Known {
    state: RoleState,
    /// The group in which its changes are counted, and the counter before it was read.
    group: u16,
    counter: u64,
}

/// Records that are known already.
pub(super) struct RoleCache {
    known: RwLock<HashMap<Lineage, Known>>,
    /// Records of session keys that were used without a login; they end with the process.
    volatile: RwLock<HashMap<Lineage, RoleState>>,
}

impl RoleCache {
    pub(super) fn new() -> Self {
        RoleCache {
            known: RwLock::default(),
            volatile: RwLock::default(),
        }
    }

    /// Forgets what the store knows too.
    pub(super) fn clear(&self) {
        self.known.write().clear();
    }

    fn keep(&self, lineage: Lineage, fresh: Known) {
        let mut known = self.known.write();
        if known.len() >= CACHE_MAX {
            known.clear();
        }
        known.insert(lineage, fresh);
    }
}

impl Token {
    /// A random id, such as a lineage.
    ///
    /// # Errors
    /// None so far.
    pub fn random_id(&self) -> Result<[u8; 16]> {
        Ok(random())
    }

    /// What is recorded under a lineage; nothing recorded is the default. While no process records
    /// anything near it, a look-up in memory.
    ///
    /// # Errors
    /// `ObjectTampered` when the record was edited; those of the store.
    pub fn role(&self, lineage: &Lineage) -> Result<RoleState> {
        let login = self.unlocked.load();
        let Some(unlocked) = login.as_ref() else {
            return Ok(self
                .roles
                .volatile
                .read()
                .get(lineage)
                .copied()
                .unwrap_or_default());
        };
        let known = self.roles.known.read().get(lineage).copied();
        if let Some(known) = known
            && self.group_counter(known.group) == Some(known.counter)
        {
            return Ok(known.state);
        }
        let keys = self.row_keys(unlocked)?;
        let place = place(&keys.roles, lineage);
        let group = leaf_of(place);
        let counter = self.group_counter(group);
        let floor = keys.tree.floor();
        let entry = self
            .store_of(&keys)?
            .reading(|reader| keys.tree.entry(reader, floor, place))?;
        let state = decode(lineage, entry)?;
        if let Some(counter) = counter {
            self.roles.keep(
                *lineage,
                Known {
                    state,
                    group,
                    counter,
                },
            );
        }
        Ok(state)
    }

    /// Records uses of a key durably, beside what is recorded already.
    ///
    /// # Errors
    /// `KeyFunctionNotPermitted` when another role is recorded; `ObjectTampered`; those of the store.
    pub fn record_role(&self, lineage: &Lineage, more: RoleState) -> Result<()> {
        let Some(unlocked) = self.unlocked.load_full() else {
            let mut volatile = self.roles.volatile.write();
            let own = volatile.entry(*lineage).or_default();
            *own = own.and(more)?;
            return Ok(());
        };
        let known = self.role(lineage)?;
        if known.and(more)? == known {
            return Ok(());
        }
        self.change_rows(&unlocked, |writer, rows| {
            let place = place(&rows.keys.roles, lineage);
            let tree = &rows.keys.tree;
            let entry = tree.entry(writer, tree.floor(), place)?;
            let state = decode(lineage, entry)?.and(more)?;
            let head = tree.update(writer, &[(place, Some(encode(state)))])?;
            let groups = vec![leaf_of(place)];
            Ok((
                (),
                Touched {
                    groups,
                    head: Some(head),
                    ..Touched::nothing()
                },
            ))
        })
    }
}

/// The entry of the row tree that records a lineage. An object's own lineage is its id, under which the
/// tree already has the object.
fn place(key: &[u8; 32], lineage: &Lineage) -> ObjectId {
    let mac = mac(key, lineage);
    ObjectId(mac.first_chunk::<16>().copied().unwrap_or_default())
}

/// What is recorded under a lineage among these rows.
pub(super) fn recorded(
    keys: &RowKeys,
    reader: &dyn Reader,
    lineage: &Lineage,
) -> Result<RoleState> {
    let place = place(&keys.roles, lineage);
    decode(lineage, keys.tree.entry(reader, keys.tree.floor(), place)?)
}

/// The record of what an object was used for, for the rows that it moves to; none when there is nothing.
pub(super) fn moved(
    keys: &RowKeys,
    object: &Object,
    used: RoleState,
) -> Option<(ObjectId, Option<Entry>)> {
    let place = place(&keys.roles, &lineage(object));
    (used != RoleState::default()).then(|| (place, Some(encode(used))))
}

fn decode(lineage: &Lineage, entry: Option<Entry>) -> Result<RoleState> {
    let Some(entry) = entry else {
        return Ok(RoleState::default());
    };
    if entry.mark != Mark::Role || entry.revision > 7 {
        return Err(tampered(ObjectId(*lineage)));
    }
    let role = Role::from_number(entry.revision & 3);
    Ok(RoleState {
        role,
        carried: entry.revision & 4 != 0,
    })
}

fn encode(state: RoleState) -> Entry {
    let carried = if state.carried { 4 } else { 0 };
    Entry {
        revision: state.role.number() | carried,
        mark: Mark::Role,
    }
}
