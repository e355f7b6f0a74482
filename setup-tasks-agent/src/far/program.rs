//! Programs of the machine, which resources run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Far, OutputSink};
use crate::Result;
use crate::process::{self, Cancel, GRACE, Limits};
use crate::protocol::{Cause, End, Exit, Failure, Stream};

/// The greatest length of an output that is kept, in bytes. Of a longer one, the end is kept.
const MAX_OUTPUT: usize = 32 << 20;
/// Directories of administrative programs, which the `PATH` of an ordinary login can lack.
const SYSTEM_DIRECTORIES: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program with its arguments, environment and input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invocation {
    /// The program.
    pub program: String,
    /// Its arguments. They must not contain secrets.
    pub args: Vec<String>,
    /// Environment variables to set. They must not contain secrets.
    pub env: BTreeMap<String, String>,
    /// Its working directory.
    pub directory: Option<PathBuf>,
    /// Its standard input.
    pub input: Vec<u8>,
}

impl fmt::Display for Invocation {
    /// Writes the program and its arguments, quoted for a shell where necessary.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        self.args.iter().try_for_each(|arg| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%^".contains(c);
            if !arg.is_empty() && arg.chars().all(plain) {
                write!(f, " {arg}")
            } else {
                write!(f, " '{}'", arg.replace('\'', r"'\''"))
            }
        })
    }
}

/// The output and the end of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramOutput {
    /// Its exit code or signal.
    pub exit: Exit,
    /// Its standard output.
    pub output: Vec<u8>,
    /// Its standard error.
    pub error: Vec<u8>,
}

impl ProgramOutput {
    /// Creates the output of a program that succeeded.
    pub fn success(output: impl Into<Vec<u8>>) -> Self {
        Self { exit: Exit::Code(0), output: output.into(), error: Vec::new() }
    }

    /// Returns whether the exit code is 0.
    pub fn is_success(&self) -> bool {
        self.exit == Exit::Code(0)
    }

    /// Returns standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// Returns standard error and then standard output, as text for a message.
    pub fn words(&self) -> String {
        let mut words = String::from_utf8_lossy(&self.error).trim().to_owned();
        let output = self.text();
        if !words.is_empty() && !output.trim().is_empty() {
            words.push('\n');
        }
        words + output.trim()
    }
}

/// The programs of a machine. A test can replace them by functions.
pub trait Programs: Send + Sync {
    /// Runs a program to its end.
    ///
    /// # Errors
    ///
    /// The program cannot be started. [`NotFound`](io::ErrorKind::NotFound) means that it is not installed.
    fn run(&self, invocation: &Invocation, running: &Running) -> io::Result<ProgramOutput>;

    /// Returns whether these are the programs of this machine.
    #[doc(hidden)]
    fn is_system(&self) -> bool {
        false
    }
}

/// The call for which a program runs.
pub struct Running {
    pub(crate) cancel: Cancel,
    pub(crate) output: Option<OutputSink>,
    pub(crate) timeout: Option<Duration>,
}

impl Running {
    /// Returns whether the call was cancelled. Then the program should end.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Returns the time after which the program should end.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

/// The programs of this machine.
#[derive(Debug)]
pub(crate) struct SystemPrograms;

/// A machine without programs.
#[derive(Debug)]
pub(crate) struct NoPrograms;

impl Programs for NoPrograms {
    fn run(&self, _: &Invocation, _: &Running) -> io::Result<ProgramOutput> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "only the files of this machine exist, in a directory, so it runs no programs",
        ))
    }
}

impl Programs for SystemPrograms {
    fn is_system(&self) -> bool {
        true
    }

