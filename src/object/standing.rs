//! How a stored object stands: whether it answers a search, and whether its key is to be destroyed.

/// How a stored object stands. The numbers are stored and shown (`CKA_KEYWARD_STANDING`): a new one is
/// added at the end, none is given out twice.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Standing {
    /// The newest of its family, or an object without versions: an ordinary search answers it.
    #[default]
    Current,
    /// An older version of its family, which only undoes what it once did.
    Superseded,
    /// Its key is to be destroyed at the next rotation of the domain key.
    ShredPending,
    /// Its key is destroyed; the record stays.
    Destroyed,
    /// Its customer holds its key; the record stays.
    Suspended,
}

impl Standing {
    /// Every standing, in the order of the numbers.
    pub const ALL: [Standing; 5] = [
        Standing::Current,
        Standing::Superseded,
        Standing::ShredPending,
        Standing::Destroyed,
        Standing::Suspended,
    ];

    /// What a stored number that is none reads as. Somebody edited it, and the row tree will not bear
    /// this one out of a row that can be used.
    pub const EDITED: Standing = Standing::Destroyed;

    /// The number by which it is stored.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Standing::Current => 0,
            Standing::Superseded => 1,
            Standing::ShredPending => 2,
            Standing::Destroyed => 3,
            Standing::Suspended => 4,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Standing::Current => "current",
            Standing::Superseded => "superseded",
            Standing::ShredPending => "to be shredded",
            Standing::Destroyed => "destroyed",
            Standing::Suspended => "suspended",
        }
    }

    /// The standing with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        Standing::ALL
            .into_iter()
            .find(|standing| u64::from(standing.number()) == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_names_the_standing_it_came_from_and_no_other_number_any() {
        for (number, standing) in (0_u64..).zip(Standing::ALL) {
            assert_eq!(u64::from(standing.number()), number);
            assert_eq!(Standing::from_number(number), Some(standing));
        }
        assert_eq!(Standing::from_number(5), None);
        assert_eq!(Standing::from_number(u64::MAX), None);
    }
}
