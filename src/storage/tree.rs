//! Which rows there are, authenticated: a keyed tree of three levels over (object, revision, mark).
//!
//! A leaf lists the objects whose ids begin with its 12 bits; 64 leaves hang on a branch, 64 branches
//! on the root, which also counts the changes. Entries of roles have no row: the tree is their only record. Every node carries a MAC under a key that only the
//! unlocked module has, and its parent lists that MAC. A change rewrites one leaf, one branch and the
//! root in its own transaction; a read checks the same three nodes. So a row that was put back,
//! deleted or added outside is named, and so is a leaf that was put back together with its rows. Only
//! the whole database put back looks right from inside: the anchor's counter tells that.

mod nodes;

use super::{Node, Reader, Writer};
use crate::error::{Error, Result};
use crate::object::ObjectId;
use crate::object::standing::Standing;
use crate::seal::envelope::{mac, same};
use arc_swap::ArcSwapOption;
use nodes::{Inner, Leaf, MAC};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroizing;

/// Leaves, and so groups of objects.
pub const LEAVES: u16 = 4096;

/// Branches, and the root.
const INNER: usize = 64 + 1;

/// The levels, from the top.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Level {
    Root,
    Branch,
    Leaf,
}

/// What is recorded of an object beside its revision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    /// It can be used.
    Live,
    /// Its key is to be destroyed at the next rotation.
    ShredPending,
    /// Its key is destroyed; the record stays.
    ShredComplete,
    /// It is no object: the revision is what is recorded of a key's uses.
    Role,
    /// It can be used, but is not the newest of its family.
    Superseded,
    /// Its customer holds its key; the record stays.
    Suspended,
}

impl Mark {
    /// The mark of an object that stands like this.
    #[must_use]
    pub fn of(standing: Standing) -> Self {
        match standing {
            Standing::Current => Mark::Live,
            Standing::Superseded => Mark::Superseded,
            Standing::ShredPending => Mark::ShredPending,
            Standing::Destroyed => Mark::ShredComplete,
            Standing::Suspended => Mark::Suspended,
        }
    }
}

/// What the tree says of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The revision of its row.
    pub revision: u64,
    /// How it stands.
    pub mark: Mark,
}

/// The tree of one token, with its key.
pub struct Tree {
    key: Zeroizing<[u8; 32]>,
    /// The highest count of changes that this process has seen.
    newest: AtomicU64,
    /// The root and the branches as they were last found genuine: one that reads the same is so again.
    genuine: [ArcSwapOption<Node>; INNER],
}

/// What a check of the whole tree found.
#[derive(Default, Debug)]
pub struct Survey {
    /// A line for each flaw.
    pub flaws: Vec<String>,
    /// The number of changes, where the root is intact.
    pub counter: Option<u64>,
    /// Whether every node was looked at.
    pub whole: bool,
}

/// What one leaf lists.
pub struct Listed {
    /// Which one.
    pub place: u16,
    leaf: Leaf,
    /// Whether it cannot be relied on.
    pub damaged: bool,
}

impl Listed {
    /// The objects, ascending by id.
    pub fn entries(&self) -> impl Iterator<Item = (ObjectId, Entry)> + '_ {
        self.leaf.iter()
    }
}

/// The leaf, and group, that an object belongs to.
#[must_use]
pub fn leaf_of(id: ObjectId) -> u16 {
    let [first, second, ..] = id.0;
    u16::from_be_bytes([first, second]) >> 4
}

impl Tree {
    /// The tree with this key, and the lowest count of changes that it may have; nothing is read.
    #[must_use]
    pub fn new(key: Zeroizing<[u8; 32]>, floor: u64) -> Self {
        Tree {
            key,
            newest: AtomicU64::new(floor),
            genuine: std::array::from_fn(|_| ArcSwapOption::empty()),
        }
    }

