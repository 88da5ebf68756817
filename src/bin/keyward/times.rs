//! Times and durations as people write them: `7d`, `2027-01-31`, `2027-01-31T12:00:00Z`.

use crate::output::time;

/// The units of durations with their seconds, longest first.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A duration in seconds: a number with `d`, `h`, `m` or `s`, or of seconds.
pub(crate) fn duration(text: &str) -> Result<u64, String> {
    let unit = UNITS
        .into_iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
    let (number, seconds) = unit.unwrap_or((text, 1));
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|number| number.checked_mul(seconds))
        .ok_or_else(|| format!("{text} is no duration: write 7d, 12h, 30m or 90s"))
}

/// A duration in the longest unit that it is a whole number of.
pub(crate) fn duration_text(seconds: u64) -> String {
    let fits = |(_, unit): &(char, u64)| seconds > 0 && seconds.is_multiple_of(*unit);
    match UNITS.into_iter().find(fits) {
        Some((unit, length)) => format!("{}{unit}", seconds / length),
        None => seconds.to_string(),
    }
}

/// A date (its end, in UTC) or a time as RFC 3339 writes it in UTC, in seconds since 1970-01-01.
pub(crate) fn date(text: &str) -> Result<u64, String> {
    let whole = if text.len() == 10 {
        format!("{text}T23:59:59Z")
    } else {
        text.to_owned()
    };
    seconds(&whole)
        .filter(|seconds| time(*seconds) == whole)
        .ok_or_else(|| format!("{text} is no date: write 2027-01-31 or 2027-01-31T12:00:00Z"))
}

/// The seconds of a time of the right shape; the caller checks that it is one.
fn seconds(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // Years begin in March, so that the leap day is the last.
    let (year, month) = if month > 2 {
        (year, month.checked_sub(3)?)
    } else {
        (year.checked_sub(1)?, month.checked_add(9)?)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let days = days.checked_sub(719_469)?;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, seconds) in [("7d", 604_800), ("1h", 3_600), ("90s", 90), ("45m", 2_700)] {
            assert_eq!(duration(text), Ok(seconds));
            assert_eq!(duration_text(seconds), text);
        }
        assert_eq!(duration("90"), Ok(90));
        assert_eq!(duration_text(0), "0");
        for wrong in ["", "d", "-1d", "1w", "99999999999999999999s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date("1970-01-01T00:00:00Z"), Ok(0));
        assert_eq!(date("2024-02-29T23:59:59Z"), Ok(1_709_251_199));
        assert_eq!(date("2024-02-29"), Ok(1_709_251_199));
        for wrong in [
            "2023-02-29",
            "2024-13-01",
            "2024-02-29T24:00:00Z",
            "soon",
            "1969-01-01",
            "ééééé",
        ] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
    }
}
