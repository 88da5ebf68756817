//! Where a security module keeps its rows: sealed or signed bytes and index keys, never a secret in
//! clear. One trait with several backends, and the counters by which processes tell each other of changes.
#![forbid(unsafe_code)]

pub mod anchor;
pub mod files;
mod lazy;
pub mod memory;
pub mod postgres;
pub mod registry;
pub mod repository;
pub mod snapshot;
pub mod sqlite;
pub mod tree;

use crate::error::{Error, Result};
use crate::object::ObjectId;
use crate::object::standing::Standing;
use std::time::{Duration, Instant};

/// A 16-byte keyed or plain hash of one attribute's value, by which objects are found.
pub type IndexKey = [u8; 16];

/// The attributes by which rows are found quickly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Column {
    /// `CKA_CLASS`.
    Class,
    /// `CKA_KEY_TYPE`.
    KeyType,
    /// `CKA_ID`.
    Id,
    /// `CKA_LABEL`.
    Label,
    /// `CKA_KEYWARD_TENANT`.
    Tenant,
    /// `CKA_KEYWARD_FAMILY`.
    Family,
}

impl Column {
    /// Every column, in the order of [`Row::index`].
    pub const ALL: [Column; Column::COUNT] = [
        Column::Class,
        Column::KeyType,
        Column::Id,
        Column::Label,
        Column::Tenant,
        Column::Family,
    ];
    /// How many there are.
    pub const COUNT: usize = 6;
}

/// One object at rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The object.
    pub id: ObjectId,
    /// The number of its changes, counted from 1.
    pub revision: u64,
    /// How it stands. Authenticated by the row tree, not by the row.
    pub standing: Standing,
    /// Whether it is seen by a logged-in user only. Its index keys are then blinded.
    pub private: bool,
    /// The index keys, in the order of [`Column::ALL`]; `None` where the object lacks the attribute.
    pub index: [Option<IndexKey>; Column::COUNT],
    /// The domain key that `sealed` is under.
    pub domain_key: Option<[u8; 16]>,
    /// What anybody may read, with its signature.
    pub clear: Option<Vec<u8>>,
    /// The whole object as a key token; absent where nothing of it is secret.
    pub sealed: Option<Vec<u8>>,
}

/// Which rows a search may answer.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Those of public objects.
    #[default]
    Public,
    /// Those of private objects.
    Private,
    /// All.
    All,
}

/// Which rows a search wants: those that match every condition.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Query {
    /// A column and the index keys of which it must have one.
    pub conditions: Vec<(Column, Vec<IndexKey>)>,
    /// Which rows count at all.
    pub scope: Scope,
    /// Rows under this domain key only.
    pub domain_key: Option<[u8; 16]>,
    /// Whether rows of every [`Standing`] count; else only those that are `Current`.
    pub any_standing: bool,
    /// Rows of this standing only, whatever `any_standing` says.
    pub standing: Option<Standing>,
}

/// Where a row stands in the order of creation.
pub type Place = u64;

/// A row's secrets, sealed anew under another domain key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resealed {
    /// Where [`Reader::rows_under`] found the row.
    pub place: Place,
    /// The object.
    pub id: ObjectId,
    /// The revision that was sealed.
    pub revision: u64,
    /// The domain key that the row was under.
    pub from: [u8; 16],
    /// The domain key that `sealed` is under.
    pub to: [u8; 16],
    /// The whole object as a key token.
    pub sealed: Vec<u8>,
}

/// A node of the tree that authenticates which rows there are (`seal::tree`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// What it lists.
    pub body: Vec<u8>,
    /// Its authenticator.
    pub mac: [u8; 32],
}

/// An installed domain token, or what is left of one that was replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DomainRow {
    /// The version of the domain.
    pub version: u64,
    /// The token's hash.
    pub hash: [u8; 32],
    /// The token.
    pub token: Vec<u8>,
}

/// Something that happened to the module and may be asked about later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Seconds since 1970-01-01 UTC.
    pub time: u64,
    /// What it is about, such as `domain token refused`.
    pub kind: String,
    /// What happened, in words.
    pub text: String,
}

