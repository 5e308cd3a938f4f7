//! Mounts of an exec.

use bollard_buildkit_proto::pb;

use super::inputs::{InputIndex, Inputs};
use crate::llb::{Cap, State};

/// What an exec may do with a bind mount, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    ReadOnly,
    /// Writable; what is written is thrown away.
    Discard,
    /// Writable; what is written is an output of the exec.
    Output,
}

/// Whether a bind mount's content, rather than its definition, decides on cache hits (`pb.MountContentCache`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentCache {
    /// The daemon's rule: on where possible, except for the root.
    #[default]
    Default,
    /// On. Not possible for a writable output of a sub-path.
    On,
    /// Off: saves hashing where the definition is key enough.
    Off,
}

/// How concurrent users share a cache mount (`pb.CacheSharingOpt`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// All at once.
    #[default]
    Shared,
    /// Each its own copy.
    Private,
    /// One after the other.
    Locked,
}

/// A mount of an exec. Each kind owns what it needs, so no combination is meaningless.
#[derive(Clone, Debug)]
pub enum Mount {
    /// A filesystem, or a part of one.
    Bind {
        /// Where it appears.
        dest: String,
        /// The filesystem; scratch gives an empty one.
        source: State,
        /// The part of it, an absolute path; the whole if `None`.
        selector: Option<String>,
        /// What may be done with it.
        access: Access,
        /// How it takes part in cache keys.
        content_cache: ContentCache,
    },
    /// A folder that persists between builds.
    Cache {
        /// Where it appears.
        dest: String,
        /// Its identity; mounts of equal id share one folder.
        id: String,
        /// How concurrent users share it.
        sharing: Sharing,
        /// What a new one holds at first.
        source: State,
        /// The part of `source`.
        selector: Option<String>,
    },
    /// A second, empty folder under the id of a cache mount, which keeps that one through a run without cache.
    ///
    /// A daemon empties the caches of an exec whose cache it is to ignore. It notes for each id what the last mount of that
    /// id says (`detectPrunedCacheID` of BuildKit's `solver/llbsolver/vertex.go`, since 0.16): one on top of a filesystem
    /// means that only folders on top of filesystems go. So this mount comes last, and is what is emptied. Older daemons
    /// empty both.
    CacheKeeper {
        /// Where it appears.
        dest: String,
        /// The id of the cache mount that is kept.
        id: String,
        /// A filesystem with next to nothing in it; scratch would be none.
        source: State,
    },
    /// Memory that is gone afterwards.
    Tmpfs {
        /// Where it appears.
        dest: String,
        /// Its size in bytes; unlimited if `None`.
        size: Option<i64>,
    },
    /// A secret of the client, as a file.
    Secret {
        /// Where it appears.
        dest: String,
        /// The client's name for it.
        id: String,
        /// Owner of the file.
        uid: u32,
        /// Group of the file.
        gid: u32,
        /// Permission bits of the file.
        mode: u32,
        /// Whether the exec runs without it where the client has none.
        optional: bool,
    },
    /// The client's ssh agent, as a socket.
    Ssh {
        /// Where it appears.
        dest: String,
        /// The client's name for it; `default` is the usual one.
        id: String,
        /// Owner of the socket.
        uid: u32,
        /// Group of the socket.
        gid: u32,
        /// Permission bits of the socket.
        mode: u32,
        /// Whether the exec runs without it where the client has none.
        optional: bool,
    },
}

impl Mount {
    /// A whole filesystem, read only.
    pub fn read_only(dest: impl Into<String>, source: &State) -> Self {
        Self::bind(dest, source, Access::ReadOnly)
    }

    /// A whole filesystem with this access.
    pub fn bind(dest: impl Into<String>, source: &State, access: Access) -> Self {
        let (selector, content_cache) = (None, ContentCache::Default);
        Self::Bind { dest: dest.into(), source: source.clone(), selector, access, content_cache }
    }

    /// The same mount of a part of its filesystem (bind and cache mounts; others have no parts).
    #[must_use]
    pub fn select(mut self, path: impl Into<String>) -> Self {
        if let Self::Bind { selector, .. } | Self::Cache { selector, .. } = &mut self {
            *selector = Some(path.into());
        }
        self
    }

    /// The same mount with another part in cache keys (bind mounts; others have none).
    #[must_use]
    pub fn content(mut self, mode: ContentCache) -> Self {
        if let Self::Bind { content_cache, .. } = &mut self {
            *content_cache = mode;
        }
        self
    }

    /// Where it appears.
    pub fn dest(&self) -> &str {
        match self {
            Self::Bind { dest, .. }
            | Self::Cache { dest, .. }
            | Self::CacheKeeper { dest, .. }
            | Self::Tmpfs { dest, .. }
            | Self::Secret { dest, .. }
            | Self::Ssh { dest, .. } => dest,
        }
    }

