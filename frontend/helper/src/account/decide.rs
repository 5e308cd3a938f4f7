//! What becomes of the account files: decided in memory, as a whole, before anything is written.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::numbers::{Direction, Range};
use super::rules::Rules;
use super::table::{NUMBER, Record, Table};
use super::wish::{GroupWish, UserWish, Wishes};
use crate::nearest::nearest;

/// The field of the primary group in passwd(5).
const PRIMARY_GROUP: usize = 3;
/// A password field that refers to the shadow file.
const IN_SHADOW: &str = "x";
/// The field of the home folder there.
const HOME: usize = 5;
/// The field of the login shell there.
const SHELL: usize = 6;

/// The account files. What is None is not in the image and is not made.
#[derive(Debug, Clone, Default)]
pub(super) struct Accounts {
    pub(super) passwd: Table,
    pub(super) group: Table,
    pub(super) shadow: Option<Table>,
    pub(super) gshadow: Option<Table>,
    pub(super) subuid: Option<Table>,
    pub(super) subgid: Option<Table>,
}

/// What has been decided.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// What there is now, for people.
    pub(super) notes: Vec<String>,
    /// Owner of the home folder; None for a group alone.
    pub(super) owner: Option<(u32, u32)>,
}

/// A group, and whether it has to be made.
struct Group {
    gid: u32,
    is_new: bool,
}

/// Everything that the decisions rest on. Reasons to refuse are collected, so that all are said at once.
struct Deciding<'a> {
    accounts: &'a mut Accounts,
    rules: &'a Rules,
    system: bool,
    refusals: Vec<String>,
}

impl Accounts {
    /// Adds what is asked for. `day` is the date of the passwords' last change, in days since 1970.
    ///
    /// # Errors
    /// Every reason why the wishes cannot be met; the files are then as before.
    pub(super) fn add(
        &mut self,
        wishes: &Wishes,
        rules: &Rules,
        day: Option<u64>,
    ) -> Result<Decision, Vec<String>> {
        let mut deciding = Deciding { accounts: self, rules, system: wishes.system, refusals: Vec::new() };
        match &wishes.user {
            Some(user) => deciding.user(user, &wishes.group, day),
            None => deciding.group_alone(&wishes.group),
        }
        .ok_or(deciding.refusals)
    }
}

