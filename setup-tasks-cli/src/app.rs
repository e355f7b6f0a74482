//! A binary with its options and commands.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::pin::Pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches, Parser};
use setup_tasks::fleet::FleetError;
use setup_tasks::run::RunError;
use setup_tasks::{Layout, Result};
use setup_tasks_telemetry::notify::NotifyError;

use crate::args::{AgentsCommand, Command, ReviewArgs, RunArgs, WorkersArgs};
use crate::commands;
use crate::exit::{Exit, UsageError};
use crate::global::GlobalArgs;
use crate::linked::{self, LayoutBuilder};
use crate::notifying::NotifyArgs;
use crate::{complete, former, global, interrupt, logging, output, start, telemetry};

/// The description of a binary that has none of its own.
const ABOUT: &str =
    "Bring things into the state they should be in, step by step, and again only where something changed";

/// The time that background work has to end after all output is written.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// A binary with its own options and commands.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use clap::Args;
/// use setup_tasks::{Config, Layout, prelude::*};
/// use setup_tasks_cli::App;
///
/// #[derive(Args)]
/// struct Options {
///     /// Which site
///     #[arg(long, global = true, default_value = "home")]
///     site: String,
/// }
///
/// fn build(options: &Options) -> Result<Layout> {
///     let layout = Layout::new(Config::builder().load()?);
///     // … what the site has
///     layout.add_source(format!("{}.toml", options.site));
///     Ok(layout)
/// }
///
/// fn main() -> ExitCode {
///     App::with_options(build)
///         .about("Brings a site up")
///         .version(env!("CARGO_PKG_VERSION"))
///         .command("renew", "Forget the certificates, and bring all up", async |session| {
///             for object in session.layout().all() {
///                 object.clear_stamps_and_cache().await?;
///             }
///             session.up().await
///         })
///         .run()
/// }
/// ```
#[must_use = "an application does nothing until `run`"]
pub struct App<O> {
    build: Build<O>,
    about: Option<String>,
    version: Option<String>,
    commands: Vec<UserCommand<O>>,
}

impl<O> std::fmt::Debug for App<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("about", &self.about).field("version", &self.version).finish_non_exhaustive()
    }
}

/// The options of a binary that has none of its own.
#[derive(Args, Debug)]
pub struct NoOptions {}

type Build<O> = Rc<dyn Fn(&O) -> Result<Layout>>;
type Answer = Pin<Box<dyn Future<Output = Result<ExitCode>>>>;

/// A command that the binary adds.
struct UserCommand<O> {
    name: String,
    about: String,
    run: Rc<dyn Fn(Session<O>) -> Answer>,
}

/// The layout and the arguments of a command that the binary adds. The arguments are those of `up`.
pub struct Session<O> {
    layout: Layout,
    options: Rc<O>,
    args: RunArgs,
    /// The name of the program with its version.
    program: String,
}

impl<O> std::fmt::Debug for Session<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl<O> Session<O> {
    /// Returns the layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the binary's own options.
    pub fn options(&self) -> &O {
        &self.options
    }

    /// Runs the layout as the command `up` does, with the arguments of this command.
    ///
    /// # Errors
    ///
    /// If the run cannot start. A failure within the run is printed and shows in the exit code.
    pub async fn up(&self) -> Result<ExitCode> {
        let (review, workers, notify) = (ReviewArgs::default(), WorkersArgs::default(), NotifyArgs::default());
        Ok(commands::up::up(&self.layout, &self.args, (&review, &workers, &notify), &self.program).await?.into())
    }
}

#[derive(Parser)]
#[command(subcommand_required = true, arg_required_else_help = true)]
struct Cli<O: Args> {
    #[command(flatten)]
    options: O,
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

impl App<NoOptions> {
    /// Creates a binary with the layout that `build` returns. An error of `build` is printed with its causes, and ends
    /// the binary.
    pub fn new(build: impl Fn() -> Result<Layout> + 'static) -> Self {
        Self::with_options(move |_| build())
    }
}

impl<O: Args + 'static> App<O> {
    /// Creates a binary with the layout that `build` creates from the binary's own options. An error is handled as in
    /// [`new`](App::new).
    pub fn with_options(build: impl Fn(&O) -> Result<Layout> + 'static) -> Self {
        Self { build: Rc::new(build), about: None, version: None, commands: Vec::new() }
    }