    fn run(&self, invocation: &Invocation, running: &Running) -> io::Result<ProgramOutput> {
        let mut command = Command::new(&invocation.program);
        command.args(&invocation.args).env("PATH", path_variable()).env("LC_ALL", "C.UTF-8").envs(&invocation.env);
        // The directory of the agent can be one that the program cannot read.
        command.current_dir(invocation.directory.as_deref().unwrap_or(Path::new("/")));
        let limits = Limits { timeout: running.timeout, grace: GRACE, cancel: running.cancel.clone() };
        let kept = Arc::new(Mutex::new((Vec::new(), Vec::new())));
        let (keep, sink, input) = (kept.clone(), running.output.clone(), invocation.input.clone());
        let ended = process::run(
            command,
            &limits,
            // A program that does not read its input closes it.
            move |mut stdin| drop(stdin.write_all(&input)),
            move |stream, bytes: &[u8]| {
                // The output is kept also if nobody wants to see it.
                if let Some(sink) = &sink {
                    sink(stream, bytes);
                }
                let mut kept = keep.lock().unwrap_or_else(PoisonError::into_inner);
                let buffer = if stream == Stream::Output { &mut kept.0 } else { &mut kept.1 };
                buffer.extend_from_slice(bytes);
                let surplus = buffer.len().saturating_sub(MAX_OUTPUT);
                buffer.drain(..surplus);
                true
            },
        )?;
        let (output, error) = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
        match ended.end {
            End::Own => Ok(ProgramOutput { exit: ended.exit, output, error }),
            End::Cancelled => Err(io::ErrorKind::Interrupted.into()),
            End::TimedOut => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Returns the `PATH` of this process with the directories of administrative programs.
pub(crate) fn path_variable() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    if !path.is_empty() {
        path.push(":");
    }
    path.push(SYSTEM_DIRECTORIES);
    path
}

/// A program that a resource is about to run.
#[must_use = "nothing runs before `output` or `finish` is called"]
pub struct FarCommand<'a> {
    far: &'a Far,
    invocation: Invocation,
    timeout: Option<Duration>,
    streamed: bool,
}

impl Far {
    /// Prepares a program of the machine. Its output goes to the log of the task.
    pub fn command(&self, program: &str) -> FarCommand<'_> {
        let invocation = Invocation { program: program.to_owned(), ..Invocation::default() };
        FarCommand { far: self, invocation, timeout: None, streamed: true }
    }

    /// Prepares a program that only reads. Its output does not go to the log.
    pub fn query(&self, program: &str) -> FarCommand<'_> {
        FarCommand { streamed: false, ..self.command(program) }
    }
}

impl FarCommand<'_> {
    /// Adds an argument.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.invocation.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<T: Into<String>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.invocation.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.invocation.env.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the working directory. The default is `/`.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.invocation.directory = Some(directory.into());
        self
    }

    /// Sets standard input, which can contain a secret.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.invocation.input = input.into();
        self
    }

    /// Sets the time after which the program is ended.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Runs the program and returns its output. `tried` is the step as an infinitive, such as `add the user`.
    ///
    /// # Errors
    ///
    /// It cannot be started, it does not exit with code 0, or the call was cancelled.
    pub fn output(self, tried: &str) -> Result<ProgramOutput> {
        let shown = self.invocation.to_string();
        let output = self.finish(tried)?;
        if output.is_success() {
            Ok(output)
        } else {
            Err(Failure::new(tried, Cause::program(shown, output.exit, output.words())))
        }
    }

    /// Runs the program and returns its output, whatever its exit code is.
    ///
    /// # Errors
    ///
    /// It cannot be started, or the call was cancelled.
    pub fn finish(self, tried: &str) -> Result<ProgramOutput> {
        self.far.check_cancelled(tried)?;
        let output = self.far.output.clone().filter(|_| self.streamed);
        let running = Running { cancel: self.far.cancel.clone(), output, timeout: self.timeout };
        self.far.base.programs.run(&self.invocation, &running).map_err(|error| {
            let cause = match error.kind() {
                io::ErrorKind::NotFound => Cause::NoProgram { program: self.invocation.program.clone() },
                io::ErrorKind::Interrupted => Cause::Cancelled,
                io::ErrorKind::TimedOut => Cause::TimedOut(
                    self.timeout.map_or(0, |timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
                ),
                _ => error.into(),
            };
            Failure::new(tried, cause)
        })
    }
}
