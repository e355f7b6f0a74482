//! Commands on machines that belong to no task.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::process::ExitStatus;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::work::Stop;
use crate::{BoxFuture, Result};

/// A machine that runs commands which belong to no task, such as those of `exec` on the command line.
///
/// A crate with a type of machines implements this trait and registers the type with [`command_runner!`](crate::command_runner). The
/// machine of a model is then known by its field with the attribute `#[machine]`.
pub trait CommandRunner: Any + Send + Sync {
    /// Returns the name of the machine for messages.
    fn name(&self) -> Cow<'_, str>;

    /// Returns a text that is equal for machines which are the same host with the same user.
    fn key(&self) -> Cow<'_, str>;

    /// Runs a command to its end. Both outputs go to the command's [`output`](OneOffCommand::output) as they come. If the command's
    /// stop is requested, or the future is dropped, the command is ended with all that it started.
    ///
    /// # Errors
    ///
    /// The machine cannot be reached, or the command cannot be started. An exit status other than 0 is a value.
    fn run_one_off(&self, command: OneOffCommand) -> BoxFuture<'_, Result<ExitStatus>>;
}

/// A command that belongs to no task.
#[non_exhaustive]
pub struct OneOffCommand {
    /// The program and its arguments.
    pub words: Vec<OsString>,
    /// The parts of the standard input, which ends with the channel. Without it, the standard input is empty.
    pub input: Option<mpsc::Receiver<Arc<[u8]>>>,
    /// The receiver of the outputs.
    pub output: OutputSink,
    /// The request to end the command.
    pub stop: Stop,
}

/// A receiver of the outputs of a command.
pub type OutputSink = Box<dyn FnMut(OutputStream, &[u8]) + Send>;

/// The stream of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl OneOffCommand {
    /// Returns a command with an empty standard input.
    pub fn new(words: Vec<OsString>, stop: Stop, output: OutputSink) -> Self {
        Self { words, input: None, output, stop }
    }

    /// Sets the standard input.
    #[must_use]
    pub fn input(mut self, input: mpsc::Receiver<Arc<[u8]>>) -> Self {
        self.input = Some(input);
        self
    }
}

impl fmt::Debug for OneOffCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneOffCommand").field("words", &self.words).finish_non_exhaustive()
    }
}

/// A registered type of machines that run commands.
#[doc(hidden)]
#[derive(Debug)]
pub struct RunnerType {
    id: fn() -> TypeId,
    runner: fn(&(dyn Any + Send + Sync)) -> Option<&dyn CommandRunner>,
}

inventory::collect!(RunnerType);

impl RunnerType {
    /// Returns the registration of a type.
    pub const fn of<M: CommandRunner>() -> Self {
        Self { id: TypeId::of::<M>, runner: |machine| machine.downcast_ref::<M>().map(|machine| machine as _) }
    }

    /// Returns a machine of any type as one that runs commands, if its type is registered.
    pub(crate) fn find(machine: &(dyn Any + Send + Sync)) -> Option<&dyn CommandRunner> {
        let id = machine.type_id();
        inventory::iter::<Self>().find(|kind| (kind.id)() == id).and_then(|kind| (kind.runner)(machine))
    }
}

/// Registers a type of machines that run commands.
///
/// ```
/// use std::borrow::Cow;
/// use std::process::ExitStatus;
///
/// use setup_tasks::command::{CommandRunner, OneOffCommand, OutputStream};
/// use setup_tasks::{BoxFuture, prelude::*};
///
/// /// A machine that repeats each command.
/// struct Parrot(&'static str);
///
/// impl CommandRunner for Parrot {
///     fn name(&self) -> Cow<'_, str> { self.0.into() }
///     fn key(&self) -> Cow<'_, str> { self.0.into() }
///     fn run_one_off(&self, mut command: OneOffCommand) -> BoxFuture<'_, Result<ExitStatus>> {
///         Box::pin(async move {
///             (command.output)(OutputStream::Stdout, command.words[0].as_encoded_bytes());
///             Ok(ExitStatus::default())
///         })
///     }
/// }
///
/// setup_tasks::command_runner!(Parrot);
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "cage")]
/// struct Cage { #[machine] parrot: Parrot }
/// # #[setup_tasks] impl Cage {}
///
/// # fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let cage = layout.add(Cage { parrot: Parrot("polly") })?;
/// assert_eq!(cage.as_any().command_runner().unwrap().name(), "polly");
/// # Ok(()) }
/// ```
#[macro_export]
macro_rules! command_runner {
    ($machine:ty) => {
        $crate::__private::inventory::submit! { $crate::__private::RunnerType::of::<$machine>() }
    };
}
