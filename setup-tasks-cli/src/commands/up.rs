//! The command `up`, which runs what must run.

use setup_tasks::fleet::{FleetError, FleetPlan, FleetReport, FleetRun, ObjectResult, ObjectStatus};
use setup_tasks::run::{TaskReport, TaskStatus};
use setup_tasks::text::duration;
use setup_tasks::{Layout, Result};

use super::{plan, workers};
use crate::args::{ReviewArgs, RunArgs, WorkersArgs};
use crate::exit::Exit;
use crate::interrupt;
use crate::notifying::{Notifier, NotifyArgs};
use crate::output::{self, BAD, FAINT, GOOD, NAME, WOULD, error, note, printable};
use crate::progress::Progress;
use crate::telemetry;

/// Runs what must run, by the workers if there are any. Failures are printed and show in the exit code.
pub(crate) async fn up(
    layout: &Layout,
    args: &RunArgs,
    (review, workers, notify): (&ReviewArgs, &WorkersArgs, &NotifyArgs),
    program: &str,
) -> Result<Exit> {
    let notifier = notify.notifier(layout)?;
    if let Some(number) = workers.attach {
        return workers::attach(layout, number, args, (program, &notifier)).await;
    }
    let is_plain = !workers.here && !review.ask && review.plan.is_none() && !args.dry_run && !layout.is_dry_run();
    if is_plain && workers::are_there(layout).await? {
        return workers::up(layout, args.fleet(layout)?, args, (program, &notifier)).await;
    }
    locally(layout, args, (review, workers.here), &notifier).await
}

/// Runs what must run in this process. With `here`, also runs what is placed on other hosts.
pub(super) async fn locally(
    layout: &Layout,
    args: &RunArgs,
    (review, here): (&ReviewArgs, bool),
    notifier: &Notifier,
) -> Result<Exit> {
    if review.ask {
        output::require_terminal("run the plan", "review it with `plan -o FILE`, and run it with `up --plan FILE`")?;
    }
    if let Some(file) = &review.plan {
        return apply(layout, &FleetPlan::read(layout, file).await?, args, (review.ask, here), notifier).await;
    }
    if !args.exec.json && (args.dry_run || layout.is_dry_run()) {
        return plan::plan(layout, args, false, None).await;
    }
    let fleet = args.fleet(layout)?;
    if review.ask {
        return apply(layout, &fleet.plan().await?, args, (true, here), notifier).await;
    }
    run(layout, if here { fleet.here() } else { fleet }, args, notifier).await
}

/// Runs exactly the tasks of a plan. With `ask`, shows the plan and asks first.
async fn apply(
    layout: &Layout,
    plan: &FleetPlan,
    args: &RunArgs,
    (ask, here): (bool, bool),
    notifier: &Notifier,
) -> Result<Exit> {
    let report = plan.report();
    if ask || (layout.is_dry_run() && !args.exec.json) {
        plan::show(layout, report, plan::with_texts(args), &[]).await?;
        tell(report);
        let is_work = |task: &TaskReport| !matches!(task.status, TaskStatus::UpToDate | TaskStatus::Drifted);
        let is_retired = |result: &ObjectResult| result.outcome == ObjectStatus::WouldBringDown;
        let has_work = report.objects.iter().any(|result| is_retired(result) || result.leaves().any(is_work));
        if layout.is_dry_run() || !report.is_success() || !has_work {
            return Ok(exit(report));
        }
        if !output::confirm("run these tasks").await? {
            note("nothing was run");
            return Ok(Exit::Failed);
        }
    }
    let fleet = args.exec.apply(plan.run());
    let fleet = if here { fleet.here() } else { fleet };
    run(layout, if args.diff { fleet.show_changes() } else { fleet }, args, notifier).await
}

/// Runs a fleet and reports its progress.
async fn run(layout: &Layout, fleet: FleetRun, args: &RunArgs, notifier: &Notifier) -> Result<Exit> {
    let progress = Progress::begin(layout, &fleet, args).await?;
    carry_out(layout, fleet.into_future(), progress, args, notifier).await
}