    /// Order on the wire: filesystems, caches and memory by place, then secrets, then agents, as the Go client lists them.
    /// What keeps caches comes after everything else.
    pub(crate) fn order(&self) -> (u8, &str) {
        let class = match self {
            Self::Bind { .. } | Self::Cache { .. } | Self::Tmpfs { .. } => 0,
            Self::Secret { .. } => 1,
            Self::Ssh { .. } => 2,
            Self::CacheKeeper { .. } => 3,
        };
        (class, self.dest())
    }

    pub(crate) fn has_output(&self) -> bool {
        matches!(self, Self::Bind { access: Access::Output, .. })
    }

    pub(crate) fn caps(&self) -> Vec<Cap> {
        match self {
            Self::Bind { selector, access, content_cache, .. } => {
                let mut caps = vec![Cap::MOUNT_BIND];
                caps.extend(selector.as_ref().map(|_| Cap::MOUNT_SELECTOR));
                caps.extend((*access == Access::Discard).then_some(Cap::MOUNT_BIND_NO_OUTPUT));
                caps.extend((*content_cache != ContentCache::Default).then_some(Cap::MOUNT_CONTENT_CACHE));
                caps
            }
            Self::Cache { selector, .. } => {
                let mut caps = vec![Cap::MOUNT_CACHE, Cap::MOUNT_CACHE_SHARING];
                caps.extend(selector.as_ref().map(|_| Cap::MOUNT_SELECTOR));
                caps
            }
            Self::CacheKeeper { .. } => {
                vec![Cap::MOUNT_CACHE, Cap::MOUNT_CACHE_SHARING, Cap::MOUNT_CONTENT_CACHE]
            }
            Self::Tmpfs { size, .. } => {
                let mut caps = vec![Cap::MOUNT_TMPFS];
                caps.extend(size.map(|_| Cap::MOUNT_TMPFS_SIZE));
                caps
            }
            Self::Secret { .. } => vec![Cap::MOUNT_SECRET],
            Self::Ssh { .. } => vec![Cap::MOUNT_SSH],
        }
    }

    /// The wire form; `output` is the index that an output mount gets.
    pub(crate) fn to_pb(&self, inputs: &mut Inputs, output: i64) -> pb::Mount {
        let plain = |dest: &str, input: InputIndex, kind: pb::MountType, output: i64| pb::Mount {
            dest: dest.to_owned(),
            input: input.to_pb(),
            output,
            mount_type: kind as i32,
            ..pb::Mount::default()
        };
        match self {
            Self::Bind { dest, source, selector, access, content_cache } => pb::Mount {
                selector: selector.clone().unwrap_or_default(),
                readonly: *access == Access::ReadOnly,
                content_cache: content_cache_to_pb(*content_cache) as i32,
                ..plain(dest, inputs.index_of(source), pb::MountType::Bind, output)
            },
            Self::Cache { dest, id, sharing, source, selector } => pb::Mount {
                selector: selector.clone().unwrap_or_default(),
                cache_opt: Some(pb::CacheOpt { id: id.clone(), sharing: sharing_to_pb(*sharing) as i32 }),
                ..plain(dest, inputs.index_of(source), pb::MountType::Cache, -1)
            },
            Self::CacheKeeper { dest, id, source } => pb::Mount {
                cache_opt: Some(pb::CacheOpt { id: id.clone(), sharing: pb::CacheSharingOpt::Shared as i32 }),
                content_cache: pb::MountContentCache::Off as i32,
                ..plain(dest, inputs.index_of(source), pb::MountType::Cache, -1)
            },
            Self::Tmpfs { dest, size } => pb::Mount {
                tmpfs_opt: Some(pb::TmpfsOpt { size: size.unwrap_or_default() }),
                ..plain(dest, InputIndex::EMPTY, pb::MountType::Tmpfs, -1)
            },
            Self::Secret { dest, id, uid, gid, mode, optional } => pb::Mount {
                secret_opt: Some(pb::SecretOpt {
                    id: id.clone(),
                    uid: *uid,
                    gid: *gid,
                    mode: *mode,
                    optional: *optional,
                }),
                // Never an output, though the Go client leaves the field at 0; equal bytes share a vertex with it.
                ..plain(dest, InputIndex::EMPTY, pb::MountType::Secret, 0)
            },
            Self::Ssh { dest, id, uid, gid, mode, optional } => pb::Mount {
                ssh_opt: Some(pb::SshOpt {
                    id: id.clone(),
                    uid: *uid,
                    gid: *gid,
                    mode: *mode,
                    optional: *optional,
                }),
                ..plain(dest, InputIndex::EMPTY, pb::MountType::Ssh, 0)
            },
        }
    }
}

fn content_cache_to_pb(mode: ContentCache) -> pb::MountContentCache {
    match mode {
        ContentCache::Default => pb::MountContentCache::Default,
        ContentCache::On => pb::MountContentCache::On,
        ContentCache::Off => pb::MountContentCache::Off,
    }
}

fn sharing_to_pb(sharing: Sharing) -> pb::CacheSharingOpt {
    match sharing {
        Sharing::Shared => pb::CacheSharingOpt::Shared,
        Sharing::Private => pb::CacheSharingOpt::Private,
        Sharing::Locked => pb::CacheSharingOpt::Locked,
    }
}
