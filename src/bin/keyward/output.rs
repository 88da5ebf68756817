//! What the program prints: JSON for programs, tables and sentences for people.

use crate::failure::Failure;
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
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3_600, rest % 3_600 / 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar: years begin in
/// March, so that the leap day is the last, and repeat every 146,097 days.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days.saturating_add(719_468);
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (
        era * 400 + year + u64::from(month <= 2),
        month,
        day_of_month,
    )
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

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(time(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(time(4_107_542_400), "2100-03-01T00:00:00Z");
    }
}
