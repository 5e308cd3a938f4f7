//! Locks: asks the frontend what the names of a product resolve to, and keeps that beside its manifest.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use llb_gen::lock::{Difference, Lock, path_of};
use llb_gen::text::SourceFile;
use serde::Deserialize;

use crate::atomic;
use crate::build::{Product, Shown, run_client};
use crate::engine::{Engine, EngineHandle, EngineSpec};
use crate::exit::{Error, Result};
use crate::frontend_image::{self, DEV_IMAGE, Platform};
use crate::progress::Progress;
use crate::site_ca;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockRequest {
    /// Everything is resolved anew, not only what the lock does not have.
    pub update: bool,
    /// Nothing is written.
    pub check: bool,
    /// Another frontend image than the manifest's.
    pub frontend: Option<String>,
    /// The platforms; all that the product supports where there are none.
    pub platforms: Vec<String>,
    /// The site's certificates for what is run.
    pub site_ca: Option<PathBuf>,
    /// Further options for buildx, as words.
    pub options: Vec<String>,
}

/// What became of a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// Its path, relative to the project's root.
    pub path: PathBuf,
    /// What is another than before.
    pub difference: Difference,
    /// Whether it is byte for byte what it was.
    pub up_to_date: bool,
}

impl LockRequest {
    /// The words after `docker`, to be run in the product's root.
    #[must_use]
    pub fn words(&self, product: &Product) -> Vec<String> {
        let mut words: Vec<String> = vec!["buildx".into(), "build".into(), "--file".into()];
        words.push(product.manifest.to_string_lossy().into_owned());
        words.push("--call=lock,format=json".to_owned());
        if !self.platforms.is_empty() {
            words.extend(["--platform".to_owned(), self.platforms.join(",")]);
        }
        let frontend = self.frontend.iter().map(|frontend| format!("BUILDKIT_SYNTAX={frontend}"));
        for argument in frontend.chain(self.update.then(|| "FACTORY_LOCK_UPDATE=1".to_owned())) {
            words.extend(["--build-arg".to_owned(), argument]);
        }
        if let Some(bundle) = &self.site_ca {
            let secret = format!("id={},src={}", site_ca::SECRET_ID, bundle.display());
            words.extend(["--secret".to_owned(), secret]);
        }
        words.extend(self.options.iter().cloned());
        words.push(".".to_owned());
        words
    }
}

/// Brings the engine up, makes sure of the frontend image, and resolves. The lock is written, whole or not at all, where it is
/// another than before, and nobody only asked.
///
/// # Errors
/// As the exit codes say: no engine, no frontend image, names that do not resolve, or it was interrupted.
pub fn run(
    product: &Product,
    request: &LockRequest,
    spec: &EngineSpec,
    progress: &mut dyn Progress,
) -> Result<Locked> {
    let handle = Engine::ensure(spec, progress)?;
    if request.frontend.is_none() && product.syntax.as_deref() == Some(DEV_IMAGE) {
        frontend_image::ensure(&handle, &product.root, Platform::host(), progress)?;
    }
    run_with(&handle, product, request)
}

fn run_with(handle: &EngineHandle, product: &Product, request: &LockRequest) -> Result<Locked> {
    let path = path_of(&product.manifest.to_string_lossy());
    let file = product.root.join(&path);
    let before = fs::read(&file).ok();
    let document = asked(handle, product, request)?;
    let read = |bytes: &[u8]| Lock::parse(&SourceFile::new(path.clone(), bytes));
    let now = read(document.as_bytes())
        .map_err(|faults| Error::Internal(format!("the frontend's lock cannot be read: {faults}")))?;
    // One that could not be read is as good as none here: the frontend has judged it.
    let known = before.as_deref().and_then(|bytes| read(bytes).ok());
    let difference = Difference::between(known.as_ref(), &now);
    let up_to_date = before.as_deref() == Some(document.as_bytes());
    if !up_to_date && !request.check {
        let written = atomic::put(&file, |file| file.write_all(document.as_bytes()));
        written.map_err(|error| Error::Internal(format!("cannot write {}: {error}", file.display())))?;
    }
    Ok(Locked { path: path.into(), difference, up_to_date })
}

