//! The arguments of the command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use clap_complete::{ArgValueCompleter, Shell};
use setup_tasks::fleet::FleetRun;
use setup_tasks::{AnyObject, Layout, Result};

use crate::commands::down::DownArgs;
use crate::commands::exec::OneOffArgs;
use crate::commands::prune::PruneArgs;
use crate::commands::target;
use crate::complete;
use crate::former;
use crate::notifying::NotifyArgs;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the tasks that are not up to date, on many objects at once
    Up {
        #[command(flatten)]
        review: ReviewArgs,
        #[command(flatten)]
        notify: NotifyArgs,
        #[command(flatten)]
        workers: WorkersArgs,
        #[command(flatten)]
        args: RunArgs,
    },
    /// Show which tasks would run and why, and change nothing
    Plan {
        #[command(flatten)]
        args: RunArgs,
        /// Exit with code 3 if a task would or may run
        #[arg(long)]
        exit_code: bool,
        /// Save the plan in this file, for `up --plan FILE`
        #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
    },
    /// Undo the tasks of objects in reverse order, dependents first
    Down(DownArgs),
    /// Run a command on the machines of objects, on each machine once
    Exec(OneOffArgs),
    /// Show why tasks would run, or why they last ran, with the chain of causes
    Why {
        /// An object or one of its tasks
        #[arg(value_name = "OBJECT[/TASK]", add = ArgValueCompleter::new(complete::objects_and_tasks))]
        target: String,
        /// Ask machines and other slow observers whether the state is still as it should be
        #[arg(long)]
        verify: bool,
    },
    /// List the objects
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the types of objects in this program and their tasks
    Types {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the state of tasks from their stamps, without calling any method
    Status {
        /// Show each task of these objects (`*` and `?` stand for any text)
        #[arg(value_name = "OBJECT", add = ArgValueCompleter::new(complete::objects))]
        objects: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List when tasks ran, why, for how long, and how they ended
    History(HistoryArgs),
    /// Show the output of tasks and of their commands
    Logs(LogsArgs),
    /// Draw objects, tasks and dependencies, with state and reason
    Graph(GraphArgs),
    /// Remove stamps and cached files so that all tasks run again, and keep state and logs
    Clear {
        /// Clear these objects (`*` and `?` stand for any text)
        #[arg(value_name = "OBJECT", required = true, add = ArgValueCompleter::new(complete::objects))]
        objects: Vec<String>,
        /// Do not ask before the objects of a pattern are cleared
        #[arg(long, short)]
        yes: bool,
    },
    /// Remove stamps, cache and logs of objects that are no longer in the layout
    Prune(PruneArgs),
    /// Mark tasks as done without running them
    #[command(alias = "mark")]
    MarkDone {
        /// Mark these tasks
        #[arg(value_name = "OBJECT/TASK", required = true, add = ArgValueCompleter::new(complete::tasks))]
        targets: Vec<String>,
    },
    /// Break the leases of objects whose holder has ended
    Unlock {
        /// Unlock these objects (`*` and `?` stand for any text)
        #[arg(value_name = "OBJECT", required = true, add = ArgValueCompleter::new(complete::objects))]
        objects: Vec<String>,
        /// Also break leases that a process on this machine held, if the machine is gone for good
        #[arg(long, value_name = "MACHINE")]
        gone: Option<String>,
    },
    /// Show running tasks of other processes and what they wait for
    #[cfg(unix)]
    #[command(alias = "waiting")]
    Ps {
        /// Print one JSON value per process
        #[arg(long)]
        json: bool,
    },
    /// Run tasks again whenever an input changes
    Watch {
        #[command(flatten)]
        notify: NotifyArgs,
        #[command(flatten)]
        args: RunArgs,
    },
    /// Work on the runs of other processes that use the same shared store, until Ctrl-C
    Worker {
        /// The name of this host (default: the name of the system)
        #[arg(long, value_name = "NAME")]
        host: Option<String>,
        /// Run this many objects at once
        #[arg(long, short, value_name = "N")]
        jobs: Option<NonZeroUsize>,
    },
    /// Build the agents for machines, or list them
    Agents {
        #[command(subcommand)]
        command: AgentsCommand,
    },
    /// Look for mistakes in objects, tasks and templates without running anything
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// Complete for this shell
        shell: Shell,
    },
    /// The command of the crate `setup-tasks-web`, if the program is not linked with it.
    #[command(hide = true)]
    Serve {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// The former spelling of `up --force`.
    #[command(hide = true)]
    Force {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
}

/// The objects and tasks of a run, and how it runs.
#[derive(Subcommand)]
pub(crate) enum AgentsCommand {
    /// Build the small agent, which then replaces this program on machines
    Build {
        /// Build for these architectures, such as `aarch64`, instead of that of this system
        #[arg(value_name = "ARCHITECTURE")]
        architectures: Vec<String>,
    },
    /// List the agents that were built, and those of the configuration
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent option")]
pub(crate) struct RunArgs {
    /// Select these objects (`*` and `?` stand for any text) and the tasks that they depend on; with `--force`, also single
    /// tasks
    #[arg(value_name = "OBJECT[/TASK]", add = ArgValueCompleter::new(complete::objects_before_tasks))]
    pub(crate) objects: Vec<String>,
    /// The former spelling of the command `plan`.
    #[arg(long, hide = true)]
    pub(crate) dry_run: bool,
    /// Show changes of files
    #[arg(long)]
    pub(crate) diff: bool,
    /// Ask machines and other slow observers whether the state is still as it should be
    #[arg(long)]
    pub(crate) verify: bool,
    /// Run the selected tasks even if they are up to date
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) exec: ExecArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// The review of a run before it begins.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ReviewArgs {
    /// Show the plan, and ask before anything runs
    #[arg(long, conflicts_with_all = ["json", "dry_run"])]
    pub(crate) ask: bool,
    /// Run exactly what a plan contains that `plan -o FILE` saved
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with_all = [
            "objects", "dry_run", "verify", "force", "exclude", "types", "groups", "tags", "include",
        ]
    )]
    pub(crate) plan: Option<PathBuf>,
}

