//! What a `run` step may have mounted, as written.

use super::short::TextOr;
use crate::model::step::{CdiName, NumericOwner, Origin, Sharing};
use crate::model::{
    ByteSize, CacheId, EnvName, FileMode, ImagePath, PerPlatform, SecretId, SourcePath, SshId, Value,
};
use crate::parse::decode::keywords;
use crate::parse::object::object;
use crate::text::Located;

/// A cache by its path alone, or in full.
pub(crate) type CacheItem = TextOr<ImagePath, RawCache>;
/// A secret by its id alone, or in full.
pub(crate) type SecretItem = TextOr<SecretId, RawSecret>;
/// An SSH socket by its id alone, or in full.
pub(crate) type SshItem = TextOr<SshId, RawSsh>;
/// A device by its name alone, or in full.
pub(crate) type DeviceItem = TextOr<CdiName, RawDevice>;

object! {
    /// A folder that outlives the step and is part of no layer.
    RawCache {
        /// Where the step finds it.
        "path" path: Value<ImagePath>,
        /// What it is known by; its path by default. Steps with the same id share it.
        "id" id: Option<Value<CacheId>>,
        /// How steps that run at once share it; `shared` by default.
        "sharing" sharing: Option<PerPlatform<Sharing>>,
        /// Mode of the folder when it is made, as an octal string; 0755 by default.
        "chmod" chmod: Option<Value<FileMode>>,
        /// Owner of the folder when it is made, by numbers; root by default.
        "chown" chown: Option<Value<NumericOwner>>,
        /// What it holds at first: `image:REF`, `stage:NAME`, `context`, `context:NAME` or `fragment`; nothing by default.
        "from" from: Option<Value<Origin>>,
        /// The folder inside `from`.
        "source" source: Option<Value<SourcePath>>,
    }
}

keywords!(Sharing, "`shared`, `private` or `locked`" {
    /// All steps use it at once.
    "shared" => Sharing::Shared,
    /// Steps that run at once get one each.
    "private" => Sharing::Private,
    /// One step after the other.
    "locked" => Sharing::Locked,
});

object! {
    /// A build secret, in a file or in an environment variable.
    RawSecret {
        /// The id, as in `--secret id=ID`.
        "id" id: Value<SecretId>,
        /// The file in which the step finds it; `/run/secrets/ID` by default.
        "path" path: Option<Value<ImagePath>>,
        /// The environment variable in which the step finds it, instead of a file.
        "env" env: Option<Value<EnvName>>,
        /// Whether the build fails without it; yes by default.
        "required" required: Option<PerPlatform<bool>>,
        /// Mode of the file as an octal string; 0400 by default.
        "chmod" chmod: Option<Value<FileMode>>,
        /// Owner of the file, by numbers; root by default.
        "chown" chown: Option<Value<NumericOwner>>,
    }
}

object! {
    /// An SSH agent's socket. `SSH_AUTH_SOCK` names the first one.
    RawSsh {
        /// The id, as in `--ssh ID`; `default` by default.
        "id" id: Option<Value<SshId>>,
        /// Where the step finds it; `/run/buildkit/ssh_agent.N` by default.
        "path" path: Option<Value<ImagePath>>,
        /// Whether the build fails without it; yes by default.
        "required" required: Option<PerPlatform<bool>>,
        /// Mode of the socket as an octal string; 0600 by default.
        "chmod" chmod: Option<Value<FileMode>>,
        /// Owner of the socket, by numbers; root by default.
        "chown" chown: Option<Value<NumericOwner>>,
    }
}

object! {
    /// Files from somewhere for this step alone (`from`, `source`), or memory (`"tmpfs": true`).
    RawMount {
        /// Where the step finds it.
        "path" path: Value<ImagePath>,
        /// Where the files are: `fragment` (the default), `context`, `image:REF`, `stage:NAME` or `context:NAME`.
        "from" from: Option<Value<Origin>>,
        /// The file or folder inside `from`; all of it by default.
        "source" source: Option<Value<SourcePath>>,
        /// Whether writing fails; yes by default. What is written where it does not is thrown away.
        "readonly" readonly: Option<PerPlatform<bool>>,
        /// Memory instead of files.
        "tmpfs" tmpfs: Option<Located<bool>>,
        /// The largest size of a tmpfs, such as `64m`.
        "size" size: Option<Value<ByteSize>>,
    }
}

object! {
    /// A device.
    RawDevice {
        /// Its CDI name.
        "name" name: Value<CdiName>,
        /// Whether the build fails without it; yes by default.
        "required" required: Option<PerPlatform<bool>>,
    }
}
