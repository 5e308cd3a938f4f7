//! `files` as written.

use super::RawMatches;
use crate::model::test::FileType;
use crate::model::{ByteSize, FileMode, ImagePath, Owner, Value};
use crate::parse::decode::keywords;
use crate::parse::object::object;
use crate::text::Located;

object! {
    /// What must be true of one path. Without another member it must be there.
    RawFileTest {
        /// The path, without wildcards; a relative one begins at the image's workdir.
        "path" path: Value<ImagePath>,
        /// Whether it must be there (the default) or must not.
        "exists" exists: Option<Located<bool>>,
        /// What it must be. A link is looked at itself only as a `symlink`.
        "type" kind: Option<Located<FileType>>,
        /// Whose it must be: `user` or `user:group`, by name or number.
        "owner" owner: Option<Value<Owner>>,
        /// Its mode as an octal string.
        "mode" mode: Option<Value<FileMode>>,
        /// The most it may hold, such as `10m`; of a folder, everything below it counts.
        "max_size" max_size: Option<Value<ByteSize>>,
        /// The least it must hold.
        "min_size" min_size: Option<Value<ByteSize>>,
        /// What its content must be: one match or a list, of which all must hold.
        "content" content: RawMatches,
        /// What the symbolic link holds.
        "target" target: Option<Value<String>>,
        /// It, and everything below a folder, has no set-user-id and no set-group-id bit.
        "no_setuid" no_setuid: Option<Located<bool>>,
        /// It, and everything below a folder, cannot be written by everybody. Links and folders such as `/tmp`, in which only
        /// owners remove files, do not count.
        "no_world_writable" no_world_writable: Option<Located<bool>>,
        /// The file has no bytes, the folder no entries.
        "empty" empty: Option<Located<bool>>,
    }
}

keywords!(FileType, "`file`, `dir` or `symlink`" {
    /// A regular file.
    "file" => FileType::File,
    /// A folder.
    "dir" => FileType::Dir,
    /// A symbolic link.
    "symlink" => FileType::Symlink,
});
