//! `*.gemspec` as RubyGems writes it for every gem that it installs: a program in Ruby, but always of one shape, one assignment
//! a line (`Gem::Specification#to_ruby`).

use super::{Broken, text};
use crate::limits;

/// A gem that is installed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gem {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it was built for, `x86_64-linux`; empty where it is plain Ruby.
    pub platform: String,
    /// Its licences in its own words, of which each may be chosen.
    pub licences: Vec<String>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Its homepage.
    pub homepage: String,
    /// One line on what it is.
    pub summary: String,
    /// Names of what it needs when it runs.
    pub depends: Vec<String>,
}

/// Reads a specification.
///
/// # Errors
/// It has no name or no version.
pub fn read(bytes: &[u8]) -> Result<Gem, Broken> {
    let mut gem = Gem::default();
    let (mut needed, mut development) = (Vec::new(), Vec::new());
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        // What RubyGems itself reads in place of running the file.
        if let Some(stub) = line.strip_prefix(b"# stub: ") {
            stubbed(&mut gem, stub);
            continue;
        }
        let Some((member, value)) = statement(line) else { continue };
        match member {
            b"name" => one(&mut gem.name, value),
            b"version" => one(&mut gem.version, value),
            b"platform" => one(&mut gem.platform, value),
            b"homepage" => one(&mut gem.homepage, value),
            b"summary" => one(&mut gem.summary, value),
            b"license" | b"licenses" => gem.licences = strings(value).collect(),
            b"author" | b"authors" => gem.authors = strings(value).collect(),
            b"add_runtime_dependency" | b"add_dependency" => needed.extend(strings(value).next()),
            b"add_development_dependency" => development.extend(strings(value).next()),
            _ => {}
        }
    }
    if gem.platform == "ruby" {
        gem.platform.clear();
    }
    // For RubyGems before 1.2 both kinds are repeated as one.
    needed.retain(|name| !development.contains(name));
    needed.sort();
    needed.dedup();
    needed.truncate(limits::REQUIREMENTS);
    gem.depends = needed;
    match [("name", &gem.name), ("version", &gem.version)].iter().find(|(_, value)| value.is_empty()) {
        Some((member, _)) => Err(Broken::new(format!("it has no {member}"))),
        None => Ok(gem),
    }
}

/// `net-telnet 0.2.0 ruby lib`; what has no such three words (`# stub: ext/extconf.rb`) is about something else.
fn stubbed(gem: &mut Gem, stub: &[u8]) {
    let mut words = stub.split(|byte| *byte == b' ').map(|word| text(word, limits::WORD));
    if let (Some(name), Some(version), Some(platform)) = (words.next(), words.next(), words.next())
        && gem.name.is_empty()
    {
        (gem.name, gem.version, gem.platform) = (name, version, platform);
    }
}

/// `s.name = "x".freeze` and `s.add_dependency(%q<x>.freeze, [">= 0"])`: what is set or called, and with what.
fn statement(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = line.iter().position(|byte| *byte == b'.')?;
    let (variable, rest) = (line.get(..dot)?, line.get(dot + 1..)?);
    let end = rest.iter().position(|byte| !is_word(*byte))?;
    let (member, rest) = rest.split_at_checked(end)?;
    let value = rest.strip_prefix(b"(").or_else(|| rest.trim_ascii_start().strip_prefix(b"= "))?;
    (!variable.is_empty() && variable.iter().all(|byte| is_word(*byte))).then_some((member, value))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The first string of a value, where there is one.
fn one(into: &mut String, value: &[u8]) {
    if let Some(found) = strings(value).next() {
        *into = found;
    }
}

/// The strings of a value, in order: `"a".freeze`, `["a".freeze, "b"]`, `%q<a>.freeze`. What RubyGems does not write ends them.
fn strings(value: &[u8]) -> impl Iterator<Item = String> {
    let mut rest = value;
    let next = move || {
        let at = rest.iter().position(|byte| matches!(byte, b'"' | b'%' | b'#'))?;
        let start = rest.get(at..)?;
        let (read, after) = match start.strip_prefix(b"\"") {
            Some(quoted) => quoted_string(quoted),
            None => plain_string(start.strip_prefix(b"%q<")?),
        };
        rest = after;
        Some(text(&read, limits::WORD))
    };
    std::iter::from_fn(next).take(limits::REQUIREMENTS)
}

/// A string without escapes and without what begins it, and what comes after it.
fn plain_string(bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'>').unwrap_or(bytes.len());
    (bytes.get(..end).unwrap_or_default().to_vec(), bytes.get(end + 1..).unwrap_or_default())
}

