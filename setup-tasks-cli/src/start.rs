//! The threads of the async runtime.

use std::io;
use std::panic::{set_hook, take_hook};

use setup_tasks::error_help;
use tokio::runtime::{Builder, Runtime};

use crate::exit::Exit;
use crate::output;

/// The error that the system refuses to start a thread.
#[derive(Debug, thiserror::Error)]
#[error("cannot start: the system refuses to start threads")]
struct TooFewThreads;

error_help!(TooFewThreads);

impl TooFewThreads {
    fn help(_: &Self) -> &'static str {
        "compare the number of processes and threads of this user with the limit (`ulimit -u`)"
    }
}

/// Starts the async runtime. If the system refuses a thread, the process ends with an error.
pub(crate) fn runtime() -> io::Result<Runtime> {
    // Tokio panics if a thread cannot be started. While it unwinds, it waits forever for the threads that it has started. A
    // panic hook therefore ends the process, which has not begun any work.
    let hook = take_hook();
    set_hook(Box::new(|_| {
        output::error(&TooFewThreads.into());
        std::process::exit(Exit::Failed.code().into());
    }));
    let built = Builder::new_multi_thread().enable_all().build();
    set_hook(hook);
    built
}
