//! Key tokens that callers hold: how one is taken to the active domain key. How many may be under each
//! domain key is counted (`counts`) before they are handed out; one that was taken to another key is noted,
//! because each counts off once only.

use super::Token;
use super::changes::Touched;
use super::counts::{Count, place, read, set};
use super::rows::RowKeys;
use crate::domain::ids::{Digest, DomainKeyId};
use crate::domain::rewrap::rewrap;
use crate::error::Result;
use crate::object::ObjectId;
use crate::seal::envelope::hash;
use crate::storage::tree::{Entry, Mark};

/// The facts that name tokens that were taken to another key. Entries of the row tree say that it is so; the
/// facts only tell which entries there are, for when the key is gone.
const REWRAPPED: &str = "rewrapped/";

impl Token {
    /// Takes a key token, or an AES key wrap under a domain key, to the active domain key. `None` when it
    /// is under the active key already.
    ///
    /// # Errors
    /// `KeyTokenRefused`, `UnknownDomainKey`, `WrappedKeyInvalid` for what no domain key opens; those of
    /// the store.
    pub fn rewrap(&self, wrapped: &[u8]) -> Result<Option<Vec<u8>>> {
        let unlocked = self.login_needed()?;
        let ring = self.keyring(&unlocked)?;
        let Some((from, fresh)) = rewrap(&ring, wrapped)? else {
            return Ok(None);
        };
        self.count_held(ring.active().id())?;
        let name = Digest(hash(&[wrapped]));
        let fact = format!("{REWRAPPED}{from}/{name}");
        self.change_rows(&unlocked, |writer, rows| {
            let note = note(&rows.keys, &fact);
            let floor = rows.keys.tree.floor();
            let noted = rows.keys.tree.entry(writer, floor, note)?.is_some();
            if noted || writer.fact(&fact)?.is_some() {
                return Ok(((), Touched::nothing()));
            }
            writer.set_fact(&fact, Some(&[]))?;
            let counted = (Count::Held, from.0);
            let left = read(&rows.keys, writer, floor, counted)?.saturating_sub(1);
            let noted = Entry {
                revision: 1,
                mark: Mark::Role,
            };
            let touched = set(writer, rows, &[(counted, left)], &[(note, Some(noted))])?;
            Ok(((), touched))
        })?;
        Ok(Some(fresh))
    }

    /// Forgets the counts of domain keys that no longer exist.
    ///
    /// # Errors
    /// Those of the store.
    pub fn forget_removed_counts(&self) -> Result<()> {
        let unlocked = self.login_needed()?;
        let state = unlocked.domain().state.clone();
        let gone: Vec<DomainKeyId> = state.tombstones.iter().map(|own| own.id).collect();
        self.change_rows(&unlocked, |writer, rows| {
            let floor = rows.keys.tree.floor();
            let (mut counts, mut notes) = (Vec::new(), Vec::new());
            for key in &gone {
                let counted = (Count::Held, key.0);
                if read(&rows.keys, writer, floor, counted)? > 0 {
                    counts.push((counted, 0));
                }
                for (fact, _) in writer.facts(&format!("{REWRAPPED}{key}/"))? {
                    notes.push((note(&rows.keys, &fact), None));
                    writer.set_fact(&fact, None)?;
                }
            }
            if counts.is_empty() && notes.is_empty() {
                return Ok(((), Touched::nothing()));
            }
            Ok(((), set(writer, rows, &counts, &notes)?))
        })
    }
}

/// The entry of the row tree that says that a token was taken to another key.
fn note(keys: &RowKeys, fact: &str) -> ObjectId {
    place(keys, b"", fact.as_bytes())
}
