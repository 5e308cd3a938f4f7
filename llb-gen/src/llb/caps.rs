//! Capabilities: what the daemon must understand for an op to mean what it says.

/// An LLB capability id (`solver/pb/caps.go` of BuildKit).
///
/// Ops list the ones they need, so a daemon that lacks one refuses the graph instead of silently ignoring a field. Two ids
/// that BuildKit declares and never initialises (`file.copy.modestring`, `exec.meta.removemountstubs.recursive`) are left
/// out on purpose: listing them makes every release refuse the op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cap {
    id: &'static str,
    since: &'static str,
    what: &'static str,
}

macro_rules! caps {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $since:literal, $what:literal;)*) => {
        impl Cap {
            $($(#[$doc])* pub const $name: Self = Self { id: $id, since: $since, what: $what };)*

            /// Every capability that this library can ask for.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

caps! {
    /// Worker constraints on an op.
    CONSTRAINTS = "constraints", "0.3", "say where an op may run";
    /// A platform on an op.
    PLATFORM = "platform", "0.3", "build for a platform that is named";
    /// `OpMetadata.ignore_cache`.
    META_IGNORE_CACHE = "meta.ignorecache", "0.3", "run a step whatever the cache has";
    /// `OpMetadata.description`.
    META_DESCRIPTION = "meta.description", "0.3", "show what steps are called";
    /// `OpMetadata.export_cache`.
    META_EXPORT_CACHE = "meta.exportcache", "0.3", "choose what goes into exported caches";
    /// Image sources.
    SOURCE_IMAGE = "source.image", "0.3", "use images";
    /// `image.resolvemode`.
    SOURCE_IMAGE_RESOLVE_MODE = "source.image.resolvemode", "0.3", "be told how to look images up";
    /// `image.layerlimit`.
    SOURCE_IMAGE_LAYER_LIMIT = "source.image.layerlimit", "0.11", "use the first layers of an image alone";
    /// OCI layout sources.
    SOURCE_OCI_LAYOUT = "source.ocilayout", "0.11", "use images of an OCI layout";
    /// Local sources.
    SOURCE_LOCAL = "source.local", "0.3", "use folders of the client";
    /// `local.session`.
    SOURCE_LOCAL_SESSION = "source.local.sessionid", "0.3", "choose the session that a folder is from";
    /// `local.unique`.
    SOURCE_LOCAL_UNIQUE = "source.local.unique", "0.3", "keep transfers apart";
    /// `local.includepattern`.
    SOURCE_LOCAL_INCLUDE = "source.local.includepatterns", "0.3", "transfer a part of a folder";
    /// `local.excludepatterns`.
    SOURCE_LOCAL_EXCLUDE = "source.local.excludepatterns", "0.3", "leave a part of a folder out";
    /// `local.followpaths`.
    SOURCE_LOCAL_FOLLOW = "source.local.followpaths", "0.3", "transfer paths of a folder alone";
    /// `local.sharedkeyhint`.
    SOURCE_LOCAL_SHARED_KEY_HINT = "source.local.sharedkeyhint", "0.3", "keep the transfers of a folder apart";
    /// `local.differ`.
    SOURCE_LOCAL_DIFFER = "source.local.differ", "0.9", "send small files again whatever their times say";
    /// Git sources.
    SOURCE_GIT = "source.git", "0.3", "use git repositories";
    /// `git.keepgitdir`.
    SOURCE_GIT_KEEP_DIR = "source.git.keepgitdir", "0.3", "keep the `.git` folder of a repository";
    /// `git.fullurl`.
    SOURCE_GIT_FULL_URL = "source.git.fullurl", "0.3", "fetch a repository by its whole URL";
    /// `git.authtokensecret` and `git.authheadersecret`.
    SOURCE_GIT_HTTP_AUTH = "source.git.httpauth", "0.8", "log in to the server of a repository";
    /// `git.knownsshhosts`.
    SOURCE_GIT_KNOWN_SSH_HOSTS = "source.git.knownsshhosts", "0.8", "check the host key of a repository's server";
    /// `git.mountsshsock`.
    SOURCE_GIT_MOUNT_SSH_SOCK = "source.git.mountsshsock", "0.8", "fetch a repository over ssh";
    /// A sub-directory in a git identifier.
    SOURCE_GIT_SUBDIR = "source.git.subdir", "0.9", "take a folder of a repository alone";
    /// `git.checksum`.
    SOURCE_GIT_CHECKSUM = "source.git.checksum", "0.22", "check the commit of a repository (`commit`)";
    /// `git.skipsubmodules`.
    SOURCE_GIT_SKIP_SUBMODULES = "source.git.skipsubmodules", "0.24", "leave the submodules of a repository out (`submodules=false`)";
    /// `git.mtime`.
    SOURCE_GIT_MTIME = "source.git.mtime", "0.29", "give files of a repository the time of their commit (`mtime`)";
    /// `git.fetchbycommit`.
    SOURCE_GIT_FETCH_BY_COMMIT = "source.git.fetchbycommit", "0.30", "fetch a commit without asking where its branch is (`fetch-by-commit`)";
    /// HTTP sources.
    SOURCE_HTTP = "source.http", "0.3", "download files";
    /// `http.checksum`.
    SOURCE_HTTP_CHECKSUM = "source.http.checksum", "0.3", "check the digest of a download";
    /// `http.perm`.
    SOURCE_HTTP_PERM = "source.http.perm", "0.3", "choose the mode of a download";
    /// `http.uid` and `http.gid`; BuildKit's own spelling.
    SOURCE_HTTP_UIDGID = "soruce.http.uidgid", "0.3", "choose the owner of a download";
    /// `http.authheadersecret`.
    SOURCE_HTTP_AUTH = "source.http.auth", "0.21", "log in to the server of a download";
    /// Execs.
    EXEC = "exec.meta.base", "0.3", "run steps";
    /// Proxy variables outside the cache key.
    EXEC_PROXY = "exec.meta.proxyenv", "0.3", "give proxies to steps";
    /// Network mode of an exec.
    EXEC_NETWORK = "exec.meta.network", "0.3", "choose the network of steps";
    /// Security mode of an exec.
    EXEC_SECURITY = "exec.meta.security", "0.5", "run a step without confinement";
    /// The daemon supplies PATH where the environment has none.
    EXEC_DEFAULT_PATH = "exec.meta.setsdefaultpath", "0.3", "supply a search path";
    /// Resource limits of the process (`ulimit`).
    EXEC_ULIMIT = "exec.meta.ulimit", "0.10", "set limits of processes (`ulimit`)";
    /// Parent cgroup of the process.
    EXEC_CGROUP_PARENT = "exec.meta.cgroup.parent", "0.10", "choose the parent cgroup of steps (`cgroup-parent`)";
    /// Limits of the process's cgroup, `OpMetadata.linux_resources`.
    EXEC_LINUX_RESOURCES = "exec.meta.linux.resources", "0.31", "enforce limits of steps";
    /// CDI devices.
    EXEC_CDI = "exec.meta.cdi", "0.20", "give devices to steps";
    /// Exit codes other than 0 that count as success.
    EXEC_VALID_EXIT_CODES = "exec.validexitcode", "0.17", "take another exit code than 0 for success by itself";
    /// Bind mounts.
    MOUNT_BIND = "exec.mount.bind", "0.3", "mount files into steps";
    /// Writable bind mounts whose result is thrown away.
    MOUNT_BIND_NO_OUTPUT = "exec.mount.bind.readwrite-nooutput", "0.6.1", "give steps a folder that is thrown away";
    /// Cache mounts.
    MOUNT_CACHE = "exec.mount.cache", "0.3", "keep cache folders";
    /// Sharing modes of cache mounts.
    MOUNT_CACHE_SHARING = "exec.mount.cache.sharing", "0.3", "choose who shares a cache folder";
    /// A sub-path of a mount's input.
    MOUNT_SELECTOR = "exec.mount.selector", "0.3", "mount a part of a filesystem";
    /// Content cache of a mount switched on or off.
    MOUNT_CONTENT_CACHE = "exec.mount.cache.content", "0.13", "choose whether the content of a mount is part of what a step is known by";
    /// Tmpfs mounts.
    MOUNT_TMPFS = "exec.mount.tmpfs", "0.3", "give steps a folder in memory";
    /// Size of a tmpfs mount.
    MOUNT_TMPFS_SIZE = "exec.mount.tmpfs.size", "0.10", "choose the size of a folder in memory (`shm-size`, a tmpfs mount's `size`)";
    /// Secret mounts.
    MOUNT_SECRET = "exec.mount.secret", "0.3", "give secrets to steps as files";
    /// Secrets as environment variables.
    SECRET_ENV = "exec.secretenv", "0.10", "give secrets to steps as variables";
    /// SSH agent mounts.
    MOUNT_SSH = "exec.mount.ssh", "0.3", "give steps an ssh agent";
    /// File ops.
    FILE = "file.base", "0.5", "copy and make files";
    /// Wildcards in a remove action.
    FILE_RM_WILDCARD = "file.rm.wildcard", "0.7", "remove what matches a wildcard";
    /// Include and exclude patterns of a copy.
    FILE_COPY_PATTERNS = "file.copy.includeexcludepatterns", "0.9", "copy what matches patterns";
    /// A copy that replaces what stands in its way, whatever its type.
    FILE_COPY_ALWAYS_REPLACE = "file.copy.alwaysreplaceexistingdestpaths", "0.14", "copy over whatever stands in the way";
    /// Symlink actions.
    FILE_SYMLINK = "file.symlink.create", "0.19", "make symbolic links";
    /// Merges; disabled on engines with a graph-driver store.
    MERGE = "mergeop", "0.10", "merge filesystems";
    /// Diffs; disabled on engines with a graph-driver store.
    DIFF = "diffop", "0.10", "take what one filesystem has over another";
}

impl Cap {
    /// The id as the daemon lists it.
    pub fn id(self) -> &'static str {
        self.id
    }

    /// The first release of BuildKit that has it: `0.17`.
    pub fn since(self) -> &'static str {
        self.since
    }

    /// What a daemon without it cannot do, to be read after "cannot": `make symbolic links`.
    pub fn what(self) -> &'static str {
        self.what
    }

    /// Whether a daemon with a store of its own kind (graph drivers) lists it as disabled, however new it is.
    pub fn needs_containerd_store(self) -> bool {
        matches!(self, Self::MERGE | Self::DIFF)
    }
}
