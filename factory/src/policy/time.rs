//! Times as records have them.

/// The seconds since 1970 of a time in UTC, `2026-11-20T10:00:43Z`, with or without a fraction of a second; nothing where it is
/// none.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    let (text, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let bytes = text.as_bytes();
    let form = bytes.len() == 19
        && [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')]
            .iter()
            .all(|(at, sign)| bytes[*at] == *sign)
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !form {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    // The calendar's own rules are those of days.
    llb_gen::policy::Day::of_time(text)?;
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days(number(0, 4)?, number(5, 7)?, number(8, 10)?) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days since 1970, with years that begin in March, so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use llb_gen::lower::rfc3339;

    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for epoch in [0, 951_782_400, 951_868_799, 1_709_164_800, 1_795_946_443, 4_107_542_399] {
            assert_eq!(seconds(&rfc3339(epoch)), i64::try_from(epoch).ok(), "{}", rfc3339(epoch));
        }
        assert_eq!(seconds("1970-01-01T00:00:01.25Z"), Some(1));
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "2026-11-20",
            "2026-11-20T10:00:43",
            "2026-11-20T10:00:43+01:00",
            "2026-13-20T10:00:43Z",
            "2026-11-20T24:00:00Z",
            "2026-02-30T10:00:00Z",
            "2026-11-20T10:00:43.Z",
            "+026-11-20T10:00:43Z",
            "éééééééééééééééééééZ",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
