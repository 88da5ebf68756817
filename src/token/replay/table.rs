//! The highest counters that were taken, exact, in a file that all processes of a member map. It is neither
//! durable nor authenticated, and holds only until the machine is started anew.

use super::Counted;
use crate::crypto::random::array;
use crate::domain::ids::SessionId;
use crate::error::Result;
use crate::ffi::os::shared::SharedFile;
use crate::storage::files;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many sessions have a place.
const SLOTS: usize = 4096;
/// The bytes of one place.
const SLOT: usize = 64;
/// How many places one session may be in.
const WINDOW: usize = 16;
/// How long after its session's end a place is kept, in seconds, for whoever is just looking at it.
const GRACE: u64 = 60;

/// The two halves of the session's name.
const NAME: [usize; 2] = [0, 8];
/// Which start of the machine the place is from.
const BOOT: usize = 16;
/// The highest counter taken.
const HIGHEST: usize = 24;
/// Counters up to it may be taken without asking the database.
const CEILING: usize = 32;
/// The last second of the session.
const UNTIL: usize = 40;
/// A random number that tells this use of the place from every other.
const MARK: usize = 48;

/// The table of one token, opened when it is first needed.
pub(in crate::token) struct LazyTable {
    path: PathBuf,
    table: OnceLock<Table>,
}

impl LazyTable {
    /// The table in the file at `path`.
    pub(in crate::token) fn new(path: PathBuf) -> Self {
        LazyTable {
            path,
            table: OnceLock::new(),
        }
    }

    /// Opens it, and makes the file if it is not there.
    pub(super) fn open(&self) -> Result<&Table> {
        if let Some(table) = self.table.get() {
            return Ok(table);
        }
        let cause = |error| files::cause(&self.path, &error);
        let file = files::open_or_make(&self.path)?;
        let file = SharedFile::map(&file, SLOTS.saturating_mul(SLOT)).map_err(cause)?;
        let boot = boot();
        Ok(self.table.get_or_init(|| Table { file, boot }))
    }
}

/// The mapped file.
pub(super) struct Table {
    file: SharedFile,
    /// This start of the machine; `None` where it cannot be told from others: then there are no places.
    boot: Option<u64>,
}

impl Table {
    /// The place of a session.
    pub(super) fn find(&self, id: SessionId) -> Option<Slot<'_>> {
        let boot = self.boot?;
        self.window(id)
            .find(|slot| slot.name() == halves(id) && slot.load(BOOT) == boot)
    }

    /// Gives a session a place, in which everything up to `taken` counts as taken. The caller sees to it
    /// that no other process does the same meanwhile.
    pub(super) fn claim(
        &self,
        id: SessionId,
        until: u64,
        taken: u64,
        now: u64,
    ) -> Option<Slot<'_>> {
        let boot = self.boot?;
        let mark = u64::from_be_bytes(array().ok()?);
        let free = |slot: &Slot<'_>| {
            let over = slot.load(UNTIL).saturating_add(GRACE) < now;
            slot.name() == [0, 0] || slot.load(BOOT) != boot || over
        };
        let slot = self.window(id).find(free)?;
        // Nobody's, while it is neither the old session's nor the new one's.
        for half in NAME {
            slot.store(half, 0);
        }
        slot.store(HIGHEST, taken);
        slot.store(CEILING, taken);
        slot.store(UNTIL, until);
        slot.store(MARK, mark);
        slot.store(BOOT, boot);
        for (place, half) in NAME.into_iter().zip(halves(id)) {
            slot.store(place, half);
        }
        Some(slot)
    }

    /// The places that a session may be in.
    fn window(&self, id: SessionId) -> impl Iterator<Item = Slot<'_>> {
        let [start, _] = halves(id);
        let start = usize::try_from(start % 4096).unwrap_or_default();
        (0..WINDOW).map(move |step| Slot {
            file: &self.file,
            at: (start.saturating_add(step) % SLOTS).saturating_mul(SLOT),
        })
    }
}

/// One session's place in the table.
pub(super) struct Slot<'t> {
    file: &'t SharedFile,
    at: usize,
}

impl Slot<'_> {
    /// Takes a counter of session `id`, or refuses one that is not above all that were taken. `None`
    /// when it is above what may be taken without asking the database, or the place is another session's
    /// by now.
    pub(super) fn take(&self, id: SessionId, counter: u64) -> Option<Counted> {
        let highest = self.load(HIGHEST);
        if counter > highest && counter > self.load(CEILING) {
            return None;
        }
        let before = self.raise_word(HIGHEST, counter);
        if self.name() != halves(id) {
            return None;
        }
        if counter > before {
            return Some(Counted::Taken);
        }
        Some(Counted::Replayed {
            next: before.saturating_add(1),
        })
    }

    /// The highest counter taken.
    pub(super) fn highest(&self) -> u64 {
        self.load(HIGHEST)
    }

    /// Lets counters up to `ceiling` be taken.
    pub(super) fn raise(&self, ceiling: u64) {
        self.raise_word(CEILING, ceiling);
    }

    /// Takes in the durable ceiling, and the mark by which it was raised. One that was raised by way of
    /// another file, or by way of this one before it was lost, says nothing of what was taken below it:
    /// all of that counts as taken.
    pub(super) fn admit(&self, (durable, mark): (u64, u64)) {
        if durable > self.load(CEILING) && mark != self.mark() {
            self.raise_word(HIGHEST, durable);
        }
        self.raise(durable);
    }

    /// What tells this use of the place from every other.
    pub(super) fn mark(&self) -> u64 {
        self.load(MARK)
    }

    /// The name of the session that the place is for.
    fn name(&self) -> [u64; 2] {
        NAME.map(|half| self.load(half))
    }

    fn load(&self, field: usize) -> u64 {
        self.word(field)
            .map_or(0, |word| word.load(Ordering::SeqCst))
    }

    fn store(&self, field: usize, value: u64) {
        if let Some(word) = self.word(field) {
            word.store(value, Ordering::SeqCst);
        }
    }

    /// Raises a field, and answers what it was.
    fn raise_word(&self, field: usize, value: u64) -> u64 {
        self.word(field)
            .map_or(u64::MAX, |word| word.fetch_max(value, Ordering::SeqCst))
    }

    fn word(&self, field: usize) -> Option<&AtomicU64> {
        self.file.word(self.at.saturating_add(field))
    }
}

/// A session's name as two numbers.
fn halves(id: SessionId) -> [u64; 2] {
    let (halves, _) = id.0.as_chunks::<8>();
    let [one, two] = halves else { return [0, 0] };
    [u64::from_be_bytes(*one), u64::from_be_bytes(*two)]
}

/// This start of the machine.
fn boot() -> Option<u64> {
    let id = std::fs::read("/proc/sys/kernel/random/boot_id").ok()?;
    let hash = crate::seal::envelope::hash(&[&id]);
    hash.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}
