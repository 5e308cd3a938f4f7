//! When tests ran, for people and for records.

use alloc::format;
use alloc::string::String;

use crate::sys::{Nanos, SECOND};

/// Seconds of a day.
const DAY: i128 = 86_400;
/// Days from the 1st of March of the year 0 to the 1st of January 1970.
const TO_MARCH: i128 = 719_468;
/// Days of 400 years, after which the calendar repeats.
const CYCLE: i128 = 146_097;

/// A time as RFC 3339 has it, in UTC and whole seconds.
pub(super) fn rfc3339(time: Nanos) -> String {
    let seconds = time.div_euclid(SECOND);
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a number of days since 1970. Years are counted from March here, so that the leap day is the
/// last of its year.
fn civil(days: i128) -> (i128, i128, i128) {
    let days = days + TO_MARCH;
    let (cycle, of_cycle) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (cycle * 400 + year + i128::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_the_calendar_s() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (315_532_800, "1980-01-01T00:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (1_709_164_799, "2024-02-28T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_795_168_843, "2026-11-20T10:00:43Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds * SECOND + 999_999_999), text);
        }
    }
}
