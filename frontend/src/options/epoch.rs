//! `SOURCE_DATE_EPOCH`: seconds, or the name of what the time is taken from.

/// What the time of a build is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EpochSource {
    /// Seconds since 1970.
    Seconds(u64),
    /// That of the main context: of its commit, or of its archive.
    Context,
    /// That of a named context, by its name.
    Named(String),
}

impl EpochSource {
    /// Reads the value of the argument.
    ///
    /// # Errors
    /// A number that is no time, as a lower-case fragment.
    pub fn parse(text: &str) -> Result<Self, String> {
        let numeric = text.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit());
        match text {
            "context" => Ok(Self::Context),
            number if numeric => number
                .parse()
                .map(Self::Seconds)
                .map_err(|_| format!("`{number}` is not a number of seconds since 1970")),
            name => Ok(Self::Named(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_time_and_anything_else_a_name() {
        assert_eq!(EpochSource::parse("0"), Ok(EpochSource::Seconds(0)));
        assert_eq!(EpochSource::parse("context"), Ok(EpochSource::Context));
        assert_eq!(EpochSource::parse("src"), Ok(EpochSource::Named("src".into())));
        for wrong in ["-1", "1.5", "1e9", "12x", "99999999999999999999"] {
            assert!(EpochSource::parse(wrong).is_err(), "{wrong}");
        }
    }
}
