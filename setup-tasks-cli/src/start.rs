//! The threads that a command runs on.

use std::io;
use std::panic::{set_hook, take_hook};

use tokio::runtime::{Builder, Runtime};

use crate::exit::Exit;
use crate::output;

/// The system refuses threads.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot start: the system gives this process too few threads\nhelp: see how many processes and threads this user may have (`ulimit -u`), and how many there are"
)]
struct TooFewThreads;

/// Starts the threads that tasks run on. If the system refuses one, the process ends with an error.
pub(crate) fn runtime() -> io::Result<Runtime> {
    // Tokio panics then, and while it unwinds it waits without end for the threads that it has started. Nothing else has begun.
    let hook = take_hook();
    set_hook(Box::new(|_| {
        output::error(&TooFewThreads.into());
        std::process::exit(Exit::Failed.code().into());
    }));
    let built = Builder::new_multi_thread().enable_all().build();
    set_hook(hook);
    built
}
