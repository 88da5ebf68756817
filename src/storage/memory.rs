//! A store that ends with its process: for tests of the rooms above, and the second reading of what
//! the trait promises.

use super::{
    Column, DomainRow, EVENTS_KEPT, Event, Node, Place, Query, Reader, Reading, Resealed, Row,
    Scope, Store, Witness, Writer, Writing, wait_by_looking,
};
use crate::error::Result;
use crate::object::ObjectId;
use crate::object::standing::Standing;
use parking_lot::{Mutex, RwLock};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A store in memory.
#[derive(Default)]
pub struct MemoryStore {
    state: RwLock<State>,
    writing: Mutex<()>,
    changes: AtomicU64,
}

#[derive(Clone, Default)]
struct State {
    facts: BTreeMap<String, Vec<u8>>,
    rows: BTreeMap<u64, Row>,
    places: BTreeMap<ObjectId, u64>,
    next_place: u64,
    nodes: BTreeMap<(u8, u16), Node>,
    domain: BTreeMap<u64, DomainRow>,
    events: VecDeque<Event>,
}

/// One transaction: a copy of the state, which replaces it when all went well.
struct View(RefCell<State>);

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for MemoryStore {
    fn read(&self, work: &mut Reading<'_>) -> Result<()> {
        let state = self.state.read().clone();
        work(&View(RefCell::new(state)))
    }

    fn write(&self, work: &mut Writing<'_>, witness: &dyn Witness) -> Result<()> {
        let _turn = self.writing.lock();
        let view = View(RefCell::new(self.state.read().clone()));
        work(&view)?;
        witness.before();
        *self.state.write() = view.0.into_inner();
        self.changes.fetch_add(1, Ordering::SeqCst);
        witness.after();
        Ok(())
    }

    fn stamp(&self) -> Result<u64> {
        Ok(self.changes.load(Ordering::SeqCst))
    }

    fn wait(&self, stamp: u64, most: Duration) -> Result<u64> {
        wait_by_looking(|| self.stamp(), stamp, most)
    }

    fn scrub(&self) -> Result<bool> {
        Ok(true)
    }

    fn flaws(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

impl Reader for View {
    fn fact(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.0.borrow().facts.get(name).cloned())
    }

    fn facts(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let state = self.0.borrow();
        let named = state
            .facts
            .iter()
            .filter(|(name, _)| name.starts_with(prefix));
        Ok(named
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect())
    }

    fn row(&self, id: ObjectId) -> Result<Option<Row>> {
        let state = self.0.borrow();
        Ok(state
            .places
            .get(&id)
            .and_then(|place| state.rows.get(place))
            .cloned())
    }

    fn find(&self, query: &Query) -> Result<Vec<ObjectId>> {
        let state = self.0.borrow();
        Ok(state
            .rows
            .values()
            .filter(|row| matches(row, query))
            .map(|row| row.id)
            .collect())
    }

    fn count(&self, query: &Query) -> Result<u64> {
        let state = self.0.borrow();
        let found = state.rows.values().filter(|row| matches(row, query));
        Ok(found.fold(0, |count, _| count + 1))
    }

    fn rows_under(
        &self,
        domain_key: [u8; 16],
        after: Place,
        limit: usize,
    ) -> Result<Vec<(Place, Row)>> {
        let state = self.0.borrow();
        let later = state
            .rows
            .iter()
            .filter(|(place, row)| **place > after && row.domain_key == Some(domain_key));
        Ok(later
            .take(limit)
            .map(|(place, row)| (*place, row.clone()))
            .collect())
    }

    fn revisions(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<(ObjectId, u64, Standing)>> {
        let state = self.0.borrow();
        let later = state
            .places
            .iter()
            .filter(|(id, _)| after.is_none_or(|after| **id > after))
            .filter_map(|(_, place)| state.rows.get(place));
        Ok(later
            .take(limit)
            .map(|row| (row.id, row.revision, row.standing))
            .collect())
    }

    fn node(&self, level: u8, place: u16) -> Result<Option<Node>> {
        Ok(self.0.borrow().nodes.get(&(level, place)).cloned())
    }

    fn domain_rows(&self) -> Result<Vec<DomainRow>> {
        Ok(self.0.borrow().domain.values().cloned().collect())
    }

    fn newest_domain_row(&self) -> Result<Option<(u64, [u8; 32])>> {
        let state = self.0.borrow();
        let newest = state.domain.last_key_value();
        Ok(newest.map(|(version, row)| (*version, row.hash)))
    }

    fn domain_rows_after(&self, version: u64) -> Result<Vec<DomainRow>> {
        let state = self.0.borrow();
        let later = state.domain.values().filter(|row| row.version > version);
        Ok(later.cloned().collect())
    }

    fn events(&self, limit: usize) -> Result<Vec<Event>> {
        Ok(self
            .0
            .borrow()
            .events
            .iter()
            .rev()
            .take(limit)
            .cloned()
            .collect())
    }
}

impl Writer for View {
    fn set_fact(&self, name: &str, value: Option<&[u8]>) -> Result<()> {
        let facts = &mut self.0.borrow_mut().facts;
        match value {
            Some(value) => facts.insert(name.to_owned(), value.to_vec()),
            None => facts.remove(name),
        };
        Ok(())
    }

    fn put_row(&self, row: &Row) -> Result<()> {
        let state = &mut *self.0.borrow_mut();
        let place = *state.places.entry(row.id).or_insert_with(|| {
            state.next_place += 1;
            state.next_place
        });
        state.rows.insert(place, row.clone());
        Ok(())
    }

    fn delete_row(&self, id: ObjectId) -> Result<bool> {
        let state = &mut *self.0.borrow_mut();
        let place = state.places.remove(&id);
        Ok(place.is_some_and(|place| state.rows.remove(&place).is_some()))
    }

    fn reseal(&self, rows: &[Resealed]) -> Result<u64> {
        let state = &mut *self.0.borrow_mut();
        let mut replaced = 0;
        for new in rows {
            let place = state.places.get(&new.id);
            let row = place.and_then(|place| state.rows.get_mut(place));
            let same =
                |row: &&mut Row| row.revision == new.revision && row.domain_key == Some(new.from);
            if let Some(row) = row.filter(same) {
                row.domain_key = Some(new.to);
                row.sealed = Some(new.sealed.clone());
                replaced += 1;
            }
        }
        Ok(replaced)
    }

    fn put_node(&self, level: u8, place: u16, node: &Node) -> Result<()> {
        self.0
            .borrow_mut()
            .nodes
            .insert((level, place), node.clone());
        Ok(())
    }

    fn add_domain_row(&self, row: &DomainRow) -> Result<bool> {
        let domain = &mut self.0.borrow_mut().domain;
        let free = !domain.contains_key(&row.version);
        domain.entry(row.version).or_insert_with(|| row.clone());
        Ok(free)
    }

    fn put_domain_row(&self, row: &DomainRow) -> Result<()> {
        self.0.borrow_mut().domain.insert(row.version, row.clone());
        Ok(())
    }

    fn forget_domain_rows(&self, version: u64) -> Result<()> {
        self.0.borrow_mut().domain.retain(|own, _| *own >= version);
        Ok(())
    }

    fn put_event(&self, event: &Event) -> Result<()> {
        let events = &mut self.0.borrow_mut().events;
        events.push_back(event.clone());
        while events.len() > EVENTS_KEPT {
            events.pop_front();
        }
        Ok(())
    }

    fn clear(&self) -> Result<()> {
        *self.0.borrow_mut() = State::default();
        Ok(())
    }
}

/// Whether a row answers a query.
fn matches(row: &Row, query: &Query) -> bool {
    let has = |(column, keys): &(Column, Vec<_>)| {
        let place = Column::ALL.iter().position(|own| own == column);
        let own = place
            .and_then(|place| row.index.get(place))
            .copied()
            .flatten();
        own.is_some_and(|own| keys.contains(&own))
    };
    let in_scope = match query.scope {
        Scope::Public => !row.private,
        Scope::Private => row.private,
        Scope::All => true,
    };
    in_scope
        && query.standing.map_or(
            query.any_standing || row.standing == Standing::Current,
            |only| row.standing == only,
        )
        && query
            .domain_key
            .is_none_or(|key| row.domain_key == Some(key))
        && query.conditions.iter().all(has)
}
