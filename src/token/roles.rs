//! What keys have been used for, by lineage: all copies of a key, and both halves of a pair, share one
//! record. It is durable before the first output, and never changes from one role to another.

use super::Token;
use super::changes::{Touched, tampered};
use crate::error::{Error, Result};
use crate::object::ObjectId;
use crate::object::policy::{Role, RoleState};
use crate::seal::envelope::{mac, random, same};
use crate::storage::tree::leaf_of;
use crate::storage::{Reader, Writer};
use parking_lot::RwLock;
use std::collections::HashMap;

/// The most records kept in memory.
const CACHE_MAX: usize = 1 << 16;

/// Under which a record is kept: an object's id, or one that several share.
type Lineage = [u8; 16];

/// Records that are known already.
pub(super) struct RoleCache {
    /// With the counter of the lineage's group when the store was read.
    known: RwLock<HashMap<Lineage, (RoleState, u64)>>,
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

    fn keep(&self, lineage: Lineage, state: RoleState, counter: u64) {
        let mut known = self.known.write();
        if known.len() >= CACHE_MAX {
            known.clear();
        }
        known.insert(lineage, (state, counter));
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
        let Some(unlocked) = self.unlocked.load_full() else {
            return Ok(self
                .roles
                .volatile
                .read()
                .get(lineage)
                .copied()
                .unwrap_or_default());
        };
        let counter = self.registry.group(leaf_of(ObjectId(*lineage)));
        let known = self.roles.known.read().get(lineage).copied();
        if let (Some((state, seen)), Some(now)) = (known, counter)
            && seen == now
        {
            return Ok(state);
        }
        let key = &unlocked.keys().roles;
        let state = self.store.reading(|reader| read(reader, key, lineage))?;
        if let Some(counter) = counter {
            self.roles.keep(*lineage, state, counter);
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
            *own = together(*own, more)?;
            return Ok(());
        };
        let known = self.role(lineage)?;
        if together(known, more)? == known {
            return Ok(());
        }
        let key = &unlocked.keys().roles;
        self.change(|writer| {
            let state = together(read(writer, key, lineage)?, more)?;
            write(writer, key, lineage, state)?;
            let groups = vec![leaf_of(ObjectId(*lineage))];
            Ok((
                (),
                Touched {
                    groups,
                    ..Touched::nothing()
                },
            ))
        })
    }
}

/// Two records of one lineage, which must not contradict each other.
fn together(one: RoleState, other: RoleState) -> Result<RoleState> {
    let contradict =
        one.role != other.role && one.role != Role::Undecided && other.role != Role::Undecided;
    if contradict {
        Err(Error::KeyFunctionNotPermitted)
    } else {
        Ok(one.joined(other))
    }
}

/// The name of a record in the table.
fn name(key: &[u8; 32], lineage: &Lineage) -> [u8; 32] {
    mac(key, &[b"lineage ".as_slice(), lineage].concat())
}

fn read(reader: &dyn Reader, key: &[u8; 32], lineage: &Lineage) -> Result<RoleState> {
    let name = name(key, lineage);
    let Some(stored) = reader.role(&name)? else {
        return Ok(RoleState::default());
    };
    let genuine = stored.split_first_chunk::<32>().and_then(|(tag, rest)| {
        let [role, carried] = *rest else { return None };
        same(tag, &authenticator(key, &name, [role, carried])).then(|| RoleState {
            role: Role::from_number(role.into()),
            carried: carried == 1,
        })
    });
    genuine.ok_or_else(|| tampered(ObjectId(*lineage)))
}

fn write(writer: &dyn Writer, key: &[u8; 32], lineage: &Lineage, state: RoleState) -> Result<()> {
    let name = name(key, lineage);
    let role = u8::try_from(state.role.number()).map_err(|_| Error::Internal("a role's number"))?;
    let state = [role, state.carried.into()];
    writer.put_role(
        &name,
        &[&authenticator(key, &name, state)[..], &state].concat(),
    )
}

fn authenticator(key: &[u8; 32], name: &[u8; 32], state: [u8; 2]) -> [u8; 32] {
    mac(key, &[b"role ".as_slice(), name, &state].concat())
}
