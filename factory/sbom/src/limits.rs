//! Bounds on everything that a root filesystem could make grow. Each is far above what real images have; each that is
//! met gives a warning in the document.

/// Entries of one root that are looked at: more than ten million.
pub const ENTRIES: u64 = 20_000_000;
/// Directories inside of one another.
pub const DEPTH: usize = 256;
/// Bytes of names that are held at a time, of all directories that are open. Only what is wanted is held: a directory that has
/// more of it is read again for the rest.
pub const NAMES: usize = 64 << 20;
/// Symbolic links that one path may lead through, as in the kernel.
pub const SYMLINKS: usize = 40;
/// Bytes of a file with metadata (a package database, a METADATA, a package.json).
pub const METADATA: u64 = 16 << 20;
/// Bytes of the database of a system's package manager.
pub const DATABASE: u64 = 256 << 20;
/// Bytes of a licence text that are looked at.
pub const LICENCE_TEXT: u64 = 1 << 20;
/// Bytes of a licence text that are put into a document.
pub const EXTRACTED_TEXT: usize = 16 << 10;
/// Packages of one document.
pub const PACKAGES: usize = 200_000;
/// Files that packages say they own, over all packages.
pub const OWNED_FILES: usize = 1_000_000;
/// Files of one document.
pub const FILES: usize = 1_000_000;
/// Bytes of one file that are hashed: a sparse file may claim exabytes.
pub const HASHED: u64 = 64 << 30;
/// Bytes of all files that are hashed.
pub const HASHED_ALL: u64 = 1 << 40;
/// Warnings of one document; the rest are counted.
pub const WARNINGS: usize = 1_000;
/// Bytes of a name, a version or another single line of metadata. What is longer is no name.
pub const WORD: usize = 4_096;
/// Dependencies of one package.
pub const REQUIREMENTS: usize = 4_096;
/// Bytes of a statement: BuildKit takes no attestation of more than 40 MiB.
pub const STATEMENT: usize = 40 << 20;
/// Bytes that BuildKit adds to every file of a statement: the layer that it comes from.
pub const LAYER_LINE: usize = 150;
