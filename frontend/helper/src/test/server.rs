//! Tests of servers: one is started, awaited, asked, and stopped.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with, sockopt,
};

use super::config::{ExchangeWish, Http, Ready};
use super::http::{LONGEST_REPLY, Reply, Request};
use super::run::{self, End, Process, Surroundings};
use super::verdict::{Exchange, Kind, Trial, readable};
use crate::child::Leads;
use crate::fault::{Fault, Reason};
use crate::reap::Outcome;
use crate::sys::file::CHUNK;
use crate::sys::{self, MILLISECOND, Nanos, SECOND, signal};

/// How long a server that is asked to end may take.
pub(super) const STOP_PATIENCE: Nanos = 2 * SECOND;
/// How long one request for readiness may take.
const READY_PATIENCE: Nanos = 10 * SECOND;
/// The first pause between two requests for readiness; each is twice as long as the one before, up to the interval.
const FIRST_PAUSE: Nanos = 10 * MILLISECOND;
/// How long a connection within the machine may take.
const CONNECT_PATIENCE: Nanos = 200 * MILLISECOND;
/// How long a server that has closed a connection may take to end, if that was why.
const END_PATIENCE: Nanos = 200 * MILLISECOND;
/// How much of a body a verdict holds, in bytes.
const BODY_SHOWN: usize = 64 * 1024;
/// How much of a body a reason holds, in bytes.
const BODY_SAID: usize = 200;

/// Why there is no reply.
enum Trouble {
    /// Nobody listens, or what came is no reply.
    Said(String),
    /// It takes too long.
    Late,
    /// The server has ended, or had to.
    Ended(End),
}

/// Who has to get ready, and how that is known.
pub(super) struct Asked<'a> {
    /// For people: `the server`.
    pub(super) who: &'a str,
    pub(super) port: u16,
    pub(super) ready: &'a Ready,
}

/// What a test of a server is about.
const SERVER: &str = "the server";

/// Starts a server, asks it, and stops it.
///
/// # Errors
/// A signal that ends the helper.
pub(super) fn test(http: &Http, surroundings: &Surroundings<'_>, trial: &mut Trial) -> Result<(), Fault> {
    if is_taken(http.port) {
        let reason = format!("port {} is taken before the server starts", http.port);
        trial.give_up(Kind::Error, reason);
        return Ok(());
    }
    let Some(mut server) = Process::start(surroundings, &http.argv, Leads::Session, trial) else {
        return Ok(());
    };
    let asked = Asked { who: SERVER, port: http.port, ready: &http.ready };
    if await_ready(&asked, surroundings, &mut server, trial)? {
        for wish in &http.exchanges {
            if !exchange(http.port, wish, surroundings, &mut server, trial)? {
                break;
            }
        }
    }
    server.stop(STOP_PATIENCE)?;
    trial.server = Some(server.finish(trial));
    Ok(())
}

/// Whether somebody else listens there.
pub(super) fn is_taken(port: u16) -> bool {
    match open(port) {
        Ok((_, true)) => true,
        Ok((socket, false)) => {
            let mut fds = [PollFd::new(&socket, PollFlags::OUT)];
            let _ = poll(&mut fds, Some(&sys::timespec(CONNECT_PATIENCE)));
            is_writable(&socket) && matches!(sockopt::socket_error(&socket), Ok(Ok(())))
        }
        Err(_) => false,
    }
}

