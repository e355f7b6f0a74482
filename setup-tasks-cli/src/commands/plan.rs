//! The command `plan`, which shows what would run and why.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;
use setup_tasks::event::{EventKind, Listening};
use setup_tasks::fleet::{FleetReport, ObjectResult};
use setup_tasks::run::TaskReport;
use setup_tasks::run::TaskStatus;
use setup_tasks::{Layout, Reason, Result};

use super::{orphans, up};
use crate::args::RunArgs;
use crate::causes::{Causes, Certainty, is_several, words};
use crate::exit::Exit;
use crate::global::{Verbosity, verbosity};
use crate::output::{FAINT, WOULD, diff, json, line, note, printable};
use crate::progress::Columns;

/// A plan as JSON.
#[derive(Serialize)]
struct PlanValue<'r> {
    #[serde(flatten)]
    report: &'r FleetReport,
    orphans: Value,
}

/// Shows what a run would do, and saves the plan if `output` names a file.
pub(crate) async fn plan(layout: &Layout, args: &RunArgs, exit_code: bool, output: Option<&Path>) -> Result<Exit> {
    let fleet = args.fleet(layout)?.dry_run();
    let considered = (verbosity() >= Verbosity::Verbose && !args.exec.json).then(|| Considered::follow(layout));
    let (report, saved) = match output {
        Some(file) => {
            let plan = fleet.plan().await?;
            (plan.report().clone(), plan.write(file).map(|()| Some(file)))
        }
        None => (fleet.await?, Ok(None)),
    };
    let orphans = orphans::left(layout).await?;
    if args.exec.json {
        json(&PlanValue { report: &report, orphans: orphans::as_value(&orphans) })?;
    } else {
        let considered = match considered {
            Some(considered) => considered.tasks().await,
            None => Vec::new(),
        };
        show(layout, &report, with_texts(args), &considered).await?;
        orphans::tell(&orphans);
        up::tell(&report);
    }
    // The errors of the objects come first.
    if let Some(file) = saved? {
        note(format!("saved: {}; `up --plan` runs it", printable(&file.display().to_string())));
    }
    let would = report.objects.iter().flat_map(ObjectResult::leaves).any(would_change);
    Ok(match up::exit(&report) {
        Exit::Done if exit_code && would => Exit::WouldChange,
        exit => exit,
    })
}

/// Returns whether the changes of hash texts are shown.
pub(super) fn with_texts(args: &RunArgs) -> bool {
    args.diff || verbosity() >= Verbosity::Verbose
}

/// The tasks that a plan considers, in run order, as its events name them.
struct Considered {
    listening: Listening,
    tasks: Arc<Mutex<Vec<ConsideredTask>>>,
}

/// A task that a plan considered.
#[derive(Clone)]
pub(super) struct ConsideredTask {
    object: Arc<str>,
    task: &'static str,
    description: String,
    is_up_to_date: bool,
}

impl Considered {
    fn follow(layout: &Layout) -> Self {
        let tasks = Arc::<Mutex<Vec<ConsideredTask>>>::default();
        let all = tasks.clone();
        let listening = layout.on_event(move |event| {
            if event.task.is_empty() {
                return;
            }
            all.lock().unwrap_or_else(PoisonError::into_inner).push(ConsideredTask {
                object: event.object.clone(),
                task: event.task,
                description: event.description.to_string(),
                is_up_to_date: matches!(event.kind, EventKind::TaskAlreadyRun),
            });
        });
        Self { listening, tasks }
    }

