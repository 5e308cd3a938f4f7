//! Mount points, from `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::sys::file;

/// Where something is mounted in this root, and whether the root itself can be written.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    points: BTreeSet<Vec<u8>>,
    root_is_readonly: bool,
}

impl Mounts {
    /// The mounts of now; none where `/proc` is missing.
    pub(crate) fn current() -> Self {
        file::read(b"/proc/self/mountinfo").map_or_else(|_| Self::default(), |text| Self::parse(&text))
    }

    fn parse(text: &[u8]) -> Self {
        let mut mounts = Self::default();
        for line in text.split(|&byte| byte == b'\n') {
            // Fields: id, parent, device, root within the file system, mount point, options, …
            let mut fields = line.split(|&byte| byte == b' ').skip(4);
            let (Some(point), Some(options)) = (fields.next(), fields.next()) else { continue };
            let point = unescape(point);
            if point == b"/" {
                mounts.root_is_readonly = options.split(|&byte| byte == b',').any(|option| option == b"ro");
            } else {
                mounts.points.insert(point);
            }
        }
        mounts
    }

    /// The mount points other than the root.
    pub(crate) fn points(&self) -> impl Iterator<Item = &[u8]> {
        self.points.iter().map(Vec::as_slice)
    }

    /// Whether `path` is a mount point.
    pub(crate) fn contains(&self, path: &[u8]) -> bool {
        self.points.contains(path)
    }

    /// Whether nothing can be written to the root.
    pub(crate) fn root_is_readonly(&self) -> bool {
        self.root_is_readonly
    }
}

/// Undoes the kernel's escapes: a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => plain.push(first),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_and_unescaped() {
        let text = b"22 1 0:21 / / ro,relatime - overlay overlay rw\n\
            23 22 0:22 / /proc rw,nosuid shared:3 - proc proc rw\n\
            24 22 0:23 /a /with\\040space\\134 rw - tmpfs tmpfs rw\nrubbish\n";
        let mounts = Mounts::parse(text);
        assert!(mounts.root_is_readonly());
        assert_eq!(mounts.points().collect::<Vec<_>>(), [&b"/proc"[..], b"/with space\\"]);
        assert!(mounts.contains(b"/proc") && !mounts.contains(b"/"));
    }

    #[test]
    fn the_last_mount_on_the_root_counts() {
        let text = b"1 0 0:1 / / ro - a a rw\n2 1 0:2 / / rw - b b rw\n";
        assert!(!Mounts::parse(text).root_is_readonly());
    }
}
