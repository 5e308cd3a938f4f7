//! Strict JSON with byte ranges.
//!
//! Refused, each with its place: a file that is empty, too large, not UTF-8, nested too deep (found before any
//! recursion, so no input can exhaust the stack), or anything that JSON does not allow. Tolerated: a byte order mark,
//! and directive lines at the top (`# syntax=…`, `// syntax=…`, `#!…`), as BuildKit reads them.

use std::borrow::Cow;

use jsonc_parser::ast::Value;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, ParseOptions, ParseStringErrorKind, parse_to_ast};

use crate::diagnostic::Diagnostic;
use crate::text::{BOM, Place, SourceFile, Span};

/// Largest document in bytes.
pub(crate) const LARGEST: usize = 1 << 20;
/// Deepest nesting of objects and arrays.
const DEEPEST: usize = 64;

/// The JSON text of `file`: byte order mark and directives are blanks, offsets are the file's own.
pub(crate) fn text(file: &SourceFile) -> Result<Cow<'_, str>, Diagnostic> {
    let bytes = file.bytes();
    if bytes.len() > LARGEST {
        let message = format!("the file has {} bytes, more than {LARGEST}", bytes.len());
        return Err(fault(file, "file-too-large", 0, 0, message));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(file, error))?;
    let blank = preamble(text);
    if text[blank..].trim().is_empty() {
        let message =
            if bytes.is_empty() { "the file is empty" } else { "the file holds nothing but blanks" };
        return Err(fault(file, "empty-file", 0, 0, message).expecting("a JSON object"));
    }
    scan(file, &text[blank..], blank)?;
    match blank {
        0 => Ok(Cow::Borrowed(text)),
        _ => Ok(Cow::Owned(format!("{}{}", " ".repeat(blank), &text[blank..]))),
    }
}

/// The tree of `text`, which [`text`] made from `file`.
pub(crate) fn tree<'t>(file: &SourceFile, text: &'t str) -> Result<Value<'t>, Diagnostic> {
    let options = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options)
        .map_err(|error| syntax(file, text, &error))?;
    parsed.value.ok_or_else(|| fault(file, "empty-file", 0, 0, "the file holds no value"))
}

fn fault(
    file: &SourceFile,
    rule: &'static str,
    start: usize,
    end: usize,
    message: impl Into<String>,
) -> Diagnostic {
    Diagnostic::error(rule, &Place::new(file, Span::new(start, end)), message)
}

fn not_utf8(file: &SourceFile, error: std::str::Utf8Error) -> Diagnostic {
    let at = error.valid_up_to();
    let byte = file.bytes().get(at).copied().unwrap_or_default();
    fault(file, "not-utf8", at, at + 1, format!("byte 0x{byte:02x} is not UTF-8"))
        .expecting("a text in UTF-8")
}

/// How many bytes at the beginning are not JSON's: the byte order mark and the directives.
fn preamble(text: &str) -> usize {
    let mut at = if text.as_bytes().starts_with(BOM) { BOM.len() } else { 0 };
    let mut first = true;
    while let Some(line) = text[at..].split_inclusive('\n').next() {
        let interpreter = first && line.starts_with("#!");
        if !interpreter && !is_directive(line) {
            break;
        }
        at += line.len();
        first = false;
    }
    at
}

/// `# name = value` or `// name = value`, for the names that BuildKit reads.
fn is_directive(line: &str) -> bool {
    let body = line.strip_prefix('#').or_else(|| line.strip_prefix("//"));
    let name = body.and_then(|body| body.split_once('=')).map(|(name, _)| name.trim().to_ascii_lowercase());
    name.is_some_and(|name| matches!(name.as_str(), "syntax" | "escape" | "check"))
}

/// Finds what the tree parser would accept or fall over: depth, control characters in strings, foreign blanks.
fn scan(file: &SourceFile, text: &str, offset: usize) -> Result<(), Diagnostic> {
    let mut depth = 0_usize;
    let mut string = false;
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        let at = offset + index;
        if string {
            if c < ' ' {
                let message = format!("a string holds the control character `{}`", c.escape_default());
                return Err(fault(file, "syntax", at, at + 1, message).expecting("an escape such as `\\n`"));
            }
            string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '"' => string = true,
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            ' ' | '\t' | '\r' | '\n' => {}
            _ if c.is_ascii_graphic() => {}
            other => {
                let message = format!("unexpected character `{}`", other.escape_default());
                return Err(fault(file, "syntax", at, at + other.len_utf8(), message));
            }
        }
        if depth > DEEPEST {
            let message = format!("nested more than {DEEPEST} deep");
            return Err(fault(file, "nested-too-deep", at, at + 1, message));
        }
    }
    Ok(())
}

