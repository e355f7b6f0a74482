//! The failure of a call.

use std::fmt;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::codec::{bounded, cut_at_char};
use super::difference::Difference;

/// The greatest length of the output of a program in a failure, in bytes.
const MAX_OUTPUT: usize = 16 << 10;

/// The failure of a call: the resource, the attempted step and the cause.
///
/// ```
/// use setup_tasks_agent::protocol::{Cause, Exit, Failure};
///
/// let failure = Failure::new("add the user", Cause::program("useradd deploy", Exit::Code(9), "useradd: group 'deploy' exists\n"))
///     .of("user deploy");
/// assert_eq!(failure.to_string(), "user deploy: cannot add the user: `useradd deploy` exited with code 9: useradd: group 'deploy' exists");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Failure {
    /// The name of the resource, if there is one, such as `user deploy`.
    pub resource: Option<String>,
    /// The attempted step as an infinitive, such as `write /etc/motd`.
    pub tried: String,
    /// The cause.
    pub cause: Cause,
}

/// The cause of a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The operating system refused.
    System {
        /// Its number, as in `errno.h`.
        code: Option<i32>,
        /// Its words.
        message: String,
    },
    /// A program failed.
    Program {
        /// The program with its arguments.
        program: String,
        /// Its end.
        exit: Exit,
        /// The end of its output, standard error first.
        output: String,
    },
    /// A program that the resource needs is not installed.
    NoProgram {
        /// The program.
        program: String,
    },
    /// The resource cannot be as it is described, or not on this machine. The text has the reason.
    Refused(String),
    /// The resource still differs after it was applied.
    StillDiffers(#[serde(deserialize_with = "bounded")] Vec<Difference>),
    /// Another controller changes the machine. The text names it.
    Locked(String),
    /// The call was cancelled.
    Cancelled,
    /// The call took longer than its timeout, in milliseconds.
    TimedOut(u64),
    /// The agent has no resource of this kind. It must be replaced by the binary that defines it.
    UnknownResource(String),
    /// The code of a resource panicked. The text has the place in the source. The message of the panic is left out,
    /// since it can contain a secret.
    Panicked(String),
    /// The guarded change was taken back. The text has the reason.
    TakenBack(String),
    /// The call does not follow the protocol.
    Protocol(String),
}

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// It was ended by this signal.
    Signal(i32),
}

impl Failure {
    /// Creates a failure of a step, which is an infinitive such as `write /etc/motd`.
    pub fn new(tried: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self { resource: None, tried: tried.into(), cause: cause.into() }
    }

    /// Adds the name of the resource.
    #[must_use]
    pub fn of(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Returns advice for the user, if there is any.
    pub fn help(&self) -> Option<&'static str> {
        match &self.cause {
            Cause::System { code: Some(1 | 13), .. } => {
                Some("the agent lacks the rights for this; use `become_root`, or another path")
            }
            Cause::System { code: Some(28), .. } => Some("free some space on the machine"),
            Cause::System { code: Some(30), .. } => Some("the file system is mounted read-only"),
            Cause::NoProgram { .. } => Some("install the program on the machine by an earlier task"),
            Cause::StillDiffers(_) => {
                Some("something else on the machine sets this state, or the program does not report it correctly")
            }
            Cause::Locked(_) => Some("wait until the other run has ended"),
            Cause::UnknownResource(_) => Some("let the machine use your own binary as agent"),
            _ => None,
        }
    }
}

impl Cause {
    /// Creates the cause for a program that failed. Of a long output, the end is kept.
    pub fn program(program: impl Into<String>, exit: Exit, output: impl Into<String>) -> Self {
        let output = output.into();
        let mut from = output.len().saturating_sub(MAX_OUTPUT);
        while !output.is_char_boundary(from) {
            from += 1;
        }
        let output = output[from..].trim_end().to_owned();
        Self::Program { program: cut_at_char(program.into(), MAX_OUTPUT), exit, output }
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        let message = error.to_string();
        // The number follows as a field of its own.
        let message = message.split(" (os error").next().unwrap_or_default().to_owned();
        Self::System { code: error.raw_os_error(), message }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.resource.iter().try_for_each(|resource| write!(f, "{resource}: "))?;
        write!(f, "cannot {}: {}", self.tried, self.cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System { message, .. } => f.write_str(message),
            Self::Program { program, exit, output } if output.is_empty() => write!(f, "`{program}` {exit}"),
            Self::Program { program, exit, output } => write!(f, "`{program}` {exit}: {output}"),
            Self::NoProgram { program } => write!(f, "there is no program `{program}` on the machine"),
            Self::Refused(reason) | Self::Protocol(reason) => f.write_str(reason),
            Self::StillDiffers(differences) => {
                f.write_str("it still differs afterwards")?;
                let shown = differences.iter().take(3).enumerate();
                shown.into_iter().try_for_each(|(i, one)| write!(f, "{} {one}", if i == 0 { ":" } else { ";" }))
            }
            Self::Locked(holder) => write!(f, "the machine is being changed by {holder}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::TimedOut(milliseconds) => write!(f, "it took longer than {:?}", Duration::from_millis(*milliseconds)),
            Self::UnknownResource(kind) => write!(f, "the agent has no resource `{kind}`"),
            Self::Panicked(place) => write!(f, "the resource panicked at {place}"),
            Self::TakenBack(reason) => write!(f, "the change was taken back: {reason}"),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
        }
    }
}
