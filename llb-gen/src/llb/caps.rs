//! Capabilities: what the daemon must understand for an op to mean what it says.

/// An LLB capability id (`solver/pb/caps.go` of BuildKit).
///
/// Ops list the ones they need, so a daemon that lacks one refuses the graph instead of silently ignoring a field. Two ids
/// that BuildKit declares and never initialises (`file.copy.modestring`, `exec.meta.removemountstubs.recursive`) are left
/// out on purpose: listing them makes every release refuse the op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cap(&'static str);

macro_rules! caps {
    ($($(#[$doc:meta])* $name:ident = $id:literal;)*) => {
        impl Cap {
            $($(#[$doc])* pub const $name: Self = Self($id);)*

            /// Every capability that this library can ask for.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

caps! {
    /// Worker constraints on an op.
    CONSTRAINTS = "constraints";
    /// A platform on an op.
    PLATFORM = "platform";
    /// `OpMetadata.ignore_cache`.
    META_IGNORE_CACHE = "meta.ignorecache";
    /// `OpMetadata.description`.
    META_DESCRIPTION = "meta.description";
    /// `OpMetadata.export_cache`.
    META_EXPORT_CACHE = "meta.exportcache";
    /// Image sources.
    SOURCE_IMAGE = "source.image";
    /// `image.resolvemode`.
    SOURCE_IMAGE_RESOLVE_MODE = "source.image.resolvemode";
    /// `image.layerlimit`.
    SOURCE_IMAGE_LAYER_LIMIT = "source.image.layerlimit";
    /// OCI layout sources.
    SOURCE_OCI_LAYOUT = "source.ocilayout";
    /// Local sources.
    SOURCE_LOCAL = "source.local";
    /// `local.session`.
    SOURCE_LOCAL_SESSION = "source.local.sessionid";
    /// `local.unique`.
    SOURCE_LOCAL_UNIQUE = "source.local.unique";
    /// `local.includepattern`.
    SOURCE_LOCAL_INCLUDE = "source.local.includepatterns";
    /// `local.excludepatterns`.
    SOURCE_LOCAL_EXCLUDE = "source.local.excludepatterns";
    /// `local.followpaths`.
    SOURCE_LOCAL_FOLLOW = "source.local.followpaths";
    /// `local.sharedkeyhint`.
    SOURCE_LOCAL_SHARED_KEY_HINT = "source.local.sharedkeyhint";
    /// `local.differ`.
    SOURCE_LOCAL_DIFFER = "source.local.differ";
    /// Git sources.
    SOURCE_GIT = "source.git";
    /// `git.keepgitdir`.
    SOURCE_GIT_KEEP_DIR = "source.git.keepgitdir";
    /// `git.fullurl`.
    SOURCE_GIT_FULL_URL = "source.git.fullurl";
    /// `git.authtokensecret` and `git.authheadersecret`.
    SOURCE_GIT_HTTP_AUTH = "source.git.httpauth";
    /// `git.knownsshhosts`.
    SOURCE_GIT_KNOWN_SSH_HOSTS = "source.git.knownsshhosts";
    /// `git.mountsshsock`.
    SOURCE_GIT_MOUNT_SSH_SOCK = "source.git.mountsshsock";
    /// A sub-directory in a git identifier.
    SOURCE_GIT_SUBDIR = "source.git.subdir";
    /// `git.checksum`.
    SOURCE_GIT_CHECKSUM = "source.git.checksum";
    /// `git.skipsubmodules`.
    SOURCE_GIT_SKIP_SUBMODULES = "source.git.skipsubmodules";
    /// HTTP sources.
    SOURCE_HTTP = "source.http";
    /// `http.checksum`.
    SOURCE_HTTP_CHECKSUM = "source.http.checksum";
    /// `http.perm`.
    SOURCE_HTTP_PERM = "source.http.perm";
    /// `http.uid` and `http.gid`; BuildKit's own spelling.
    SOURCE_HTTP_UIDGID = "soruce.http.uidgid";
    /// `http.authheadersecret`.
    SOURCE_HTTP_AUTH = "source.http.auth";
    /// Execs.
    EXEC = "exec.meta.base";
    /// Proxy variables outside the cache key.
    EXEC_PROXY = "exec.meta.proxyenv";
    /// Network mode of an exec.
    EXEC_NETWORK = "exec.meta.network";
    /// Security mode of an exec.
    EXEC_SECURITY = "exec.meta.security";
    /// The daemon supplies PATH where the environment has none.
    EXEC_DEFAULT_PATH = "exec.meta.setsdefaultpath";
    /// Resource limits of the process (`ulimit`).
    EXEC_ULIMIT = "exec.meta.ulimit";
    /// Parent cgroup of the process.
    EXEC_CGROUP_PARENT = "exec.meta.cgroup.parent";
    /// Limits of the process's cgroup, `OpMetadata.linux_resources`.
    EXEC_LINUX_RESOURCES = "exec.meta.linux.resources";
    /// CDI devices.
    EXEC_CDI = "exec.meta.cdi";
    /// Exit codes other than 0 that count as success.
    EXEC_VALID_EXIT_CODES = "exec.validexitcode";
    /// Bind mounts.
    MOUNT_BIND = "exec.mount.bind";
    /// Writable bind mounts whose result is thrown away.
    MOUNT_BIND_NO_OUTPUT = "exec.mount.bind.readwrite-nooutput";
    /// Cache mounts.
    MOUNT_CACHE = "exec.mount.cache";
    /// Sharing modes of cache mounts.
    MOUNT_CACHE_SHARING = "exec.mount.cache.sharing";
    /// A sub-path of a mount's input.
    MOUNT_SELECTOR = "exec.mount.selector";
    /// Content cache of a mount switched on or off.
    MOUNT_CONTENT_CACHE = "exec.mount.cache.content";
    /// Tmpfs mounts.
    MOUNT_TMPFS = "exec.mount.tmpfs";
    /// Size of a tmpfs mount.
    MOUNT_TMPFS_SIZE = "exec.mount.tmpfs.size";
    /// Secret mounts.
    MOUNT_SECRET = "exec.mount.secret";
    /// Secrets as environment variables.
    SECRET_ENV = "exec.secretenv";
    /// SSH agent mounts.
    MOUNT_SSH = "exec.mount.ssh";
    /// File ops.
    FILE = "file.base";
    /// Wildcards in a remove action.
    FILE_RM_WILDCARD = "file.rm.wildcard";
    /// Include and exclude patterns of a copy.
    FILE_COPY_PATTERNS = "file.copy.includeexcludepatterns";
    /// A copy that replaces what stands in its way, whatever its type.
    FILE_COPY_ALWAYS_REPLACE = "file.copy.alwaysreplaceexistingdestpaths";
    /// Symlink actions.
    FILE_SYMLINK = "file.symlink.create";
    /// Merges; disabled on engines with a graph-driver store.
    MERGE = "mergeop";
    /// Diffs; disabled on engines with a graph-driver store.
    DIFF = "diffop";
}

impl Cap {
    /// The id as the daemon lists it.
    pub fn id(self) -> &'static str {
        self.0
    }
}