/// Waits for a run whose progress is reported, and reports its end.
pub(super) async fn carry_out(
    layout: &Layout,
    run: impl Future<Output = Result<FleetReport, FleetError>>,
    progress: Progress,
    args: &RunArgs,
    notifier: &Notifier,
) -> Result<Exit> {
    let measuring = telemetry::measure(layout).filter(|_| !args.dry_run && !layout.is_dry_run());
    // A run continues without a socket if none can be created. A dry run creates none.
    #[cfg(unix)]
    let _published = (!args.dry_run && !layout.is_dry_run())
        .then(|| layout.publish_activities().inspect_err(|error| tracing::debug!("{error}")).ok());
    let _guard = interrupt::stop_run_on_interrupt(layout.stop());
    let ended = tokio::select! {
        ended = run => Some(ended),
        () = interrupt::run_ended() => None,
    };
    let report = ended.as_ref().and_then(|ended| ended.as_ref().ok());
    if let Some(report) = report {
        progress.end(Some(report)).await?;
    } else if ended.is_none() {
        progress.end(None).await?;
    }
    if let (Some(measuring), Some(report)) = (measuring, report) {
        measuring.ended(layout, report).await;
    }
    let Some(ended) = ended else { return Ok(Exit::Interrupted) };
    if let (Ok(report), false) = (&ended, args.exec.json) {
        tell(report);
    }
    notifier.tell(layout, &ended).await?;
    let report = ended?;
    Ok(exit(&report))
}

pub(super) fn exit(report: &FleetReport) -> Exit {
    match (report.is_success(), report.stopped) {
        (true, _) => Exit::Done,
        (false, true) => Exit::Interrupted,
        (false, false) => Exit::Failed,
    }
}

/// Prints the errors and a line that summarizes the run.
pub(super) fn tell(report: &FleetReport) {
    for result in &report.objects {
        let name = printable(&result.object);
        match (result.outcome, &result.error) {
            (ObjectStatus::Failed | ObjectStatus::DependentFailed, Some(failure)) => error(failure.get()),
            // Only the cache of a retired object was left.
            (ObjectStatus::BroughtDown | ObjectStatus::WouldBringDown, None) if result.tasks.is_empty() => {
                let what = if report.dry_run { "its cache would be removed" } else { "its cache was removed" };
                output::report(format!("{NAME}{name}{NAME:#} {WOULD}is retired{WOULD:#}: {what}"));
            }
            (ObjectStatus::DependencyFailed, _) => {
                note(format!(
                    "{BAD}error{BAD:#}: {name} depends on a failed object: {}",
                    printable(&result.path.join(" -> "))
                ));
                // In a circle over several hosts, each object fails because of the others.
                let is_told = result
                    .path
                    .last()
                    .and_then(|id| report.object(id))
                    .is_none_or(|cause| cause.outcome == ObjectStatus::Failed);
                if let Some(failure) = result.error.as_ref().filter(|_| !is_told) {
                    error(failure.get());
                }
            }
            (ObjectStatus::Readonly, _) => output::report(format!("{NAME}{name}{NAME:#} {FAINT}is readonly{FAINT:#}")),
            (ObjectStatus::NotTried, _) => {
                output::report(format!("{NAME}{name}{NAME:#} {WOULD}was not started{WOULD:#}"));
            }
            (ObjectStatus::Stopped, _) => {
                output::report(format!("{NAME}{name}{NAME:#} {WOULD}was stopped before its last task{WOULD:#}"));
            }
            _ => {}
        }
    }
    let summary = report.summary();
    let (word, rest) = summary.split_once(':').unwrap_or((&summary, ""));
    let style = match (report.is_success(), report.dry_run) {
        (false, _) => BAD,
        (true, true) => WOULD,
        (true, false) => GOOD,
    };
    output::report(format!("{style}{word}{style:#}:{rest} {FAINT}in {}{FAINT:#}", duration(report.duration)));
}
