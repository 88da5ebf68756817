//! Re-encryption of everything that is sealed under a domain key, in batches, while service goes on.

use super::Token;
use super::changes::Touched;
use super::rows::RowKeys;
use super::unlocked::Unlocked;
use crate::domain::ids::{DomainKeyId, KeyId};
use crate::domain::key_token;
use crate::domain::keyring::Keyring;
use crate::error::{Error, Result};
use crate::object::ObjectId;
use crate::object::standing::Standing;
use crate::storage::tree::{Entry, Mark};
use crate::storage::{Place, Resealed, Row};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// How many batches wait to be written at most.
const AHEAD: usize = 2;
/// How many rows are read at once. They stand in the order of their creation, so that batches are written
/// side by side; their ids, and with them the leaves of the row tree, are spread over all: the more rows
/// at once, the fewer times each leaf is read.
const READ: usize = 20_000;

/// What a run of [`Token::reencrypt`] has done so far: found = reencrypted + marked + failed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Keys seen under the old domain key, but for those that others changed meanwhile.
    pub found: u64,
    /// Those now under the active domain key.
    pub reencrypted: u64,
    /// Those marked for shredding: only their records, without material, were taken along.
    pub marked: u64,
    /// Those that could not be opened.
    pub failed: u64,
}

/// Who is told of every batch that is durable, and of every object that could not be opened. An error
/// ends the run between two batches.
pub(super) type Seen<'s> = dyn FnMut(&Counts, &[(ObjectId, Error)]) -> Result<()> + 's;

/// A row to be sealed anew, and what the row tree says of it.
struct Found {
    place: Place,
    row: Row,
    entry: Option<Entry>,
}

/// One batch, sealed anew and not yet written.
struct Batch {
    live: Vec<Resealed>,
    marked: Vec<Resealed>,
    failed: Vec<(ObjectId, Error)>,
}

impl Token {
    /// Takes everything under the domain key `from` to the active one, `batch` rows a transaction.
    /// `seen` is told of every batch that is durable, and of every object that could not be opened; an
    /// error of its ends the run between two batches. A run that was ended or killed is resumed by
    /// another: what is done is not found again.
    ///
    /// # Errors
    /// `DomainRule` when `from` is the active key or unknown; those of `seen` and of the store.
    pub fn reencrypt(
        &self,
        from: DomainKeyId,
        batch: NonZero<usize>,
        seen: &mut Seen<'_>,
    ) -> Result<Counts> {
        let unlocked = self.login_needed()?;
        let ring = self.keyring(&unlocked)?;
        if ring.active().id() == from || ring.find(from).is_none() {
            return Err(Error::DomainRule(format!(
                "domain key {from} is not one that gave way to another: nothing can be taken from it"
            )));
        }
        let mut counts = Counts::default();
        let (sender, receiver) = sync_channel(AHEAD);
        thread::scope(|scope| {
            let (unlocked, ring) = (&*unlocked, &*ring);
            let producer = scope.spawn(move || self.produce(unlocked, ring, from, batch, &sender));
            let written = self.write_batches(unlocked, ring, &receiver, &mut counts, seen);
            // A producer that waits for room ends when nobody takes its batches.
            drop(receiver);
            let produced = producer
                .join()
                .map_err(|_| Error::Internal("the thread that seals keys anew panicked"))?;
            written.and(produced)
        })?;
        self.unscrubbed
            .store(true, std::sync::atomic::Ordering::SeqCst);
        Ok(counts)
    }

    /// How many rows are sealed under a domain key, those marked for shredding among them.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the store.
    pub fn sealed_under(&self, key: DomainKeyId) -> Result<u64> {
        let unlocked = self.login_needed()?;
        let keys = self.row_keys(&unlocked)?;
        self.store_of(&keys)?.reading(|reader| {
            reader.count(&crate::storage::Query {
                scope: crate::storage::Scope::All,
                domain_key: Some(key.0),
                any_standing: true,
                ..Default::default()
            })
        })
    }

