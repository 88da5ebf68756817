//! What is durably remembered of operator sessions: a fact for each of 256 groups of them.

use super::Noted;
use crate::domain::cbor::{Reader as Decoder, Writer as Encoder};
use crate::domain::ids::SessionId;
use crate::error::{Error, Result};
use crate::storage::{Reader, Writer};

/// The most sessions of one group that are remembered at once.
const MOST: usize = 64;

/// The sessions whose names begin with one byte.
pub(super) struct Bucket {
    fact: String,
    /// The latest end of a session that was forgotten.
    floor: u64,
    /// Sorted by name.
    entries: Vec<Entry>,
}

/// What is remembered of a session.
#[derive(Clone, Copy)]
struct Entry {
    id: SessionId,
    /// Counters above it were never taken.
    ceiling: u64,
    /// The mark of the place in a file by which it was raised.
    by: u64,
    /// Its last second.
    until: u64,
}

impl Bucket {
    /// The group of a session.
    pub(super) fn read(reader: &dyn Reader, id: SessionId) -> Result<Self> {
        let fact = format!("sessions/{:02x}", id.0.first().copied().unwrap_or_default());
        let mut bucket = Bucket {
            floor: 0,
            entries: Vec::new(),
            fact,
        };
        let Some(bytes) = reader.fact(&bucket.fact)? else {
            return Ok(bucket);
        };
        let read = Decoder::whole(&bytes, "operator sessions", |decoder| {
            decoder.tuple("operator sessions", 2)?;
            let floor = decoder.uint("latest end")?;
            let entry = |decoder: &mut Decoder<'_>| {
                decoder.tuple("operator session", 4)?;
                Ok(Entry {
                    id: SessionId(decoder.fixed("session id")?),
                    ceiling: decoder.uint("highest counter")?,
                    by: decoder.uint("mark")?,
                    until: decoder.uint("session end")?,
                })
            };
            let entries = decoder.sorted_list("sessions", MOST, entry, |entry| entry.id)?;
            Ok((floor, entries))
        });
        (bucket.floor, bucket.entries) =
            read.map_err(|flaw| Error::StoreTampered(format!("operator sessions: {flaw}")))?;
        Ok(bucket)
    }

    /// Writes it.
    pub(super) fn write(&self, writer: &dyn Writer) -> Result<()> {
        let mut encoder = Encoder::default();
        encoder.array(2).uint(self.floor).array(self.entries.len());
        for entry in &self.entries {
            encoder.array(4).bytes(&entry.id.0).uint(entry.ceiling);
            encoder.uint(entry.by).uint(entry.until);
        }
        writer.set_fact(&self.fact, Some(encoder.as_slice()))
    }

    /// Forgets the sessions that are over.
    pub(super) fn forget(&mut self, now: u64) {
        let over = self.entries.iter().filter(|entry| entry.until < now);
        let latest = over.map(|entry| entry.until).max().unwrap_or(0);
        self.floor = self.floor.max(latest);
        self.entries.retain(|entry| entry.until >= now);
    }

    /// Remembers a session until its end.
    pub(super) fn note(&mut self, id: SessionId, until: u64) -> Noted {
        let Err(place) = self.entries.binary_search_by_key(&id, |entry| entry.id) else {
            return Noted::Known;
        };
        if until <= self.floor {
            return Noted::Over;
        }
        if self.entries.len() >= MOST {
            return Noted::Full;
        }
        let entry = Entry {
            id,
            ceiling: 0,
            by: 0,
            until,
        };
        self.entries.insert(place, entry);
        Noted::New
    }

    /// The ceiling of a session, and the mark of the place by which it was raised.
    pub(super) fn ceiling(&self, id: SessionId) -> (u64, u64) {
        let entry = self.entries.iter().find(|entry| entry.id == id);
        entry.map_or((0, 0), |entry| (entry.ceiling, entry.by))
    }

    /// Raises the ceiling of a session, by a place with this mark.
    pub(super) fn raise(&mut self, id: SessionId, ceiling: u64, mark: u64) {
        for entry in self.entries.iter_mut().filter(|entry| entry.id == id) {
            entry.ceiling = entry.ceiling.max(ceiling);
            entry.by = mark;
        }
    }
}
