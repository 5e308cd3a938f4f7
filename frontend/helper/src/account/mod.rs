//! The mode `account`: makes a user, a group or both in the image's account files, as `useradd` and `groupadd` would, but
//! without any program of the image.
//!
//! It runs as the command of a step, so times, the manifest of changes and the evidence are the wrapper's.

mod decide;
mod files;
mod home;
mod numbers;
mod rules;
mod table;
mod wish;

use alloc::format;
use alloc::vec::Vec;

use decide::Accounts;
use files::Pending;
use home::{Home, Made};
use rules::Rules;
use table::Table;
use wish::{UserWish, Wishes};

use crate::environment::Environment;
use crate::fault::Fault;
use crate::sys;

/// Exit code when the wishes cannot be met in this image.
const REFUSED: i32 = 1;
/// Carries the time of the build, in seconds since 1970.
const EPOCH_VARIABLE: &str = "SOURCE_DATE_EPOCH";
/// Seconds in a day.
const DAY: u64 = 86_400;

/// Makes the account that the environment asks for. The program arguments are only for people, in the name of the process.
///
/// # Errors
/// Wishes that are none, and files that cannot be read or written. Refusals are no faults: they are printed, and the exit
/// code is 1.
pub(crate) fn run(env: &Environment) -> Result<i32, Fault> {
    sys::occupy_standard_descriptors();
    let wishes = Wishes::parse(env.get(wish::VARIABLE))?;
    let day = day(env.get(EPOCH_VARIABLE))?;
    let rules = Rules::parse(&files::read(rules::PATH)?.unwrap_or_default()).map_err(Fault::own)?;
    let before = read_accounts()?;
    let mut accounts = before.clone();
    let decision = match accounts.add(&wishes, &rules, day) {
        Ok(decision) => decision,
        Err(refusals) => {
            refusals.iter().for_each(|refusal| sys::complain(refusal));
            return Ok(REFUSED);
        }
    };
    write_accounts(&before, &accounts)?;
    decision.notes.iter().for_each(|note| say(note));
    if let (Some(user), Some(owner)) = (&wishes.user, decision.owner) {
        make_home(user, owner, &rules)?;
        if rustix::fs::stat(user.shell.as_str()).is_err() {
            say(&format!("note: the image has no {}, the login shell of user \"{}\"", user.shell, user.name));
        }
    }
    Ok(0)
}

fn say(note: &str) {
    sys::write_all(sys::stdout(), format!("{note}\n").as_bytes());
}

/// Days since 1970 at the time of the build; None without one. Day 0 would mean that the password has to be changed.
fn day(epoch: Option<&[u8]>) -> Result<Option<u64>, Fault> {
    let Some(text) = epoch else { return Ok(None) };
    let seconds = core::str::from_utf8(text).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = seconds.ok_or_else(|| {
        Fault::own(format!("{EPOCH_VARIABLE}: \"{}\" is no number of seconds", text.escape_ascii()))
    })?;
    Ok(Some(seconds / DAY).filter(|&day| day > 0))
}

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
const SHADOW: &str = "/etc/shadow";
const GSHADOW: &str = "/etc/gshadow";
const SUBUID: &str = "/etc/subuid";
const SUBGID: &str = "/etc/subgid";

fn read_accounts() -> Result<Accounts, Fault> {
    let table = |path| Ok(files::read(path)?.map(|text| Table::parse(&text)));
    Ok(Accounts {
        passwd: table(PASSWD)?.unwrap_or_default(),
        group: table(GROUP)?.unwrap_or_default(),
        shadow: table(SHADOW)?,
        gshadow: table(GSHADOW)?,
        subuid: table(SUBUID)?,
        subgid: table(SUBGID)?,
    })
}

/// Writes the files that have changed: first all beside the old ones, then all into their places.
fn write_accounts(before: &Accounts, now: &Accounts) -> Result<(), Fault> {
    let files = [
        (GROUP, Some(&before.group), Some(&now.group)),
        (GSHADOW, before.gshadow.as_ref(), now.gshadow.as_ref()),
        (PASSWD, Some(&before.passwd), Some(&now.passwd)),
        (SHADOW, before.shadow.as_ref(), now.shadow.as_ref()),
        (SUBUID, before.subuid.as_ref(), now.subuid.as_ref()),
        (SUBGID, before.subgid.as_ref(), now.subgid.as_ref()),
    ];
    let changed = files.into_iter().filter(|(_, before, now)| before != now);
    let pending = changed.filter_map(|(path, _, now)| now.map(|now| Pending::write(path, &now.render())));
    let pending: Vec<Pending> = pending.collect::<Result<_, _>>()?;
    pending.into_iter().try_for_each(Pending::commit)
}

fn make_home(user: &UserWish, owner: (u32, u32), rules: &Rules) -> Result<(), Fault> {
    if !user.create_home {
        return Ok(());
    }
    let home = Home { path: user.home.as_bytes(), owner, mode: rules.home_mode };
    if home.make()? == Made::Before {
        say(&format!("{} is there already and stays as it is", user.home));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_that_of_the_build() {
        for (epoch, expected) in [
            (None, Ok(None)),
            (Some("0"), Ok(None)),
            (Some("86399"), Ok(None)),
            (Some("86400"), Ok(Some(1))),
            (Some("315532800"), Ok(Some(3652))),
        ] {
            assert_eq!(day(epoch.map(str::as_bytes)), expected, "{epoch:?}");
        }
        let message = format!("{}", day(Some(b"now")).unwrap_err());
        assert_eq!(message, "SOURCE_DATE_EPOCH: \"now\" is no number of seconds");
    }
}
