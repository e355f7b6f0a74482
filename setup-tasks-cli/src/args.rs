//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand, ValueEnum};
use clap_complete::Shell;
use setup_tasks::Layout;
use setup_tasks::fleet::FleetRun;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run what must run, on many objects at once
    Up {
        #[command(flatten)]
        args: RunArgs,
    },
    /// Say what would run, and why; change nothing
    Plan {
        #[command(flatten)]
        args: RunArgs,
        /// End with 3 if something would run
        #[arg(long)]
        exit_code: bool,
    },
    /// Say why tasks would run, or since when they are up to date, with the chain of causes
    Why {
        /// An object, or one of its tasks
        #[arg(value_name = "OBJECT[/TASK]")]
        target: String,
    },
    /// List the objects
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List the types of objects that this program knows, and their tasks
    Types {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Say how things stand by what was recorded, without asking any method
    Status {
        /// These objects alone, task by task (`*` and `?` stand for any text)
        #[arg(value_name = "OBJECT")]
        objects: Vec<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what ran when, why, for how long, and how it ended
    History(HistoryArgs),
    /// Show what tasks, and the commands that they ran, said
    Logs(LogsArgs),
    /// Draw objects, tasks and what they depend on, with state and reason
    Graph(GraphArgs),
    /// Forget stamps and cached files, so that all tasks run again; state and logs stay
    Clear {
        /// The objects (`*` and `?` stand for any text)
        #[arg(value_name = "OBJECT", required = true)]
        objects: Vec<String>,
    },
    /// Run tasks whether or not they must
    Force {
        /// Objects, or tasks of them (`*` and `?` stand for any text)
        #[arg(value_name = "OBJECT[/TASK]", required = true)]
        targets: Vec<String>,
        #[command(flatten)]
        args: ForceArgs,
    },
    /// Declare tasks done without running them
    #[command(alias = "mark")]
    MarkDone {
        /// The tasks
        #[arg(value_name = "OBJECT/TASK", required = true)]
        targets: Vec<String>,
    },
    /// Break the locks of objects whose holder has ended
    Unlock {
        /// The objects (`*` and `?` stand for any text)
        #[arg(value_name = "OBJECT", required = true)]
        objects: Vec<String>,
        /// Break also those that a process on this machine held, which is gone for good
        #[arg(long, value_name = "MACHINE")]
        gone: Option<String>,
    },
    /// Show what runs in other processes, and what waits for what
    #[cfg(unix)]
    #[command(alias = "waiting")]
    Ps {
        /// As JSON, with one snapshot per process
        #[arg(long)]
        json: bool,
    },
    /// Run, and run again whenever an input changes
    Watch {
        #[command(flatten)]
        args: RunArgs,
    },
    /// Look for mistakes in objects, tasks and templates; run nothing
    Check {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a script that completes this command line in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Which objects and tasks are run, and exec.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RunArgs {
    /// Say what would run, and why, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// In a dry run, show what would change in files
    #[arg(long)]
    pub(crate) diff: bool,
    /// Run all tasks, or those that match, whether or not they must
    #[arg(long, value_name = "OBJECT[/TASK]", num_args = 0..=1, default_missing_value = "", action = ArgAction::Append)]
    pub(crate) force: Vec<String>,
    #[command(flatten)]
    pub(crate) exec: ExecArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// ExecArgs tasks are run, and how that is told.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ExecArgs {
    /// ExecArgs many objects are run at once
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// After a failure, go on with all that does not depend on it; this is what happens anyway
    #[arg(long, conflicts_with = "fail_fast")]
    pub(crate) keep_going: bool,
    /// After a failure, begin no further object
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Tell what happens as JSON, an event a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which objects are run.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct FilterArgs {
    /// Only these objects (`*` and `?` stand for any text), and what they depend on as far as they need it
    #[arg(long, short, value_name = "OBJECT")]
    pub(crate) include: Vec<String>,
    /// Not these objects, not even for others
    #[arg(long, short = 'x', value_name = "OBJECT")]
    pub(crate) exclude: Vec<String>,
    /// Only objects of these types
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// Only tasks with these tags
    #[arg(long = "tag", short, value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Only objects of which a task is forced.
    #[arg(skip)]
    pub(crate) only_forced: bool,
}

/// ExecArgs forced tasks are run.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ForceArgs {
    /// Say what would run, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) exec: ExecArgs,
}

#[derive(Args)]
pub(crate) struct HistoryArgs {
    /// Of this object, or this task, alone
    #[arg(value_name = "OBJECT[/TASK]")]
    pub(crate) target: Option<String>,
    /// At most so many entries, the latest
    #[arg(long, short = 'n', value_name = "N", default_value = "20")]
    pub(crate) limit: NonZeroUsize,
    /// As JSON, an entry a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct LogsArgs {
    /// An object: the latest log of each of its tasks; or a task
    #[arg(value_name = "OBJECT[/TASK]")]
    pub(crate) target: String,
    /// Go on as more is said, also in later attempts, until Ctrl-C
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// All logs that are kept, not only the latest of each task
    #[arg(long, conflicts_with = "follow")]
    pub(crate) all: bool,
}

#[derive(Args)]
pub(crate) struct GraphArgs {
    /// These objects (`*` and `?` stand for any text), and those that they depend on
    #[arg(value_name = "OBJECT")]
    pub(crate) objects: Vec<String>,
    /// In which language; by default that of the file's name, else text
    #[arg(long, short)]
    pub(crate) format: Option<GraphFormat>,
    /// Into this file
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// A tree
    Text,
    /// For Graphviz
    Dot,
    /// For Markdown with Mermaid
    Mermaid,
    /// A diagram
    Svg,
}

impl RunArgs {
    /// The fleet that is chosen.
    pub(crate) fn fleet(&self, layout: &Layout) -> FleetRun {
        let Self { dry_run, diff, force, exec, filter } = self;
        let mut fleet = layout.run();
        if let Some(jobs) = exec.jobs {
            fleet = fleet.jobs(jobs.get());
        }
        if exec.fail_fast {
            fleet = fleet.fail_fast();
        }
        for pattern in force {
            fleet = if pattern.is_empty() { fleet.force_all() } else { fleet.force(pattern) };
        }
        fleet = filter.include.iter().fold(fleet, FleetRun::include);
        fleet = filter.exclude.iter().fold(fleet, FleetRun::exclude);
        fleet = filter.types.iter().fold(fleet, FleetRun::of_type_named);
        fleet = filter.tags.iter().fold(fleet, FleetRun::tag);
        if filter.only_forced {
            fleet = fleet.only_forced();
        }
        if *diff {
            fleet = fleet.diff();
        } else if *dry_run {
            fleet = fleet.dry_run();
        }
        fleet
    }
}
