//! Reads what is installed in a root filesystem and writes it down as SPDX 2.3 or CycloneDX 1.6.
//!
//! ```text
//! Root ── walk, read ──► catalogers ──► Inventory ── settle ──► writers ──► SPDX statement, CycloneDX
//! ```
//!
//! * [`root`]: a root filesystem that is looked at and never left. All reading goes through it.
//! * [`catalog`]: one module a package manager or format. A cataloger reads and adds; it decides nothing else.
//! * [`formats`]: readers of foreign bytes, which know no files and no inventory.
//! * [`model`]: what is found: packages, files, warnings.
//! * [`licence`], [`purl`]: foreign words into SPDX expressions and package URLs.
//! * [`settle`]: what only the whole inventory shows: who owns whose files, who depends on whom.
//! * [`mod@write`][]: documents.
//! * [`fragment`]: what one fragment of an image brought, and who brought what.
//! * [`scanner`]: BuildKit's scanner protocol. `cli`: the command line.
//!
//! Input is hostile: whatever is broken becomes a [`model::Warning`] that stands in the document, and never an empty
//! clean one. Every size, count and depth has its bound in [`limits`].

//!
//! No C code: the program is linked statically with what comes with Rust, for every platform that the frontend is built for.

pub mod catalog;
pub mod cli;
pub mod files;
pub mod formats;
pub mod fragment;
pub mod licence;
pub mod limits;
pub mod model;
pub mod purl;
pub mod root;
pub mod scan;
pub mod scanner;
pub mod settle;
pub mod write;
