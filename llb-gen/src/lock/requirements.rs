//! Requirements files: where they say that packages are looked for, and which further files they name.

use super::words::PipOption;
use crate::model::TextValue;

/// What a requirements file says beside the packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// Where packages are looked for, and in which form.
    pub options: Vec<PipOption>,
    /// Further requirements and constraints files, by their paths in the fragment's folder.
    pub files: Vec<String>,
}

/// Reads the file at `path` of a fragment's folder. What is no option is the installer's own business.
///
/// # Errors
/// A file that is named by an address or lies outside of the folder, with the reason as a lower-case fragment.
pub fn read(path: &str, text: &str) -> Result<Requirements, String> {
    let mut read = Requirements::default();
    for line in text.replace("\\\n", " ").lines() {
        let line = without_comment(line).trim();
        if !line.starts_with('-') {
            continue;
        }
        match referred(line) {
            Some(name) => read.files.push(beside(path, name)?),
            None => read.options.extend(PipOption::from_text(line)),
        }
    }
    Ok(read)
}

fn without_comment(line: &str) -> &str {
    let end =
        line.match_indices('#').find(|(at, _)| line[..*at].is_empty() || line[..*at].ends_with([' ', '\t']));
    end.map_or(line, |(at, _)| &line[..at])
}

/// The file of `-r FILE`, `-cFILE`, `--requirement=FILE` and their kin.
fn referred(line: &str) -> Option<&str> {
    let long = ["--requirement", "--constraint"].iter().find_map(|option| line.strip_prefix(option));
    let value = match long {
        Some(rest) => rest.strip_prefix('=').or_else(|| rest.starts_with([' ', '\t']).then_some(rest)),
        None if line.starts_with("--") => None,
        None => line.strip_prefix("-r").or_else(|| line.strip_prefix("-c")),
    };
    value.map(str::trim).filter(|value| !value.is_empty())
}

/// The path in the fragment's folder of a file that the one at `path` names.
fn beside(path: &str, name: &str) -> Result<String, String> {
    if name.contains("://") || name.starts_with('/') {
        return Err(format!("`{path}` takes requirements from `{name}`, which is no file of the fragment"));
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_some() => {}
            ".." => {
                return Err(format!("`{path}` takes requirements from `{name}`, outside of the fragment"));
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_files_are_found_and_packages_are_left_alone() {
        let text = "# a\nidna==3.7 # -r no.txt\n--extra-index-url https://x/simple  # cpu\n-r base.txt\n-c../c.txt\n\
                    torch \\\n  --hash=sha256:00\n--requirement=d/e.in\n--index-url=https://y#frag\n";
        let read = read("r/requirements.txt", text).unwrap();
        let options: Vec<&str> = read.options.iter().map(PipOption::as_str).collect();
        assert_eq!(options, ["--extra-index-url https://x/simple", "--index-url=https://y#frag"]);
        assert_eq!(read.files, ["r/base.txt", "c.txt", "r/d/e.in"]);
    }

    #[test]
    fn files_from_elsewhere_cannot_be_followed() {
        for name in ["https://x/r.txt", "/etc/r.txt", "../../r.txt"] {
            assert!(read("a/r.txt", &format!("-r {name}\n")).is_err(), "{name}");
        }
    }
}
