//! Guarded changes: a process beside the agent takes them back, unless a fresh connection confirms them in time.
//!
//! The agent writes the former state into a directory of its own, which contains the file `pending`, and starts the guardian. The guardian
//! waits for the end of the change, or of the agent. Then it counts down. A confirmation renames `pending` to `confirmed`, and the guardian
//! renames it to `taken-back` when the time is over. So exactly one of them succeeds.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::call::OpenCall;
use super::connection::Work;
use crate::Result;
use crate::far::Far;
use crate::protocol::{Answer, Cause, Failure, Guard, ResourceId};
use crate::resource::{AnyResource, Restore};

const PENDING: &str = "pending";
const CONFIRMED: &str = "confirmed";
const TAKEN_BACK: &str = "taken-back";
const RESTORE: &str = "restore";
const RESULT: &str = "result";
/// The time between two looks at the directory.
const INTERVAL: Duration = Duration::from_millis(50);
/// The time for which a confirmation that came too late waits for the result.
const RESULT_WAIT: Duration = Duration::from_secs(10);

/// The program that guards changes.
#[derive(Clone, Debug)]
pub struct Guardian(Start);

#[derive(Clone, Debug)]
enum Start {
    Program(PathBuf, Vec<OsString>),
    Thread,
}

/// The former state of a guarded change.
#[derive(Serialize, Deserialize)]
struct Kept {
    root: PathBuf,
    seconds: u32,
    steps: Vec<Restore>,
}

/// A change under guard. When this is dropped, the time begins to count.
pub(super) struct Guarded {
    /// The input of the guardian, which waits for its end.
    guardian: Box<dyn Write>,
}

/// The word by which the guardian knows that the change failed.
const FAILED: &[u8] = b"failed";
/// The word by which the guardian knows that nothing differed.
const UNCHANGED: &[u8] = b"unchanged";

impl Guardian {
    /// Creates a guardian from a program that calls [`main`](super::main) for these arguments.
    pub fn new(program: PathBuf, prefix: Vec<OsString>) -> Self {
        Self(Start::Program(program, prefix))
    }

    /// Creates a guardian that is a thread of this process, for tests of machines in a directory.
    pub fn thread() -> Self {
        Self(Start::Thread)
    }

    /// Starts the guardian of a directory and waits until it watches. Returns its input.
    fn start(&self, directory: &Path) -> io::Result<Box<dyn Write>> {
        let (ready, input): (Box<dyn Read>, Box<dyn Write>) = match &self.0 {
            Start::Program(program, prefix) => {
                let mut command = Command::new(program);
                command.args(prefix).arg("guard").arg(directory).current_dir("/");
                let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
                match (child.stdout.take(), child.stdin.take()) {
                    (Some(output), Some(input)) => (Box::new(output), Box::new(input)),
                    _ => return Err(io::ErrorKind::BrokenPipe.into()),
                }
            }
            Start::Thread => {
                let ((output, ready), (input, until)) = (io::pipe()?, io::pipe()?);
                let directory = directory.to_owned();
                thread::spawn(move || watch(&directory, input, ready));
                (Box::new(output), Box::new(until))
            }
        };
        // The program may print other lines first.
        let is_ready = BufReader::new(ready).lines().map_while(io::Result::ok).any(|line| line == "ready");
        if is_ready { Ok(input) } else { Err(io::Error::other("the guardian did not start")) }
    }
}

impl Guarded {
    /// Keeps the current state and starts the guardian.
    pub(super) fn begin(
        guard: &Guard,
        guardian: Option<&Guardian>,
        resources: &[(ResourceId, Box<dyn AnyResource>)],
        far: &mut Far,
    ) -> Result<Self> {
        let tried = "guard the change";
        let guardian =
            guardian.ok_or_else(|| Failure::new(tried, Cause::Refused("this agent guards no changes".into())))?;
        let (mut steps, mut last) = (Vec::new(), Vec::new());
        for (_, resource) in resources {
            let kept = resource.keep(far).map_err(|failure| failure.of(resource.name()))?;
            let (finally, restore): (Vec<_>, Vec<_>) = kept.into_iter().partition(Restore::is_last);
            steps.push(restore);
            last.extend(finally);
        }
        // The last change is taken back first.
        let steps = steps.into_iter().rev().flatten().chain(last).collect();
        let kept = Kept { root: far.root().to_owned(), seconds: guard.seconds, steps };
        let start = || -> io::Result<Box<dyn Write>> {
            let directory = directory_of(far.root(), &guard.id)?;
            DirBuilder::new().recursive(true).mode(0o700).create(directory.parent().unwrap_or(Path::new("/")))?;
            DirBuilder::new().mode(0o700).create(&directory)?;
            write_private(&directory.join(RESTORE), &postcard::to_stdvec(&kept).map_err(io::Error::other)?)?;
            write_private(&directory.join(PENDING), b"")?;
            guardian.start(&directory).inspect_err(|_| drop(fs::remove_dir_all(&directory)))
        };
        Ok(Self { guardian: start().map_err(|error| Failure::new(tried, error))? })
    }

