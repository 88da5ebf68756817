//! Counters of operator sessions: no process of this member takes a request that any of them took.
//!
//! The database holds a ceiling for each session, raised in blocks before a counter above it is taken, so
//! that a request costs no write. The highest counter taken is exact in a small file that all processes
//! map. When that file is lost, or the machine was started anew, every counter up to the ceiling counts as
//! taken. What is remembered of a session is forgotten when the session is over; the latest end that was
//! forgotten stays, so that no clock that is set back brings a session back.

mod bucket;
mod table;

use super::Token;
use super::changes::Touched;
use crate::domain::ids::{Digest, SessionId};
use crate::error::Result;
use crate::storage::{Event, Writer};
use bucket::Bucket;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::path::PathBuf;
use table::{LazyTable, Slot, Table};

/// How many counters are reserved by one write.
const BLOCK: u64 = 256;
/// The kind of event of an operator session that was opened.
pub const SESSION_OPENED: &str = "operator session opened";
/// The kind of event of a request for an operator session, or of one in it, that was refused.
pub const SESSION_REFUSED: &str = "operator session refused";

/// The most sessions of which a process knows that it reported a refusal.
const REPORTED_MOST: usize = 4096;
/// The most answers that wait for a larger buffer.
const WAITING_MOST: usize = 16;

/// What a process knows of operator sessions.
pub(super) struct OperatorSessions {
    counters: LazyTable,
    /// Sessions of which a refusal was reported.
    reported: Mutex<HashSet<SessionId>>,
    /// Answers, sealed, that did not fit the caller's buffer, by the hash of the request.
    waiting: Mutex<Vec<(Digest, Vec<u8>)>>,
}

impl OperatorSessions {
    /// Those of a token, with their counters in the file at `path`.
    pub(super) fn new(path: PathBuf) -> Self {
        OperatorSessions {
            counters: LazyTable::new(path),
            reported: Mutex::default(),
            waiting: Mutex::default(),
        }
    }
}

/// Whether this member can remember a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Noted {
    /// It had not seen it before, and will know it again.
    New,
    /// It has seen it before.
    Known,
    /// The session's time is over.
    Over,
    /// There is no room.
    Full,
}

/// Whether a request's counter is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// It is above all that were taken, and now counts as taken.
    Taken,
    /// It may have been taken before.
    Replayed {
        /// The lowest counter that would be taken.
        next: u64,
    },
    /// The session's time is over.
    Over,
    /// There is no room to remember the session.
    Full,
}

impl Token {
    /// Notes, durably, a session that ends at `until`, with a line `opened` about it for the history.
    ///
    /// # Errors
    /// Those of the store.
    pub fn note_session(&self, id: SessionId, until: u64, now: u64, opened: &str) -> Result<Noted> {
        self.change(|writer| {
            let mut bucket = Bucket::read(writer, id)?;
            bucket.forget(now);
            let noted = bucket.note(id, until);
            if noted == Noted::New {
                bucket.write(writer)?;
                writer.put_event(&Event {
                    time: now,
                    kind: SESSION_OPENED.to_owned(),
                    text: opened.to_owned(),
                })?;
            }
            Ok((noted, Touched::nothing()))
        })
    }

    /// Takes the counter of a request, in a session that ends at `until`, if it is above every one that
    /// any process of this member took. Without a write, but for one in every 256.
    ///
    /// # Errors
    /// Those of the store; the counter may then count as taken.
    pub fn take_counter(
        &self,
        id: SessionId,
        until: u64,
        counter: u64,
        now: u64,
    ) -> Result<Counted> {
        let table = self.operator_sessions.counters.open()?;
        if let Some(counted) = table.find(id).and_then(|slot| slot.take(id, counter)) {
            return Ok(counted);
        }
        let reserved = self.change(|writer| {
            let reserved = reserve(writer, table, (id, until), counter, now)?;
            Ok((reserved, Touched::nothing()))
        })?;
        match reserved {
            Reserved::Up(slot, ceiling) => {
                slot.raise(ceiling);
                // Another process may have taken it meanwhile, or a higher one.
                let counted = slot.take(id, counter);
                Ok(counted.unwrap_or(Counted::Replayed {
                    next: ceiling.saturating_add(1),
                }))
            }
            Reserved::Decided(counted) => Ok(counted),
        }
    }

