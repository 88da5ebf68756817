//! Session objects: what a handle stands for until its session closes, and the index by which they are
//! found.
//!
//! The objects of a session are in one part of the table, so that sessions seldom meet. What is made and
//! destroyed between two searches, as in a loop that unwraps keys, is never indexed: the index takes in
//! what it lacks when a search comes.

use super::handles::{ByHandle, ObjectHandle, SHARDS, SessionHandle};
use crate::error::{Error, Result};
use crate::object::attribute::{Template, Value};
use crate::object::{Object, read};
use cryptoki_sys::{CKA_CLASS, CKA_ID, CKA_KEY_TYPE, CKA_LABEL};
use parking_lot::RwLock;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The attributes that have an index, the most telling first.
const INDEXED: [u64; 4] = [CKA_LABEL, CKA_ID, CKA_KEY_TYPE, CKA_CLASS];
/// Up to so many objects are looked at one by one.
const FEW: usize = 16;

/// A session object and the session it dies with.
struct Held {
    slot: u64,
    owner: SessionHandle,
    object: Arc<Object>,
    indexed: bool,
}

/// The objects that have a value of an attribute, by number, the eldest first.
#[derive(Default)]
struct Index {
    hasher: RandomState,
    by_value: HashMap<(u64, u64), BTreeSet<u64>>,
}

impl Index {
    fn key(&self, kind: u64, value: &Value) -> Option<(u64, u64)> {
        let hash = match value {
            Value::Ulong(number) => self.hasher.hash_one(number),
            Value::Bytes(_) | Value::Secret(_) => self.hasher.hash_one(value.as_bytes()?),
            Value::Bool(_) | Value::Ulongs(_) | Value::Template(_) => return None,
        };
        Some((kind, hash))
    }

    /// Where an object belongs.
    fn keys(&self, object: &Object) -> impl Iterator<Item = (u64, u64)> {
        INDEXED
            .into_iter()
            .filter_map(|kind| self.key(kind, &*read::value(object, kind).ok()?))
    }

    fn add(&mut self, number: u64, object: &Object) {
        let keys: Vec<_> = self.keys(object).collect();
        for key in keys {
            self.by_value.entry(key).or_default().insert(number);
        }
    }

    fn remove(&mut self, number: u64, object: &Object) {
        let keys: Vec<_> = self.keys(object).collect();
        for key in keys {
            if let Some(numbers) = self.by_value.get_mut(&key) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.by_value.remove(&key);
                }
            }
        }
    }

    /// Those among which everything is that a template describes; `None` where no index tells.
    fn narrow(&self, template: &Template) -> Option<Vec<u64>> {
        let keys = INDEXED
            .into_iter()
            .filter_map(|kind| self.key(kind, template.get(kind)?));
        let sets = keys.map(|key| self.by_value.get(&key));
        // Where no object has a value, none is found.
        let smallest = sets.min_by_key(|set| set.map_or(0, BTreeSet::len))?;
        Some(smallest.map_or_else(Vec::new, |set| set.iter().copied().collect()))
    }
}

/// The objects of some sessions.
#[derive(Default)]
struct Part {
    objects: ByHandle<Held>,
    /// How many of them each session has that made one and is open: most that close have none to look for.
    owned: ByHandle<usize>,
    given: u64,
    index: Index,
    /// How many objects are indexed.
    indexed: usize,
    /// What was made since the last search; much of it may be gone.
    fresh: Vec<u64>,
}

impl Part {
    fn add(&mut self, number: u64, held: Held) {
        *self.owned.entry(held.owner.0).or_default() += 1;
        self.objects.insert(number, held);
        self.fresh.push(number);
        let wanting = self.objects.len().saturating_sub(self.indexed);
        if self.fresh.len() > 2 * wanting + FEW {
            let objects = &self.objects;
            self.fresh
                .retain(|number| objects.get(number).is_some_and(|own| !own.indexed));
        }
    }

