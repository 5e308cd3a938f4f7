//! Servers on the loopback interface, for what `add` fetches. The engine fetches in the network of the machine.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Files by their path, over HTTP, until the test process ends.
#[derive(Debug)]
pub(crate) struct HttpServer {
    port: u16,
}

impl HttpServer {
    /// Serves `files`. Every path below `/moved` is a redirection to the same path without it.
    pub(crate) fn start(files: &[(&str, Vec<u8>)]) -> Self {
        let files: BTreeMap<String, Vec<u8>> =
            files.iter().map(|(path, content)| ((*path).to_owned(), content.clone())).collect();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = Arc::new(files);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let files = Arc::clone(&files);
                std::thread::spawn(move || answer(&stream, &files));
            }
        });
        Self { port }
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// Answers one request and closes the connection.
fn answer(stream: &TcpStream, files: &BTreeMap<String, Vec<u8>>) -> Option<()> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request = lines.next()?;
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let mut words = request.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let path = target.split('?').next()?;
    let moved = path.strip_prefix("/moved").map(|rest| format!("Location: {rest}\r\n"));
    let (status, extra, body) = match (moved, files.get(path)) {
        (Some(location), _) => ("302 Found", location, &[][..]),
        (None, Some(content)) => {
            ("200 OK", "Last-Modified: Sat, 01 Jan 2000 00:00:00 GMT\r\n".to_owned(), &content[..])
        }
        (None, None) => ("404 Not Found", String::new(), &[][..]),
    };
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{extra}\r\n", body.len());
    let mut stream = stream;
    stream.write_all(head.as_bytes()).ok()?;
    if method != "HEAD" {
        stream.write_all(body).ok()?;
    }
    stream.flush().ok()
}

/// A git repository, served until it is dropped.
#[derive(Debug)]
pub(crate) struct GitServer {
    daemon: Child,
    port: u16,
    commits: Vec<String>,
    _folder: TempDir,
}

impl GitServer {
    /// A repository with two commits: files, a program, a link and a folder, then a change of one file.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("repository.git");
        let commits = repository(&work);
        let programs = git(folder.path(), &["--exec-path"]);
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let mut command = Command::new(Path::new(programs.trim()).join("git-daemon"));
        command.args(["--export-all", "--reuseaddr", "--listen=127.0.0.1"]).arg(format!("--port={port}"));
        command.arg(format!("--base-path={}", folder.path().display())).arg(folder.path());
        let daemon = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "git-daemon does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { daemon, port, commits, _folder: folder }
    }

    /// The repository's address.
    pub(crate) fn url(&self) -> String {
        format!("git://127.0.0.1:{}/repository.git", self.port)
    }

    /// The commits, the older one first.
    pub(crate) fn commits(&self) -> &[String] {
        &self.commits
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }
}

fn repository(work: &Path) -> Vec<String> {
    let write = |path: &str, content: &str| {
        let path = work.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    write("read.me", "one\n");
    write("tool", "#!/bin/sh\n");
    write("sub/folder/a.txt", "a\n");
    write("sub/b.md", "b\n");
    std::os::unix::fs::symlink("sub/b.md", work.join("link")).unwrap();
    git(work, &["init", "--quiet", "--initial-branch=main"]);
    git(work, &["add", "."]);
    git(work, &["update-index", "--chmod=+x", "tool"]);
    let mut commits = Vec::new();
    for content in ["one\n", "two\n"] {
        write("read.me", content);
        git(work, &["add", "read.me"]);
        git(work, &["commit", "--quiet", "--message", content]);
        commits.push(git(work, &["rev-parse", "HEAD"]).trim().to_owned());
    }
    commits
}

/// What `git` prints. Nothing of the machine's own configuration takes part.
fn git(folder: &Path, words: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Nobody").env(format!("GIT_{who}_EMAIL"), "nobody@invalid");
        command.env(format!("GIT_{who}_DATE"), "2001-02-03T04:05:06Z");
    }
    let output = command.args(words).output().unwrap();
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
