//! The daemon's end of the pipes: an HTTP/2 server with as much gRPC as unary calls need.

#![allow(dead_code, reason = "of the two programs that use this, each uses a part")]

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use bollard_buildkit_proto::google::rpc;
use bollard_buildkit_proto::moby::buildkit::v1::frontend as wire;
use h2::server::SendResponse;
use h2::{RecvStream, server};
use http::{HeaderMap, Request, Response};
use prost::Message;
use tokio::net::unix::pipe;

/// An encoded reply, or a failure.
pub(crate) type Answer = Result<Vec<u8>, rpc::Status>;

/// A reply.
pub(crate) fn ok(message: &impl Message) -> Answer {
    Ok(message.encode_to_vec())
}

/// The program under test and its pipes.
pub(crate) struct Bridge {
    child: Child,
}

/// What was left when the program had ended.
pub(crate) struct Finished {
    pub(crate) exit_code: Option<i32>,
    pub(crate) returned: Option<wire::ReturnRequest>,
    pub(crate) after_return: Duration,
    pub(crate) stderr: String,
}

impl Bridge {
    /// Starts `program` with this environment and nothing else.
    pub(crate) fn start(program: &str, environment: &[(&str, &str)]) -> Self {
        let child = Command::new(program)
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child }
    }

    /// Serves until the program ends. Whatever it writes that is not HTTP/2 fails the test, and so does its taking
    /// longer than `limit`.
    pub(crate) fn serve(
        mut self,
        answer: impl Fn(&str, &[u8]) -> Answer + 'static,
        limit: Duration,
    ) -> Finished {
        let input = self.child.stdin.take().unwrap();
        let output = self.child.stdout.take().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = tokio::task::LocalSet::new();
        let served = local.block_on(&runtime, async {
            tokio::time::timeout(limit, serve(output.into(), input.into(), Rc::new(answer))).await
        });
        let Ok(returned) = served else {
            self.child.kill().unwrap();
            panic!("the program did not end within {limit:?}");
        };
        self.finish(returned)
    }

    /// Closes both pipes without a word.
    pub(crate) fn hang_up(mut self) -> Finished {
        drop((self.child.stdin.take(), self.child.stdout.take()));
        self.finish(None)
    }

    fn finish(mut self, returned: Option<(wire::ReturnRequest, Instant)>) -> Finished {
        let status = self.child.wait().unwrap();
        let after_return = returned.as_ref().map_or(Duration::ZERO, |(_, at)| at.elapsed());
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Finished {
            exit_code: status.code(),
            returned: returned.map(|(request, _)| request),
            after_return,
            stderr,
        }
    }
}

/// Answers every request until the program closes the connection; gives what it returned, and when.
async fn serve(
    from: OwnedFd,
    to: OwnedFd,
    answer: Rc<impl Fn(&str, &[u8]) -> Answer + 'static>,
) -> Option<(wire::ReturnRequest, Instant)> {
    let stream = tokio::io::join(
        pipe::Receiver::from_owned_fd(from).unwrap(),
        pipe::Sender::from_owned_fd(to).unwrap(),
    );
    let mut connection = server::Builder::new()
        .max_header_list_size(16 << 20)
        .max_send_buffer_size(64 << 20)
        .handshake::<_, bytes::Bytes>(stream)
        .await
        .expect("the program speaks HTTP/2");
    let returned = Rc::new(std::cell::RefCell::new(None));
    while let Some(request) = connection.accept().await {
        // The program ends right after the answer to `Return`, without a farewell.
        let Ok((request, respond)) = request else {
            assert!(returned.borrow().is_some(), "not HTTP/2: {:?}", request.err());
            break;
        };
        tokio::task::spawn_local(call(request, respond, Rc::clone(&answer), Rc::clone(&returned)));
    }
    returned.take()
}

type Returned = Rc<std::cell::RefCell<Option<(wire::ReturnRequest, Instant)>>>;

async fn call(
    request: Request<RecvStream>,
    mut respond: SendResponse<bytes::Bytes>,
    answer: Rc<impl Fn(&str, &[u8]) -> Answer>,
    returned: Returned,
) {
    let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
    assert_eq!(request.uri().path(), format!("/moby.buildkit.v1.frontend.LLBBridge/{method}"));
    let message = body(request.into_body()).await;
    if method == "Return" {
        let first =
            returned.replace(Some((wire::ReturnRequest::decode(&message[..]).unwrap(), Instant::now())));
        assert!(first.is_none(), "Return was called twice");
    }
    let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    let mut stream = respond.send_response(head, false).unwrap();
    let reply = answer(&method, &message);
    if let Ok(bytes) = &reply {
        stream.send_data(frame(bytes), false).unwrap();
    }
    stream.send_trailers(trailers(reply.err())).unwrap();
}

/// The message of a request, without its gRPC frame.
async fn body(mut stream: RecvStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.data().await {
        let chunk = chunk.unwrap();
        stream.flow_control().release_capacity(chunk.len()).unwrap();
        bytes.extend_from_slice(&chunk);
    }
    assert_eq!(bytes[0], 0, "no compression");
    bytes.split_off(5)
}

fn frame(message: &[u8]) -> bytes::Bytes {
    let mut frame = vec![0];
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(message);
    frame.into()
}

fn trailers(error: Option<rpc::Status>) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let Some(status) = error else {
        trailers.insert("grpc-status", "0".parse().unwrap());
        return trailers;
    };
    trailers.insert("grpc-status", status.code.to_string().parse().unwrap());
    trailers.insert("grpc-message", status.message.parse().unwrap());
    let details = base64::engine::general_purpose::STANDARD_NO_PAD.encode(status.encode_to_vec());
    trailers.insert("grpc-status-details-bin", details.parse().unwrap());
    trailers
}
