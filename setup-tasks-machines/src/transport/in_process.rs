//! An agent in this process, for tests.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::{ChildStdin, Command};

use super::{Channel, Errors};

/// A function that serves a connection.
type Serve = dyn Fn(PipeReader, PipeWriter) + Send + Sync;

/// An agent in this process. Clones are the same agent.
#[derive(Clone)]
pub(crate) struct InProcess(Arc<Serve>);

impl InProcess {
    pub(crate) fn new(serve: Arc<Serve>) -> Self {
        Self(serve)
    }

    /// Starts the agent in a thread, and returns the channel to it.
    pub(crate) fn open(&self) -> io::Result<Channel> {
        let (input, to_agent) = io::pipe()?;
        let (from_agent, output) = io::pipe()?;
        // A process passes the output on, since a channel ends with its process.
        let mut relay = Command::new("cat");
        relay.stdin(from_agent).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = relay.spawn()?;
        let piped = || io::Error::other("a standard stream is missing");
        let stdout = child.stdout.take().ok_or_else(piped)?;
        let stderr = child.stderr.take().ok_or_else(piped)?;
        let stdin = ChildStdin::from_std(OwnedFd::from(to_agent).into())?;
        let serve = self.0.clone();
        std::thread::Builder::new().name("setup-tasks fake".to_owned()).spawn(move || serve(input, output))?;
        Ok(Channel { child, stdin, stdout, errors: Errors::read(stderr), is_reused: false })
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).cast::<()>().addr()
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InProcess({:x})", self.address())
    }
}

impl PartialEq for InProcess {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address()
    }
}

impl Eq for InProcess {}

impl Hash for InProcess {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}
