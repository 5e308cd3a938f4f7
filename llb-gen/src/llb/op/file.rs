//! File ops: copies, files, folders, removals and symlinks, several in one op and so in one layer.
//!
//! On the wire every number that means "unset" is -1, not 0: a zero mode would be chmod 000, a zero time 1970, a zero input
//! the first one. The types here leave no member unset.

use bollard_buildkit_proto::pb;

use super::inputs::Inputs;
use crate::llb::vertex::{Edge, OutputIndex, Vertex};
use crate::llb::{Cap, Meta, State};

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    /// By number.
    Number(u32),
    /// By name, looked up in the filesystem that is worked on. The daemon takes a name that is not there for root:
    /// callers who mind must check.
    Name(String),
}

/// Owner of what an action makes. A user alone by number gets the group of the same number, by name its primary group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub user: Option<Id>,
    /// Group.
    pub group: Option<Id>,
}

/// Modification time of what an action makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamp {
    /// A copy keeps its source's; anything else gets the time of the build.
    Keep,
    /// Seconds since 1970.
    Seconds(i64),
}

impl Timestamp {
    fn to_pb(self) -> i64 {
        match self {
            Self::Keep => -1,
            Self::Seconds(seconds) => seconds.saturating_mul(1_000_000_000),
        }
    }
}

/// Makes a file, or replaces one. Its folder must be there.
#[derive(Clone, Debug)]
pub struct Mkfile {
    path: String,
    mode: u32,
    data: Vec<u8>,
    owner: Option<Owner>,
    timestamp: Timestamp,
}

impl Mkfile {
    /// A file of this content, owned by root. The daemon keeps the permission bits alone (`mode & 0777`).
    pub fn new(path: impl Into<String>, mode: u32, data: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), mode, data: data.into(), owner: None, timestamp: Timestamp::Keep }
    }

    /// Its owner.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Its time.
    #[must_use]
    pub fn timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = timestamp;
        self
    }
}

/// Makes a folder; one that is there already is fine.
#[derive(Clone, Debug)]
pub struct Mkdir {
    path: String,
    mode: u32,
    parents: bool,
    owner: Option<Owner>,
    timestamp: Timestamp,
}

impl Mkdir {
    /// A folder owned by root; its parents must be there. The daemon's umask (022) holds for the mode.
    pub fn new(path: impl Into<String>, mode: u32) -> Self {
        Self { path: path.into(), mode, parents: false, owner: None, timestamp: Timestamp::Keep }
    }

    /// Makes missing parents too, of the same mode and owner.
    #[must_use]
    pub fn with_parents(mut self) -> Self {
        self.parents = true;
        self
    }

    /// Its owner.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Its time.
    #[must_use]
    pub fn timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = timestamp;
        self
    }
}

/// Removes a path.
#[derive(Clone, Debug)]
pub struct Remove {
    path: String,
    allow_not_found: bool,
    wildcard: bool,
}

impl Remove {
    /// One path, which must be there.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), allow_not_found: false, wildcard: false }
    }

    /// Nothing there is fine.
    #[must_use]
    pub fn allow_not_found(mut self) -> Self {
        self.allow_not_found = true;
        self
    }

    /// The path is a pattern of Go's `filepath.Match`.
    #[must_use]
    pub fn wildcard(mut self) -> Self {
        self.wildcard = true;
        self
    }
}

/// Makes a symlink.
#[derive(Clone, Debug)]
pub struct Symlink {
    target: String,
    path: String,
    owner: Option<Owner>,
    timestamp: Timestamp,
}

impl Symlink {
    /// A symlink at `path` whose text is `target`. Needs [`Cap::FILE_SYMLINK`].
    pub fn new(target: impl Into<String>, path: impl Into<String>) -> Self {
        Self { target: target.into(), path: path.into(), owner: None, timestamp: Timestamp::Keep }
    }

    /// Its owner.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Its time.
    #[must_use]
    pub fn timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = timestamp;
        self
    }
}

/// Copies from another filesystem.
#[derive(Clone, Debug)]
pub struct Copy {
    source: State,
    wire: pb::FileActionCopy,
    owner: Option<Owner>,
}

impl Copy {
    /// Copies `src` of `source` to `dest`, with nothing else switched on: one path, not through symlinks, parents must be
    /// there, a folder lands inside an existing one.
    pub fn new(source: &State, src: impl Into<String>, dest: impl Into<String>) -> Self {
        let wire = pb::FileActionCopy {
            src: src.into(),
            dest: dest.into(),
            mode: -1,
            timestamp: -1,
            ..pb::FileActionCopy::default()
        };
        Self { source: source.clone(), wire, owner: None }
    }