fn syntax(file: &SourceFile, text: &str, error: &ParseError) -> Diagnostic {
    let range = error.range();
    let (start, end) = (range.start.min(text.len()), range.end.min(text.len()));
    let comment = matches!(error.kind(), ParseErrorKind::CommentsNotAllowed);
    let one = fault(file, "syntax", start, end, words(error.kind()));
    if comment {
        one.help("JSON has no comments; `description` members are the place for notes")
    } else {
        one
    }
}

/// The parser's faults in our words.
fn words(kind: &ParseErrorKind) -> String {
    use ParseErrorKind as Kind;
    let fixed = match kind {
        Kind::CommentsNotAllowed => "a comment",
        Kind::TrailingCommasNotAllowed => "a comma after the last element",
        Kind::ExpectedComma => "no comma between two elements",
        Kind::ExpectedColonAfterObjectKey => "no colon after the member's name",
        Kind::ExpectedObjectValue => "no value after the colon",
        Kind::ExpectedStringObjectProperty => "a member's name without quotes",
        Kind::SingleQuotedStringsNotAllowed => "a string in single quotes",
        Kind::MultipleRootJsonValues => "text after the end of the document",
        Kind::UnterminatedArray => "an array without its `]`",
        Kind::UnterminatedObject => "an object without its `}`",
        Kind::UnexpectedCloseBrace => "an unexpected `}`",
        Kind::UnexpectedCloseBracket => "an unexpected `]`",
        Kind::UnexpectedColon => "an unexpected colon",
        Kind::UnexpectedComma => "an unexpected comma",
        Kind::UnexpectedWord | Kind::UnexpectedToken | Kind::UnexpectedTokenInObject => "an unexpected word",
        Kind::String(ParseStringErrorKind::InvalidUnicodeEscapeSequence(_)) => {
            "a `\\u` escape that is no character"
        }
        Kind::String(ParseStringErrorKind::UnterminatedStringLiteral) => "a string without its closing quote",
        Kind::String(ParseStringErrorKind::ExpectedFourHexDigits) => {
            "a `\\u` escape without four hexadecimal digits"
        }
        Kind::String(fault) => return lower(&fault.to_string()),
        other => return lower(&other.to_string()),
    };
    fixed.to_owned()
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// The offset in the file of each decoded byte of a string literal whose first quote is at `start` in `text`.
///
/// A literal without escapes needs no table: the closure then only adds.
pub(crate) fn offsets<'t>(text: &'t str, start: usize, end: usize) -> impl Fn(usize) -> usize + 't {
    let body = &text[(start + 1).min(end)..end.saturating_sub(1).max((start + 1).min(end))];
    let table = body.contains('\\').then(|| escape_table(body));
    move |decoded| {
        let within = match &table {
            None => decoded,
            Some(table) => table.get(decoded).copied().unwrap_or(body.len()),
        };
        start + 1 + within.min(body.len())
    }
}

/// For each decoded byte the offset in `body` of the character or escape that made it.
fn escape_table(body: &str) -> Vec<usize> {
    let mut table = Vec::with_capacity(body.len());
    let mut at = 0;
    while let Some(c) = body[at..].chars().next() {
        let (source, decoded) = match (c, body.as_bytes().get(at + 1)) {
            ('\\', Some(b'u')) => unicode_escape(&body[at..]),
            ('\\', _) => (2, 1),
            _ => (c.len_utf8(), c.len_utf8()),
        };
        table.extend(std::iter::repeat_n(at, decoded));
        at = (at + source).min(body.len());
    }
    table
}

/// Lengths of a `\uXXXX` escape, a surrogate pair included: in the source, and decoded.
fn unicode_escape(text: &str) -> (usize, usize) {
    let unit = |at: usize| text.get(at + 2..at + 6).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    match unit(0) {
        Some(0xd800..=0xdbff) if text.get(6..8) == Some("\\u") => (12, 4),
        Some(code) => (6, char::from_u32(code).map_or(3, char::len_utf8)),
        None => (2, 1),
    }
}
