//! What the program prints: JSON for programs, tables and sentences for people.

use crate::failure::Failure;
use keyward_pkcs11::domain::date::Date;
use serde::Serialize;
use std::io::{self, Write};

/// Where and how results are printed.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Output as JSON, or as text.
    pub(crate) fn new(json: bool) -> Self {
        Output { json }
    }

    /// Whether a program reads it.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints `value` as JSON, or the text that `text` makes of it.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn print<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        let printed = if self.json {
            serde_json::to_string_pretty(value).map_err(|cause| Failure::File(cause.to_string()))?
        } else {
            text(value)
        };
        line(printed.trim_end())
    }
}

/// Prints one line, or several. A reader that went away ends the program's interest, not its success.
///
/// # Errors
/// Standard output cannot be written for any other cause.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{text}") {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => Err(cause.into()),
        _ => Ok(()),
    }
}

/// Columns under their headings, as wide as they need.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        let headings = headings
            .iter()
            .map(|heading| heading.to_uppercase())
            .collect();
        Table {
            rows: vec![headings],
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as text; `nothing` when it has no rows.
    pub(crate) fn text(&self, nothing: &str) -> String {
        if self.rows.len() < 2 {
            return nothing.to_owned();
        }
        let lines = self.rows.iter().map(|row| {
            let cells = row.iter().enumerate().map(|(at, cell)| {
                let width = self.width(at);
                format!("{cell:<width$}")
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    }
}

/// Names and values, one to a line, the values in one column.
pub(crate) fn fields(pairs: &[(&str, String)]) -> String {
    let width = pairs
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    let lines = pairs
        .iter()
        .map(|(name, value)| format!("{name:<width$}  {value}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A time in seconds since 1970-01-01 UTC as people and RFC 3339 write it.
pub(crate) fn time(seconds: u64) -> String {
    Date(seconds).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_need() {
        let mut table = Table::new(&["label", "n"]);
        table.row(vec!["a longer one".to_owned(), "1".to_owned()]);
        assert_eq!(table.text("none"), "LABEL         N\na longer one  1");
        assert_eq!(Table::new(&["label"]).text("none"), "none");
    }
}