    /// What people know as `COPY`: follows a symlinked source, copies a folder's contents, makes parents, takes wildcards,
    /// and minds no wildcard that matches nothing.
    #[must_use]
    pub fn like_dockerfile(mut self) -> Self {
        self.wire.follow_symlink = true;
        self.wire.dir_copy_contents = true;
        self.wire.create_dest_path = true;
        self.wire.allow_wildcard = true;
        self.wire.allow_empty_wildcard = true;
        self
    }

    /// Makes missing parents of the destination.
    #[must_use]
    pub fn create_dest_path(mut self) -> Self {
        self.wire.create_dest_path = true;
        self
    }

    /// Whether a wildcard that matches nothing is fine.
    #[must_use]
    pub fn allow_empty_wildcard(mut self, allow: bool) -> Self {
        self.wire.allow_empty_wildcard = allow;
        self
    }

    /// Whether wildcards in the source are expanded.
    #[must_use]
    pub fn allow_wildcard(mut self, allow: bool) -> Self {
        self.wire.allow_wildcard = allow;
        self
    }

    /// Copies a folder's contents rather than the folder.
    #[must_use]
    pub fn dir_contents(mut self) -> Self {
        self.wire.dir_copy_contents = true;
        self
    }

    /// Unpacks the source if it is an archive (tar, plain or compressed).
    #[must_use]
    pub fn unpack(mut self) -> Self {
        self.wire.attempt_unpack_docker_compatibility = true;
        self
    }

    /// Replaces what stands in the way, whatever its type. Needs [`Cap::FILE_COPY_ALWAYS_REPLACE`].
    #[must_use]
    pub fn always_replace(mut self) -> Self {
        self.wire.always_replace_existing_dest_paths = true;
        self
    }

    /// Copies only what matches, relative to the source.
    #[must_use]
    pub fn include<S: Into<String>>(mut self, patterns: impl IntoIterator<Item = S>) -> Self {
        self.wire.include_patterns = patterns.into_iter().map(Into::into).collect();
        self
    }

    /// Leaves out what matches, relative to the source.
    #[must_use]
    pub fn exclude<S: Into<String>>(mut self, patterns: impl IntoIterator<Item = S>) -> Self {
        self.wire.exclude_patterns = patterns.into_iter().map(Into::into).collect();
        self
    }

    /// Permission bits of everything that is copied; kept if not said.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.wire.mode = i32::try_from(mode & 0o7777).expect("twelve bits fit");
        self
    }

    /// Owner of everything that is copied; root if not said.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Times of everything that is copied.
    #[must_use]
    pub fn timestamp(mut self, timestamp: Timestamp) -> Self {
        self.wire.timestamp = timestamp.to_pb();
        self
    }
}

#[derive(Clone, Debug)]
enum Action {
    Copy(Copy),
    Mkfile(Mkfile),
    Mkdir(Mkdir),
    Remove(Remove),
    Symlink(Symlink),
}

/// A file op under construction: actions in order, each on the result of the one before. One op makes one layer.
#[derive(Clone, Debug)]
pub struct FileOp {
    base: State,
    actions: Vec<Action>,
    meta: Meta,
}

impl FileOp {
    /// Works on this filesystem. It must not be a local source, whose cache key is random.
    pub fn on(base: &State) -> Self {
        Self { base: base.clone(), actions: Vec::new(), meta: Meta::default() }
    }

    /// Makes a file.
    #[must_use]
    pub fn mkfile(self, action: Mkfile) -> Self {
        self.then(Action::Mkfile(action))
    }

    /// Makes a folder.
    #[must_use]
    pub fn mkdir(self, action: Mkdir) -> Self {
        self.then(Action::Mkdir(action))
    }

    /// Removes a path.
    #[must_use]
    pub fn remove(self, action: Remove) -> Self {
        self.then(Action::Remove(action))
    }

    /// Makes a symlink.
    #[must_use]
    pub fn symlink(self, action: Symlink) -> Self {
        self.then(Action::Symlink(action))
    }

    /// Copies from another filesystem.
    #[must_use]
    pub fn copy(self, action: Copy) -> Self {
        self.then(Action::Copy(action))
    }

    /// What is said about the op.
    #[must_use]
    pub fn meta(mut self, meta: Meta) -> Self {
        self.meta = meta;
        self
    }