    async fn tasks(self) -> Vec<ConsideredTask> {
        self.listening.flush().await;
        std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns whether a task counts for `--exit-code`. A task that may run or is undecided may change something, too. A check that runs in every
/// run does not count.
fn would_change(task: &TaskReport) -> bool {
    match task.status {
        TaskStatus::WouldRun => task.reason != Some(Reason::Always),
        TaskStatus::MayRun | TaskStatus::Undecided | TaskStatus::WouldUndo | TaskStatus::WouldForget => true,
        _ => false,
    }
}

/// Prints every task that would or may run, and the reason. The tasks that are up to date are printed in their place among the
/// considered ones. With `with_texts`, prints the changes of hash texts, too.
pub(super) async fn show(
    layout: &Layout,
    report: &FleetReport,
    with_texts: bool,
    considered: &[ConsideredTask],
) -> Result<()> {
    let columns = Columns::of(&layout.all());
    let causes = Causes { layout, plan: Some(report) };
    // Objects that were not selected run first, because the others depend on them.
    let (chosen, pulled): (Vec<_>, Vec<_>) = report.objects.iter().partition(|result| result.chosen);
    for result in pulled.into_iter().chain(chosen) {
        // A task that installs files shows the changes of the tasks that render them.
        let (mut shown, mut leaves) = (HashSet::new(), result.leaves().peekable());
        for other in considered.iter().filter(|other| *other.object == result.object) {
            if other.is_up_to_date {
                line(columns.text(&result.object, &other.description, FAINT, "up to date", ""));
            } else if let Some(task) = leaves.next_if(|task| task.task == other.task) {
                show_task(&causes, columns, &result.object, task, with_texts, &mut shown).await?;
            }
        }
        for task in leaves {
            show_task(&causes, columns, &result.object, task, with_texts, &mut shown).await?;
        }
    }
    Ok(())
}

/// Prints a task that is not up to date. With `with_texts`, prints the changes of hash texts, too. A change that is in `shown` is not
/// printed again.
async fn show_task(
    causes: &Causes<'_>,
    columns: Columns,
    object: &str,
    task: &TaskReport,
    with_texts: bool,
    shown: &mut HashSet<String>,
) -> Result<()> {
    let say = |what: &str, more: &str| line(columns.text(object, &task.description, WOULD, what, more));
    let why = task.undecided.as_ref().map(ToString::to_string).unwrap_or_default();
    match task.status {
        TaskStatus::WouldRun => {
            say("would run:", &reason(causes, object, task).await?);
            differences(task);
            if !why.is_empty() {
                line(format!("    {FAINT}its changes are {}{FAINT:#}", printable(&why)));
            }
            for change in &task.changes {
                let unified = change.unified();
                if shown.contains(&unified) {
                    line(format!("    {FAINT}{}: shown above{FAINT:#}", printable(&change.path)));
                } else {
                    diff(&unified);
                    shown.insert(unified);
                }
            }
            // The hash text of a task that changes files is mostly made of these files.
            if with_texts && task.changes.is_empty() {
                task.reason.as_ref().and_then(Reason::diff).iter().for_each(|text| diff(text));
            }
        }
        TaskStatus::MayRun => say("may run,", &task.reason.as_ref().map(Reason::condition).unwrap_or_default()),
        TaskStatus::WouldUndo => say("would be undone", ""),
        TaskStatus::WouldForget => line(columns.text(object, &task.description, FAINT, "has no undo", "")),
        TaskStatus::Undecided => say("undecided:", &why),
        TaskStatus::Drifted => {
            say("drifted:", &task.reason.as_ref().map(|reason| words(reason, None)).unwrap_or_default());
            differences(task);
        }
        _ => {}
    }
    Ok(())
}

/// Prints the differences of a task below it, if its reason gives only their number.
pub(super) fn differences(task: &TaskReport) {
    if let Some(Reason::Drifted { what }) = task.reason.as_ref().filter(|reason| is_several(reason)) {
        what.iter().for_each(|difference| line(format!("    {FAINT}{}{FAINT:#}", printable(&difference.to_string()))));
    }
}

/// Returns why a task would run. If a task of another object is the cause, the text includes the reason of that task.
async fn reason(causes: &Causes<'_>, id: &str, task: &TaskReport) -> Result<String> {
    let Some(reason) = &task.reason else { return Ok(String::new()) };
    let (Reason::DependencyNewer { which }, Some(object)) = (reason, causes.layout.get(id)) else {
        return Ok(words(reason, None));
    };
    let chain = causes.behind(&object, reason, Certainty::Certain).await?;
    let root = chain.last().filter(|_| which.contains('/')).and_then(|root| {
        let reason = root.reason.as_ref()?;
        Some(match chain.len() {
            1 => format!(", because {reason}"),
            _ => format!(", in the end because {reason} ({})", root.task),
        })
    });
    Ok(words(reason, chain.first()) + &root.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use setup_tasks::prelude::*;

    use super::*;

    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "checked")]
    struct Checked;

    #[setup_tasks]
    impl Checked {
        #[setup_task("Look at the disk", always)]
        fn disk(&self) {}

        #[setup_task("Follow")]
        fn follow(&self) {}
    }

    #[tokio::test]
    async fn a_check_that_runs_in_every_run_is_listed_and_does_not_count() {
        let layout = Layout::in_memory().unwrap();
        layout.add(Checked).unwrap();
        let plan = layout.run().dry_run().await.unwrap();
        assert_eq!(plan.objects[0].leaves().filter(|task| would_change(task)).count(), 2, "neither has run");
        layout.run().await.unwrap();
        let plan = layout.run().dry_run().await.unwrap();
        let listed: Vec<_> = plan.objects[0].leaves().map(|task| (task.task, would_change(task))).collect();
        assert_eq!(listed, [("disk", false)]);
    }
}
