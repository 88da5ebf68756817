//! What searches have found, kept while nothing of the token changes: services look for the same few keys by
//! their labels again and again.

use super::pins::Role;
use crate::object::ObjectId;
use crate::object::attribute::{Template, Value};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

/// Parts that are locked apart.
const SHARDS: usize = 16;
/// The most searches kept in each part.
const KEPT: usize = 64;
/// The most objects of a search that is kept, and the most bytes of what it asked for.
const FOUND_MAX: usize = 16;
const ASKED_MAX: usize = 512;

/// Searches and what they found.
#[derive(Default)]
pub(super) struct Searches {
    shards: [RwLock<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    /// The generation of the token at which all of them were made.
    generation: u64,
    found: HashMap<Search, Arc<[ObjectId]>>,
}

/// What was asked for, and by whom, as bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Search(Vec<u8>);

impl Search {
    /// A search that can be kept; `None` for one that asks for a secret, or for too much.
    pub(super) fn of(template: &Template, role: Option<Role>) -> Option<Self> {
        let who = match role {
            None => 0,
            Some(Role::User) => 1,
            Some(Role::SecurityOfficer) => 2,
        };
        let mut asked = Vec::with_capacity(128);
        asked.push(who);
        for (kind, value) in &template.0 {
            asked.extend_from_slice(&kind.to_be_bytes());
            match value {
                Value::Bool(value) => asked.extend_from_slice(&[0, u8::from(*value)]),
                Value::Ulong(value) => {
                    asked.push(1);
                    asked.extend_from_slice(&value.to_be_bytes());
                }
                Value::Bytes(value) => {
                    asked.push(2);
                    asked.extend_from_slice(&value.len().to_be_bytes());
                    asked.extend_from_slice(value);
                }
                Value::Secret(_) | Value::Ulongs(_) | Value::Template(_) => return None,
            }
        }
        (asked.len() <= ASKED_MAX).then_some(Search(asked))
    }
}

impl Searches {
    /// What the search found at this generation.
    pub(super) fn known(&self, search: &Search, generation: u64) -> Option<Arc<[ObjectId]>> {
        let shard = self.shard(search)?.read();
        let current = shard.generation == generation;
        shard.found.get(search).filter(|_| current).map(Arc::clone)
    }

    /// Keeps what a search found that was made at this generation.
    pub(super) fn keep(&self, search: Search, generation: u64, found: &[ObjectId]) {
        let Some(mut shard) = self.shard(&search).map(RwLock::write) else {
            return;
        };
        if shard.generation != generation || shard.found.len() >= KEPT {
            shard.found.clear();
            shard.generation = generation;
        }
        if found.len() <= FOUND_MAX {
            shard.found.insert(search, Arc::from(found));
        }
    }

    fn shard(&self, search: &Search) -> Option<&RwLock<Shard>> {
        let hashed = BuildHasherDefault::<DefaultHasher>::default().hash_one(search);
        self.shards
            .get(usize::try_from(hashed % 16).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(text: &str) -> Template {
        Template(vec![(3, Value::Bytes(text.as_bytes().to_vec()))])
    }

    #[test]
    fn what_was_found_is_known_at_its_generation_to_its_role_only() {
        let searches = Searches::default();
        let search = |text, role| Search::of(&label(text), role).unwrap();
        let found = [ObjectId([1; 16])];
        searches.keep(search("a", Some(Role::User)), 5, &found);
        let known = |text, role, at| searches.known(&search(text, role), at);
        assert_eq!(known("a", Some(Role::User), 5).as_deref(), Some(&found[..]));
        assert!(known("a", Some(Role::User), 6).is_none());
        assert!(known("a", None, 5).is_none() && known("b", Some(Role::User), 5).is_none());
    }

    #[test]
    fn little_is_kept_and_no_secret() {
        use crate::secret::SecretBytes;
        let searches = Searches::default();
        for number in 0..10_000 {
            let search = Search::of(&label(&number.to_string()), None).unwrap();
            searches.keep(search, 1, &[]);
        }
        let kept: usize = searches
            .shards
            .iter()
            .map(|own| own.read().found.len())
            .sum();
        assert!(kept <= SHARDS * KEPT);
        let secret = Value::secret(SecretBytes::copy_of(b"key"));
        assert!(Search::of(&Template(vec![(17, secret)]), None).is_none());
        let long = "x".repeat(ASKED_MAX);
        assert!(Search::of(&label(&long), None).is_none());
    }
}
