//! The `user` step.

use crate::model::name::AccountName;
use crate::model::path::ImagePath;
use crate::model::value::{List, PerPlatform, Value};

/// `user`: creates a user, a group or both by editing the account files, without a program of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateUser {
    /// The user; absent when only a group is made. Then no member but `group`, `gid` and `system` is given.
    pub name: Option<Value<AccountName>>,
    /// The user's number; the next free one by default.
    pub uid: Option<PerPlatform<u32>>,
    /// The user's primary group, made if it does not exist; one with the user's name by default.
    pub group: Option<Value<AccountName>>,
    /// The number of a group that is made; the user's number by default.
    pub gid: Option<PerPlatform<u32>>,
    /// Further groups of the user, which must exist.
    pub groups: List<AccountName>,
    /// The home folder; `/home/NAME` by default.
    pub home: Option<Value<ImagePath>>,
    /// Whether the home folder is made; yes by default unless `system` is set.
    pub create_home: Option<PerPlatform<bool>>,
    /// The login shell; `/bin/sh` by default, `/usr/sbin/nologin` for a system account.
    pub shell: Option<Value<ImagePath>>,
    /// A system account: its number comes from the system range.
    pub system: PerPlatform<bool>,
}