/// Asks until the server answers as it should. Whether it did.
///
/// # Errors
/// A signal that ends the helper.
pub(super) fn await_ready(
    asked: &Asked<'_>,
    surroundings: &Surroundings<'_>,
    server: &mut Process<'_>,
    trial: &mut Trial,
) -> Result<bool, Fault> {
    let Asked { who, port, ready } = *asked;
    let request = Request { method: "GET", path: &ready.path, headers: Vec::new(), body: None };
    let interval = run::nanos(ready.interval_ms.max(1));
    let last = sys::steady_clock() + interval * Nanos::from(ready.attempts);
    // The server of a test of one is what the whole test is about; others have to be named.
    let whose = if who == SERVER { String::new() } else { format!("{who} is ") };
    let what = match who == SERVER {
        true => format!("{} is ready", ready.path),
        false => format!("{who} is ready"),
    };
    let mut pause = FIRST_PAUSE;
    let mut why = String::from("no reply in time");
    loop {
        let until = last.min(sys::steady_clock() + READY_PATIENCE);
        match ask(port, &request, server, until)? {
            Ok(reply) if is_ready(reply.status, &ready.status) => {
                trial.check(what, Ok(()));
                return Ok(true);
            }
            Ok(reply) => why = format!("status {}", reply.status),
            Err(Trouble::Said(said)) => why = said,
            // What was said before tells more.
            Err(Trouble::Late) => {}
            Err(Trouble::Ended(end)) => {
                note_early_end(who, end, surroundings, trial);
                return Ok(false);
            }
        }
        let now = sys::steady_clock();
        if now >= last {
            let time = run::duration(ready.interval_ms.saturating_mul(ready.attempts.into()));
            let question = format!("GET {} on port {port}", ready.path);
            trial.check(what, Err(format!("{whose}not ready within {time}: {question}: {why}")));
            return Ok(false);
        }
        let next = last.min(now + pause);
        while sys::steady_clock() < next && server.wait(None, next)?.is_none() {}
        pause = interval.min(pause * 2);
    }
}

fn is_ready(status: u16, expected: &[u16]) -> bool {
    if expected.is_empty() { status < 500 } else { expected.contains(&status) }
}

/// A server should be there until it is stopped.
fn note_early_end(who: &str, end: End, surroundings: &Surroundings<'_>, trial: &mut Trial) {
    run::note_end(end, surroundings, trial);
    match end {
        End::Outcome(Outcome::Code(code)) => trial.fail(format!("{who} ended with exit code {code}")),
        End::Outcome(Outcome::Signal(number)) => {
            let name = signal::name(number);
            trial.fail(format!("{who} was ended by {name} (signal {number})"));
        }
        // The reason has been noted.
        End::TimedOut | End::OverMemory(..) => {}
    }
}

/// One request and its reply. Whether there is any use in the next.
fn exchange(
    port: u16,
    wish: &ExchangeWish,
    surroundings: &Surroundings<'_>,
    server: &mut Process<'_>,
    trial: &mut Trial,
) -> Result<bool, Fault> {
    let headers = wish.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = Request { method: &wish.method, path: &wish.path, headers, body: wish.body.as_deref() };
    let name = format!("{} {}", wish.method, wish.path);
    let begun = sys::steady_clock();
    let found = ask(port, &request, server, surroundings.deadline)?;
    let mut noted = Exchange {
        request: name.clone(),
        status: None,
        headers: Default::default(),
        body: String::new(),
        bytes: 0,
        wall_ms: ((sys::steady_clock() - begun) / MILLISECOND) as u64,
    };
    let go_on = match found {
        Ok(reply) => {
            compare(wish, &name, &reply, trial);
            noted.status = Some(reply.status);
            noted.bytes = reply.body.len();
            noted.body = readable(&reply.body[..reply.body.len().min(BODY_SHOWN)]);
            noted.headers.extend(reply.headers);
            true
        }
        Err(Trouble::Ended(end)) => {
            note_early_end(SERVER, end, surroundings, trial);
            false
        }
        Err(Trouble::Late) => {
            trial.timed_out = true;
            trial.check(format!("{name} is answered"), Err(format!("{name}: no reply in time")));
            false
        }
        Err(Trouble::Said(why)) => {
            trial.check(format!("{name} is answered"), Err(format!("{name}: {why}")));
            true
        }
    };
    trial.exchanges.push(noted);
    Ok(go_on)
}

/// Compares a reply with what is expected of it.
fn compare(wish: &ExchangeWish, name: &str, reply: &Reply, trial: &mut Trial) {
    let expected = if wish.status.is_empty() { &[200][..] } else { &wish.status };
    let codes: Vec<_> = expected.iter().map(|code| format!("{code}")).collect();
    let codes = codes.join(" or ");
    let result = if expected.contains(&reply.status) {
        Ok(())
    } else {
        let body = readable(&reply.body[..reply.body.len().min(BODY_SAID)]);
        let got = reply.status;
        Err(format!("{name}: expected status {codes}, got {got} with the body {body:?}"))
    };
    trial.check(format!("{name}: status is {codes}"), result);
    for (header, matches) in &wish.expect_headers {
        let subject = format!("{name}: header {header}");
        match reply.header(header) {
            Some(value) => trial.check_all(matches.check(&subject, value.as_bytes(), true)),
            None => trial.check(subject.clone(), Err(format!("{subject} is not there"))),
        }
    }
    trial.check_all(wish.expect_body.check(&format!("{name}: body"), &reply.body, true));
}

