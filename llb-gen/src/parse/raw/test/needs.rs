//! `needs` as written.

use super::http::{RawPort, RawReady};
use crate::model::{
    AptPackage, CommandLine, FileMode, FragmentPath, ImagePath, List, PerPlatform, ServiceName, Value,
};
use crate::parse::object::object;
use crate::parse::raw::files::Content;
use crate::text::Located;

object! {
    /// What a test needs beside the image. It is there for the test alone.
    RawNeeds {
        /// Files that are there for the test.
        "files" files: Option<Located<Vec<RawNeededFile>>>,
        /// Debian packages, by name or with their version as in `curl=8.5.0-2`.
        "apt" apt: List<AptPackage>,
        /// Servers that are started before the test, in this order, and ended after it.
        "services" services: Option<Located<Vec<RawService>>>,
    }
}

object! {
    /// A file: its path, and `content` or `src`.
    RawNeededFile {
        /// Where; folders above are made. A relative path begins at the test's workdir.
        "path" path: Value<ImagePath>,
        /// The content, as a text or as a list of lines, taken as it is.
        "content" content: Option<PerPlatform<Content>>,
        /// A file of the fragment, instead of `content`.
        "src" src: Option<Value<FragmentPath>>,
        /// Mode as an octal string; 0644 by default.
        "chmod" chmod: Option<Value<FileMode>>,
    }
}

object! {
    /// A server that runs beside the test.
    RawService {
        /// Its name, unique in the test.
        "name" name: Located<ServiceName>,
        /// What is started: a list as it is, or a text for the shell.
        "command" command: PerPlatform<CommandLine>,
        /// The port it listens on.
        "port" port: RawPort,
        /// When it is ready.
        "ready" ready: Option<RawReady>,
    }
}
