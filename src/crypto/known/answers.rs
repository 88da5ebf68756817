//! The known answers as data: a name and its bytes a line.

use crate::error::{Error, Result};

/// The answers of this module: once in it, whoever reads them.
pub(super) static TEXT: &str = include_str!("answers.txt");

/// Known answers.
#[derive(Clone, Copy)]
pub(super) struct Answers<'a>(&'a str);

impl<'a> Answers<'a> {
    /// Those of this module.
    pub(super) fn own() -> Answers<'static> {
        Answers(TEXT)
    }

    /// Those of a text.
    #[cfg(test)]
    pub(super) fn new(text: &'a str) -> Self {
        Answers(text)
    }

    /// The bytes of a name.
    ///
    /// # Errors
    /// `Internal` for a name that has none.
    pub(super) fn bytes(self, name: &str) -> Result<Vec<u8>> {
        let lines = self.0.lines();
        let mut found = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let digits = found.next().ok_or(Error::Internal("no known answer"))?;
        let pairs = digits.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        bytes.ok_or(Error::Internal("a known answer that is no number"))
    }

    /// The same for a name whose bytes have a certain number.
    ///
    /// # Errors
    /// As [`Answers::bytes`].
    pub(super) fn array<const N: usize>(self, name: &str) -> Result<[u8; N]> {
        let bytes = self.bytes(name)?;
        bytes
            .try_into()
            .map_err(|_| Error::Internal("a known answer of another length"))
    }

    /// Whether what was computed is the answer of this name.
    ///
    /// # Errors
    /// `Internal` when it is not.
    pub(super) fn compare(self, name: &str, given: &[u8]) -> Result<()> {
        same(given, &self.bytes(name)?)
    }
}

/// Whether both are the same.
///
/// # Errors
/// `Internal` when they are not.
pub(super) fn same(given: &[u8], known: &[u8]) -> Result<()> {
    match given == known {
        true => Ok(()),
        false => Err(Error::Internal("a wrong answer")),
    }
}
