//! The command `down`, which undoes the tasks of objects in reverse order.

use std::num::NonZeroUsize;

use clap_complete::ArgValueCompleter;
use setup_tasks::fleet::{FleetDown, FleetReport, ObjectStatus};
use setup_tasks::run::TaskStatus;
use setup_tasks::{Layout, Result};

use super::{plan, target, up};
use crate::args::{ExecArgs, RunArgs};
use crate::complete;
use crate::exit::{Exit, UsageError};
use crate::notifying::NotifyArgs;
use crate::output::{confirm, json, note};
use crate::progress::Progress;

/// The command line.
#[derive(clap::Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent option")]
pub(crate) struct DownArgs {
    /// Bring these objects down (`*` and `?` stand for any text), after those that depend on them; all by default
    #[arg(value_name = "OBJECT", add = ArgValueCompleter::new(complete::objects))]
    objects: Vec<String>,
    /// Show what would be undone, and change nothing
    #[arg(long)]
    pub(crate) plan: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Bring this many objects down at once
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Start with no further object after a failure
    #[arg(long)]
    fail_fast: bool,
    /// Leave these objects as they are
    #[arg(long, short = 'x', value_name = "OBJECT", add = ArgValueCompleter::new(complete::objects))]
    exclude: Vec<String>,
    /// Select objects of these types, and those that depend on them
    #[arg(long = "type", value_name = "TYPE", add = ArgValueCompleter::new(complete::types))]
    types: Vec<String>,
    /// Select objects of these groups, and those that depend on them
    #[arg(long = "group", short, value_name = "GROUP", add = ArgValueCompleter::new(complete::groups))]
    groups: Vec<String>,
    /// Report progress as JSON, one event per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    notify: NotifyArgs,
}

impl DownArgs {
    /// Returns the selected run.
    fn fleet(&self, layout: &Layout) -> Result<FleetDown> {
        target::check_objects(layout, &self.objects)?;
        let mut fleet = layout.down();
        if let Some(jobs) = self.jobs {
            fleet = fleet.jobs(jobs.get());
        }
        if self.fail_fast {
            fleet = fleet.fail_fast();
        }
        fleet = self.objects.iter().fold(fleet, FleetDown::include);
        fleet = self.exclude.iter().fold(fleet, FleetDown::exclude);
        fleet = self.types.iter().fold(fleet, FleetDown::of_type_named);
        Ok(self.groups.iter().fold(fleet, FleetDown::group))
    }

    /// Returns the arguments of `up` that have the same meaning.
    fn as_run(&self) -> RunArgs {
        let exec = ExecArgs { jobs: self.jobs, json: self.json, ..ExecArgs::default() };
        RunArgs { exec, dry_run: self.plan, ..RunArgs::default() }
    }
}

pub(crate) async fn down(layout: &Layout, args: &DownArgs) -> Result<Exit> {
    let planned = args.fleet(layout)?.dry_run().await?;
    if args.plan || layout.is_dry_run() {
        return show(layout, &planned, args).await;
    }
    if args.json && !args.yes {
        return Err(UsageError::new("`down --json` asks no question", "add `--yes`").into());
    }
    let is_needed = planned.objects.iter().any(|result| result.outcome == ObjectStatus::WouldBringDown);
    if !planned.is_success() && !is_needed {
        return show(layout, &planned, args).await;
    }
    if is_needed && !args.yes {
        plan::show(layout, &planned, false, &[]).await?;
        if !confirm(&question(&planned)).await? {
            note("nothing was brought down");
            return Ok(Exit::Failed);
        }
    }
    let notifier = args.notify.notifier(layout)?;
    let progress = Progress::begin_down(layout, &planned, &args.as_run()).await?;
    up::carry_out(layout, args.fleet(layout)?.into_future(), progress, &args.as_run(), &notifier).await
}

/// Shows a plan.
async fn show(layout: &Layout, planned: &FleetReport, args: &DownArgs) -> Result<Exit> {
    if args.json {
        json(planned)?;
    } else {
        plan::show(layout, planned, false, &[]).await?;
        up::tell(planned);
    }
    Ok(up::exit(planned))
}

/// Returns the rest of the question whether to bring the objects down.
fn question(planned: &FleetReport) -> String {
    let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let objects = planned.with(ObjectStatus::WouldBringDown).count();
    let undos = planned.count(TaskStatus::WouldUndo);
    format!("bring down {}, and undo {}", counted(objects, "object"), counted(undos, "task"))
}
