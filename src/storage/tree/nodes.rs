//! The nodes of the row tree and their encodings.

use super::{Entry, Mark};
use crate::object::ObjectId;

/// Bytes of a MAC.
pub(super) const MAC: usize = 32;
/// Children of the root and of a branch.
const FAN: usize = 64;
/// Bytes of an entry of a leaf.
const ENTRY: usize = 16 + 8 + 1;

/// The root or a branch: a count (0 in branches) and the MACs of its children.
pub(super) struct Inner {
    pub(super) counter: u64,
    children: [[u8; MAC]; FAN],
}

impl Inner {
    pub(super) fn root(counter: u64) -> Self {
        Inner {
            counter,
            children: [[0; MAC]; FAN],
        }
    }

    pub(super) fn branch() -> Self {
        Self::root(0)
    }

    pub(super) fn child(&self, place: usize) -> Option<[u8; MAC]> {
        self.children.get(place).copied()
    }

    pub(super) fn set_child(&mut self, place: usize, mac: [u8; MAC]) {
        if let Some(child) = self.children.get_mut(place) {
            *child = mac;
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        [
            &self.counter.to_be_bytes()[..],
            self.children.as_flattened(),
        ]
        .concat()
    }

    pub(super) fn decode(body: &[u8]) -> Option<Self> {
        let (counter, rest) = body.split_first_chunk::<8>()?;
        let mut inner = Inner::root(u64::from_be_bytes(*counter));
        let flat = inner.children.as_flattened_mut();
        if flat.len() != rest.len() {
            return None;
        }
        flat.copy_from_slice(rest);
        Some(inner)
    }
}

/// A leaf: its entries, encoded, ascending by id. A change touches its own entry's bytes only.
#[derive(Clone, Default)]
pub(super) struct Leaf(Vec<u8>);

impl Leaf {
    /// Reads a leaf; `None` when these are not entries.
    pub(super) fn decode(body: Vec<u8>) -> Option<Self> {
        let (entries, rest) = body.as_chunks::<ENTRY>();
        let whole = rest.is_empty() && entries.iter().all(|one| entry(one).is_some());
        whole.then_some(Leaf(body))
    }

    /// As they are stored.
    pub(super) fn into_body(self) -> Vec<u8> {
        self.0
    }

    /// What is listed of an object.
    pub(super) fn entry(&self, id: ObjectId) -> Option<Entry> {
        let place = self.search(id).ok()?;
        let (_, entry) = entry(self.entries().get(place)?)?;
        Some(entry)
    }

    /// Lists an object, or no longer.
    pub(super) fn set(&mut self, id: ObjectId, entry: Option<Entry>) {
        let (place, there) = match self.search(id) {
            Ok(place) => (place, 1),
            Err(place) => (place, 0),
        };
        let start = place.saturating_mul(ENTRY);
        let end = start.saturating_add(ENTRY * there);
        let new = entry.map(|entry| encoded(id, entry));
        self.0.splice(start..end, new.into_iter().flatten());
    }

    /// Everything listed, ascending by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ObjectId, Entry)> + '_ {
        self.entries().iter().filter_map(entry)
    }

    fn entries(&self) -> &[[u8; ENTRY]] {
        self.0.as_chunks().0
    }

    fn search(&self, id: ObjectId) -> Result<usize, usize> {
        self.entries()
            .binary_search_by(|entry| entry.get(..16).cmp(&Some(&id.0[..])))
    }
}

fn encoded(id: ObjectId, entry: Entry) -> [u8; ENTRY] {
    let mark = match entry.mark {
        Mark::Live => 0,
        Mark::ShredPending => 1,
        Mark::ShredComplete => 2,
        Mark::Role => 3,
        Mark::Superseded => 4,
        Mark::Suspended => 5,
    };
    let mut bytes = [0; ENTRY];
    let parts = id.0.into_iter().chain(entry.revision.to_be_bytes());
    for (to, from) in bytes.iter_mut().zip(parts.chain([mark])) {
        *to = from;
    }
    bytes
}

fn entry(bytes: &[u8; ENTRY]) -> Option<(ObjectId, Entry)> {
    let (id, rest) = bytes.split_first_chunk::<16>()?;
    let (revision, rest) = rest.split_first_chunk::<8>()?;
    let mark = match rest {
        [0] => Mark::Live,
        [1] => Mark::ShredPending,
        [2] => Mark::ShredComplete,
        [3] => Mark::Role,
        [4] => Mark::Superseded,
        [5] => Mark::Suspended,
        _ => return None,
    };
    let revision = u64::from_be_bytes(*revision);
    Some((ObjectId(*id), Entry { revision, mark }))
}
