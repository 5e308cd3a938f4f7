//! The evidence log: what every step and test printed, each under its name, in one text of a bounded size.

use futures_util::future::join_all;

use crate::gateway::{Gateway, Ref};
use crate::status::Status;

/// How much is read at once, in bytes: a message of the oldest daemons holds 4 MiB.
const PIECE: u64 = 2 << 20;

/// A step or a test.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// What it is and what came of it: `test core/python: pass (12 ms)`.
    pub title: String,
    /// What it printed.
    pub outputs: Vec<Output>,
}

/// A stream that was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Which of several it is: `stdout`.
    pub label: Option<String>,
    /// Where it is.
    pub source: Source,
    /// The file of the report that has the whole of it.
    pub file: Option<String>,
}

/// Where an output is.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// In a file.
    File {
        /// The filesystem.
        reference: Ref,
        /// The path in it.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
    /// Here.
    Bytes(Vec<u8>),
    /// Nowhere: why, as a lower-case fragment.
    Missing(String),
}

impl Source {
    fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Missing(_) => 0,
        }
    }
}

/// The log of a build. Of outputs that do not fit into `limit` bytes, beginning and end are taken, the most of the longest ones.
pub async fn compose<G: Gateway>(gateway: &G, build_id: &str, sections: &[Section], limit: u64) -> Vec<u8> {
    let outputs = || sections.iter().flat_map(|section| &section.outputs);
    let share = share(outputs().map(|output| output.source.size()).collect(), limit);
    let contents = join_all(outputs().map(|output| content(gateway, &output.source, share))).await;
    let mut contents = contents.into_iter();
    let mut log = format!("# Build ID: {build_id}\n").into_bytes();
    for section in sections {
        log.extend(format!("\n== {}\n", section.title).bytes());
        for output in &section.outputs {
            log.extend(output.label.iter().flat_map(|label| format!("-- {label}\n").into_bytes()));
            let content = contents.next().unwrap_or_else(|| Ok(Content::default()));
            log.extend(rendered(content, output.file.as_deref()));
        }
    }
    log
}

/// The most bytes that each of these may have for all of them to fit into `limit`: what short ones leave goes to the long.
fn share(mut sizes: Vec<u64>, limit: u64) -> u64 {
    sizes.sort_unstable();
    let mut left = limit;
    for (at, size) in sizes.iter().enumerate() {
        let fair = left / (sizes.len() - at) as u64;
        if *size > fair {
            return fair;
        }
        left -= size;
    }
    limit
}

/// An output, or its beginning and its end.
#[derive(Debug, Default)]
struct Content {
    head: Vec<u8>,
    dropped: u64,
    tail: Vec<u8>,
}

async fn content<G: Gateway>(gateway: &G, source: &Source, share: u64) -> Result<Content, String> {
    let size = source.size();
    let (head, tail) = if size <= share { (size, size) } else { (share / 2, size - (share - share / 2)) };
    let dropped = tail - head;
    match source {
        Source::Missing(reason) => Err(reason.clone()),
        Source::Bytes(bytes) => {
            let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(bytes.len());
            Ok(Content { head: bytes[..at(head)].to_vec(), dropped, tail: bytes[at(tail)..].to_vec() })
        }
        Source::File { reference, path, .. } => {
            let head = read(gateway, reference, path, 0, head).await;
            let tail = read(gateway, reference, path, tail, size).await;
            head.and_then(|head| Ok(Content { head, dropped, tail: tail? }))
                .map_err(|status| status.message().to_owned())
        }
    }
}

async fn read<G: Gateway>(
    gateway: &G,
    reference: &Ref,
    path: &str,
    mut from: u64,
    to: u64,
) -> Result<Vec<u8>, Status> {
    let mut bytes = Vec::new();
    while from < to {
        let end = to.min(from + PIECE);
        bytes.extend(gateway.read_range(reference, path, from..end).await?);
        from = end;
    }
    Ok(bytes)
}

/// An output that ends with a line feed, unless there is none at all.
fn rendered(content: Result<Content, String>, file: Option<&str>) -> Vec<u8> {
    let content = match content {
        Ok(content) => content,
        Err(reason) => return format!("[not here: {reason}]\n").into_bytes(),
    };
    let mut text = content.head;
    if content.dropped > 0 {
        ended(&mut text);
        let whole = file.map(|file| format!("; all of it is in {file}")).unwrap_or_default();
        text.extend(format!("[{} bytes are left out here{whole}]\n", content.dropped).bytes());
    }
    text.extend(content.tail);
    ended(&mut text);
    text
}

fn ended(text: &mut Vec<u8>) {
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_outputs_leave_their_share_to_long_ones() {
        for (sizes, limit, expected) in [
            (vec![], 10, 10),
            (vec![3, 4], 10, 10),
            (vec![100], 10, 10),
            (vec![2, 100, 100], 10, 4),
            (vec![100, 2, 3, 100], 25, 10),
            (vec![5, 5, 5], 9, 3),
        ] {
            let taken: u64 = sizes.iter().map(|size: &u64| (*size).min(expected)).sum();
            assert_eq!(share(sizes, limit), expected);
            assert!(taken <= limit, "{taken} {limit}");
        }
    }

    #[test]
    fn what_is_left_out_is_said_on_a_line_of_its_own() {
        let content = Content { head: b"one\ntw".to_vec(), dropped: 7, tail: b"end".to_vec() };
        let text = String::from_utf8(rendered(Ok(content), Some("evidence/x/01-core.log"))).unwrap();
        assert_eq!(
            text,
            "one\ntw\n[7 bytes are left out here; all of it is in evidence/x/01-core.log]\nend\n"
        );
        assert_eq!(rendered(Ok(Content::default()), None), b"");
        assert_eq!(rendered(Err("no such file".into()), None), b"[not here: no such file]\n");
    }
}