/// A string in quotation marks without the first of them, and what comes after it. Escapes as `String#dump` writes them.
fn quoted_string(bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut read = Vec::new();
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => break,
            b'\\' => rest = escape(rest, &mut read),
            other => read.push(*other),
        }
    }
    (read, rest)
}

/// What a backslash stands before; returns what comes after it.
fn escape<'b>(rest: &'b [u8], read: &mut Vec<u8>) -> &'b [u8] {
    let Some((kind, after)) = rest.split_first() else { return rest };
    let number = |digits: &[u8]| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let (digits, after) = match kind {
        b'n' | b't' | b'r' => {
            read.push(b' ');
            return after;
        }
        b'u' if after.first() == Some(&b'{') => {
            let end = after.iter().position(|byte| *byte == b'}').unwrap_or(after.len());
            (after.get(1..end).unwrap_or_default(), after.get(end + 1..).unwrap_or_default())
        }
        b'u' => after.split_at_checked(4).unwrap_or((after, b"")),
        b'x' => {
            let (digits, after) = after.split_at_checked(2).unwrap_or((after, b""));
            read.extend(number(digits).and_then(|byte| u8::try_from(byte).ok()));
            return after;
        }
        other => {
            read.push(*other);
            return after;
        }
    };
    if let Some(letter) = number(digits).and_then(char::from_u32) {
        read.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOKOGIRI: &[u8] = br##"# -*- encoding: utf-8 -*-
# stub: nokogiri 1.16.0 x86_64-linux lib
# stub: ext/nokogiri/extconf.rb

Gem::Specification.new do |s|
  s.name = "nokogiri".freeze
  s.version = "1.16.0"
  s.platform = "x86_64-linux".freeze
  s.required_rubygems_version = Gem::Requirement.new(">= 0".freeze) if s.respond_to? :required_rubygems_version=
  s.metadata = { "homepage_uri" => "https://example.org/no" } if s.respond_to? :metadata=
  s.authors = ["Aaron \"A\" Patterson".freeze, "Ren\u00E9 \#{x} \x26 \u{1F600}".freeze]
  s.description = "a\n  s.name = not this\n".freeze
  s.homepage = "https://nokogiri.org".freeze
  s.licenses = ["MIT".freeze, "Ruby".freeze]
  s.summary = "Reads\nXML".freeze

  if s.respond_to? :add_runtime_dependency then
    s.add_runtime_dependency(%q<racc>.freeze, ["~> 1.4"])
    s.add_development_dependency(%q<rake>.freeze, [">= 0"])
  else
    s.add_dependency(%q<racc>.freeze, ["~> 1.4"])
    s.add_dependency(%q<rake>.freeze, [">= 0"])
  end
end
"##;

    #[test]
    fn a_specification_as_rubygems_writes_it() {
        let gem = read(NOKOGIRI).unwrap();
        let said = [&gem.name, &gem.version, &gem.platform, &gem.homepage, &gem.summary].map(String::as_str);
        assert_eq!(said, ["nokogiri", "1.16.0", "x86_64-linux", "https://nokogiri.org", "Reads XML"]);
        assert_eq!(gem.authors, ["Aaron \"A\" Patterson", "Ren\u{e9} #{x} & \u{1f600}"]);
        assert_eq!((gem.licences, gem.depends), (vec!["MIT".into(), "Ruby".into()], vec!["racc".into()]));
    }

    #[test]
    fn one_line_or_the_other_says_the_name() {
        let stub = read(b"# stub: a 1.0 ruby lib\n# stub: ext/a/extconf.rb ext/b/extconf.rb x\n").unwrap();
        assert_eq!((stub.name.as_str(), stub.version.as_str(), stub.platform.as_str()), ("a", "1.0", ""));
        let old =
            read(b"Gem::Specification.new do |spec|\n  spec.name = %q<b>\n spec.version = \"2\"").unwrap();
        assert_eq!((old.name.as_str(), old.version.as_str()), ("b", "2"));
        for (bytes, missing) in
            [(&b"s.version = \"1\""[..], "it has no name"), (b"s.name = \"a", "it has no version")]
        {
            assert_eq!(read(bytes).unwrap_err().to_string(), missing);
        }
        assert!(read(b"Gem::Specification.new { |s| s.name = File.read('x') }").is_err(), "nobody runs it");
    }

    #[test]
    fn what_is_cut_off_is_read_to_its_end() {
        for end in 0..NOKOGIRI.len() {
            let _ = read(&NOKOGIRI[..end]);
        }
    }
}
