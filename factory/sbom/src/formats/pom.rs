//! `pom.xml`: what Maven's project file says of the project itself. Parents and imports lie elsewhere and are not fetched.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::Event;

use super::{Broken, text};
use crate::limits;

/// Elements inside of one another.
const DEPTH: usize = 32;
/// Properties of one file.
const PROPERTIES: usize = 4096;

/// What a project file says, with its own properties filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pom {
    /// `groupId`, its own or its parent's; empty where it is said elsewhere.
    pub group: String,
    /// `artifactId`.
    pub artifact: String,
    /// `version`, its own or its parent's; empty where it is said elsewhere.
    pub version: String,
    /// `name` of every licence, or its `url` where it has none.
    pub licences: Vec<String>,
    /// `url`.
    pub homepage: String,
}

/// Reads a project file.
///
/// # Errors
/// It is no XML, or not this.
pub fn read(bytes: &[u8]) -> Result<Pom, Broken> {
    let values = values(bytes)?;
    let value = |path: &str| values.found.get(path).map(|value| values.expanded(value)).unwrap_or_default();
    let either =
        |own: &str, parent: &str| Some(value(own)).filter(|v| !v.is_empty()).unwrap_or_else(|| value(parent));
    let pom = Pom {
        group: either("groupId", "parent/groupId"),
        artifact: value("artifactId"),
        version: either("version", "parent/version"),
        licences: values
            .licences
            .iter()
            .map(|(name, url)| if name.is_empty() { url } else { name }.clone())
            .collect(),
        homepage: value("url"),
    };
    if pom.artifact.is_empty() {
        return Err(Broken::new("a project with an artifactId is expected"));
    }
    Ok(pom)
}

#[derive(Default)]
struct Values {
    /// By the path below `project`.
    found: BTreeMap<String, String>,
    licences: Vec<(String, String)>,
}

impl Values {
    /// With `${…}` of this file filled in; empty where one is not of this file.
    fn expanded(&self, value: &str) -> String {
        let mut out = String::new();
        let mut rest = value;
        for _ in 0..8 {
            let Some((before, after)) = rest.split_once("${") else { break };
            let Some((name, after)) = after.split_once('}') else { break };
            let key = name.strip_prefix("project.").or_else(|| name.strip_prefix("pom.")).unwrap_or(name);
            let stated = self.found.get(&format!("properties/{name}")).or_else(|| self.found.get(key));
            match stated.filter(|stated| !stated.contains("${")) {
                Some(stated) => out = out + before + stated,
                None => return String::new(),
            }
            rest = after;
        }
        let out = out + rest;
        if out.contains("${") || out.len() > limits::WORD { String::new() } else { out }
    }
}

const WANTED: [&str; 7] =
    ["groupId", "artifactId", "version", "url", "parent/groupId", "parent/version", "parent/artifactId"];

fn values(bytes: &[u8]) -> Result<Values, Broken> {
    let mut reader = Reader::from_reader(bytes);
    let mut values = Values::default();
    let mut path: Vec<String> = Vec::new();
    let mut said = String::new();
    loop {
        let at = reader.buffer_position();
        match reader.read_event().map_err(|e| Broken::at(at, e))? {
            Event::Start(start) => {
                path.push(text(start.local_name().as_ref(), 256));
                if path.len() > DEPTH {
                    return Err(Broken::at(at, format!("elements are more than {DEPTH} deep")));
                }
                if path.len() == 3 && path == ["project", "licenses", "license"] && values.licences.len() < 64
                {
                    values.licences.push(Default::default());
                }
                said.clear();
            }
            Event::End(_) => {
                keep(&mut values, &path, said.trim());
                path.pop();
                said.clear();
                if path.is_empty() {
                    break;
                }
            }
            Event::Text(part) => add(&mut said, &text(&part, limits::WORD)),
            Event::CData(part) => add(&mut said, &text(&part, limits::WORD)),
            Event::GeneralRef(name) => {
                let known = name.resolve_char_ref().ok().flatten().map(String::from);
                let named = || std::str::from_utf8(&name).ok().and_then(resolve_xml_entity).map(String::from);
                if let Some(found) = known.or_else(named) {
                    add(&mut said, &found);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    Ok(values)
}

fn add(said: &mut String, part: &str) {
    if said.len() + part.len() <= limits::WORD {
        said.push_str(part);
    }
}

fn keep(values: &mut Values, path: &[String], said: &str) {
    let Some(("project", below)) = path.split_first().map(|(first, rest)| (first.as_str(), rest)) else {
        return;
    };
    match below {
        [a, b, c] if a == "licenses" && b == "license" => {
            if let Some((name, url)) = values.licences.last_mut() {
                match c.as_str() {
                    "name" => said.clone_into(name),
                    "url" => said.clone_into(url),
                    _ => {}
                }
            }
        }
        [_] | [_, _] => {
            let key = below.join("/");
            let property = below.len() == 2 && below[0] == "properties" && values.found.len() < PROPERTIES;
            if property || WANTED.contains(&key.as_str()) {
                values.found.insert(key, said.to_owned());
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_words_the_parents_and_properties() {
        let pom = read(
            br#"<?xml version="1.0"?><!-- a --><project xmlns="http://maven.apache.org/POM/4.0.0"><parent>
            <groupId>org.example</groupId><artifactId>parent</artifactId><version>3</version></parent>
            <artifactId>tool</artifactId><version>${major}.1</version><url>https://example.org/${project.artifactId}</url>
            <properties><major>2</major></properties>
            <dependencies><dependency><artifactId>no</artifactId><version>9</version></dependency></dependencies>
            <licenses><license><name>Apache &amp; <![CDATA[Sons]]> &#50;</name></license>
            <license><url>https://example.org/l</url></license></licenses></project>"#,
        )
        .unwrap();
        assert_eq!(
            (pom.group.as_str(), pom.artifact.as_str(), pom.version.as_str()),
            ("org.example", "tool", "2.1")
        );
        assert_eq!(pom.licences, ["Apache & Sons 2", "https://example.org/l"]);
        assert_eq!(pom.homepage, "https://example.org/tool");
    }

    #[test]
    fn what_is_said_elsewhere_is_empty() {
        let pom =
            read(b"<project><artifactId>a</artifactId><version>${revision}</version></project>").unwrap();
        assert_eq!((pom.group.as_str(), pom.version.as_str()), ("", ""));
        let pom = read(b"<project><artifactId>a</artifactId><version>${a}</version><properties><a>${a}</a></properties></project>");
        assert_eq!(pom.unwrap().version, "");
    }

    #[test]
    fn broken_ones_say_why() {
        for (bytes, said) in [
            (&b"<project><artifactId>a</project>"[..], "byte"),
            (b"<html></html>", "a project with an artifactId is expected"),
            (b"", "a project with an artifactId is expected"),
        ] {
            let e = read(bytes).unwrap_err().to_string();
            assert!(e.contains(said), "{e}");
        }
        let deep = [&b"<project>"[..], &b"<a>".repeat(100)].concat();
        assert!(read(&deep).unwrap_err().to_string().contains("more than 32 deep"));
    }
}
