//! The nodes of the row tree within one transaction: read together, kept, and written together, because
//! each question to a server on another machine takes as long as many answers.

use crate::storage::Node;
use std::collections::{BTreeMap, BTreeSet};

/// Where a node is: level and place.
type At = (u8, u16);

/// The level of the leaves, and how many hang on a branch: whoever reads a leaf looks at the branch and
/// the root next.
const LEAF: u8 = 2;
const FAN: u16 = 64;

/// What is known of the nodes.
#[derive(Default)]
pub(super) struct Nodes {
    known: BTreeMap<At, Option<Node>>,
    changed: BTreeSet<At>,
    last: Option<At>,
}

impl Nodes {
    /// A node, or that there is none, if it is known.
    pub(super) fn known(&self, at: At) -> Option<Option<Node>> {
        self.known.get(&at).cloned()
    }

    /// What to ask for when `at` is wanted: the nodes above it too, and where leaves are read one after
    /// the other, the next ones.
    pub(super) fn wanted(&mut self, at: At) -> Vec<At> {
        let (level, place) = at;
        let mut wanted = vec![at];
        if level == LEAF {
            wanted.extend([(1, place / FAN), (0, 0)]);
            let before = place.checked_sub(1).map(|before| (LEAF, before));
            if before.is_some() && self.last == before {
                let end = place.saturating_add(FAN);
                wanted.extend((place..end).skip(1).map(|next| (LEAF, next)));
            }
            // The last one that this question answers: who goes on after it reads in order.
            self.last = wanted
                .iter()
                .copied()
                .filter(|(level, _)| *level == LEAF)
                .max();
        }
        wanted.retain(|at| !self.known.contains_key(at));
        wanted
    }

    /// Notes the answer to a question.
    pub(super) fn learn(&mut self, wanted: &[At], found: Vec<((u64, u64), Node)>) {
        for at in wanted {
            self.known.insert(*at, None);
        }
        for ((level, place), node) in found {
            if let (Ok(level), Ok(place)) = (u8::try_from(level), u16::try_from(place)) {
                self.known.insert((level, place), Some(node));
            }
        }
    }

    /// Notes a node that is to be written.
    pub(super) fn put(&mut self, at: At, node: Node) {
        self.known.insert(at, Some(node));
        self.changed.insert(at);
    }

    /// The nodes that are to be written.
    pub(super) fn changed(&self) -> impl Iterator<Item = (At, &Node)> {
        let node = |at: &At| Some((*at, self.known.get(at)?.as_ref()?));
        self.changed.iter().filter_map(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(byte: u8) -> Node {
        Node {
            body: vec![byte],
            mac: [byte; 32],
        }
    }

    #[test]
    fn a_leaf_is_asked_for_with_what_is_above_it_and_only_once() {
        let mut nodes = Nodes::default();
        assert_eq!(nodes.known((2, 130)), None);
        let wanted = nodes.wanted((2, 130));
        assert_eq!(wanted, [(2, 130), (1, 2), (0, 0)]);
        nodes.learn(&wanted, vec![((0, 0), node(1)), ((2, 130), node(2))]);
        assert_eq!(nodes.known((0, 0)), Some(Some(node(1))));
        assert_eq!(nodes.known((1, 2)), Some(None));
        assert_eq!(nodes.wanted((2, 140)), [(2, 140)]);
    }

    #[test]
    fn leaves_in_order_are_asked_for_many_at_once() {
        let mut nodes = Nodes::default();
        let mut questions = 0;
        for place in 0..4096 {
            if nodes.known((2, place)).is_none() {
                let wanted = nodes.wanted((2, place));
                nodes.learn(&wanted, Vec::new());
                questions += 1;
            }
        }
        assert!(questions < 80, "{questions}");
        // Nothing beyond the last is taken for a node.
        assert_eq!(nodes.known((2, u16::MAX)), None);
    }

    #[test]
    fn what_is_written_is_known_and_replaces_what_was_read() {
        let mut nodes = Nodes::default();
        let wanted = nodes.wanted((0, 0));
        nodes.learn(&wanted, vec![((0, 0), node(1))]);
        assert_eq!(nodes.changed().count(), 0);
        nodes.put((0, 0), node(2));
        nodes.put((0, 0), node(3));
        assert_eq!(nodes.known((0, 0)), Some(Some(node(3))));
        let changed: Vec<_> = nodes.changed().collect();
        assert_eq!(changed, [((0, 0), &node(3))]);
    }
}
