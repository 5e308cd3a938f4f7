//! The byte stream to BuildKit: standard input and output, as one HTTP/2 connection.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc;
use std::thread;

use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::unix::pipe;
use tokio::runtime;
use tonic::body::Body;

/// Failed solves carry stacks and whole source files in their trailers; hyper would stop at 16 KiB.
const MAX_HEADER_LIST: u32 = 16 << 20;
/// A whole reply of the largest size fits the window, so no reply waits for an update in the middle.
const WINDOW: u32 = 32 << 20;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The process was started by hand, most likely.
    #[error("standard input and output are not the pipes that BuildKit gives to a frontend")]
    NotPipes(#[source] io::Error),
    /// No thread could be started for the connection.
    #[error("the connection has no thread to run on")]
    NoThread(#[source] io::Error),
    /// The other end does not speak HTTP/2.
    #[error("the HTTP/2 connection over standard input and output failed")]
    Handshake(#[source] hyper::Error),
}

/// Connects over standard input and output. The connection lives on a thread of its own, so that it works on
/// while the build's own thread computes, and even after that one has panicked.
///
/// Both streams are blocking pipes when the process starts. They are switched to non-blocking here: otherwise a
/// write that meets a full pipe stops the connection while BuildKit waits for it to read.
///
/// # Errors
/// When the two are not pipes, or the HTTP/2 handshake fails.
pub fn connect() -> Result<SendRequest<Body>, ConnectError> {
    let input = duplicate(&io::stdin())?;
    let output = duplicate(&io::stdout())?;
    let (report, answer) = mpsc::channel();
    thread::Builder::new()
        .name("http2".to_owned())
        .spawn(move || serve(input, output, &report))
        .map_err(ConnectError::NoThread)?;
    answer.recv().unwrap_or_else(|gone| Err(ConnectError::NoThread(io::Error::other(gone))))
}

fn duplicate(stream: &impl AsFd) -> Result<OwnedFd, ConnectError> {
    stream.as_fd().try_clone_to_owned().map_err(ConnectError::NotPipes)
}

/// Runs the connection to its end, after reporting its beginning.
fn serve(input: OwnedFd, output: OwnedFd, report: &mpsc::Sender<Result<SendRequest<Body>, ConnectError>>) {
    let runtime = match runtime::Builder::new_current_thread().enable_io().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(report.send(Err(ConnectError::NoThread(error)))),
    };
    runtime.block_on(async {
        match open(input, output).await {
            Err(error) => drop(report.send(Err(error))),
            Ok((sender, connection)) => {
                drop(report.send(Ok(sender)));
                // Whoever waits for an answer learns that the connection is gone; there is nobody else to tell.
                drop(connection.await);
            }
        }
    });
}

type Streams = tokio::io::Join<pipe::Receiver, pipe::Sender>;

async fn open(
    input: OwnedFd,
    output: OwnedFd,
) -> Result<(SendRequest<Body>, http2::Connection<TokioIo<Streams>, Body, TokioExecutor>), ConnectError> {
    let input = pipe::Receiver::from_owned_fd(input).map_err(ConnectError::NotPipes)?;
    let output = pipe::Sender::from_owned_fd(output).map_err(ConnectError::NotPipes)?;
    handshake(tokio::io::join(input, output)).await
}

/// Starts HTTP/2 as its client.
async fn handshake<S>(
    stream: S,
) -> Result<(SendRequest<Body>, http2::Connection<TokioIo<S>, Body, TokioExecutor>), ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    http2::Builder::new(TokioExecutor::new())
        .max_header_list_size(MAX_HEADER_LIST)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(ConnectError::Handshake)
}
