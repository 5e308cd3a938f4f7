//! The output of a step as it is kept: both streams in the order of arrival, each with its beginning and its end when
//! it is long, so that a flood takes neither memory nor evidence space.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;

/// How much of the beginning, and how much of the end, of a stream is kept, in bytes.
pub(crate) const KEPT: usize = 1024 * 1024;
/// How many separate pieces of a stream are told apart at most; beyond that its pieces are joined.
const MAX_PIECES: usize = 16 * 1024;

/// One of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Out => "stdout",
            Self::Err => "stderr",
        }
    }
}

/// The output of both streams.
#[derive(Debug)]
pub(crate) struct Output {
    out: Kept,
    err: Kept,
    arrivals: u64,
    last: Option<Stream>,
}

impl Output {
    /// An output that keeps `limit` bytes of the beginning and of the end of each stream.
    pub(crate) fn keeping(limit: usize) -> Self {
        Self { out: Kept::new(limit), err: Kept::new(limit), arrivals: 0, last: None }
    }

    /// Adds what arrived on one stream.
    pub(crate) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        if self.last != Some(stream) {
            self.arrivals += 1;
            self.last = Some(stream);
        }
        let order = self.arrivals;
        self.kept_mut(stream).push(order, bytes);
    }

    /// How many bytes arrived on a stream, and how many of them were dropped.
    pub(crate) fn counts(&self, stream: Stream) -> (u64, u64) {
        let kept = self.kept(stream);
        (kept.arrived, kept.dropped)
    }

    /// The text to keep; a line says where bytes were dropped.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut pieces: Vec<_> = self.out.pieces(Stream::Out).chain(self.err.pieces(Stream::Err)).collect();
        pieces.sort_by_key(|piece| piece.order);
        joined(pieces)
    }

    /// The text to keep of one stream alone.
    pub(crate) fn text_of(&self, stream: Stream) -> Vec<u8> {
        joined(self.kept(stream).pieces(stream))
    }

    fn kept(&self, stream: Stream) -> &Kept {
        match stream {
            Stream::Out => &self.out,
            Stream::Err => &self.err,
        }
    }

    fn kept_mut(&mut self, stream: Stream) -> &mut Kept {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }
}

/// The bytes of pieces in their order, and lines that say where bytes are missing.
fn joined(pieces: impl IntoIterator<Item = Piece>) -> Vec<u8> {
    let mut text = Vec::new();
    for piece in pieces {
        if piece.dropped_before > 0 {
            let line = format!("[{}: {} bytes dropped here]\n", piece.stream.name(), piece.dropped_before);
            start_line(&mut text);
            text.extend_from_slice(line.as_bytes());
        }
        text.extend(piece.bytes);
    }
    text
}

fn start_line(text: &mut Vec<u8>) {
    if text.last().is_some_and(|&last| last != b'\n') {
        text.push(b'\n');
    }
}

/// A run of bytes of one stream with its place in the order of both.
struct Piece {
    stream: Stream,
    order: u64,
    dropped_before: u64,
    bytes: Vec<u8>,
}

/// What is kept of one stream.
#[derive(Debug)]
struct Kept {
    limit: usize,
    head: Part,
    tail: Part,
    arrived: u64,
    dropped: u64,
}

/// Bytes, and the order in which runs of them arrived.
#[derive(Debug, Default)]
struct Part {
    bytes: VecDeque<u8>,
    runs: VecDeque<(u64, usize)>,
}

impl Kept {
    fn new(limit: usize) -> Self {
        Self { limit, head: Part::default(), tail: Part::default(), arrived: 0, dropped: 0 }
    }

    fn push(&mut self, order: u64, bytes: &[u8]) {
        self.arrived += bytes.len() as u64;
        let room = self.limit - self.head.bytes.len();
        let (head, tail) = bytes.split_at(room.min(bytes.len()));
        self.head.push(order, head);
        let skipped = tail.len().saturating_sub(self.limit);
        self.tail.push(order, &tail[skipped..]);
        let excess = self.tail.bytes.len().saturating_sub(self.limit);
        self.tail.drop_first(excess);
        self.dropped += (skipped + excess) as u64;
    }

