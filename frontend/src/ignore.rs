//! `.dockerignore`: what of the context is never sent.

/// The patterns of an ignore file, cleaned as BuildKit's `ignorefile` does: comments and blank lines go, one
/// leading slash goes, paths are cleaned, `!` stays in front. What a pattern matches is the client's to say.
pub fn patterns(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    text.lines().filter(|line| !line.starts_with('#')).filter_map(pattern).collect()
}

fn pattern(line: &str) -> Option<String> {
    let line = line.trim();
    let (mark, path) = match line.strip_prefix('!') {
        Some(path) => ("!", path.trim()),
        None => ("", line),
    };
    if path.is_empty() {
        return (!mark.is_empty()).then(|| mark.to_owned());
    }
    let path = clean(path);
    let path = if path.len() > 1 { path.strip_prefix('/').unwrap_or(&path) } else { &path };
    Some(format!("{mark}{path}"))
}

/// Go's `filepath.Clean`: no empty parts, no `.`, `..` taken back where something stands before it.
fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cleaned_as_the_docker_client_does() {
        let file = "\u{feff}# comment\n\n  node_modules  \n/target\n!target/keep/\n ! /a/../b \n./x//y\n..\n*.log\n#\n!\n/\n";
        let expected = ["node_modules", "target", "!target/keep", "!b", "x/y", "..", "*.log", "!", "/"];
        assert_eq!(patterns(file.as_bytes()), expected);
    }
}
