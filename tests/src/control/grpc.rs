//! gRPC in the few lines that two calls need: messages with five bytes in front, and a status at the end.

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection on which we are the client.
#[derive(Clone)]
pub(super) struct Channel {
    requests: SendRequest<Bytes>,
}

/// A stream that both sides write.
pub(super) struct Call {
    pub(super) sending: SendStream<Bytes>,
    pub(super) received: Messages,
}

impl Channel {
    pub(super) async fn open(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (requests, connection) = h2::client::handshake(stream).await.unwrap();
        // It ends with the program that carries it; whoever waits for an answer notices.
        tokio::spawn(async { drop(connection.await) });
        Self { requests }
    }

    /// Starts a call; `headers` go beside gRPC's own.
    pub(super) async fn call(&self, path: &str, headers: &[(&str, &str)]) -> Result<Call, String> {
        let mut request = Request::post(format!("http://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut requests = self.requests.clone().ready().await.map_err(|error| error.to_string())?;
        let (response, sending) = requests.send_request(request.body(()).unwrap(), false).unwrap();
        // The daemon answers a stream only with its first message, so the answer is not waited for here.
        Ok(Call { sending, received: Messages::of_response(response) })
    }

    /// One message there, one back.
    pub(super) async fn unary<A: Message + Default>(
        &self,
        path: &str,
        message: &impl Message,
    ) -> Result<A, String> {
        let mut call = self.call(path, &[]).await?;
        call.sending.send_data(frame(message), true).map_err(|error| error.to_string())?;
        match call.received.next().await? {
            Some(bytes) => A::decode(bytes).map_err(|error| error.to_string()),
            None => Err("the call ended without an answer".to_owned()),
        }
    }
}

/// A message as it travels.
pub(super) fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(length + 5);
    bytes.put_u8(0); // not compressed
    bytes.put_u32(u32::try_from(length).unwrap());
    message.encode(&mut bytes).unwrap();
    bytes.freeze()
}

/// The messages that the other side sends.
pub(super) struct Messages {
    response: Option<h2::client::ResponseFuture>,
    body: Option<RecvStream>,
    buffer: BytesMut,
}

impl Messages {
    fn of_response(response: h2::client::ResponseFuture) -> Self {
        Self { response: Some(response), body: None, buffer: BytesMut::new() }
    }

    pub(super) fn of_request(body: RecvStream) -> Self {
        Self { response: None, body: Some(body), buffer: BytesMut::new() }
    }

    /// The next message; nothing after the last one.
    ///
    /// # Errors
    /// The status, when it is not OK.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, String> {
        loop {
            if let Some(message) = self.split() {
                return Ok(Some(message));
            }
            let Some(body) = self.body().await? else { return Ok(None) };
            match body.data().await {
                Some(data) => {
                    let data = data.map_err(|error| error.to_string())?;
                    body.flow_control().release_capacity(data.len()).map_err(|error| error.to_string())?;
                    self.buffer.extend_from_slice(&data);
                }
                None => {
                    let trailers = body.trailers().await.map_err(|error| error.to_string())?;
                    return status(&trailers.unwrap_or_default()).map(|()| None);
                }
            }
        }
    }

    /// The body, once its headers have come.
    async fn body(&mut self) -> Result<Option<&mut RecvStream>, String> {
        if let Some(response) = self.response.take() {
            let response: Response<RecvStream> = response.await.map_err(|error| error.to_string())?;
            status(response.headers())?;
            self.body = Some(response.into_body());
        }
        Ok(self.body.as_mut())
    }

    fn split(&mut self) -> Option<Bytes> {
        let length = u32::from_be_bytes(self.buffer.get(1..5)?.try_into().ok()?) as usize;
        if self.buffer.len() < length + 5 {
            return None;
        }
        let message = self.buffer.split_to(length + 5).freeze();
        Some(message.slice(5..))
    }
}

/// The status of a call: in its headers when it ended at once, else in its trailers.
fn status(headers: &HeaderMap) -> Result<(), String> {
    let text =
        |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match text("grpc-status").as_deref() {
        None | Some("0") => Ok(()),
        Some(code) => Err(format!("status {code}: {}", unescaped(&text("grpc-message").unwrap_or_default()))),
    }
}

/// gRPC writes bytes of messages that no header may hold as `%XX`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = code.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_status_are_unescaped() {
        assert_eq!(unescaped("a%0Ab%2"), "a\nb%2");
    }

    #[test]
    fn a_frame_says_its_length() {
        assert_eq!(frame(&"abc".to_owned()).as_ref(), b"\0\0\0\0\x05\x0a\x03abc");
    }
}
