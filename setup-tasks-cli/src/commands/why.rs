//! The command `why`, which prints the chain of causes of a task.

use setup_tasks::decide::Tense;
use setup_tasks::fleet::FleetReport;
use setup_tasks::inspect::ObjectTaskInspector;
use setup_tasks::run::TaskStatus;
use setup_tasks::run::{TaskReport, Undecided};
use setup_tasks::{AnyObject, Layout, Reason, Result};

use super::{plan, target, up};
use crate::causes::{Cause, Causes, Certainty, When, clause, words};
use crate::exit::Exit;
use crate::output::{FAINT, GOOD, NAME, WOULD, ago, clock, diff, error, line, printable};

/// Prints why tasks would run, or why they last ran.
pub(crate) async fn why(layout: &Layout, name: &str, verify: bool) -> Result<Exit> {
    let target = target::find(layout, name)?;
    let object = &target.object;
    // A fleet also plans what the object depends on.
    let plan = layout.run().include(object.id()).dry_run();
    let plan = if verify { plan.verify() } else { plan }.await?;
    let mut said = false;
    if object.is_retired() {
        line(format!(
            "{NAME}{}{NAME:#} is retired: a run brings it down, and no task runs on it",
            printable(object.id())
        ));
        plan::show(layout, &plan, false, &[]).await?;
        up::tell(&plan);
        return Ok(up::exit(&plan));
    }
    if object.readonly() {
        line(format!("{NAME}{}{NAME:#} is readonly: no task runs on it", printable(object.id())));
        said = true;
    }
    for task in tasks(object, &plan) {
        if object.readonly() && task.report.is_none() {
            continue;
        }
        if target.task.as_ref().is_none_or(|wanted| *wanted == task.name) {
            tell(layout, &plan, object, &task).await?;
            said = true;
        }
    }
    if let Some(failure) = plan.object(object.id()).and_then(|result| result.error.as_ref()) {
        error(failure.get());
    } else if !said {
        line("it has no tasks");
    }
    Ok(up::exit(&plan))
}

/// A task and its report in the plan.
struct Planned<'r> {
    name: String,
    description: String,
    report: Option<&'r TaskReport>,
}

impl Planned<'_> {
    /// Returns why a plan cannot decide about the task, if it cannot.
    fn undecided(&self) -> Option<&Undecided> {
        self.report.filter(|report| report.status == TaskStatus::Undecided)?.undecided.as_ref()
    }
}

/// Returns all tasks in run order, with their reports.
fn tasks<'r>(object: &AnyObject, plan: &'r FleetReport) -> Vec<Planned<'r>> {
    let reports: Vec<_> = plan
        .object(object.id())
        .into_iter()
        .flat_map(setup_tasks::fleet::ObjectResult::leaves)
        .filter(|task| {
            use TaskStatus::{Drifted, MayRun, Undecided, WouldRun};
            matches!(task.status, WouldRun | MayRun | Undecided | Drifted)
        })
        .collect();
    let mut planned = Vec::new();
    for task in object.inspect().into_iter().flat_map(ObjectTaskInspector::into_leaves) {
        let report = reports.iter().find(|report| report.task == task.stamp_name()).copied();
        let (name, description) = (task.stamp_name().to_owned(), task.description().to_owned());
        planned.push(Planned { name, description, report });
    }
    planned
}

async fn tell(layout: &Layout, planned: &FleetReport, object: &AnyObject, task: &Planned<'_>) -> Result<()> {
    line(format!("{NAME}{}/{}{NAME:#} {}", printable(object.id()), task.name, printable(&task.description)));
    let causes = Causes { layout, plan: Some(planned) };
    if let Some(Undecided { until, error, .. }) = task.undecided() {
        let why = format!("it is decided once {until} has run; before that, {error}");
        line(format!("  {WOULD}undecided{WOULD:#}: {}", printable(&why)));
        return Ok(());
    }
    if let Some(report) = task.report.filter(|report| report.status == TaskStatus::Drifted) {
        let reason = report.reason.as_ref().map(|reason| words(reason, None)).unwrap_or_default();
        line(format!("  {WOULD}drifted{WOULD:#}, and is left alone: {}", printable(&reason)));
        plan::differences(report);
        return Ok(());
    }
    if let Some(report) = task.report {
        let reason = report.reason.as_ref();
        let may_run = report.status == TaskStatus::MayRun;
        let certainty = if may_run { Certainty::Possible } else { Certainty::Certain };
        let behind = match reason {
            Some(reason) => causes.behind(object, reason, certainty).await?,
            None => Vec::new(),
        };
        if may_run {
            let condition = reason.map(Reason::condition).unwrap_or_default();
            line(format!("  {WOULD}may run{WOULD:#}, {}", printable(&condition)));
            chain(&behind);
            return Ok(());
        }
        let because = reason.map(|reason| clause(reason, behind.first(), Tense::Present)).unwrap_or_default();
        line(format!("  {WOULD}would run{WOULD:#} because {}", printable(&because)));
        plan::differences(report);
        reason.and_then(Reason::diff).iter().for_each(|text| diff(text));
        chain(&behind);
        return Ok(());
    }
    let past = Causes { layout, plan: None }.last(object, &task.name).await?;
    let last = past.first().and_then(|last| match last.when {
        When::WouldRun | When::MayRun | When::Undecided => None,
        When::Marked(at) => Some(format!("; marked as done {}, {}", clock(at), ago(at))),
        When::Ran(at) | When::Unchanged(at) => {
            let because = last.reason.as_deref().map(|reason| format!(", because {}", printable(reason)));
            let unchanged = if let When::Unchanged(_) = last.when { ", unchanged" } else { "" };
            Some(format!("; last ran {}, {}{unchanged}{}", clock(at), ago(at), because.unwrap_or_default()))
        }
    });
    line(format!("  {GOOD}up to date{GOOD:#}{}", last.unwrap_or_default()));
    chain(past.get(1..).unwrap_or_default());
    Ok(())
}

/// Prints the causes, each deeper than the one before.
fn chain(causes: &[Cause]) {
    for (depth, cause) in causes.iter().enumerate() {
        let indent = "   ".repeat(depth);
        line(format!("  {indent}{FAINT}└─ {}{FAINT:#}", printable(&cause.sentence())));
    }
}
