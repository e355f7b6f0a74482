//! Commands that other crates add to the command line. A program that is linked with such a crate has its command. Other programs
//! do not compile it.

use std::pin::Pin;
use std::process::ExitCode;
use std::rc::Rc;

use clap::ArgMatches;
use setup_tasks::{Layout, Result};

use crate::exit::UsageError;

/// The future of a command. It runs on the main thread.
pub type Running = Pin<Box<dyn Future<Output = Result<ExitCode>>>>;

/// A command that a crate adds to every program that is linked with it. The crate registers it with
/// [`linked_command!`](crate::linked_command).
#[derive(Debug)]
pub struct LinkedCommand {
    name: &'static str,
    arguments: fn(clap::Command) -> clap::Command,
    run: fn(LayoutBuilder, &ArgMatches) -> Running,
}

impl LinkedCommand {
    /// Returns a command. `arguments` adds its description and arguments to a command of `clap`, and `run` runs it with the values of
    /// these arguments.
    pub const fn new(
        name: &'static str,
        arguments: fn(clap::Command) -> clap::Command,
        run: fn(LayoutBuilder, &ArgMatches) -> Running,
    ) -> Self {
        Self { name, arguments, run }
    }

    pub(crate) fn run(&self, layouts: LayoutBuilder, matches: &ArgMatches) -> Running {
        (self.run)(layouts, matches)
    }
}

setup_tasks::__private::inventory::collect!(LinkedCommand);

/// Registers a command.
///
/// ```
/// use std::process::ExitCode;
/// use setup_tasks_cli::linked::LinkedCommand;
///
/// setup_tasks_cli::linked_command!(LinkedCommand::new(
///     "count",
///     |command| command.about("Print the number of objects"),
///     |layouts, _| Box::pin(async move {
///         println!("{}", layouts.to_inspect()?.len());
///         Ok(ExitCode::SUCCESS)
///     }),
/// ));
/// ```
#[macro_export]
macro_rules! linked_command {
    ($command:expr) => {
        $crate::__parts::inventory::submit! { $command }
    };
}

/// A builder of the program's layout.
#[derive(Clone)]
pub struct LayoutBuilder(Rc<dyn Fn() -> Result<Layout>>);

impl std::fmt::Debug for LayoutBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LayoutBuilder").finish()
    }
}

impl LayoutBuilder {
    pub(crate) fn new(build: impl Fn() -> Result<Layout> + 'static) -> Self {
        Self(Rc::new(build))
    }

    /// Builds a layout whose runs are dry runs.
    ///
    /// # Errors
    ///
    /// As for the program's own function.
    pub fn to_inspect(&self) -> Result<Layout> {
        Layout::open_to_plan(|| (self.0)())
    }

    /// Builds a layout that can run.
    ///
    /// # Errors
    ///
    /// As for the program's own function.
    pub fn to_run(&self) -> Result<Layout> {
        (self.0)()
    }
}

/// Adds the linked commands to the command line.
pub(crate) fn add_to(mut command: clap::Command) -> clap::Command {
    for linked in all() {
        let add = |command: clap::Command| (linked.arguments)(command).hide(false);
        // The stand-in of a command that is not linked.
        command = if command.find_subcommand(linked.name).is_some() {
            command.mut_subcommand(linked.name, |_| add(clap::Command::new(linked.name)))
        } else {
            command.subcommand(add(clap::Command::new(linked.name)))
        };
    }
    command
}

/// Returns the linked command with the name of a subcommand.
pub(crate) fn find<'m>((name, matches): (&str, &'m ArgMatches)) -> Option<(&'static LinkedCommand, &'m ArgMatches)> {
    all().find(|linked| linked.name == name).map(|linked| (linked, matches))
}

fn all() -> impl Iterator<Item = &'static LinkedCommand> {
    setup_tasks::__private::inventory::iter::<LinkedCommand>()
}

/// Returns the error for the command `serve` in a program that is not linked with its crate.
pub(crate) fn refuse_serve() -> Result<()> {
    let help = "add the crate `setup-tasks-web`, and the line `use setup_tasks_web as _;`";
    Err(UsageError::new("this program has no web page", help).into())
}