    /// Whether no action was added.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// The filesystem after all actions; the one worked on where there are none.
    pub fn state(self) -> State {
        if self.actions.is_empty() {
            return self.base;
        }
        let mut inputs = Inputs::default();
        let base = inputs.index_of(&self.base).to_pb();
        let sources: Vec<i64> = self.actions.iter().map(|action| action.source(&mut inputs)).collect();
        let first_result = i64::try_from(inputs.len()).expect("fewer inputs than i64 holds");
        let last = self.actions.len() - 1;
        let mut caps = vec![Cap::FILE];
        let mut actions = Vec::with_capacity(self.actions.len());
        for (at, (action, secondary_input)) in self.actions.iter().zip(sources).enumerate() {
            let before = i64::try_from(at).expect("fewer actions than i64 holds") - 1;
            let input = if at == 0 { base } else { first_result + before };
            caps.extend(action.caps());
            actions.push(pb::FileAction {
                input,
                secondary_input,
                output: if at == last { 0 } else { -1 },
                action: Some(action.to_pb(input)),
            });
        }
        let op = pb::Op { op: Some(pb::op::Op::File(pb::FileOp { actions })), ..pb::Op::default() };
        let vertex = Vertex::new(inputs, op, self.meta.with_caps(caps));
        State::of(Edge { vertex, output: OutputIndex::ROOT })
    }

    fn then(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }
}

impl Action {
    fn source(&self, inputs: &mut Inputs) -> i64 {
        match self {
            Self::Copy(copy) => inputs.index_of(&copy.source).to_pb(),
            _ => -1,
        }
    }

    fn caps(&self) -> Vec<Cap> {
        match self {
            Self::Copy(copy) => {
                let patterns =
                    !copy.wire.include_patterns.is_empty() || !copy.wire.exclude_patterns.is_empty();
                let mut caps: Vec<Cap> = patterns.then_some(Cap::FILE_COPY_PATTERNS).into_iter().collect();
                caps.extend(
                    copy.wire.always_replace_existing_dest_paths.then_some(Cap::FILE_COPY_ALWAYS_REPLACE),
                );
                caps
            }
            Self::Remove(remove) => remove.wildcard.then_some(Cap::FILE_RM_WILDCARD).into_iter().collect(),
            Self::Symlink(_) => vec![Cap::FILE_SYMLINK],
            Self::Mkfile(_) | Self::Mkdir(_) => Vec::new(),
        }
    }

    /// The wire form; names of owners are looked up in the filesystem that the action works on.
    fn to_pb(&self, input: i64) -> pb::file_action::Action {
        use pb::file_action::Action as Wire;
        match self {
            Self::Copy(copy) => Wire::Copy(pb::FileActionCopy {
                owner: copy.owner.as_ref().map(|owner| owner.to_pb(input)),
                ..copy.wire.clone()
            }),
            Self::Mkfile(file) => Wire::Mkfile(pb::FileActionMkFile {
                path: file.path.clone(),
                mode: wire_mode(file.mode),
                data: file.data.clone(),
                owner: file.owner.as_ref().map(|owner| owner.to_pb(input)),
                timestamp: file.timestamp.to_pb(),
            }),
            Self::Mkdir(dir) => Wire::Mkdir(pb::FileActionMkDir {
                path: dir.path.clone(),
                mode: wire_mode(dir.mode),
                make_parents: dir.parents,
                owner: dir.owner.as_ref().map(|owner| owner.to_pb(input)),
                timestamp: dir.timestamp.to_pb(),
            }),
            Self::Remove(remove) => Wire::Rm(pb::FileActionRm {
                path: remove.path.clone(),
                allow_not_found: remove.allow_not_found,
                allow_wildcard: remove.wildcard,
            }),
            Self::Symlink(link) => Wire::Symlink(pb::FileActionSymlink {
                oldpath: link.target.clone(),
                newpath: link.path.clone(),
                owner: link.owner.as_ref().map(|owner| owner.to_pb(input)),
                timestamp: link.timestamp.to_pb(),
            }),
        }
    }
}

fn wire_mode(mode: u32) -> i32 {
    i32::try_from(mode & 0o7777).expect("twelve bits fit")
}

impl Owner {
    fn to_pb(&self, input: i64) -> pb::ChownOpt {
        let id = |id: &Id| pb::UserOpt {
            user: Some(match id {
                Id::Number(number) => pb::user_opt::User::ById(*number),
                Id::Name(name) => pb::user_opt::User::ByName(pb::NamedUserOpt { name: name.clone(), input }),
            }),
        };
        pb::ChownOpt { user: self.user.as_ref().map(id), group: self.group.as_ref().map(id) }
    }
}
