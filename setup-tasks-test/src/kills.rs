//! The property that a program survives kills.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

/// A program that did not survive a kill.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KillError {
    /// The program cannot be started.
    #[error("cannot start `{}`", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// No directory can be made for the program.
    #[error("cannot make a directory for the program")]
    Directory(#[source] std::io::Error),
    /// A run failed that nothing killed.
    #[error("the run that was not killed ended with {status}:\n{output}")]
    Broken {
        /// The status.
        status: ExitStatus,
        /// The output.
        output: String,
    },
    /// The run after a kill failed.
    #[error("the run after a kill at {at:?} ended with {status} (kill {round}; seed {seed}):\n{output}")]
    Failed {
        /// The time from the start to the kill.
        at: Duration,
        /// The number of the kill, from 1.
        round: usize,
        /// The seed of the random times.
        seed: u64,
        /// The status.
        status: ExitStatus,
        /// The output.
        output: String,
    },
    /// Something was left to do after the run that followed a kill.
    #[error("after a kill at {at:?} and a run, something is left to do (kill {round}; seed {seed}):\n{output}")]
    NotDone {
        /// The time from the start to the kill.
        at: Duration,
        /// The number of the kill, from 1.
        round: usize,
        /// The seed of the random times.
        seed: u64,
        /// The output of the plan.
        output: String,
    },
}

/// Kills a program with a command line of `setup-tasks-cli` `n` times with SIGKILL, at random moments of `up`, and checks each time that the
/// next `up` succeeds and leaves nothing to do.
///
/// Each kill begins in a new temporary directory, in which the program works. Its layout must therefore keep everything below its working
/// directory. [`Kills`] has further settings.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// setup_tasks_test::survives_kills(env!("CARGO"), 100)?; // in a test of the binary `lab`: env!("CARGO_BIN_EXE_lab")
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`KillError`] with the time of the kill and the output of the program.
pub fn survives_kills(binary: impl AsRef<Path>, n: usize) -> Result<(), KillError> {
    Kills::of(binary).run(n)
}

/// Kills of a program at random moments, with settings.
#[derive(Clone, Debug)]
#[must_use = "nothing is killed before `run`"]
pub struct Kills {
    program: PathBuf,
    args: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
    seed: u64,
}

impl Kills {
    /// Returns the kills of a program.
    pub fn of(binary: impl AsRef<Path>) -> Self {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let seed = u64::from(now.subsec_nanos()) << 32 | u64::from(std::process::id());
        Self { program: binary.as_ref().to_owned(), args: Vec::new(), envs: Vec::new(), seed }
    }

    /// Adds an argument before the command `up` or `plan`.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.envs.push((name.into(), value.into()));
        self
    }

    /// Sets the seed of the random times, which an error contains.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Kills the program this many times. See [`survives_kills`].
    ///
    /// # Errors
    ///
    /// [`KillError`] with the time of the kill and the output of the program.
    pub fn run(&self, n: usize) -> Result<(), KillError> {
        let directory = TempDir::new().map_err(KillError::Directory)?;
        let began = Instant::now();
        let (status, output) = self.finish(directory.path(), &["up"])?;
        let whole = began.elapsed();
        if !status.success() {
            return Err(KillError::Broken { status, output });
        }
        let mut random = self.seed | 1;
        for round in 1..=n {
            // Xorshift, of Marsaglia.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let at = whole.mul_f64(f64::from(u32::try_from(random >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX));
            self.kill_once(at, round)?;
        }
        Ok(())
    }

    fn kill_once(&self, at: Duration, round: usize) -> Result<(), KillError> {
        let directory = TempDir::new().map_err(KillError::Directory)?;
        let seed = self.seed;
        let mut up = self.command(directory.path(), &["up"]);
        let started = up.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = started.map_err(|error| self.cannot_start(error))?;
        std::thread::sleep(at);
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // The process has not been waited for, so its group still has this id. A program that has ended is not killed.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = child.wait();
        let (status, output) = self.finish(directory.path(), &["up"])?;
        if !status.success() {
            return Err(KillError::Failed { at, round, seed, status, output });
        }
        let (status, output) = self.finish(directory.path(), &["plan", "--exit-code"])?;
        if status.success() { Ok(()) } else { Err(KillError::NotDone { at, round, seed, output }) }
    }

    /// Runs the program to its end.
    fn finish(&self, directory: &Path, args: &[&str]) -> Result<(ExitStatus, String), KillError> {
        let output = self.command(directory, args).output().map_err(|error| self.cannot_start(error))?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status, String::from_utf8_lossy(&text).into_owned()))
    }

    fn command(&self, directory: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).args(args).envs(self.envs.iter().map(|(name, value)| (name, value)));
        command.current_dir(directory).stdin(Stdio::null()).process_group(0);
        command
    }

    fn cannot_start(&self, source: std::io::Error) -> KillError {
        KillError::Start { program: self.program.clone(), source }
    }
}