    /// Plants the tree of an empty store.
    ///
    /// # Errors
    /// Those of the store.
    pub fn plant(&self, writer: &dyn Writer) -> Result<()> {
        self.newest.store(0, Ordering::SeqCst);
        self.put(writer, Level::Root, 0, Inner::root(1).encode())?;
        Ok(())
    }

    /// The lowest count of changes that a transaction that begins now can see.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.newest.load(Ordering::SeqCst)
    }

    /// What the tree says of an object; `None` when there is none. `floor` is [`Tree::floor`] from
    /// before the transaction began.
    ///
    /// # Errors
    /// `StoreTampered` when the leaf was edited or put back; those of the store.
    pub fn entry(&self, reader: &dyn Reader, floor: u64, id: ObjectId) -> Result<Option<Entry>> {
        let leaf = self.checked_leaf(reader, floor, leaf_of(id))?;
        Ok(leaf.entry(id))
    }

    /// A leaf, checked against what is above it.
    fn checked_leaf(&self, reader: &dyn Reader, floor: u64, place: u16) -> Result<Leaf> {
        let (leaf, leaf_mac) = self.leaf(reader, place)?;
        // The parents tell whether a whole leaf was put back. Where they are damaged themselves, that
        // is reported by `survey`, and the leaf is still checked by its own MAC.
        if let Some((branch, branch_mac)) = self.inner(reader, Level::Branch, place / 64)? {
            if branch.child(usize::from(place % 64)) != Some(leaf_mac) {
                return Err(put_back(place));
            }
            if let Some((root, _)) = self.inner(reader, Level::Root, 0)? {
                self.see(root.counter, floor)?;
                if root.child(usize::from(place / 64)) != Some(branch_mac) {
                    return Err(put_back(place));
                }
            }
        }
        Ok(leaf)
    }

    /// As [`Tree::entry`], of several objects in any order: each node is read once.
    ///
    /// # Errors
    /// As [`Tree::entry`].
    pub fn entries(
        &self,
        reader: &dyn Reader,
        floor: u64,
        ids: &[ObjectId],
    ) -> Result<Vec<Option<Entry>>> {
        let mut ascending: Vec<_> = ids.iter().enumerate().collect();
        ascending.sort_unstable_by_key(|(_, id)| **id);
        let mut entries = vec![None; ids.len()];
        let mut known: Option<(u16, Leaf)> = None;
        for (at, id) in ascending {
            let place = leaf_of(*id);
            let leaf = match known.take().filter(|(of, _)| *of == place) {
                Some((_, leaf)) => leaf,
                None => self.checked_leaf(reader, floor, place)?,
            };
            if let Some(own) = entries.get_mut(at) {
                *own = leaf.entry(*id);
            }
            known = Some((place, leaf));
        }
        Ok(entries)
    }

    /// Records changes: an entry for what is new or changed, `None` for what is gone. Answers the new
    /// count of changes and the root's MAC.
    ///
    /// # Errors
    /// `StoreTampered` when a node on the way was edited; those of the store.
    pub fn update(
        &self,
        writer: &dyn Writer,
        changes: &[(ObjectId, Option<Entry>)],
    ) -> Result<(u64, [u8; MAC])> {
        let missing =
            |what: &str| Error::StoreTampered(format!("{what} of the row tree is damaged"));
        let (mut root, _) = self
            .inner(writer, Level::Root, 0)?
            .ok_or_else(|| missing("the root"))?;
        // No other thread can have seen more than what this one, the only writer, begins with.
        self.see(root.counter, self.floor())?;
        let mut leaves: BTreeMap<u16, Vec<&(ObjectId, Option<Entry>)>> = BTreeMap::new();
        for change in changes {
            leaves.entry(leaf_of(change.0)).or_default().push(change);
        }
        for (place, changes) in leaves {
            let above = place / 64;
            let (mut branch, old_branch) = self
                .inner(writer, Level::Branch, above)?
                .ok_or_else(|| missing(&format!("branch {above}")))?;
            let (mut leaf, old_leaf) = self.leaf(writer, place)?;
            if branch.child(usize::from(place % 64)) != Some(old_leaf)
                || root.child(usize::from(above)) != Some(old_branch)
            {
                return Err(put_back(place));
            }
            for (id, entry) in changes {
                leaf.set(*id, *entry);
            }
            let mac = self.put(writer, Level::Leaf, place, leaf.into_body())?;
            branch.set_child(usize::from(place % 64), mac);
            let mac = self.put(writer, Level::Branch, above, branch.encode())?;
            root.set_child(usize::from(above), mac);
        }
        root.counter = root.counter.saturating_add(1);
        let mac = self.put(writer, Level::Root, 0, root.encode())?;
        Ok((root.counter, mac))
    }

    /// The count of changes and the root's MAC; `None` when the root is damaged.
    ///
    /// # Errors
    /// Those of the store.
    pub fn head(&self, reader: &dyn Reader) -> Result<Option<(u64, [u8; MAC])>> {
        Ok(self
            .inner(reader, Level::Root, 0)?
            .map(|(root, mac)| (root.counter, mac)))
    }

    /// Checks every node, and hands what the leaves list to `each`, one after the other. Ends early when
    /// `enough` says so: [`Survey::whole`] tells.
    ///
    /// # Errors
    /// Those of `each` and of the store.
    pub fn survey(
        &self,
        reader: &dyn Reader,
        enough: &dyn Fn() -> bool,
        each: &mut dyn FnMut(&Listed) -> Result<()>,
    ) -> Result<Survey> {
        let mut survey = Survey::default();
        let root = self.inner(reader, Level::Root, 0)?.map(|(root, _)| root);
        match &root {
            Some(root) => survey.counter = Some(root.counter),
            None => survey
                .flaws
                .push("the root of the row tree is damaged".to_owned()),
        }
        for above in 0..LEAVES / 64 {
            if enough() {
                return Ok(survey);
            }
            let branch = self.inner(reader, Level::Branch, above)?;
            match (&branch, &root) {
                (None, _) => survey
                    .flaws
                    .push(format!("branch {above} of the row tree is damaged")),
                (Some((_, mac)), Some(root)) if root.child(usize::from(above)) != Some(*mac) => {
                    survey
                        .flaws
                        .push(format!("branch {above} of the row tree is not the newest"));
                }
                _ => {}
            }
            for place in above * 64..(above + 1) * 64 {
                let wanted = branch
                    .as_ref()
                    .and_then(|(branch, _)| branch.child(usize::from(place % 64)));
                each(&self.survey_leaf(reader, place, wanted, &mut survey)?)?;
            }
        }
        survey.whole = true;
        Ok(survey)
    }

    fn survey_leaf(
        &self,
        reader: &dyn Reader,
        place: u16,
        wanted: Option<[u8; MAC]>,
        survey: &mut Survey,
    ) -> Result<Listed> {
        let (leaf, flaw) = match self.leaf(reader, place) {
            Ok((leaf, mac)) if wanted.is_none_or(|wanted| wanted == mac) => (leaf, None),
            Ok((leaf, _)) => {
                let flaw = format!("leaf {place} of the row tree is not the newest");
                (leaf, Some(flaw))
            }
            Err(Error::StoreTampered(flaw)) => (Leaf::default(), Some(flaw)),
            Err(other) => return Err(other),
        };
        let damaged = flaw.is_some();
        survey.flaws.extend(flaw);
        Ok(Listed {
            place,
            leaf,
            damaged,
        })
    }

    /// Makes a tree anew over `entries`, counting on from `counter`: after damage that the security
    /// officer has looked at.
    ///
    /// # Errors
    /// Those of the store.
    pub fn replant(
        &self,
        writer: &dyn Writer,
        entries: &BTreeMap<ObjectId, Entry>,
        counter: u64,
    ) -> Result<(u64, [u8; MAC])> {
        let mut leaves: BTreeMap<u16, Leaf> = BTreeMap::new();
        for (id, entry) in entries {
            let leaf = leaves.entry(leaf_of(*id)).or_default();
            leaf.set(*id, Some(*entry));
        }
        let mut root = Inner::root(counter.saturating_add(1));
        for above in 0..LEAVES / 64 {
            let mut branch = Inner::branch();
            for place in above * 64..(above + 1) * 64 {
                let body = leaves.remove(&place).unwrap_or_default().into_body();
                branch.set_child(
                    usize::from(place % 64),
                    self.put(writer, Level::Leaf, place, body)?,
                );
            }
            root.set_child(
                usize::from(above),
                self.put(writer, Level::Branch, above, branch.encode())?,
            );
        }
        let mac = self.put(writer, Level::Root, 0, root.encode())?;
        self.newest.store(root.counter, Ordering::SeqCst);
        Ok((root.counter, mac))
    }

    /// A leaf and its MAC, zero for one that was never written.
    fn leaf(&self, reader: &dyn Reader, place: u16) -> Result<(Leaf, [u8; MAC])> {
        let Some(node) = reader.node(level(Level::Leaf), place)? else {
            return Ok((Leaf::default(), [0; MAC]));
        };
        let damaged = || Error::StoreTampered(format!("leaf {place} of the row tree is damaged"));
        if !self.is_genuine(Level::Leaf, place, &node) {
            return Err(damaged());
        }
        Ok((Leaf::decode(node.body).ok_or_else(damaged)?, node.mac))
    }

    /// A branch or the root with its MAC; `None` when it was edited or taken away. A branch that was
    /// never written is empty and has a MAC of zeros.
    fn inner(
        &self,
        reader: &dyn Reader,
        of: Level,
        place: u16,
    ) -> Result<Option<(Inner, [u8; MAC])>> {
        let Some(node) = reader.node(level(of), place)? else {
            return Ok((of == Level::Branch).then(|| (Inner::branch(), [0; MAC])));
        };
        if !self.is_genuine(of, place, &node) {
            return Ok(None);
        }
        Ok(Inner::decode(&node.body).map(|inner| (inner, node.mac)))
    }

    /// Notes the count of changes that a root carries. It never falls.
    fn see(&self, counter: u64, floor: u64) -> Result<()> {
        self.newest.fetch_max(counter, Ordering::SeqCst);
        if counter < floor {
            return Err(Error::StoreTampered(
                "an older copy of it was put back".to_owned(),
            ));
        }
        Ok(())
    }

    fn is_genuine(&self, of: Level, place: u16, node: &Node) -> bool {
        let known = self.known(of, place);
        if known.is_some_and(|known| known.load().as_deref() == Some(node)) {
            return true;
        }
        let genuine = same(&self.mac(of, place, &node.body), &node.mac);
        if let Some(known) = known.filter(|_| genuine) {
            known.store(Some(Arc::new(node.clone())));
        }
        genuine
    }

    /// Where a node of few is remembered; `None` for a leaf.
    fn known(&self, of: Level, place: u16) -> Option<&ArcSwapOption<Node>> {
        let at = match of {
            Level::Root => 64,
            Level::Branch => usize::from(place),
            Level::Leaf => return None,
        };
        self.genuine.get(at)
    }

    fn put(&self, writer: &dyn Writer, of: Level, place: u16, body: Vec<u8>) -> Result<[u8; MAC]> {
        let mac = self.mac(of, place, &body);
        let node = Node { body, mac };
        writer.put_node(level(of), place, &node)?;
        if let Some(known) = self.known(of, place) {
            known.store(Some(Arc::new(node)));
        }
        Ok(mac)
    }

    fn mac(&self, of: Level, place: u16, body: &[u8]) -> [u8; MAC] {
        let [high, low] = place.to_be_bytes();
        mac(&self.key, &[&[level(of), high, low], body].concat())
    }
}

fn level(of: Level) -> u8 {
    match of {
        Level::Root => 0,
        Level::Branch => 1,
        Level::Leaf => 2,
    }
}

fn put_back(place: u16) -> Error {
    Error::StoreTampered(format!("leaf {place} of the row tree is not the newest"))
}
