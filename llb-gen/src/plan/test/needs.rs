//! What a test needs beside the image: steps on top of the finished root, and services.

use serde::Serialize;

use super::spec::ServiceSpec;
use super::{Planner, Stand};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::llb::Timestamp;
use crate::model::step::{Apt, WriteFile};
use crate::model::test::{NeededContent, NeededFile, Needs, Service};
use crate::model::{FileMode, Given, Level, List, PerPlatform, Value};
use crate::plan::here::Here;
use crate::plan::step::{Files, PlannedAction, PlannedCopy, PlannedFile, PlannedStep};
use crate::plan::{apt, files};

/// What is made of the finished root before a test runs on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlannedNeeds {
    pub(crate) steps: Vec<PlannedStep>,
    /// The same in words, for the test hash.
    pub(crate) said: NeedsSpec,
}

/// All that decides on the root of a test beside the image. What own files hold is known by their paths elsewhere.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct NeedsSpec {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<NeededFileSpec>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    apt: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct NeededFileSpec {
    path: String,
    mode: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<String>,
}

/// The default mode of a file.
const MODE: u32 = 0o644;

impl Planner<'_> {
    pub(super) fn needs(&self, needs: &Needs, stand: &Stand<'_>) -> Result<PlannedNeeds, Diagnostics> {
        // The test's own environment is that of its programs: what is installed is the same for all tests that want it.
        let level = Level { env: self.environment(), ..stand.level.clone() };
        let here = Here {
            request: self.request,
            level: &level,
            folder: stand.document.folder.clone().unwrap_or_default(),
            workdir: stand.workdir.clone(),
            shell: self.shell.to_vec(),
            locks: None,
            stage: None,
        };
        let mut planned = PlannedNeeds::default();
        let step = |title: String, action: PlannedAction| PlannedStep {
            title,
            place: needs.place.clone(),
            action,
            lock: None,
        };
        let packages = needs.apt.get(here.scope())?;
        if !packages.is_empty() {
            let names: Vec<String> = packages.iter().map(ToString::to_string).collect();
            let title = format!("apt install {}", names.join(" "));
            planned.steps.push(step(title, apt::plan(&installed(needs), &here, None)?));
            planned.said.apt = names;
        }
        if !needs.files.is_empty() {
            let made = needs.files.iter().map(|one| self.needed_file(one, &here));
            let made = made.collect::<Result<Vec<_>, _>>()?;
            let paths: Vec<&str> = made.iter().map(|(_, said)| said.path.as_str()).collect();
            let title = format!("files {}", paths.join(" "));
            let (actions, said): (Vec<_>, Vec<_>) = made.into_iter().unzip();
            let actions = actions.into_iter().flatten().collect();
            planned.steps.push(step(title, PlannedAction::Files(actions)));
            planned.said.files = said;
        }
        Ok(planned)
    }

    fn needed_file(
        &self,
        file: &NeededFile,
        here: &Here<'_>,
    ) -> Result<(Vec<PlannedFile>, NeededFileSpec), Diagnostics> {
        let scope = here.scope();
        let path = file.path.get(scope)?.absolute(&here.workdir);
        let mode = file.chmod.given(scope)?.map_or(MODE, FileMode::bits);
        let mut said = NeededFileSpec { path: path.clone(), mode, content: None, src: None };
        match &file.content {
            NeededContent::Text(content) => {
                said.content = Some(content.get(scope)?);
                let written = WriteFile {
                    path: file.path.clone(),
                    content: content.clone(),
                    chown: None,
                    chmod: file.chmod.clone(),
                };
                Ok((files::file(&written, here)?, said))
            }
            NeededContent::Own(src) => {
                let src = format!("/{}/{}", here.folder, src.get(scope)?);
                said.src = Some(src.trim_start_matches('/').to_owned());
                Ok((vec![own_file(src, path, mode, here)], said))
            }
        }
    }

    pub(super) fn services(&self, needs: &Needs, stand: &Stand<'_>) -> Result<Vec<ServiceSpec>, Diagnostics> {
        needs.services.iter().map(|service| self.service(service, stand)).collect()
    }

    fn service(&self, service: &Service, stand: &Stand<'_>) -> Result<ServiceSpec, Diagnostics> {
        let scope = &stand.level.scope;
        let argv = self.command_line(&service.command, scope)?;
        if argv.is_empty() {
            let message = format!("the command of service `{}` is empty", service.name.value());
            let fault = Diagnostic::error("empty-value", service.command.place(), message);
            return Err(fault.expecting("a program and its arguments").into());
        }
        Ok(ServiceSpec {
            name: service.name.to_string(),
            argv,
            port: service.port.get(scope)?.get(),
            ready: super::server::ready(&service.ready, scope)?,
        })
    }
}

/// A step that installs the packages and does nothing else.
fn installed(needs: &Needs) -> Apt {
    let no = || PerPlatform::same(false, needs.place.clone());
    Apt {
        install: needs.apt.clone(),
        upgrade: no(),
        recommends: no(),
        sources: Vec::new(),
        snapshot: None::<Value<_>>,
        hold: List::default(),
    }
}

fn own_file(src: String, dest: String, mode: u32, here: &Here<'_>) -> PlannedFile {
    let epoch = i64::try_from(here.epoch()).unwrap_or(i64::MAX);
    PlannedFile::Copy(PlannedCopy {
        from: Files::Catalogue,
        src,
        dest,
        owner: None,
        mode: Some(mode),
        include: Vec::new(),
        exclude: Vec::new(),
        unpack: false,
        timestamp: Timestamp::Seconds(epoch),
    })
}
