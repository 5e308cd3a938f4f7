//! A fault of ours ends the build with a message instead of a container that just dies.

use std::future::Future;
use std::panic::{self, PanicHookInfo};
use std::process;
use std::thread;

use tokio::runtime;

use crate::gateway::Gateway;
use crate::status::Status;

/// From now on a panic on any thread but the connection's is returned to BuildKit as the build's error. It works
/// whether or not panics unwind: the hook itself speaks, over the connection that lives on its own thread.
pub fn return_to(gateway: impl Gateway + Clone + Send + Sync + 'static) {
    panic::set_hook(Box::new(move |info| {
        let status = Status::new(message(info));
        eprintln!("{status}");
        let gateway = gateway.clone();
        let speaker = thread::spawn(move || tell(gateway.finish(Err(status))));
        drop(speaker.join());
        process::exit(1);
    }));
}

fn tell(returned: impl Future<Output = Result<(), Status>>) {
    if let Ok(runtime) = runtime::Builder::new_current_thread().enable_time().build()
        && let Err(status) = runtime.block_on(returned)
    {
        eprintln!("the fault could not be reported: {status}");
    }
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let what = info.payload_as_str().unwrap_or("panic");
    let place =
        info.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
    format!("internal error of the frontend, please report it: {what}{place}")
}
