//! The agent: it serves one connection of a controller.
//!
//! [`main`] is the program. [`serve`] is the same for an input and an output of this process, and for another machine, such as one in a
//! directory.

mod call;
mod change;
mod connection;
mod data;
mod files;
mod guard;
mod lock;
mod outbox;
mod panics;
mod run;
mod turn;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

pub use connection::MAX_CALLS;
pub use guard::Guardian;

use crate::far::{Far, hash_of};
use crate::protocol::{Hash, HelloLine, Nonce, VERSION};

/// The version of this crate, with the hash of its source. A controller and an agent work together if both have the same one.
pub const RELEASE: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("SETUP_TASKS_AGENT_SOURCE"));

/// The line that the argument `version` prints. Every binary that can be the agent contains it, so a controller knows the release of an agent
/// that it cannot run.
pub const RELEASE_LINE: &str =
    concat!("setup-tasks-agent release ", env!("CARGO_PKG_VERSION"), "+", env!("SETUP_TASKS_AGENT_SOURCE"), "\n");

/// The settings of an agent.
#[derive(Clone, Debug)]
pub struct Options {
    /// The number that the controller chose for this start.
    pub nonce: Nonce,
    /// The hash of the agent's binary.
    pub hash: Hash,
    /// The program that guards changes, or `None` if no change can be guarded.
    pub guardian: Option<Guardian>,
}

/// Runs the agent with the arguments of the program, without its name: `serve NONCE`, `guard DIRECTORY`, or `version`.
///
/// The standalone agent is nothing else. Another program that can be the agent, such as one with resources of its own, calls this
/// for an argument of its choice, before it does anything else. `prefix` are the arguments that lead to this call.
pub fn main(prefix: &[&str], args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<_> = args.into_iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let done = match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", nonce] => match nonce.parse() {
            Ok(nonce) => serve_standard_streams(nonce, prefix),
            Err(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "the nonce must have 32 hexadecimal digits")),
        },
        ["version"] => io::stdout().write_all(RELEASE_LINE.as_bytes()),
        ["guard", directory] => guard::keep_watch(PathBuf::from(directory)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "this program is started by setup-tasks, with `serve NONCE`",
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "setup-tasks-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve_standard_streams(nonce: Nonce, prefix: &[&str]) -> io::Result<()> {
    // Secrets do not get into a core file, and other processes of the user cannot read the memory. A system without this is served, too.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let program = std::env::current_exe()?;
    // The file is read through this link, since the program can have been replaced in the meantime.
    let hash = File::open("/proc/self/exe").or_else(|_| File::open(&program)).and_then(hash_of)?;
    let guardian = Guardian::new(program, prefix.iter().copied().map(OsString::from).collect());
    let far = Far::machine()?;
    serve(io::stdin(), io::stdout(), far, Options { nonce, hash, guardian: Some(guardian) })
}

/// Serves a connection whose controller is in this process, and knows the agent. Nothing can guard its changes.
///
/// # Errors
///
/// As for [`serve`].
#[doc(hidden)]
pub fn serve_without_hello(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    far: Far,
) -> io::Result<()> {
    panics::install();
    connection::serve(input, output, far.into_base(), None)
}

/// Serves a connection until its input ends. Then it ends all programs, and waits for the change that it is making.
///
/// # Errors
///
/// The input is malformed, or nothing arrived for two heartbeats.
pub fn serve(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    far: Far,
    options: Options,
) -> io::Result<()> {
    panics::install();
    let mut output = output;
    let hello = HelloLine { version: VERSION, nonce: options.nonce, hash: options.hash };
    output.write_all(hello.to_string().as_bytes())?;
    connection::serve(input, output, far.into_base(), options.guardian)
}