    /// Adds a new object of a session. Its handle names the part that the session's objects are in.
    fn add_new(&mut self, slot: u64, owner: SessionHandle, object: Arc<Object>) -> ObjectHandle {
        self.given += 1;
        let number = self.given * SHARDS + owner.0 % SHARDS;
        self.add(
            number,
            Held {
                slot,
                owner,
                object,
                indexed: false,
            },
        );
        ObjectHandle(number * 2 + 1)
    }

    fn remove(&mut self, number: u64) -> Option<Held> {
        let gone = self.objects.remove(&number)?;
        self.forget(number, &gone);
        Some(gone)
    }

    /// Takes out of counts and index what is out of the table.
    fn forget(&mut self, number: u64, gone: &Held) {
        if let Some(count) = self.owned.get_mut(&gone.owner.0) {
            *count = count.saturating_sub(1);
        }
        if gone.indexed {
            self.index.remove(number, &gone.object);
            self.indexed = self.indexed.saturating_sub(1);
        }
    }

    /// Removes what `ends` says; whether any session has a copy of it.
    fn end(&mut self, ends: impl Fn(&Held) -> bool) -> bool {
        let ended: Vec<_> = self.objects.extract_if(|_, own| ends(own)).collect();
        let mut copied = false;
        for (number, own) in &ended {
            self.forget(*number, own);
            copied |= own.object.end();
        }
        copied
    }

    /// Removes the objects of a session that closes; whether any session has a copy of one.
    fn end_session(&mut self, owner: SessionHandle) -> bool {
        let owns = self.owned.get(&owner.0).is_some_and(|count| *count > 0);
        let copied = owns && self.end(|own| own.owner == owner);
        self.owned.remove(&owner.0);
        copied
    }

    /// Brings the index up to date.
    fn take_in(&mut self) {
        for number in std::mem::take(&mut self.fresh) {
            let wanting = self.objects.get_mut(&number);
            if let Some(own) = wanting.filter(|own| !own.indexed) {
                own.indexed = true;
                self.index.add(number, &own.object);
                self.indexed += 1;
            }
        }
    }

    fn needs_index(&self) -> bool {
        !self.fresh.is_empty() && self.objects.len() > FEW
    }

    fn find(&self, slot: u64, template: &Template, sees: &dyn Fn(&Object) -> bool) -> Vec<u64> {
        let fits = |own: &&Held| {
            own.slot == slot && sees(&own.object) && read::matches(&own.object, template)
        };
        let narrowed = if self.objects.len() > FEW {
            self.index.narrow(template)
        } else {
            None
        };
        match narrowed {
            Some(numbers) => numbers
                .into_iter()
                .filter(|number| self.objects.get(number).as_ref().is_some_and(fits))
                .collect(),
            None => {
                let all = self.objects.iter();
                all.filter(|(_, own)| fits(own))
                    .map(|(number, _)| *number)
                    .collect()
            }
        }
    }
}

/// One part of the table, on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Shard {
    part: RwLock<Part>,
    /// How many objects and sessions that made some it has, to be read without the lock.
    count: AtomicUsize,
}

impl Shard {
    /// Changes the part; nobody who looks for objects at the same time has to find those that come or go.
    fn change<T>(&self, change: impl FnOnce(&mut Part) -> T) -> T {
        let mut part = self.part.write();
        let answer = change(&mut part);
        let count = part.objects.len() + part.owned.len();
        if self.count.load(Ordering::Relaxed) != count {
            self.count.store(count, Ordering::Release);
        }
        answer
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }
}

/// What a handle of a session object stands for.
pub(super) struct Found {
    pub(super) slot: u64,
    pub(super) owner: SessionHandle,
    pub(super) object: Arc<Object>,
}

/// The session objects of a process. Their handles are odd.
pub(super) struct SessionObjects {
    shards: [Shard; 128],
}

impl Default for SessionObjects {
    fn default() -> Self {
        SessionObjects {
            shards: std::array::from_fn(|_| Shard::default()),
        }
    }
}

