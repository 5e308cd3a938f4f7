//! `factory query …`.

use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use llb_gen::model::{ImageRef, Platform};
use llb_gen::record::Verdict;

use super::answer;
use super::layers::as_json;
use crate::exit::{Error, Result};
use crate::images::Places;
use crate::progress;
use crate::query::{self, Filter, Named};
use crate::registry::Access;

/// Ends with 0 when a record fits, with 7 when none does, with 8 when nobody could look.
#[derive(Debug, Args)]
pub(crate) struct Query {
    /// A repository, or one image of it: registry.example/app, registry.example/app:1.0
    repository: String,
    /// Of this product, by its manifest's id or the name under which it is published
    #[arg(long, value_name = "ID")]
    product: Option<String>,
    /// With this fragment; give it again for more that must be there too
    #[arg(long, value_name = "NAME[@VERSION]")]
    fragment: Vec<Named>,
    /// With one of these verdicts
    #[arg(long, value_enum, value_delimiter = ',')]
    verdict: Vec<VerdictName>,
    /// For this platform
    #[arg(long)]
    platform: Option<Platform>,
    /// Tested no longer ago than this: 30d, 12h, 90m
    #[arg(long, value_name = "TIME", value_parser = age)]
    max_age: Option<Duration>,
    /// Of images with this package; give it again for more that must be there too
    #[arg(long, value_name = "NAME[@VERSION]")]
    package: Vec<Named>,
    /// Of each product and platform only what was tested last
    #[arg(long)]
    newest: bool,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = QueryFormat::Text)]
    format: QueryFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VerdictName {
    Pass,
    Fail,
    Error,
    Skipped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum QueryFormat {
    /// A table for people
    Text,
    /// A list for programs
    Json,
    /// A record on each line
    Jsonl,
}

pub(crate) fn run(arguments: &Query) -> Result<()> {
    let text = arguments.repository.strip_prefix("registry:").unwrap_or(&arguments.repository);
    let repository: ImageRef =
        text.parse().map_err(|fault| Error::Usage(format!("{text:?} is no repository: {fault}")))?;
    // The name alone means all of its tags.
    let named = text.rsplit('/').next().is_some_and(|last| last.contains(':'));
    let tags: Vec<String> = repository.tag().filter(|_| named).map(str::to_owned).into_iter().collect();
    let verdict = |one: &VerdictName| match one {
        VerdictName::Pass => Verdict::Pass,
        VerdictName::Fail => Verdict::Fail,
        VerdictName::Error => Verdict::Error,
        VerdictName::Skipped => Verdict::Skipped,
    };
    let filter = Filter {
        product: arguments.product.clone(),
        fragments: arguments.fragment.clone(),
        verdicts: arguments.verdict.iter().map(verdict).collect(),
        platform: arguments.platform.clone(),
        max_age: arguments.max_age,
        packages: arguments.package.clone(),
        newest: arguments.newest,
    };
    let places = Places::without_engine(Access::from_environment());
    let mut progress = progress::for_people();
    let hits = query::query(&repository, &places, &tags, &filter, SystemTime::now(), &mut *progress);
    drop(progress);
    let hits = hits?;
    match arguments.format {
        QueryFormat::Json => answer(&as_json(&hits)?),
        QueryFormat::Jsonl => {
            for hit in &hits {
                let line = serde_json::to_string(hit).map_err(|fault| Error::Internal(fault.to_string()))?;
                answer(&(line + "\n"));
            }
        }
        QueryFormat::Text if hits.is_empty() => {}
        QueryFormat::Text => answer(&query::text(&hits)),
    }
    match hits.is_empty() {
        true => Err(Error::NotFound("no record fits".to_owned())),
        false => Ok(()),
    }
}

/// `30d`, `12h`, `90m`, `2w`.
fn age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time such as 30d, 12h or 90m");
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_units() {
        assert_eq!(age("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(age("90m"), Ok(Duration::from_secs(5400)));
        for wrong in ["", "d", "30", "-1d", "3é", "99999999999999999999d", "9999999999999999999w"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