impl Deciding<'_> {
    fn group_alone(&mut self, wish: &GroupWish) -> Option<Decision> {
        let group = self.group(wish, None)?;
        let note = match group.is_new {
            true => format!("group \"{}\" has gid {} now", wish.name, group.gid),
            false => format!("group \"{}\" is there already with gid {}", wish.name, group.gid),
        };
        self.make_group(wish, &group, IN_SHADOW);
        Some(Decision { notes: [note].into(), owner: None })
    }

    fn user(&mut self, wish: &UserWish, group_wish: &GroupWish, day: Option<u64>) -> Option<Decision> {
        if self.accounts.passwd.named(&wish.name).is_some() {
            return self.known_user(wish, group_wish);
        }
        let uid = self.uid(wish);
        let group = self.group(group_wish, uid.or(wish.uid));
        self.check_groups(wish);
        let (uid, group) = (uid?, group?);
        let blocks = self.blocks(wish, uid);
        if !self.refusals.is_empty() {
            return None;
        }
        let is_own = group_wish.name == wish.name && group_wish.gid.is_none();
        let group_password = if is_own { password(&self.accounts.gshadow) } else { IN_SHADOW };
        self.make_group(group_wish, &group, group_password);
        self.make_user(wish, uid, group.gid, day);
        for (file, line) in [&mut self.accounts.subuid, &mut self.accounts.subgid].into_iter().zip(blocks) {
            if let (Some(table), Some((start, count))) = (file, line) {
                table.append(&[&wish.name, &start.to_string(), &count.to_string()]);
            }
        }
        let note = format!(
            "user \"{}\" has uid {uid}, group \"{}\" (gid {}), home {} and shell {} now",
            wish.name, group_wish.name, group.gid, wish.home, wish.shell
        );
        Some(Decision { notes: [note].into(), owner: Some((uid, group.gid)) })
    }

    /// A user that is there already must be what is wished for.
    fn known_user(&mut self, wish: &UserWish, group: &GroupWish) -> Option<Decision> {
        let Accounts { passwd, group: groups, .. } = &*self.accounts;
        let known = passwd.named(&wish.name)?;
        let differences = differences(&known, wish, group, groups);
        if !differences.is_empty() {
            let message =
                format!("user \"{}\" is there already with {}", wish.name, differences.join(" and with "));
            self.refusals.push(message);
        }
        let ids = known.number(NUMBER).zip(known.number(PRIMARY_GROUP));
        self.check_groups(wish);
        let (uid, gid) = ids.filter(|_| self.refusals.is_empty())?;
        let note = format!("user \"{}\" is there already with uid {uid} and gid {gid}", wish.name);
        Some(Decision { notes: [note].into(), owner: Some((uid, gid)) })
    }

    fn uid(&mut self, wish: &UserWish) -> Option<u32> {
        let passwd = &self.accounts.passwd;
        let Some(uid) = wish.uid else {
            return self.next("user", &wish.name, self.rules.users(self.system), &numbers(passwd));
        };
        let Some(owner) = passwd.numbered(uid) else { return Some(uid) };
        let message =
            format!("uid {uid} of user \"{}\" is taken: it is that of \"{}\"", wish.name, owner.text(0));
        self.refusals.push(message);
        None
    }

    /// The group as it is, or a number for a new one.
    fn group(&mut self, wish: &GroupWish, uid: Option<u32>) -> Option<Group> {
        let groups = &self.accounts.group;
        let known = groups.named(&wish.name).map(|record| (record.number(NUMBER), record.text(NUMBER)));
        if let Some((gid, text)) = known {
            if let Some(gid) = gid.filter(|gid| wish.gid.is_none_or(|wanted| wanted == *gid)) {
                return Some(Group { gid, is_new: false });
            }
            let wanted = wish.gid.map_or("a number".to_string(), |gid| gid.to_string());
            let message = format!("group \"{}\" is there already with gid {text}, not {wanted}", wish.name);
            self.refusals.push(message);
            return None;
        }
        if let Some(gid) = wish.gid {
            let Some(owner) = groups.numbered(gid) else { return Some(Group { gid, is_new: true }) };
            let message =
                format!("gid {gid} of group \"{}\" is taken: it is that of \"{}\"", wish.name, owner.text(0));
            self.refusals.push(message);
            return None;
        }
        let used = numbers(groups);
        let gid = match uid.filter(|uid| !used.contains(uid)) {
            Some(uid) => Some(uid),
            None => self.next("group", &wish.name, self.rules.groups(self.system), &used),
        };
        gid.map(|gid| Group { gid, is_new: true })
    }

    fn next(
        &mut self,
        what: &str,
        name: &str,
        (range, direction): (Range, Direction),
        used: &[u32],
    ) -> Option<u32> {
        let found = range.next(direction, used);
        if found.is_none() {
            let Range { first, last } = range;
            self.refusals.push(format!("no number is free for {what} \"{name}\" from {first} to {last}"));
        }
        found
    }

    fn check_groups(&mut self, wish: &UserWish) {
        let groups = &self.accounts.group;
        for unknown in wish.groups.iter().filter(|name| groups.named(name).is_none()) {
            let known = groups.records().map(|record| record.name());
            let near = nearest(unknown.as_bytes(), known)
                .map(|near| format!("; did you mean \"{}\"?", near.escape_ascii()));
            self.refusals.push(format!(
                "group \"{unknown}\" of user \"{}\": no such group in the image's /etc/group{}",
                wish.name,
                near.unwrap_or_default()
            ));
        }
    }

    /// Beginnings and lengths of the blocks of subordinate numbers: for people, in files that are there, once.
    fn blocks(&mut self, wish: &UserWish, uid: u32) -> [Option<(u32, u32)>; 2] {
        let Rules { uids, sub_uids, sub_gids, .. } = *self.rules;
        if self.system || !(uids.first..=uids.last).contains(&uid) {
            return [None, None];
        }
        let Accounts { subuid, subgid, .. } = &*self.accounts;
        let files = [("/etc/subuid", subuid, sub_uids), ("/etc/subgid", subgid, sub_gids)];
        let wanted = |table: &Table| table.named(&wish.name).is_none();
        files.map(|(path, table, blocks)| {
            let table = table.as_ref().filter(|table| blocks.count > 0 && wanted(table))?;
            let used = table.records().filter_map(|record| record.number(1).zip(record.number(2)));
            let start = blocks.next(&used.collect::<Vec<_>>());
            if start.is_none() {
                let message = format!("no subordinate numbers are free for user \"{}\" in {path}", wish.name);
                self.refusals.push(message);
            }
            start.map(|start| (start, blocks.count))
        })
    }

    fn make_group(&mut self, wish: &GroupWish, group: &Group, password: &str) {
        if !group.is_new {
            return;
        }
        let Accounts { group: groups, gshadow, .. } = &mut *self.accounts;
        groups.append(&[&wish.name, password, &group.gid.to_string(), ""]);
        if let Some(gshadow) = gshadow.as_mut().filter(|gshadow| gshadow.named(&wish.name).is_none()) {
            gshadow.append(&[&wish.name, "!", "", ""]);
        }
    }

    fn make_user(&mut self, wish: &UserWish, uid: u32, gid: u32, day: Option<u64>) {
        let Accounts { passwd, group, shadow, gshadow, .. } = &mut *self.accounts;
        let (uid, gid) = (uid.to_string(), gid.to_string());
        passwd.append(&[&wish.name, password(shadow), &uid, &gid, "", &wish.home, &wish.shell]);
        if let Some(shadow) = shadow.as_mut().filter(|shadow| shadow.named(&wish.name).is_none()) {
            let day = day.map(|day| day.to_string()).unwrap_or_default();
            let [least, most, warning] = aging(self.rules, self.system);
            shadow.append(&[&wish.name, "!", &day, &least, &most, &warning, "", "", ""]);
        }
        for name in &wish.groups {
            [Some(&mut *group), gshadow.as_mut()]
                .into_iter()
                .flatten()
                .for_each(|table| table.add_member(name, &wish.name));
        }
    }
}