    /// Reads and seals batch after batch, in the order of the objects' creation.
    fn produce(
        &self,
        unlocked: &Unlocked,
        ring: &Keyring,
        from: DomainKeyId,
        batch: NonZero<usize>,
        sender: &SyncSender<Batch>,
    ) -> Result<()> {
        let keys = self.row_keys(unlocked)?;
        let store = self.store_of(&keys)?;
        let mut after = 0;
        loop {
            let floor = keys.tree.floor();
            let rows = store.reading(|reader| {
                let rows = reader.rows_under(from.0, after, READ.max(batch.get()))?;
                let ids: Vec<_> = rows.iter().map(|(_, row)| row.id).collect();
                let entries = keys.tree.entries(reader, floor, &ids)?;
                let listed = rows.into_iter().zip(entries);
                Ok(listed
                    .map(|((place, row), entry)| Found { place, row, entry })
                    .collect::<Vec<_>>())
            })?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = last.place;
            for part in rows.chunks(batch.get()) {
                if sender.send(seal_all(&keys, ring, part)).is_err() {
                    return Ok(());
                }
            }
        }
    }

    fn write_batches(
        &self,
        unlocked: &Unlocked,
        ring: &Keyring,
        batches: &Receiver<Batch>,
        counts: &mut Counts,
        seen: &mut Seen<'_>,
    ) -> Result<()> {
        for batch in batches {
            let (live, marked) = self.change_rows(unlocked, |writer, rows| {
                if rows.ring()?.active().id() != ring.active().id() {
                    return Err(Error::DomainRule(
                        "another domain key became active: begin again".into(),
                    ));
                }
                let done = (writer.reseal(&batch.live)?, writer.reseal(&batch.marked)?);
                Ok((done, Touched::nothing()))
            })?;
            let failed = u64::try_from(batch.failed.len()).unwrap_or(u64::MAX);
            counts.reencrypted += live;
            counts.marked += marked;
            counts.failed += failed;
            counts.found += live + marked + failed;
            seen(counts, &batch.failed)?;
        }
        Ok(())
    }
}

/// Seals rows anew on every processor.
fn seal_all(keys: &RowKeys, ring: &Keyring, rows: &[Found]) -> Batch {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = rows.len().div_ceil(threads).max(1);
    let mut batch = Batch {
        live: Vec::with_capacity(rows.len()),
        marked: Vec::new(),
        failed: Vec::new(),
    };
    thread::scope(|scope| {
        let parts: Vec<_> = rows
            .chunks(share)
            .map(|part| {
                scope.spawn(move || -> Vec<_> {
                    part.iter()
                        .map(|found| (&found.row, seal_one(keys, ring, found)))
                        .collect()
                })
            })
            .collect();
        for part in parts {
            // A thread that panicked leaves its rows as they are: the next run finds them.
            for (row, sealed) in part.join().unwrap_or_default() {
                match sealed {
                    Ok(sealed) if row.standing == Standing::ShredPending => {
                        batch.marked.push(sealed);
                    }
                    Ok(sealed) => batch.live.push(sealed),
                    Err(error) => batch.failed.push((row.id, error)),
                }
            }
        }
    });
    batch
}

/// Seals one row's secrets under the active domain key; of a marked one, everything but the secrets.
fn seal_one(keys: &RowKeys, ring: &Keyring, found: &Found) -> Result<Resealed> {
    let row = &found.row;
    let tampered = || Error::ObjectTampered(row.id.to_string());
    let expected = Entry {
        revision: row.revision,
        mark: Mark::of(row.standing),
    };
    let (Some(token), Some(from)) = (&row.sealed, row.domain_key) else {
        return Err(tampered());
    };
    if found.entry != Some(expected) {
        return Err(tampered());
    }
    let header = key_token::header(token)?;
    let genuine = header.key == KeyId::from(row.id)
        && header.revision == row.revision
        && header.domain_key.0 == from;
    if !genuine {
        return Err(tampered());
    }
    let sealed = if row.standing == Standing::ShredPending {
        super::record::remains(keys, ring, row)?
    } else {
        key_token::reseal(ring, token, &[])?
    };
    Ok(Resealed {
        place: found.place,
        id: row.id,
        revision: row.revision,
        from,
        to: ring.active().id().0,
        sealed,
    })
}