/// Reading, within one transaction: everything read belongs to one state of the store.
pub trait Reader {
    /// A named value.
    ///
    /// # Errors
    /// Those of the backend, here and below.
    fn fact(&self, name: &str) -> Result<Option<Vec<u8>>>;
    /// The named values whose names begin with `prefix`, ascending by name.
    fn facts(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>>;
    /// One row.
    fn row(&self, id: ObjectId) -> Result<Option<Row>>;
    /// The ids of the rows that match, in the order of their creation.
    fn find(&self, query: &Query) -> Result<Vec<ObjectId>>;
    /// How many rows match.
    fn count(&self, query: &Query) -> Result<u64>;
    /// The rows under a domain key, of every standing, in the order of their creation: at most `limit` of
    /// those that come after the place `after`, where 0 comes before all.
    fn rows_under(
        &self,
        domain_key: [u8; 16],
        after: Place,
        limit: usize,
    ) -> Result<Vec<(Place, Row)>>;
    /// The id, revision and standing of rows, ascending by id: at most `limit` of those that come after
    /// `after`; no body is read.
    fn revisions(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<(ObjectId, u64, Standing)>>;
    /// A node of the tree.
    fn node(&self, level: u8, place: u16) -> Result<Option<Node>>;
    /// The domain tokens, oldest first.
    fn domain_rows(&self) -> Result<Vec<DomainRow>>;
    /// The version and hash of the newest domain token.
    fn newest_domain_row(&self) -> Result<Option<(u64, [u8; 32])>>;
    /// The domain tokens above `version`, oldest first.
    fn domain_rows_after(&self, version: u64) -> Result<Vec<DomainRow>>;
    /// The newest events, newest first, at most `limit`.
    fn events(&self, limit: usize) -> Result<Vec<Event>>;
}

/// Changing, within one transaction: all of it happens, or nothing.
pub trait Writer: Reader {
    /// Sets a named value, or takes it away.
    fn set_fact(&self, name: &str, value: Option<&[u8]>) -> Result<()>;
    /// Writes a row in place of the one with its id, if any.
    fn put_row(&self, row: &Row) -> Result<()>;
    /// As [`Writer::put_row`], of several rows; in one question where a backend is far away.
    fn put_rows(&self, rows: &[Row]) -> Result<()> {
        rows.iter().try_for_each(|row| self.put_row(row))
    }
    /// Replaces the secrets and the domain key of those rows that still have the place, revision and domain
    /// key named with them, and nothing else of them; answers how many. Made for thousands at once.
    fn reseal(&self, rows: &[Resealed]) -> Result<u64>;
    /// Removes a row; whether there was one.
    fn delete_row(&self, id: ObjectId) -> Result<bool>;
    /// Writes a node of the tree.
    fn put_node(&self, level: u8, place: u16, node: &Node) -> Result<()>;
    /// Adds a domain token; false, and nothing is changed, when its version is taken. Of several who add
    /// the same version at once, here or on other machines, exactly one is answered true: the primary
    /// key of the table decides.
    fn add_domain_row(&self, row: &DomainRow) -> Result<bool>;
    /// Writes a domain token in place of the one with its version, if any.
    fn put_domain_row(&self, row: &DomainRow) -> Result<()>;
    /// Removes the domain tokens below `version`.
    fn forget_domain_rows(&self, version: u64) -> Result<()>;
    /// Adds an event, and forgets the oldest beyond the newest [`EVENTS_KEPT`].
    fn put_event(&self, event: &Event) -> Result<()>;
    /// Removes everything but the schema.
    fn clear(&self) -> Result<()>;
}

/// A number as databases keep it.
fn signed(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| Error::Internal("a number beyond what the store holds"))
}

/// A number that a database kept. One edited to be negative reads as the largest, which no
/// authenticator will bear out.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// What a search demands of the column `standing`. The few rows that are not current have an index of
/// their own, which SQLite takes only where the condition names it.
fn standing_condition(query: &Query) -> &'static str {
    match (query.standing, query.any_standing) {
        (Some(Standing::Current), _) | (None, false) => " AND standing = 0",
        (Some(Standing::Superseded), _) => " AND standing <> 0 AND standing = 1",
        (Some(Standing::ShredPending), _) => " AND standing <> 0 AND standing = 2",
        (Some(Standing::Destroyed), _) => " AND standing <> 0 AND standing = 3",
        (Some(Standing::Suspended), _) => " AND standing <> 0 AND standing = 4",
        (None, true) => "",
    }
}