    /// Sets the first line of the help.
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = Some(about.into());
        self
    }

    /// Sets the version that `--version` prints.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Adds a command. It takes the arguments of `up`, which its [`Session`] has. The name must differ from the names of the other
    /// commands.
    pub fn command<F>(
        mut self,
        name: impl Into<String>,
        about: impl Into<String>,
        run: impl Fn(Session<O>) -> F + 'static,
    ) -> Self
    where
        F: Future<Output = Result<ExitCode>> + 'static,
    {
        let run: Rc<dyn Fn(Session<O>) -> Answer> = Rc::new(move |session| Box::pin(run(session)));
        self.commands.push(UserCommand { name: name.into(), about: about.into(), run });
        self
    }

    /// Runs the command of the process's command line. The [crate's page](crate) lists the exit codes.
    pub fn run(self) -> ExitCode {
        self.run_with(std::env::args_os())
    }

    /// Runs the command of this command line, as [`run`](Self::run) does. Its first word is the binary's name.
    pub fn run_with(self, line: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
        let line: Vec<OsString> = line.into_iter().map(Into::into).collect();
        if let Some(code) = setup_tasks::__private::Role::play(&line) {
            return code;
        }
        if let Some(request) = complete::Request::received(&line) {
            return self.complete(request, line.first());
        }
        let program = line.first().cloned().unwrap_or_default();
        let mut command = self.clap(line.first()).color(global::color(&line));
        let matches = match command.try_get_matches_from_mut(line) {
            Ok(matches) => matches,
            Err(error) => {
                // Help and version go to the standard output and are not errors.
                output::clap(&error);
                return written(if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() });
            }
        };
        if let Err(error) =
            GlobalArgs::from_arg_matches(&matches).map_err(Into::into).and_then(|args: GlobalArgs| args.apply())
        {
            output::error(&error);
            return Exit::Usage.into();
        }
        logging::install();
        logging::install_panic_hook();
        output::follow_terminal();
        let runtime = match start::runtime() {
            Ok(runtime) => runtime,
            Err(error) => {
                output::error(&anyhow::Error::new(error).context("cannot start"));
                return Exit::Failed.into();
            }
        };
        interrupt::listen();
        let work = interrupt::or_end(self.dispatch(&matches, command.get_name(), &program));
        let code = runtime.block_on(work).unwrap_or(Ok(Exit::Interrupted.into())).unwrap_or_else(|error| {
            output::error(&error);
            if is_usage(&error) { Exit::Usage.into() } else { Exit::Failed.into() }
        });
        // A task that blocks its thread is abandoned. It runs again next time.
        runtime.shutdown_timeout(SHUTDOWN);
        telemetry::finish();
        interrupt::finish().unwrap_or_else(|| written(code))
    }

    /// Prints the candidates for a word of a command line.
    fn complete(self, request: complete::Request, program: Option<&OsString>) -> ExitCode {
        // A panic or an error of the user's code would disturb the line that the user types.
        std::panic::set_hook(Box::new(|_| ()));
        let Ok(runtime) = start::runtime() else { return Exit::Failed.into() };
        let command = self.clap(program);
        let lenient = command.clone().ignore_errors(true).arg_required_else_help(false).subcommand_required(false);
        let matches = lenient.try_get_matches_from(request.finished()).ok();
        if let Some(global) = matches.as_ref().and_then(|matches| GlobalArgs::from_arg_matches(matches).ok()) {
            // The user sees the error with the command.
            let _ = global.enter_directory();
        }
        let options = matches.and_then(|matches| O::from_arg_matches(&matches).ok());
        let build = self.build;
        let layout = move || Layout::open_to_plan(|| build(options.as_ref().context("options are missing")?)).ok();
        let answer = runtime.block_on(async { complete::with_layout(layout, || request.answer(command)) });
        answer.map_or(Exit::Failed.into(), |candidates| {
            output::write(&candidates);
            written(Exit::Done.into())
        })
    }

    fn clap(&self, program: Option<&OsString>) -> clap::Command {
        let name = program.and_then(|program| Path::new(program).file_name()).map(|name| name.to_string_lossy());
        let name = name.map_or_else(|| "setup-tasks".to_owned(), std::borrow::Cow::into_owned);
        let mut command = Cli::<O>::command().name(name.clone()).bin_name(name);
        command = command.about(self.about.as_deref().unwrap_or(ABOUT).to_owned());
        if let Some(version) = &self.version {
            command = command.version(version.clone()).propagate_version(true);
        }
        for own in &self.commands {
            // The help of the options is not the help of the command.
            let options = RunArgs::augment_args(clap::Command::new(own.name.clone()));
            command = command.subcommand(options.about(own.about.clone()).long_about(None));
        }
        linked::add_to(command)
    }

    async fn dispatch(self, matches: &ArgMatches, name: &str, program: &OsStr) -> Result<ExitCode> {
        let titled = match &self.version {
            Some(version) => format!("{name} {version}"),
            None => name.to_owned(),
        };
        let options = Rc::new(O::from_arg_matches(matches)?);
        let own = matches.subcommand().and_then(|(name, matches)| {
            let own = self.commands.iter().find(|own| own.name == name)?;
            Some((own, matches))
        });
        if let Some((own, matches)) = own {
            let args = RunArgs::from_arg_matches(matches)?;
            let build = || (self.build)(&options);
            let layout = if args.dry_run { Layout::open_to_plan(build)? } else { build()? };
            let guard = interrupt::stop_run_on_interrupt(layout.stop());
            let ended = (own.run)(Session { layout, options, args, program: titled }).await;
            return match ended {
                Err(error) if guard.is_requested() => {
                    output::error(&error);
                    Ok(Exit::Interrupted.into())
                }
                ended => ended,
            };
        }
        if let Some((linked, matches)) = matches.subcommand().and_then(linked::find) {
            let own = self.build;
            return linked.run(LayoutBuilder::new(move || own(&options)), matches).await;
        }
        let build = || (self.build)(&options);
        // Commands that change nothing have no right to run tasks, whatever code of the user they call.
        let look = || Layout::open_to_plan(build);
        let open = |dry_run| if dry_run { look() } else { build() };
        Ok(match Command::from_arg_matches(matches)? {
            Command::Up { args, review, workers, notify } => {
                commands::up::up(&open(args.dry_run)?, &args, (&review, &workers, &notify), &titled).await?
            }
            Command::Plan { args, exit_code, output } => {
                commands::plan::plan(&look()?, &args, exit_code, output.as_deref()).await?
            }
            Command::Down(args) => commands::down::down(&open(args.plan)?, &args).await?,
            Command::Exec(args) => commands::exec::exec(&build()?, &args).await?,
            Command::Why { target, verify } => commands::why::why(&look()?, &target, verify).await?,
            Command::List { json } => commands::list::list(&look()?, json)?,
            Command::Types { json } => commands::types::types(json)?,
            Command::Status { objects, json } => commands::status::status(&look()?, &objects, json).await?,
            Command::History(what) => commands::history::history(&look()?, &what).await?,
            Command::Logs(what) => commands::logs::logs(&look()?, &what).await?,
            Command::Graph(what) => commands::graph::graph(&look()?, &what).await?,
            Command::Clear { objects, yes } => commands::clear::clear(&build()?, &objects, yes).await?,
            Command::Prune(args) => commands::prune::prune(&build()?, &args).await?,
            Command::MarkDone { targets } => commands::mark_done::mark_done(&build()?, &targets).await?,
            Command::Unlock { objects, gone } => commands::unlock::unlock(&build()?, &objects, gone.as_deref()).await?,
            #[cfg(unix)]
            Command::Ps { json } => commands::ps::ps(&look()?, json).await?,
            Command::Watch { args, notify } => commands::watch::watch(&|| open(args.dry_run), &args, &notify).await?,
            Command::Worker { host, jobs } => {
                host.into_iter().for_each(setup_tasks::config::use_host);
                commands::worker::worker(&build()?, jobs, &titled).await?
            }
            Command::Agents { command: AgentsCommand::Build { architectures } } => {
                commands::agents::build(&architectures)?
            }
            Command::Agents { command: AgentsCommand::List { json } } => {
                // The layout has the configuration.
                drop(look()?);
                commands::agents::list(json)?
            }
            Command::Check { json } => commands::check::check(&look()?, json).await?,
            Command::Completions { shell } => {
                output::write(&complete::script(shell, name, Path::new(program))?);
                Exit::Done
            }
            Command::Serve { .. } => return linked::refuse_serve().map(|()| Exit::Usage.into()),
            Command::Force { rest } => return former::force(&rest).map(|()| Exit::Usage.into()),
        }
        .into())
    }
}

/// Returns the exit code, or that of a failure if some output could not be written.
fn written(code: ExitCode) -> ExitCode {
    let is_well = [Exit::Done, Exit::WouldChange].map(ExitCode::from).contains(&code);
    if !output::finish() && is_well { Exit::Failed.into() } else { code }
}

/// Returns whether the error is a mistake in the command line.
fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<UsageError>()
        || error.is::<NotifyError>()
        || matches!(
            error.downcast_ref(),
            Some(FleetError::Pattern { .. } | FleetError::Nothing { .. } | FleetError::Excluded { .. })
        )
        || matches!(error.downcast_ref(), Some(RunError::UnknownTask { .. } | RunError::NoStamp { .. }))
}

/// The derived command line is checked as a whole.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        let app = App::new(|| Ok(Layout::in_memory()?)).command("renew", "Renew", async |session| session.up().await);
        app.clap(None).debug_assert();
    }
}
