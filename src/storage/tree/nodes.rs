//! The nodes of the row tree and their encodings.

use super::{Entry, Mark};
use crate::object::ObjectId;
use std::collections::BTreeMap;

/// Bytes of a MAC.
pub(super) const MAC: usize = 32;
/// Children of the root and of a branch.
const FAN: usize = 64;
/// Bytes of an entry of a leaf.
const ENTRY: usize = 16 + 8 + 1;

/// The objects of a leaf.
pub(super) type Leaf = BTreeMap<ObjectId, Entry>;

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

pub(super) fn encode_leaf(leaf: &Leaf) -> Vec<u8> {
    let mut body = Vec::with_capacity(leaf.len().saturating_mul(ENTRY));
    for (id, entry) in leaf {
        body.extend_from_slice(&id.0);
        body.extend_from_slice(&entry.revision.to_be_bytes());
        body.push(match entry.mark {
            Mark::Live => 0,
            Mark::ShredPending => 1,
            Mark::ShredComplete => 2,
            Mark::Role => 3,
            Mark::Superseded => 4,
            Mark::Suspended => 5,
        });
    }
    body
}

pub(super) fn decode_leaf(body: &[u8]) -> Option<Leaf> {
    let entries = body.chunks(ENTRY);
    entries
        .map(|entry| {
            let (id, rest) = entry.split_first_chunk::<16>()?;
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
            Some((
                ObjectId(*id),
                Entry {
                    revision: u64::from_be_bytes(*revision),
                    mark,
                },
            ))
        })
        .collect()
}
