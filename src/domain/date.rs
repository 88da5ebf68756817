//! Times as people and RFC 3339 write them.

use std::fmt;

/// A time in seconds since 1970-01-01 UTC, shown as RFC 3339 writes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Date(pub u64);

/// As [`Date`], for the texts of errors, which have references.
pub(super) fn date(seconds: &u64) -> Date {
    Date(*seconds)
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / 86_400, self.0 % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (rest / 3_600, rest % 3_600 / 60, rest % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
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
    fn times_are_those_of_the_calendar() {
        assert_eq!(Date(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Date(951_782_400).to_string(), "2000-02-29T00:00:00Z");
        assert_eq!(Date(1_709_251_199).to_string(), "2024-02-29T23:59:59Z");
        assert_eq!(Date(4_107_542_400).to_string(), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn no_number_is_too_large() {
        assert!(Date(u64::MAX).to_string().ends_with('Z'));
    }
}
