//! `user`: an account, made by the step wrapper as its own command: no program of the image is needed.

use std::collections::BTreeMap;

use super::exec::wrapped;
use super::here::{Here, WRAPPER};
use super::step::{PlannedAction, Wrapper};
use crate::diagnostic::Diagnostics;
use crate::llb::Network;
use crate::model::Given;
use crate::model::step::CreateUser;

/// The mode of the wrapper that makes accounts. As an argument it is only for people who read the name of the process.
const MODE: &str = "account";

/// What the wrapper is told about the account, in the variable `FACTORY_ACCOUNT`.
#[derive(serde::Serialize)]
struct Account {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gid: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    home: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_home: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shell: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    system: bool,
}

pub(super) fn plan(user: &CreateUser, here: &Here<'_>) -> Result<PlannedAction, Diagnostics> {
    let scope = here.scope();
    let account = Account {
        name: user.name.given(scope)?.map(|name| name.to_string()),
        uid: user.uid.given(scope)?,
        group: user.group.given(scope)?.map(|name| name.to_string()),
        gid: user.gid.given(scope)?,
        groups: user.groups.get(scope)?.iter().map(ToString::to_string).collect(),
        home: user.home.given(scope)?.map(|path| path.absolute("/")),
        create_home: user.create_home.given(scope)?,
        shell: user.shell.given(scope)?.map(|path| path.absolute("/")),
        system: *user.system.get(scope)?,
    };
    let json = serde_json::to_string(&account).expect("strings and numbers always serialise");
    let name = account.name.or(account.group).unwrap_or_default();
    let mut exec = wrapped(vec![WRAPPER.to_owned(), MODE.to_owned(), name], here);
    exec.network = Some(Network::None);
    if let Wrapper::Step(spec) = &mut exec.wrapper {
        spec.cwd = None;
        // For the wrapper as the step's command; the wrapper round it stays in its own mode.
        let mode = ("FACTORY_MODE".to_owned(), MODE.to_owned());
        spec.env = BTreeMap::from([mode, ("FACTORY_ACCOUNT".to_owned(), json)]);
    }
    Ok(PlannedAction::Exec(Box::new(exec)))
}