impl SessionObjects {
    /// Gives objects their handles, all of one session.
    pub(super) fn add(
        &self,
        slot: u64,
        owner: SessionHandle,
        objects: impl IntoIterator<Item = Arc<Object>>,
    ) -> Vec<ObjectHandle> {
        self.shard(owner.0).change(|part| {
            let objects = objects.into_iter();
            objects
                .map(|object| part.add_new(slot, owner, object))
                .collect()
        })
    }

    /// Gives an object its handle.
    pub(super) fn add_one(
        &self,
        slot: u64,
        owner: SessionHandle,
        object: Arc<Object>,
    ) -> ObjectHandle {
        let shard = self.shard(owner.0);
        shard.change(|part| part.add_new(slot, owner, object))
    }

    /// Ends an object of the slot that `may` says may be ended: the object, and whether any session has a
    /// copy of it.
    ///
    /// # Errors
    /// `ObjectHandleInvalid`, and those of `may`: the object stays.
    pub(super) fn end_one(
        &self,
        slot: u64,
        handle: ObjectHandle,
        may: impl FnOnce(&Object) -> Result<()>,
    ) -> Result<(Arc<Object>, bool)> {
        let number = handle.0 / 2;
        let gone = self.shard(number).change(|part| {
            let own = part.objects.get(&number).filter(|own| own.slot == slot);
            may(&own.ok_or_else(|| Error::ObjectHandleInvalid)?.object)?;
            part.remove(number)
                .ok_or_else(|| Error::ObjectHandleInvalid)
        })?;
        let copied = gone.object.end();
        Ok((gone.object, copied))
    }

    /// What a handle stands for.
    pub(super) fn get(&self, handle: ObjectHandle) -> Option<Found> {
        let part = self.shard(handle.0 / 2).part.read();
        let own = part.objects.get(&(handle.0 / 2))?;
        Some(Found {
            slot: own.slot,
            owner: own.owner,
            object: Arc::clone(&own.object),
        })
    }

    /// Puts a changed object in the place of the old one; whether any session has a copy of that.
    pub(super) fn replace(&self, handle: ObjectHandle, object: Arc<Object>) -> bool {
        let number = handle.0 / 2;
        self.shard(number).change(|part| {
            let Some(old) = part.remove(number) else {
                return false;
            };
            let copied = old.object.end();
            part.add(
                number,
                Held {
                    object,
                    indexed: false,
                    ..old
                },
            );
            copied
        })
    }

    /// Ends a handle; whether any session has a copy of its object.
    pub(super) fn remove(&self, handle: ObjectHandle) -> bool {
        let gone = self
            .shard(handle.0 / 2)
            .change(|part| part.remove(handle.0 / 2));
        gone.is_some_and(|gone| gone.object.end())
    }

    /// Ends the objects of one session; whether any session has a copy of one.
    pub(super) fn end_session(&self, owner: SessionHandle) -> bool {
        let shard = self.shard(owner.0);
        !shard.is_empty() && shard.change(|part| part.end_session(owner))
    }

    /// Ends all objects.
    pub(super) fn end_all(&self) {
        for shard in self.shards.iter().filter(|shard| !shard.is_empty()) {
            shard.change(|part| part.end(|_| true));
        }
    }

    /// Ends the objects of a slot that `ends` names.
    pub(super) fn end_slot(&self, slot: u64, ends: impl Fn(&Object) -> bool) {
        for shard in self.shards.iter().filter(|shard| !shard.is_empty()) {
            shard.change(|part| part.end(|own| own.slot == slot && ends(&own.object)));
        }
    }

