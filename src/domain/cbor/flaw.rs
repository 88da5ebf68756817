//! Why CBOR is refused, and in which field.

use std::fmt;

/// Why a piece of CBOR was refused, and in which field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// The field, by its name in `docs/formats.md`.
    pub field: &'static str,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// The ways in which a field can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// The input ends within it.
    Truncated,
    /// It is of another type or length.
    WrongType,
    /// It has more bytes or items than the format allows.
    TooLong,
    /// It is not in the one form that deterministic encoding allows.
    NotCanonical,
    /// Map keys or list items are out of order, or one comes twice.
    Disordered,
    /// Something follows it.
    Trailing,
    /// Its value is outside what the format allows.
    BadValue,
    /// It is a field that this format does not know and must not ignore.
    UnknownCritical,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flaw = match self.flaw {
            Flaw::Truncated => "cut short",
            Flaw::WrongType => "of the wrong type or length",
            Flaw::TooLong => "too long",
            Flaw::NotCanonical => "not in canonical form",
            Flaw::Disordered => "out of order or duplicated",
            Flaw::Trailing => "followed by something",
            Flaw::BadValue => "out of range",
            Flaw::UnknownCritical => "unknown and critical",
        };
        write!(f, "{} is {flaw}", self.field)
    }
}

impl std::error::Error for Malformed {}