    /// Keeps a refusal in the history: the first of each session in each process, so that nobody fills the
    /// history with one request. `None` stands for requests of no session that opens.
    ///
    /// # Errors
    /// Those of the store.
    pub fn note_session_refusal(&self, id: Option<SessionId>, why: &str) -> Result<()> {
        let mut reported = self.operator_sessions.reported.lock();
        if reported.len() >= REPORTED_MOST {
            reported.clear();
        }
        let first = reported.insert(id.unwrap_or(SessionId([0; 16])));
        drop(reported);
        if !first {
            return Ok(());
        }
        let text = match id {
            Some(id) => format!("session {id}: {why}"),
            None => why.to_owned(),
        };
        self.note(SESSION_REFUSED, &text)
    }

    /// Keeps the answer to a request until the caller has a buffer for it.
    pub fn keep_answer(&self, request: Digest, answer: Vec<u8>) {
        let mut waiting = self.operator_sessions.waiting.lock();
        if waiting.len() >= WAITING_MOST {
            waiting.remove(0);
        }
        waiting.push((request, answer));
    }

    /// The answer to a request that waits for its caller, if it has at most `room` bytes: then it waits no
    /// longer. Otherwise its length.
    #[must_use]
    pub fn waiting_answer(&self, request: Digest, room: usize) -> Option<Result<Vec<u8>, usize>> {
        let mut waiting = self.operator_sessions.waiting.lock();
        let place = waiting.iter().position(|(own, _)| *own == request)?;
        let length = waiting.get(place).map_or(0, |(_, answer)| answer.len());
        if length > room {
            return Some(Err(length));
        }
        Some(Ok(waiting.remove(place).1))
    }
}

/// What a reservation led to.
enum Reserved<'t> {
    /// Counters up to the number may be taken, once what was written is durable.
    Up(Slot<'t>, u64),
    /// The answer, without more.
    Decided(Counted),
}

/// Reserves counters beyond `counter`. No other process is in here at the same time: the store has one
/// writer.
fn reserve<'t>(
    writer: &dyn Writer,
    table: &'t Table,
    (id, until): (SessionId, u64),
    counter: u64,
    now: u64,
) -> Result<Reserved<'t>> {
    let mut bucket = Bucket::read(writer, id)?;
    bucket.forget(now);
    match bucket.note(id, until) {
        Noted::Over => return Ok(Reserved::Decided(Counted::Over)),
        Noted::Full => return Ok(Reserved::Decided(Counted::Full)),
        Noted::New | Noted::Known => {}
    }
    let durable = bucket.ceiling(id);
    let found = table.find(id);
    let slot = found.or_else(|| table.claim(id, until, durable.0, now));
    let taken = match &slot {
        Some(slot) => {
            slot.admit(durable);
            slot.highest()
        }
        None => durable.0,
    };
    if counter <= taken {
        return Ok(Reserved::Decided(Counted::Replayed {
            next: taken.saturating_add(1),
        }));
    }
    // Without a place in the file the counter itself is the ceiling, and every request a write.
    let (ceiling, mark) = match &slot {
        Some(slot) => (counter.saturating_add(BLOCK - 1), slot.mark()),
        None => (counter, 0),
    };
    bucket.raise(id, ceiling, mark);
    bucket.write(writer)?;
    Ok(match slot {
        Some(slot) => Reserved::Up(slot, ceiling),
        None => Reserved::Decided(Counted::Taken),
    })
}