    /// The objects of a slot that a template describes and `sees` lets the caller see: those of one session
    /// in the order in which they were made.
    pub(super) fn find(
        &self,
        slot: u64,
        template: &Template,
        sees: &dyn Fn(&Object) -> bool,
    ) -> Vec<ObjectHandle> {
        let mut found = Vec::new();
        for shard in self.shards.iter().filter(|shard| !shard.is_empty()) {
            let part = shard.part.read();
            if part.needs_index() {
                drop(part);
                let mut part = shard.part.write();
                part.take_in();
                found.extend(part.find(slot, template, sees));
            } else {
                found.extend(part.find(slot, template, sees));
            }
        }
        found.sort_unstable();
        found
            .into_iter()
            .map(|number| ObjectHandle(number * 2 + 1))
            .collect()
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder is below the array's length"
    )]
    fn shard(&self, number: u64) -> &Shard {
        &self.shards[usize::try_from(number % SHARDS).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::access::State;
    use crate::object::{ObjectId, build};
    use cryptoki_sys::{CKA_APPLICATION, CKO_DATA};

    fn object(label: &str) -> Arc<Object> {
        let template = Template(vec![
            (CKA_CLASS, Value::Ulong(CKO_DATA)),
            (CKA_LABEL, Value::Bytes(label.into())),
        ]);
        let made = build::create(&template, State::RwUser).unwrap();
        Arc::new(Object::new(ObjectId([7; 16]), 1, made))
    }

    fn labelled(label: &str) -> Template {
        Template(vec![(CKA_LABEL, Value::Bytes(label.into()))])
    }

    fn find(objects: &SessionObjects, template: &Template) -> Vec<ObjectHandle> {
        objects.find(1, template, &|_| true)
    }

    /// Whatever was made, changed and destroyed, a search finds what a look at every object would.
    #[test]
    fn the_index_tells_what_a_look_at_everything_does() {
        let objects = SessionObjects::default();
        let owner = SessionHandle(5);
        let mut known: Vec<(ObjectHandle, String)> = Vec::new();
        for round in 0..2000_usize {
            let label = format!("label {}", round % 37);
            match round % 7 {
                5 if !known.is_empty() => {
                    let (gone, _) = known.remove(round % known.len());
                    objects.remove(gone);
                }
                6 if !known.is_empty() => {
                    let place = round % known.len();
                    objects.replace(known[place].0, object(&label));
                    known[place].1 = label;
                }
                _ => {
                    let handles = objects.add(1, owner, [object(&label)]);
                    known.push((handles[0], label));
                }
            }
            if round % 11 == 0 {
                let wanted = format!("label {}", round % 41);
                let mut expected: Vec<_> = known
                    .iter()
                    .filter(|(_, label)| *label == wanted)
                    .map(|(handle, _)| *handle)
                    .collect();
                expected.sort_unstable();
                assert_eq!(
                    find(&objects, &labelled(&wanted)),
                    expected,
                    "round {round}"
                );
            }
        }
        assert_eq!(find(&objects, &Template::default()).len(), known.len());
        let other = Template(vec![(CKA_APPLICATION, Value::Bytes(Vec::new()))]);
        assert_eq!(find(&objects, &other).len(), known.len());
        assert!(!objects.end_session(owner));
        assert!(find(&objects, &Template::default()).is_empty());
    }

    #[test]
    fn what_is_made_and_destroyed_between_searches_takes_no_room() {
        let objects = SessionObjects::default();
        for _ in 0..10_000 {
            let handles = objects.add(1, SessionHandle(3), [object("short")]);
            objects.remove(handles[0]);
        }
        objects.end_session(SessionHandle(3));
        let part = objects.shard(3).part.read();
        assert!(part.fresh.len() <= 2 * FEW, "{}", part.fresh.len());
        assert!(part.index.by_value.is_empty() && part.owned.is_empty());
    }

    #[test]
    fn a_session_that_closes_takes_its_own_objects_and_no_others() {
        let objects = SessionObjects::default();
        let (one, other) = (SessionHandle(3), SessionHandle(3 + SHARDS));
        objects.add(1, one, [object("one"), object("one")]);
        let kept = objects.add(1, other, [object("other"), object("other")]);
        objects.remove(kept[0]);
        objects.end_session(SessionHandle(3 + 2 * SHARDS));
        objects.end_session(one);
        assert_eq!(find(&objects, &Template::default()), kept[1..]);
        objects.end_session(other);
        assert!(objects.shard(3).is_empty());
    }
}