    /// Lets the guardian take the change back at once, since a part of it failed.
    pub(super) fn fail(mut self) {
        // Without the word, it takes the change back after the time.
        let _ = self.guardian.write_all(FAILED);
    }

    /// Ends the guardian, since nothing differed.
    pub(super) fn settle(mut self) {
        // Without the word, it restores the same state.
        let _ = self.guardian.write_all(UNCHANGED);
    }
}

/// Returns the directory of a guard, if its id is a name and not a path.
fn directory_of(root: &Path, id: &str) -> io::Result<PathBuf> {
    let is_name = (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_name {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the id of a guard has 1 to 64 letters, digits and hyphens",
        ));
    }
    let guards = if root != Path::new("/") {
        root.join(".setup-tasks-guards")
    } else if rustix::process::geteuid().is_root() {
        "/var/lib/setup-tasks/guards".into()
    } else {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        home.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "HOME is not set"))?
            .join(".cache/setup-tasks/guards")
    };
    Ok(guards.join(id))
}

fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Guards the change of a directory, as the program `guard`.
pub(super) fn keep_watch(directory: PathBuf) -> io::Result<()> {
    super::panics::install();
    // The end of the agent's session must not end this process. An error means that it leads a session already.
    let _ = rustix::process::setsid();
    watch(&directory, io::stdin(), io::stdout())
}

fn watch(directory: &Path, mut until: impl Read, mut ready: impl Write) -> io::Result<()> {
    let kept: Kept = postcard::from_bytes(&fs::read(directory.join(RESTORE))?).map_err(io::Error::other)?;
    ready.write_all(b"\nready\n")?;
    ready.flush()?;
    drop(ready);
    // The end of the change, or of the agent.
    let mut word = Vec::new();
    let _ = until.read_to_end(&mut word);
    if word == UNCHANGED {
        return fs::remove_dir_all(directory);
    }
    let seconds = if word == FAILED { 0 } else { kept.seconds };
    let deadline = Instant::now() + Duration::from_secs(seconds.into());
    while Instant::now() < deadline {
        if directory.join(CONFIRMED).exists() {
            return fs::remove_dir_all(directory);
        }
        thread::sleep(INTERVAL);
    }
    if fs::rename(directory.join(PENDING), directory.join(TAKEN_BACK)).is_err() {
        return fs::remove_dir_all(directory);
    }
    let result = restore(&kept);
    // The former state can contain secrets.
    fs::remove_file(directory.join(RESTORE))?;
    write_private(&directory.join(".result"), result.as_bytes())?;
    fs::rename(directory.join(".result"), directory.join(RESULT))
}

/// Restores the former state. Returns the failures as text. One failure does not keep the other steps from being taken.
fn restore(kept: &Kept) -> String {
    let far = if kept.root == Path::new("/") { Far::machine() } else { Far::in_directory(&kept.root) };
    let mut far = match far {
        Ok(far) => far,
        Err(error) => return error.to_string(),
    };
    let failures =
        kept.steps.iter().filter_map(|step| super::panics::caught("restore it", || step.run(&mut far)).err());
    failures.map(|failure| failure.to_string()).collect::<Vec<_>>().join("; ")
}

/// Confirms a guarded change.
pub(super) fn confirm(work: &Work, open: &OpenCall, id: &str) -> Result<Answer> {
    let tried = format!("confirm the guarded change `{id}`");
    if work.guards.lock().unwrap_or_else(PoisonError::into_inner).contains(id) {
        let reason = "the connection that made it cannot confirm it".to_owned();
        return Err(Failure::new(tried, Cause::Refused(reason)));
    }
    let directory = directory_of(open.base.root(), id).map_err(|error| Failure::new(&*tried, error))?;
    match fs::rename(directory.join(PENDING), directory.join(CONFIRMED)) {
        Ok(()) => return Ok(Answer::Done),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::new(tried, error)),
    }
    if !directory.join(TAKEN_BACK).exists() {
        return Err(Failure::new(tried, Cause::Refused("the machine has no such guarded change".into())));
    }
    let (result, deadline) = (directory.join(RESULT), Instant::now() + RESULT_WAIT);
    while !result.exists() && Instant::now() < deadline {
        open.far().check_cancelled(&tried)?;
        thread::sleep(INTERVAL);
    }
    let reason = match fs::read_to_string(&result) {
        Ok(failures) if failures.is_empty() => "it was not confirmed in time".to_owned(),
        Ok(failures) => format!("it was not confirmed in time, and the former state could not be restored: {failures}"),
        Err(_) => "it was not confirmed in time, and the former state is being restored".to_owned(),
    };
    Err(Failure::new(tried, Cause::TakenBack(reason)))
}