/// The part of workers in a run.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct WorkersArgs {
    /// Run all objects in this process, also those that are placed on other hosts
    #[arg(long)]
    pub(crate) here: bool,
    /// Show a run of the workers that is under way; `ps` lists them
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = [
            "objects", "here", "ask", "plan", "dry_run", "diff", "verify", "force", "jobs", "fail_fast", "batch", "exclude", "types",
            "groups", "tags",
        ]
    )]
    pub(crate) attach: Option<u64>,
}

/// How tasks are executed and how progress is reported.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ExecArgs {
    /// Run this many objects at once
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Start no further object after a failure
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Run the objects in batches of this size, one batch after another
    #[arg(long, value_name = "N")]
    pub(crate) batch: Option<NonZeroUsize>,
    /// Begin the next batch only while no more than this many objects have failed (default: 0)
    #[arg(long, value_name = "M", requires = "batch")]
    pub(crate) max_failures: Option<usize>,
    /// Report progress as JSON, one event per line
    #[arg(long)]
    pub(crate) json: bool,
    /// The former spelling of the default.
    #[arg(long, hide = true)]
    pub(crate) keep_going: bool,
}

/// The selection of objects and tasks.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct FilterArgs {
    /// Exclude these objects, even as dependencies
    #[arg(long, short = 'x', value_name = "OBJECT", add = ArgValueCompleter::new(complete::objects))]
    pub(crate) exclude: Vec<String>,
    /// Select objects of these types
    #[arg(long = "type", value_name = "TYPE", add = ArgValueCompleter::new(complete::types))]
    pub(crate) types: Vec<String>,
    /// Select objects of these groups
    #[arg(long = "group", short, value_name = "GROUP", add = ArgValueCompleter::new(complete::groups))]
    pub(crate) groups: Vec<String>,
    /// Select tasks with these tags
    #[arg(long = "tag", short, value_name = "TAG", add = ArgValueCompleter::new(complete::tags))]
    pub(crate) tags: Vec<String>,
    /// The former spelling of the objects.
    #[arg(long, short, value_name = "OBJECT", hide = true)]
    pub(crate) include: Vec<String>,
}

