//! What became of a key and when: the record that stays though its material is destroyed.

use super::attribute::{Attributes, Value};
use super::standing::Standing;
use super::vendor::CKA_KEYWARD_HISTORY;

/// The mark of a compromise that became known; the others are the numbers of [`Standing`].
pub const COMPROMISED: u8 = 0xFF;
/// The length in bytes of one entry: the mark, and the time in seconds since 1970-01-01 UTC.
const ENTRY_LEN: usize = 9;
/// The most entries; the oldest of more go.
const MAX_ENTRIES: usize = 256;

/// One thing that became of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The number of the [`Standing`] that it came to, or [`COMPROMISED`].
    pub mark: u8,
    /// When, in seconds since 1970-01-01 UTC.
    pub at: u64,
}

impl Entry {
    /// The entries of a history, oldest first; what is not whole is left out.
    #[must_use]
    pub fn all(history: &[u8]) -> Vec<Entry> {
        let (entries, _) = history.as_chunks::<ENTRY_LEN>();
        let entry = |[mark, at @ ..]: &[u8; ENTRY_LEN]| Entry {
            mark: *mark,
            at: u64::from_be_bytes(*at),
        };
        entries.iter().map(entry).collect()
    }

    /// Adds the entry to the history that the attributes have.
    pub fn add_to(self, attributes: &mut Attributes) {
        let mut history = attributes
            .bytes(CKA_KEYWARD_HISTORY)
            .unwrap_or_default()
            .to_vec();
        history.push(self.mark);
        history.extend(self.at.to_be_bytes());
        let over = history.len().saturating_sub(MAX_ENTRIES * ENTRY_LEN);
        history.drain(..over);
        attributes.set(CKA_KEYWARD_HISTORY, Value::Bytes(history));
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match Standing::from_number(self.mark.into()) {
            Some(standing) => standing.name(),
            None if self.mark == COMPROMISED => "compromised",
            None => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_keeps_the_newest_entries_in_order() {
        let mut attributes = Attributes::default();
        for at in 0..300 {
            Entry { mark: 1, at }.add_to(&mut attributes);
        }
        let all = Entry::all(attributes.bytes(CKA_KEYWARD_HISTORY).unwrap());
        assert_eq!(all.len(), MAX_ENTRIES);
        assert_eq!((all[0].at, all[255].at), (44, 299));
        assert_eq!(
            Entry {
                mark: COMPROMISED,
                at: 0
            }
            .name(),
            "compromised"
        );
    }
}
