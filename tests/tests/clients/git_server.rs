//! Git repositories as a forge serves them: git's own back end behind a small web server that the engine reaches.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use factory_tests::{Lab, Project, run};
use tempfile::TempDir;

/// A running server. Its thread ends with the process.
#[derive(Debug)]
pub(crate) struct GitServer {
    address: SocketAddr,
    folder: Arc<TempDir>,
}

/// What a client asked for.
struct Asked {
    method: String,
    path: String,
    query: String,
    head: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl GitServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Lab::get().host_address(), 0)).unwrap();
        let server =
            Self { address: listener.local_addr().unwrap(), folder: Arc::new(tempfile::tempdir().unwrap()) };
        let folder = Arc::clone(&server.folder);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let folder = Arc::clone(&folder);
                // A client that goes away in the middle is its own affair.
                std::thread::spawn(move || drop(answer(&stream, folder.path())));
            }
        });
        server
    }

    /// Publishes a repository that [`commit`] has filled, and gives its address.
    pub(crate) fn publish(&self, name: &str, project: &Project) -> String {
        let bare = self.folder.path().join(format!("{name}.git"));
        let mut command = git(self.folder.path());
        let _ = run(command.args(["clone", "--quiet", "--bare"]).arg(project.path("")).arg(&bare))
            .expect("git clone");
        format!("http://{}/{name}.git", self.address)
    }
}

/// Puts everything that a project has into a commit, and gives its digest.
pub(crate) fn commit(project: &Project, tag: Option<&str>) -> String {
    let in_project = |words: &[&str]| -> String {
        let finished = run(git(&project.path("")).args(words));
        finished.expect(&format!("git {words:?}")).trim().to_owned()
    };
    if !project.path(".git").exists() {
        let _ = in_project(&["init", "--quiet", "--initial-branch=main"]);
    }
    let _ = in_project(&["add", "--all"]);
    let _ = in_project(&["commit", "--quiet", "--message", "everything"]);
    if let Some(tag) = tag {
        let _ = in_project(&["tag", tag]);
    }
    in_project(&["rev-parse", "HEAD"])
}

/// Git without the settings of whoever runs the tests.
fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), "tests")
            .env(format!("GIT_{role}_EMAIL"), "tests@factory.invalid");
    }
    command
}

fn answer(mut stream: &TcpStream, folder: &Path) -> std::io::Result<()> {
    let Some(asked) = Asked::read(stream)? else { return Ok(()) };
    let mut command = git(folder);
    command.arg("http-backend").env("GIT_PROJECT_ROOT", folder).env("GIT_HTTP_EXPORT_ALL", "1");
    command
        .env("REQUEST_METHOD", &asked.method)
        .env("PATH_INFO", &asked.path)
        .env("QUERY_STRING", &asked.query);
    let header = |name: &str| asked.head.get(name).map(String::as_str).unwrap_or_default();
    command.env("CONTENT_TYPE", header("content-type")).env("CONTENT_LENGTH", asked.body.len().to_string());
    command
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    child.stdin.take().unwrap().write_all(&asked.body)?;
    let output = child.wait_with_output()?.stdout;
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(output.len());
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n{head}")?;
    stream.write_all(&output[end..])
}

impl Asked {
    fn read(stream: &TcpStream) -> std::io::Result<Option<Self>> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split(' ').map(str::to_owned);
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut head = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            head.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = head.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(Some(Self { method, path: path.to_owned(), query: query.to_owned(), head, body }))
    }
}