#[derive(Args)]
pub(crate) struct HistoryArgs {
    /// Show only this object or task
    #[arg(value_name = "OBJECT[/TASK]", add = ArgValueCompleter::new(complete::objects_and_tasks))]
    pub(crate) target: Option<String>,
    /// Show this many of the latest entries
    #[arg(long, short = 'n', value_name = "N", default_value = "20")]
    pub(crate) limit: NonZeroUsize,
    /// Print one JSON value per entry
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct LogsArgs {
    /// Show the latest log of each task of an object, or the logs of a task
    #[arg(value_name = "OBJECT[/TASK]", add = ArgValueCompleter::new(complete::objects_and_tasks))]
    pub(crate) target: String,
    /// Follow the log and later attempts until Ctrl-C
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Show all logs that are kept, not only the latest of each task
    #[arg(long, conflicts_with = "follow")]
    pub(crate) all: bool,
}

#[derive(Args)]
pub(crate) struct GraphArgs {
    /// Draw these objects (`*` and `?` stand for any text), their dependencies and their dependents
    #[arg(value_name = "OBJECT", add = ArgValueCompleter::new(complete::objects))]
    pub(crate) objects: Vec<String>,
    /// Draw only objects within this number of steps from the named ones
    #[arg(long, value_name = "N", requires = "objects")]
    pub(crate) depth: Option<usize>,
    /// Draw only what the named objects depend on, or only what depends on them
    #[arg(long, value_name = "DIRECTION", requires = "objects")]
    pub(crate) only: Option<GraphOnly>,
    /// Draw each object. Without this, more than 30 objects are grouped by type
    #[arg(long)]
    pub(crate) all: bool,
    /// Use this format (default: by the file's name, else text)
    #[arg(long, short)]
    pub(crate) format: Option<GraphFormat>,
    /// Write to this file
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphOnly {
    /// The dependencies
    Dependencies,
    /// The objects that depend on them
    Dependents,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// A text tree
    Text,
    /// A Graphviz graph
    Dot,
    /// A Mermaid graph for Markdown
    Mermaid,
    /// An image
    Svg,
}

impl ExecArgs {
    /// Sets the way in which a fleet is executed.
    pub(crate) fn apply(&self, mut fleet: FleetRun) -> FleetRun {
        if let Some(jobs) = self.jobs {
            fleet = fleet.jobs(jobs.get());
        }
        if self.fail_fast {
            fleet = fleet.fail_fast();
        }
        if let Some(size) = self.batch {
            fleet = fleet.batch(size.get()).max_failures(self.max_failures.unwrap_or_default());
        }
        fleet
    }
}

impl RunArgs {
    /// Returns the selected fleet.
    ///
    /// # Errors
    ///
    /// If an argument has a former spelling, or if an object does not exist.
    pub(crate) fn fleet(&self, layout: &Layout) -> Result<FleetRun> {
        former::refuse(self)?;
        let Self { objects, dry_run, diff, verify, force, exec, filter } = self;
        let mut fleet = layout.run();
        if *verify {
            fleet = fleet.verify();
        }
        fleet = exec.apply(fleet);
        fleet = filter.exclude.iter().fold(fleet, FleetRun::exclude);
        fleet = filter.types.iter().fold(fleet, FleetRun::of_type_named);
        fleet = filter.groups.iter().fold(fleet, FleetRun::group);
        fleet = filter.tags.iter().fold(fleet, FleetRun::tag);
        fleet = if *force {
            target::check_forced(layout, objects)?;
            self.force(fleet)?
        } else {
            target::check_objects(layout, objects)?;
            objects.iter().fold(fleet, FleetRun::include)
        };
        if *diff {
            fleet = fleet.show_changes();
        }
        if *dry_run {
            fleet = fleet.dry_run();
        }
        Ok(fleet)
    }

    /// Forces the named objects and tasks, or all that is selected.
    fn force(&self, fleet: FleetRun) -> Result<FleetRun> {
        let Self { objects, filter, .. } = self;
        if !objects.is_empty() {
            return Ok(objects.iter().fold(fleet, FleetRun::force).only_forced());
        }
        if filter.types.is_empty() && filter.groups.is_empty() && filter.tags.is_empty() {
            return Ok(fleet.force_all());
        }
        // The dependencies of the selected objects are not forced.
        let selected = fleet.objects()?;
        Ok(selected.iter().map(AnyObject::id).fold(fleet, FleetRun::force))
    }
}
