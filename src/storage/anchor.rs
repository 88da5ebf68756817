//! The anchor: the newest state of a store, kept outside its database, so that an older copy of the
//! database that is put back is noticed.
//!
//! A file of two slots of 4,096 bytes, written in turn. A slot holds a checksum, a counter and what
//! the room above gives it; a torn write leaves the other slot. The counter only rises.

use super::files;
use crate::error::{Error, Result};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of one slot.
const SLOT: usize = 4096;
/// Bytes of the checksum, the counter and the content's length.
const HEAD: usize = 32 + 8 + 4;
/// The longest content in bytes.
pub const CONTENT_MAX: usize = SLOT - HEAD;

/// The anchor file of one token.
pub struct Anchor {
    file: File,
    path: PathBuf,
    /// File locks keep processes apart, this one threads.
    turn: Mutex<()>,
}

/// What the newest whole slot says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anchored {
    /// The counter of the state.
    pub counter: u64,
    /// What belongs to it.
    pub content: Vec<u8>,
}

impl Anchor {
    /// Opens the file, and makes it if it is not there.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Anchor {
            file: files::open_or_make(path)?,
            path: path.to_owned(),
            turn: Mutex::new(()),
        })
    }

    /// The newest state; `None` when there is none, or neither slot is whole.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn newest(&self) -> Result<Option<Anchored>> {
        let [even, odd] = [self.slot(0)?, self.slot(1)?];
        Ok(even
            .into_iter()
            .chain(odd)
            .max_by_key(|anchored| anchored.counter))
    }

    /// Writes a state, unless the file already has one with a higher counter. Not waited for until it
    /// is on disk: an anchor that lags behind its database is no fault.
    ///
    /// # Errors
    /// Those of the file system; `Internal` for content beyond [`CONTENT_MAX`].
    pub fn advance(&self, next: &Anchored) -> Result<()> {
        self.locked(|| match self.newest()? {
            Some(newest) if newest.counter > next.counter => Ok(()),
            _ => self.put(next),
        })
    }

    /// Writes a state whatever the file says, and makes it durable: for a token that starts anew.
    ///
    /// # Errors
    /// As [`Anchor::advance`].
    pub fn restart(&self, first: &Anchored) -> Result<()> {
        self.locked(|| {
            self.file.set_len(0).map_err(|error| self.cause(&error))?;
            self.put(first)?;
            self.file.sync_all().map_err(|error| self.cause(&error))
        })
    }

    /// Empties the file, durably.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn forget(&self) -> Result<()> {
        self.locked(|| {
            let emptied = self.file.set_len(0).and_then(|()| self.file.sync_all());
            emptied.map_err(|error| self.cause(&error))
        })
    }

    /// Runs `work` while no other thread or process writes the file.
    fn locked(&self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let _turn = self.turn.lock();
        self.file.lock().map_err(|error| self.cause(&error))?;
        let done = work();
        let unlocked = self.file.unlock().map_err(|error| self.cause(&error));
        done.and(unlocked)
    }

    fn put(&self, next: &Anchored) -> Result<()> {
        let length = u32::try_from(next.content.len())
            .ok()
            .filter(|_| next.content.len() <= CONTENT_MAX);
        let length = length.ok_or(Error::Internal("an anchor with too much in it"))?;
        let mut body = next.counter.to_be_bytes().to_vec();
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(&next.content);
        let mut slot = Sha256::digest(&body).to_vec();
        slot.append(&mut body);
        let offset = if next.counter.is_multiple_of(2) {
            0
        } else {
            SLOT_OFFSET
        };
        self.file
            .write_all_at(&slot, offset)
            .map_err(|error| self.cause(&error))
    }

    /// A slot; `None` when it is empty or torn.
    fn slot(&self, place: u64) -> Result<Option<Anchored>> {
        let mut bytes = Vec::with_capacity(SLOT);
        let mut chunk = [0; SLOT];
        let start = place.saturating_mul(SLOT_OFFSET);
        loop {
            let offset = start.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            let left = chunk.get_mut(bytes.len()..).unwrap_or_default();
            let count = self
                .file
                .read_at(left, offset)
                .map_err(|error| self.cause(&error))?;
            bytes.extend_from_slice(left.get(..count).unwrap_or_default());
            if count == 0 || bytes.len() >= SLOT {
                return Ok(parse(&bytes));
            }
        }
    }

    fn cause(&self, error: &std::io::Error) -> Error {
        files::cause(&self.path, error)
    }
}

/// Where the second slot begins.
const SLOT_OFFSET: u64 = 4096;

fn parse(slot: &[u8]) -> Option<Anchored> {
    let (checksum, body) = slot.split_first_chunk::<32>()?;
    let (counter, rest) = body.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let content = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let body = body.get(..8 + 4 + content.len())?;
    let whole = Sha256::digest(body).as_slice() == checksum;
    whole.then(|| Anchored {
        counter: u64::from_be_bytes(*counter),
        content: content.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(counter: u64) -> Anchored {
        Anchored {
            counter,
            content: vec![7; 100],
        }
    }

    #[test]
    fn the_counter_only_rises() {
        let directory = tempfile::tempdir().unwrap();
        let anchor = Anchor::open(&directory.path().join("a")).unwrap();
        assert_eq!(anchor.newest().unwrap(), None);
        for counter in [1, 2, 5] {
            anchor.advance(&state(counter)).unwrap();
            assert_eq!(anchor.newest().unwrap(), Some(state(counter)));
        }
        anchor.advance(&state(4)).unwrap();
        assert_eq!(anchor.newest().unwrap(), Some(state(5)));
        anchor.restart(&state(1)).unwrap();
        assert_eq!(anchor.newest().unwrap(), Some(state(1)));
    }

    #[test]
    fn a_torn_slot_leaves_the_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let anchor = Anchor::open(&path).unwrap();
        anchor.advance(&state(8)).unwrap();
        anchor.advance(&state(9)).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let end = bytes.len() - 1;
        bytes[end] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(anchor.newest().unwrap(), Some(state(8)));
        bytes.truncate(10);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(anchor.newest().unwrap(), None);
    }
}