/// The pause between two looks at a backend that cannot call.
const LOOK: Duration = Duration::from_millis(100);

/// [`Store::wait`] by looking again and again.
fn wait_by_looking(now: impl Fn() -> Result<u64>, stamp: u64, most: Duration) -> Result<u64> {
    let start = Instant::now();
    loop {
        let found = now()?;
        let left = most.saturating_sub(start.elapsed());
        if found != stamp || left.is_zero() {
            return Ok(found);
        }
        std::thread::sleep(left.min(LOOK));
    }
}

/// How many events a store keeps.
pub const EVENTS_KEPT: usize = 1000;

/// What a transaction does, given by reference so that the trait can be an object.
pub type Reading<'w> = dyn FnMut(&dyn Reader) -> Result<()> + 'w;
/// As [`Reading`], with changes.
pub type Writing<'w> = dyn FnMut(&dyn Writer) -> Result<()> + 'w;

/// Who is told of a commit, by the thread that makes it. A function is told of its coming only.
pub trait Witness {
    /// At the last moment before the commit. When the transaction is begun anew, once more for each try.
    fn before(&self);
    /// At the first moment after it: everybody can see the change. Not told of a commit that failed.
    fn after(&self) {}
}

impl<F: Fn()> Witness for F {
    fn before(&self) {
        self();
    }
}

/// A store of sealed rows.
pub trait Store: Send + Sync {
    /// Runs `work` on one state of the store.
    ///
    /// # Errors
    /// Those of `work` and of the backend: `StoreBusy`, `Store`.
    fn read(&self, work: &mut Reading<'_>) -> Result<()>;
    /// Runs `work` alone, and keeps what it did, durably, if it succeeds. `witness` is told of the commit
    /// while no other writer of this process is at work.
    ///
    /// `work` may run **more than once**: a backend on another machine begins again when the transaction
    /// was taken back there. So it must begin from nothing each time: take no input away, and collect into
    /// what it has just emptied.
    ///
    /// # Errors
    /// Those of `work` and of the backend: `StoreBusy`, `StoreFull`, `TokenWriteProtected`, `Store`.
    /// Nothing is changed then.
    fn write(&self, work: &mut Writing<'_>, witness: &dyn Witness) -> Result<()>;
    /// A number that differs from every earlier one of this `Store` after a commit by anybody, on any
    /// machine. To be read before what it stands for.
    ///
    /// # Errors
    /// Those of the backend.
    fn stamp(&self) -> Result<u64>;
    /// Sleeps until the stamp differs from `stamp`, or `most` has passed; answers the stamp.
    ///
    /// # Errors
    /// Those of the backend.
    fn wait(&self, stamp: u64, most: Duration) -> Result<u64>;
    /// Makes what was removed or replaced unreadable in every file of the store. Whether that could
    /// be done now; else it is worth another try later.
    ///
    /// # Errors
    /// Those of the backend.
    fn scrub(&self) -> Result<bool>;
    /// [`Store::scrub`], as far as a logout can wait for it.
    ///
    /// # Errors
    /// Those of the backend.
    fn tidy(&self) -> Result<bool> {
        self.scrub()
    }
    /// Checks the backend's own structure; a line for each flaw.
    ///
    /// # Errors
    /// Those of the backend.
    fn flaws(&self) -> Result<Vec<String>>;
}

impl dyn Store + '_ {
    /// [`Store::read`] with an answer.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn reading<T>(&self, mut work: impl FnMut(&dyn Reader) -> Result<T>) -> Result<T> {
        let mut answer = None;
        self.read(&mut |reader| {
            answer = Some(work(reader)?);
            Ok(())
        })?;
        answer.ok_or(Error::Internal("a store did not run its reader"))
    }

    /// [`Store::write`] with an answer.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn writing<T>(
        &self,
        mut work: impl FnMut(&dyn Writer) -> Result<T>,
        witness: &dyn Witness,
    ) -> Result<T> {
        let mut answer = None;
        self.write(
            &mut |writer| {
                answer = Some(work(writer)?);
                Ok(())
            },
            witness,
        )?;
        answer.ok_or(Error::Internal("a store did not run its writer"))
    }
}