/// Sends a request on a connection of its own and waits for the reply. Meanwhile the server is looked after.
fn ask(
    port: u16,
    request: &Request<'_>,
    server: &mut Process<'_>,
    until: Nanos,
) -> Result<Result<Reply, Trouble>, Fault> {
    let refused = |errno| Trouble::Said(format!("{}", Reason(errno)));
    let (socket, mut is_connected) = match open(port) {
        Ok(opened) => opened,
        Err(errno) => return Ok(Err(ended_or(server, FIRST_PAUSE, refused(errno))?)),
    };
    let bytes = request.bytes(port);
    let mut has_ended = false;
    let (mut sent, mut received, mut chunk) = (0, Vec::new(), vec![0; CHUNK]);
    loop {
        let step = if !is_connected {
            match sockopt::socket_error(&socket) {
                Ok(Ok(())) if is_writable(&socket) => {
                    is_connected = true;
                    continue;
                }
                Ok(Ok(())) => Err(Errno::AGAIN),
                Ok(Err(errno)) | Err(errno) => {
                    return Ok(Err(ended_or(server, FIRST_PAUSE, refused(errno))?));
                }
            }
        } else if sent < bytes.len() {
            // A server may well answer and close before it has read everything.
            match send(&socket, &bytes[sent..], SendFlags::NOSIGNAL) {
                Ok(count) => {
                    sent += count;
                    continue;
                }
                Err(Errno::PIPE | Errno::CONNRESET) => {
                    sent = bytes.len();
                    continue;
                }
                Err(errno) => Err(errno),
            }
        } else {
            recv(&socket, &mut chunk[..], RecvFlags::empty()).map(|(_, count)| count)
        };
        match step {
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => {}
            Err(errno) => return Ok(Err(ended_or(server, END_PATIENCE, refused(errno))?)),
            Ok(count) => {
                received.extend_from_slice(&chunk[..count]);
                match request.reply(&received, count == 0) {
                    Ok(Some(reply)) => return Ok(Ok(reply)),
                    Ok(None) if received.len() <= LONGEST_REPLY => continue,
                    Ok(None) => return Ok(Err(Trouble::Said("the reply is too long".into()))),
                    Err(why) => return Ok(Err(ended_or(server, END_PATIENCE, Trouble::Said(why))?)),
                }
            }
        }
        let is_sending = !is_connected || sent < bytes.len();
        let flags = if is_sending { PollFlags::OUT } else { PollFlags::IN };
        match server.wait(Some(PollFd::new(&socket, flags)), until)? {
            Some(end) if has_ended => return Ok(Err(Trouble::Ended(end))),
            // What it said before its end may still be there.
            end => has_ended = end.is_some(),
        }
        if sys::steady_clock() >= until {
            return Ok(Err(Trouble::Late));
        }
    }
}

/// Trouble with the connection is often that the server is just about to end.
fn ended_or(server: &mut Process<'_>, patience: Nanos, trouble: Trouble) -> Result<Trouble, Fault> {
    let soon = sys::steady_clock() + patience;
    while sys::steady_clock() < soon {
        if let Some(end) = server.wait(None, soon)? {
            return Ok(Trouble::Ended(end));
        }
    }
    Ok(trouble)
}

/// A socket that does not block, and whether it is connected already.
fn open(port: u16) -> Result<(OwnedFd, bool), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    match connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)) {
        Ok(()) => Ok((socket, true)),
        Err(Errno::INPROGRESS) => Ok((socket, false)),
        Err(errno) => Err(errno),
    }
}

fn is_writable(socket: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(socket, PollFlags::OUT)];
    let now = sys::timespec(0);
    poll(&mut fds, Some(&now)).is_ok_and(|ready| ready > 0)
}
