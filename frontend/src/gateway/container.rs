//! Processes in containers of their own, over gRPC: `NewContainer`, `ExecProcess`, `ReleaseContainer`.

use bollard_buildkit_proto::moby::buildkit::v1::frontend as wire;
use bollard_buildkit_proto::pb;
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use prost::Message as _;
use wire::exec_message::Input;

use super::Process;
use crate::status::Status;

/// The only process of a container. As with containers, only letters and digits may be in its name.
const PROCESS: &str = "process";
const STDOUT: u32 = 1;
const STDERR: u32 = 2;
/// How much of what a process complains about is kept, in bytes.
const COMPLAINT: usize = 4096;
/// A process that the daemon could not start, or lost, ends with this.
const UNKNOWN_EXIT: u32 = 255;

/// The container that a process runs in.
pub(super) fn new_container(id: &str, process: &Process) -> wire::NewContainerRequest {
    let mount = |dest: &str, result_id: &str, readonly: bool| pb::Mount {
        dest: dest.to_owned(),
        result_id: result_id.to_owned(),
        input: -1,
        output: -1,
        readonly,
        ..Default::default()
    };
    // The root is a copy that goes with the container; mount points must be made in it.
    let root = mount("/", process.root.id(), false);
    let others = process.mounts.iter().map(|(dest, id)| mount(dest, id, true));
    wire::NewContainerRequest {
        container_id: id.to_owned(),
        mounts: std::iter::once(root).chain(others).collect(),
        network: pb::NetMode::None as i32,
        ..Default::default()
    }
}

/// What starts the process. The stream is left open: its end would be the end of the process.
pub(super) fn start(container: &str, process: &Process) -> impl Stream<Item = Vec<u8>> + Send + 'static {
    let meta = pb::Meta {
        args: process.argv.clone(),
        env: process.env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        cwd: "/".to_owned(),
        ..Default::default()
    };
    let init = wire::InitMessage {
        container_id: container.to_owned(),
        meta: Some(meta),
        fds: vec![STDOUT, STDERR],
        ..Default::default()
    };
    let message = wire::ExecMessage { process_id: PROCESS.to_owned(), input: Some(Input::Init(init)) };
    stream::iter([message.encode_to_vec()]).chain(stream::pending())
}

/// What a process has said so far.
#[derive(Debug)]
pub(super) struct Conversation {
    limit: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    exit: Option<wire::ExitMessage>,
}

impl Conversation {
    /// A conversation that ends with an error where there is more than `limit` bytes of output.
    pub(super) fn new(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { limit, stdout: Vec::new(), stderr: Vec::new(), exit: None }
    }

    /// Takes a message; whether it was the last.
    pub(super) fn take(&mut self, message: Bytes) -> Result<bool, Status> {
        let message = wire::ExecMessage::decode(message)
            .map_err(|error| Status::new(format!("an answer to ExecProcess cannot be read: {error}")))?;
        match message.input {
            Some(Input::File(file)) if file.fd == STDOUT => {
                if self.stdout.len() + file.data.len() > self.limit {
                    return Err(Status::new(format!("more than {} bytes of output", self.limit)));
                }
                self.stdout.extend_from_slice(&file.data);
            }
            Some(Input::File(file)) => {
                let room = COMPLAINT.saturating_sub(self.stderr.len()).min(file.data.len());
                self.stderr.extend_from_slice(&file.data[..room]);
            }
            Some(Input::Exit(exit)) => self.exit = Some(exit),
            // Output may follow the exit; this follows all of it.
            Some(Input::Done(_)) => return Ok(true),
            _ => {}
        }
        Ok(false)
    }

    /// The output of a process that ended well.
    pub(super) fn output(self) -> Result<Vec<u8>, Status> {
        let complaint = String::from_utf8_lossy(&self.stderr).trim().to_owned();
        match self.exit {
            Some(wire::ExitMessage { code: 0, error: None }) => Ok(self.stdout),
            Some(wire::ExitMessage { code: UNKNOWN_EXIT, error: Some(error) }) => {
                Err(Status::with_code(error.code, error.message))
            }
            Some(exit) => Err(Status::new(format!("exit code {}: {complaint}", exit.code))),
            None => Err(Status::new(format!("it ended without a word {complaint}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use bollard_buildkit_proto::google::rpc;

    use super::*;
    use crate::gateway::Ref;

    fn said(inputs: Vec<Input>) -> Result<Vec<u8>, Status> {
        let mut conversation = Conversation::new(6);
        for input in inputs {
            let message = wire::ExecMessage { process_id: PROCESS.into(), input: Some(input) };
            if conversation.take(message.encode_to_vec().into())? {
                break;
            }
        }
        conversation.output()
    }

    fn file(fd: u32, data: &str) -> Input {
        Input::File(wire::FdMessage { fd, data: data.into(), eof: false })
    }

    fn exit(code: u32) -> Input {
        Input::Exit(wire::ExitMessage { code, error: None })
    }

    #[test]
    fn output_is_taken_until_the_last_message() {
        let done = || Input::Done(wire::DoneMessage {});
        let all = said(vec![file(1, "one"), exit(0), file(1, "two"), done(), file(1, "three")]).unwrap();
        assert_eq!(all, b"onetwo");
        let failed = said(vec![file(2, "factory: no\n"), exit(125), done()]).unwrap_err();
        assert_eq!(failed.message(), "exit code 125: factory: no");
        let long = said(vec![file(1, "1234567")]).unwrap_err();
        assert_eq!(long.message(), "more than 6 bytes of output");
        assert!(said(vec![]).is_err());
    }

    #[test]
    fn what_the_daemon_says_about_a_start_is_handed_on() {
        let error = rpc::Status { code: 2, message: "no such mount".into(), details: Vec::new() };
        let lost = wire::ExitMessage { code: 255, error: Some(error) };
        assert_eq!(said(vec![Input::Exit(lost)]).unwrap_err().message(), "no such mount");
    }

    #[test]
    fn a_container_has_a_root_and_reads_the_rest() {
        let process = Process {
            root: Ref::from_id("image").unwrap(),
            mounts: vec![("/out".into(), "failed2".into())],
            argv: vec!["/helper".into()],
            env: vec![("A".into(), "b".into())],
            limit: 1,
        };
        let request = new_container("c1", &process);
        let mounts: Vec<_> =
            request.mounts.iter().map(|one| (&*one.dest, &*one.result_id, one.readonly)).collect();
        assert_eq!(mounts, [("/", "image", false), ("/out", "failed2", true)]);
        assert_eq!(request.network, pb::NetMode::None as i32);
    }
}
