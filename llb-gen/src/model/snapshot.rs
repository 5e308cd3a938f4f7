//! Moments of the Debian snapshot archive.

use super::text_value::{Invalid, TextValue, checked_text, quoted};

checked_text!(
    /// A moment as snapshot.debian.org writes it: `20240601T000000Z`.
    Snapshot
);

impl TextValue for Snapshot {
    const WHAT: &'static str = "a snapshot";
    const FORM: &'static str = "a moment such as \"20240601T000000Z\"";
    const PATTERN: &'static str = r"^\d{8}T\d{6}Z$";
    const EXAMPLES: &'static [&'static str] = &["20240601T000000Z"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        match parts(text).is_some_and(is_moment) {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(format!("{} is not a snapshot", quoted(text)))),
        }
    }
}

/// Year, month, day, hour, minute, second.
fn parts(text: &str) -> Option<[u32; 6]> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let digits =
        date.len() == 8 && time.len() == 6 && (date.chars().chain(time.chars())).all(|c| c.is_ascii_digit());
    let number = |text: &str| text.parse().ok();
    if !digits {
        return None;
    }
    let (day, clock) = ([number(&date[..4])?, number(&date[4..6])?, number(&date[6..])?], time);
    Some([day[0], day[1], day[2], number(&clock[..2])?, number(&clock[2..4])?, number(&clock[4..])?])
}

fn is_moment([year, month, day, hour, minute, second]: [u32; 6]) -> bool {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    year >= 1993 && (1..=days).contains(&day) && hour < 24 && minute < 60 && second < 60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_moments_that_exist() {
        assert!(Snapshot::from_text("20240229T235959Z").is_ok());
        for wrong in [
            "",
            "20230229T000000Z",
            "20240601",
            "20241301T000000Z",
            "20240601T240000Z",
            "2024-06-01T00:00:00Z",
        ] {
            assert!(Snapshot::from_text(wrong).is_err(), "{wrong}");
        }
    }
}
