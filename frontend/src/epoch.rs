//! `SOURCE_DATE_EPOCH=context`, or the name of a context: the time of its commit, or of what its server says of it.

use bollard_buildkit_proto::pb;
use llb_gen::diagnostic::{listed, nearest};
use llb_gen::llb::source::Http;

use crate::failure::Failure;
use crate::folder::DOWNLOAD;
use crate::gateway::{Gateway, SourceLookup};
use crate::options::{EpochSource, MainContext, NamedContext, OptionError, OptionErrors, Options};

/// The option, as messages name it.
const OPTION: &str = "build-arg:SOURCE_DATE_EPOCH";

/// Finds the time where the options name what it is to be taken from.
///
/// # Errors
/// A name that nothing has, what has no time, daemons that do not say it, and BuildKit's own.
pub async fn resolve(gateway: &impl Gateway, options: &mut Options) -> Result<(), Failure> {
    let (name, source) = match options.epoch_source.take() {
        None => return Ok(()),
        Some(EpochSource::Seconds(seconds)) => {
            options.epoch = Some(seconds);
            return Ok(());
        }
        Some(EpochSource::Context) => ("context".to_owned(), main_source(&options.contexts.main)),
        Some(EpochSource::Named(name)) => {
            let source = match options.contexts.named.get(&name) {
                Some(context) => named_source(context),
                None => return Err(unknown(&name, options)),
            };
            (name, source)
        }
    };
    let source = source.ok_or_else(|| {
        refused(format!(
            "`{name}` is neither a git repository nor a download, so it has no time; give seconds"
        ))
    })?;
    let lookup = SourceLookup {
        source,
        platform: None,
        log_name: format!("[internal] look up the time of {name}"),
        resolve_mode: String::new(),
    };
    let time = gateway.resolve_source_meta(lookup).await?.time;
    options.epoch = Some(time.ok_or_else(|| {
        refused(format!(
            "this engine does not say of when `{name}` is (BuildKit 0.26 or later does, where a server gives a time); give seconds"
        ))
    })?);
    Ok(())
}

fn main_source(context: &MainContext) -> Option<pb::SourceOp> {
    match context {
        MainContext::Local => None,
        MainContext::Git(git) => Some(git.source().to_pb()),
        MainContext::Http(url) => Some(Http::new(url).filename(DOWNLOAD).to_pb()),
    }
}

fn named_source(context: &NamedContext) -> Option<pb::SourceOp> {
    match context {
        NamedContext::Git(git) => Some(git.source().to_pb()),
        NamedContext::Http(url) => Some(Http::new(url).filename(DOWNLOAD).to_pb()),
        _ => None,
    }
}

fn unknown(name: &str, options: &Options) -> Failure {
    let names: Vec<&str> = options.contexts.named.keys().map(String::as_str).collect();
    let help = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "no context was given a name".to_owned(),
        None => format!("there are {}", listed(names)),
    };
    refused(format!(
        "`{name}` is neither a number of seconds since 1970, `context`, nor a named context; {help}"
    ))
}

fn refused(reason: String) -> Failure {
    OptionErrors::from(OptionError::new(OPTION, reason)).into()
}

/// The time of a git commit from the object itself: that of its committer, as `SOURCE_DATE_EPOCH` is meant.
pub(crate) fn of_commit(object: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(object);
    // The headers end with the first empty line; the message may say anything.
    let committer =
        text.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix("committer "))?;
    let (_, seconds) = committer.rsplit_once(' ').and_then(|(before, _zone)| before.rsplit_once(' '))?;
    seconds.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_says_when_it_was_made() {
        let object =
            b"tree 1\nauthor A <a@x> 1 +0000\ncommitter B C <b@x> 1700000000 +0200\n\ncommitter x 7 y\n";
        assert_eq!(of_commit(object), Some(1_700_000_000));
        assert_eq!(of_commit(b"tree 1\n\ncommitter B <b@x> 7 +0000\n"), None, "that is its message");
        assert_eq!(of_commit(b""), None);
    }
}