/// The lock as the frontend says it is to be. The client's exit code says whether that is the one that is there.
fn asked(handle: &EngineHandle, product: &Product, request: &LockRequest) -> Result<String> {
    #[derive(Deserialize)]
    struct Answer {
        document: String,
    }
    let unwritable = |error| Error::io("cannot make a temporary file", error);
    let output = tempfile::NamedTempFile::new().map_err(unwritable)?;
    let mut command = handle.docker();
    command.args(request.words(product)).current_dir(&product.root);
    command.stdout(File::create(output.path()).map_err(unwritable)?);
    let status = run_client(command, Shown::User)?.status;
    let answer = fs::read(output.path()).map_err(unwritable)?;
    match serde_json::from_slice::<Answer>(&answer) {
        Ok(answer) => Ok(answer.document),
        Err(_) if !status.success() => {
            let code = status.code().map_or_else(|| "a signal".to_owned(), |code| code.to_string());
            Err(Error::BuildFailed(format!("docker buildx exited with {code}")))
        }
        Err(error) => Err(Error::Internal(format!("the frontend's answer cannot be read: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::fake_docker;

    const LOCK: &str = r#"{"schema_version": 1, "manifest": "a", "images": {}, "fragments": {"f 1.0.0": {"linux/amd64":
        {"built_on": ["scratch"], "steps": {"steps/0": {"asked": ["x"], "apt": {"x": "VERSION"}}}}}}}"#;

    fn project() -> (tempfile::TempDir, Product) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("manifests")).unwrap();
        let manifest = r#"{"id": "a", "base": "scratch", "fragments": []}"#;
        fs::write(dir.path().join("manifests/a.json"), manifest).unwrap();
        let product = Product::find("a", dir.path()).unwrap();
        (dir, product)
    }

    /// A client that answers with a lock of this version of `x`, and exits with `code`.
    fn answering(dir: &tempfile::TempDir, version: &str, code: u8) -> EngineHandle {
        let document = LOCK.replace("VERSION", version);
        let answer = serde_json::json!({ "document": document }).to_string();
        fs::write(dir.path().join("answer"), answer).unwrap();
        fake_docker(dir.path(), &format!("cat $root/answer; exit {code}"), "exit 1")
    }

    #[test]
    fn a_lock_is_written_once_and_then_left_alone() {
        let (dir, product) = project();
        let file = dir.path().join("manifests/a.lock.json");
        let write = LockRequest::default();
        let first = run_with(&answering(&dir, "1", 1), &product, &write).unwrap();
        assert!(!first.up_to_date && first.difference.text().contains("+ apt x 1 (f, linux/amd64)"));
        assert_eq!(fs::read_to_string(&file).unwrap(), LOCK.replace("VERSION", "1"));
        let again = run_with(&answering(&dir, "1", 0), &product, &write).unwrap();
        assert!(again.up_to_date && again.difference.is_empty());
        let check = LockRequest { check: true, ..LockRequest::default() };
        let other = run_with(&answering(&dir, "2", 1), &product, &check).unwrap();
        assert_eq!(other.difference.text(), "~ apt x 1 -> 2 (f, linux/amd64)\n");
        assert_eq!(fs::read_to_string(&file).unwrap(), LOCK.replace("VERSION", "1"), "only asked");
    }

    #[test]
    fn what_does_not_resolve_leaves_the_lock_as_it_is() {
        let (dir, product) = project();
        let handle = fake_docker(dir.path(), "exit 1", "exit 1");
        let fault = run_with(&handle, &product, &LockRequest::default()).unwrap_err();
        assert_eq!(fault.to_string(), "the build failed: docker buildx exited with 1");
        assert!(!dir.path().join("manifests/a.lock.json").exists());
    }

    #[test]
    fn the_command_is_one_that_anybody_could_type() {
        let (_dir, product) = project();
        let request = LockRequest {
            update: true,
            platforms: vec!["linux/arm64".into()],
            site_ca: Some("/ca".into()),
            ..LockRequest::default()
        };
        assert_eq!(
            request.words(&product).join(" "),
            "buildx build --file manifests/a.json --call=lock,format=json --platform linux/arm64 \
             --build-arg FACTORY_LOCK_UPDATE=1 --secret id=factory_ca,src=/ca ."
        );
    }
}
