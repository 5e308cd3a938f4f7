//! What a test needs beside the image: never a part of it.

use super::{PortNumber, Ready};
use crate::model::config::CommandLine;
use crate::model::name::ServiceName;
use crate::model::owner::FileMode;
use crate::model::package::AptPackage;
use crate::model::path::{FragmentPath, ImagePath};
use crate::model::value::{List, PerPlatform, Value};
use crate::text::{Located, Place};

/// `needs`: files, packages and services for one test. At least one of them is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Files, in the order in which they are written.
    pub files: Vec<NeededFile>,
    /// Debian packages.
    pub apt: List<AptPackage>,
    /// Servers, in the order in which they are started.
    pub services: Vec<Service>,
    /// The member's object.
    pub place: Place,
}

/// A file that is there for the test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededFile {
    /// Where; folders above are made. A relative path begins at the test's workdir.
    pub path: Value<ImagePath>,
    /// What it holds.
    pub content: NeededContent,
    /// Its mode; 0644 by default.
    pub chmod: Option<Value<FileMode>>,
}

/// What a needed file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NeededContent {
    /// This text, in which nothing is expanded.
    Text(Value<String>),
    /// What a file of the fragment holds.
    Own(Value<FragmentPath>),
}

/// A server that runs beside a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name, unique in its test: its output is kept under it.
    pub name: Located<ServiceName>,
    /// What is started.
    pub command: PerPlatform<CommandLine>,
    /// Where it listens.
    pub port: Value<PortNumber>,
    /// When it is ready.
    pub ready: Ready,
}