    fn pieces(&self, stream: Stream) -> impl Iterator<Item = Piece> {
        let head = self.head.pieces().map(|(order, bytes)| (order, bytes, 0));
        let tail = self.tail.pieces().enumerate();
        let tail = tail.map(|(at, (order, bytes))| (order, bytes, if at == 0 { self.dropped } else { 0 }));
        head.chain(tail).map(move |(order, bytes, dropped_before)| Piece {
            stream,
            order,
            dropped_before,
            bytes,
        })
    }
}

impl Part {
    fn push(&mut self, order: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.bytes.extend(bytes);
        let is_full = self.runs.len() >= MAX_PIECES;
        match self.runs.back_mut() {
            Some((last, len)) if is_full || *last == order => *len += bytes.len(),
            _ => self.runs.push_back((order, bytes.len())),
        }
    }

    fn drop_first(&mut self, mut count: usize) {
        self.bytes.drain(..count);
        while count > 0 {
            let Some((_, len)) = self.runs.front_mut() else { return };
            if *len > count {
                *len -= count;
                return;
            }
            count -= *len;
            self.runs.pop_front();
        }
    }

    fn pieces(&self) -> impl Iterator<Item = (u64, Vec<u8>)> {
        self.runs.iter().scan(0, |start, &(order, len)| {
            let bytes = self.bytes.range(*start..*start + len).copied().collect();
            *start += len;
            Some((order, bytes))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(limit: usize, pushes: &[(Stream, &str)]) -> String {
        let mut output = Output::keeping(limit);
        for (stream, bytes) in pushes {
            output.push(*stream, bytes.as_bytes());
        }
        String::from_utf8(output.text()).unwrap()
    }

    #[test]
    fn streams_are_interleaved_as_they_came() {
        let pushes = [(Stream::Out, "a\n"), (Stream::Err, "b\n"), (Stream::Err, "c\n"), (Stream::Out, "d\n")];
        assert_eq!(text(100, &pushes), "a\nb\nc\nd\n");
    }

    #[test]
    fn the_middle_of_a_long_stream_is_dropped_and_counted() {
        assert_eq!(text(3, &[(Stream::Out, "abcdefghij")]), "abc\n[stdout: 4 bytes dropped here]\nhij");
        let small: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|text| (Stream::Err, text)).into();
        assert_eq!(text(3, &small), "abc\n[stderr: 2 bytes dropped here]\nfgh");
    }

    #[test]
    fn exactly_twice_the_limit_is_complete() {
        assert_eq!(text(3, &[(Stream::Out, "abcdef")]), "abcdef");
    }

    #[test]
    fn a_flood_on_one_stream_leaves_the_other_in_its_place() {
        let pushes = [
            (Stream::Err, "first\n"),
            (Stream::Out, "0123456789"),
            (Stream::Err, "mid\n"),
            (Stream::Out, "abcdefghij"),
            (Stream::Err, "last\n"),
        ];
        let expected = "first\n01234567mid\n[stdout: 4 bytes dropped here]\ncdefghijlast\n";
        assert_eq!(text(8, &pushes), expected);
    }

    #[test]
    fn one_stream_can_be_had_alone() {
        let mut output = Output::keeping(2);
        for (stream, bytes) in [(Stream::Out, "ab"), (Stream::Err, "-"), (Stream::Out, "cdefg")] {
            output.push(stream, bytes.as_bytes());
        }
        assert_eq!(output.text_of(Stream::Out), b"ab\n[stdout: 3 bytes dropped here]\nfg");
        assert_eq!(output.text_of(Stream::Err), b"-");
    }

    #[test]
    fn counts_are_exact() {
        let mut output = Output::keeping(2);
        output.push(Stream::Out, b"12345");
        assert_eq!(output.counts(Stream::Out), (5, 1));
        assert_eq!(output.counts(Stream::Err), (0, 0));
    }

    #[test]
    fn alternating_single_bytes_do_not_multiply_pieces_without_end() {
        let mut output = Output::keeping(KEPT);
        for _ in 0..MAX_PIECES * 2 {
            output.push(Stream::Out, b"o");
            output.push(Stream::Err, b"e");
        }
        assert_eq!(output.out.head.runs.len(), MAX_PIECES);
        assert_eq!(output.text().len(), MAX_PIECES * 4);
    }
}
