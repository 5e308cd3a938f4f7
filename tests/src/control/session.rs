//! The client's session: a connection inside a stream, on which the daemon asks and we answer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bollard_buildkit_proto::health::HealthCheckResponse;
use bollard_buildkit_proto::moby::buildkit::v1::BytesMessage;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

use super::filesync;
use super::grpc::{Call, Channel, Messages, frame};

/// What the daemon may call.
const DIFF_COPY: &str = "/moby.filesync.v1.FileSync/DiffCopy";
const HEALTH: &str = "/grpc.health.v1.Health/Check";
/// Bytes that wait between the two connections.
const BUFFER: usize = 64 * 1024;
/// gRPC's code for a method that is not there.
const UNIMPLEMENTED: &str = "12";

/// Opens the session `id` and serves it until the task that is given back is ended.
pub(super) async fn open(
    channel: &Channel,
    id: &str,
    folders: &BTreeMap<String, PathBuf>,
) -> Result<JoinHandle<()>, String> {
    let headers = [
        ("x-docker-expose-session-uuid", id),
        ("x-docker-expose-session-name", "factory-tests"),
        ("x-docker-expose-session-sharedkey", id),
        ("x-docker-expose-session-grpc-method", DIFF_COPY),
        ("x-docker-expose-session-grpc-method", HEALTH),
    ];
    let call = channel.call("/moby.buildkit.v1.Control/Session", &headers).await?;
    let (ours, carried) = tokio::io::duplex(BUFFER);
    let (read, write) = tokio::io::split(carried);
    let Call { sending, received } = call;
    let folders = Arc::new(folders.clone());
    // Both end with the connection that they carry.
    tokio::spawn(outward(read, sending));
    tokio::spawn(inward(received, write));
    Ok(tokio::spawn(serve(ours, folders)))
}

/// Our bytes, each piece a message.
async fn outward(mut bytes: ReadHalf<DuplexStream>, mut sending: SendStream<Bytes>) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(read @ 1..) = bytes.read(&mut buffer).await {
        if sending.send_data(frame(&BytesMessage { data: buffer[..read].to_vec() }), false).is_err() {
            return; // the daemon has closed the session
        }
    }
}

/// The daemon's bytes.
async fn inward(mut received: Messages, mut bytes: WriteHalf<DuplexStream>) {
    while let Ok(Some(message)) = received.next().await {
        let message = BytesMessage::decode(message).unwrap();
        if bytes.write_all(&message.data).await.is_err() {
            return;
        }
    }
}

async fn serve(stream: DuplexStream, folders: Arc<BTreeMap<String, PathBuf>>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let folders = Arc::clone(&folders);
        // A call that fails because the build is over needs no answer.
        tokio::spawn(async move { drop(answer(request, respond, &folders).await) });
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    folders: &BTreeMap<String, PathBuf>,
) -> Result<(), h2::Error> {
    let response = Response::builder().header("content-type", "application/grpc");
    let path = request.uri().path().to_owned();
    if path != DIFF_COPY && path != HEALTH {
        let response = response.header("grpc-status", UNIMPLEMENTED).body(()).unwrap();
        respond.send_response(response, true)?;
        return Ok(());
    }
    let mut sending = respond.send_response(response.body(()).unwrap(), false)?;
    if path == HEALTH {
        sending.send_data(frame(&HealthCheckResponse { status: 1 }), false)?; // serving
    } else {
        let wanted = filesync::Wanted::of(request.headers());
        filesync::send(&wanted, folders, &mut Messages::of_request(request.into_body()), &mut sending)
            .await?;
    }
    let ok = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    sending.send_trailers(ok)
}