/// What `useradd` writes for a password: look into the shadow file, or, without one, that no password fits. `groupadd`
/// always writes the first.
fn password(shadow: &Option<Table>) -> &'static str {
    if shadow.is_some() { IN_SHADOW } else { "!" }
}

/// The passwords of system accounts do not age.
fn aging(rules: &Rules, system: bool) -> [String; 3] {
    rules.aging.map(|days| if system || days < 0 { String::new() } else { days.to_string() })
}

fn numbers(table: &Table) -> Vec<u32> {
    table.records().filter_map(|record| record.number(NUMBER)).collect()
}

/// In what a user is not what is wished for: "FOUND, not WISHED" each.
fn differences(known: &Record<'_>, wish: &UserWish, group: &GroupWish, groups: &Table) -> Vec<String> {
    let mut all = Vec::new();
    let mut compare = |what: &str, found: String, wished: String| {
        if found != wished {
            all.push(format!("{what} {found}, not {wished}"));
        }
    };
    if let Some(uid) = wish.uid {
        compare("uid", known.text(NUMBER), uid.to_string());
    }
    if let Some(gid) = group.gid {
        compare("gid", known.text(PRIMARY_GROUP), gid.to_string());
    }
    let primary = known.number(PRIMARY_GROUP);
    if groups.named(&group.name).is_none_or(|record| record.number(NUMBER) != primary) {
        let name = primary.and_then(|gid| groups.numbered(gid)).map(|record| record.text(0));
        let name = name.unwrap_or_else(|| format!("{} (without a name)", known.text(PRIMARY_GROUP)));
        compare("group", name, group.name.clone());
    }
    compare("home", known.text(HOME), wish.home.clone());
    compare("shell", known.text(SHELL), wish.shell.clone());
    let lists = |name: &String| groups.named(name).is_none_or(|record| record.lists(&wish.name));
    let missing = wish.groups.iter().filter(|name| !lists(name));
    all.extend(missing.map(|name| format!("no place in group \"{name}\"")));
    all
}

#[cfg(test)]
mod tests;
