//! The command `status`, which shows the state of tasks from their stamps, without calling methods of models.

use serde_json::json;
use setup_tasks::inspect::{ObjectTaskInspector, TaskCategory};
use setup_tasks::run::Decision;
use setup_tasks::stamp::{Stamp, Timestamp};
use setup_tasks::text::duration;
use setup_tasks::{AnyObject, Layout, Reason, Result};

use super::target;
use crate::exit::Exit;
use crate::output::{self, BAD, Cell, FAINT, GOOD, NAME, WOULD, ago, line, printable, table};

pub(crate) async fn status(layout: &Layout, patterns: &[String], as_json: bool) -> Result<Exit> {
    let objects = target::objects(layout, patterns)?;
    if as_json {
        let mut values = Vec::new();
        for object in &objects {
            values.push(as_value(object).await?);
        }
        output::json(&json!({ "version": 1, "objects": values }))?;
        return Ok(Exit::Done);
    }
    if patterns.is_empty() {
        let mut rows = Vec::new();
        for object in &objects {
            rows.push(summary(object).await?);
        }
        table(&rows);
        return Ok(Exit::Done);
    }
    for object in &objects {
        line(format!("{NAME}{}{NAME:#} {FAINT}{}{FAINT:#}", printable(object.id()), object.type_name()));
        table(&leaves(object).await?.iter().map(task_row).collect::<Vec<_>>());
    }
    Ok(Exit::Done)
}

/// A task and its state by its stamp.
struct PeekedTask {
    task: ObjectTaskInspector,
    decision: Option<Decision>,
    last_run: Option<Stamp>,
}

/// Returns the tasks in run order, with those of customizations in their place.
async fn leaves(object: &AnyObject) -> Result<Vec<PeekedTask>> {
    let leaves = object.inspect().into_iter().flat_map(ObjectTaskInspector::leaves);
    let mut peeked = Vec::new();
    for task in leaves.filter(|task| task.category() == TaskCategory::Task) {
        let (decision, last_run) = (task.peek().await?, task.last_run().await?);
        peeked.push(PeekedTask { task, decision, last_run });
    }
    Ok(peeked)
}

/// The state of a task by its stamp.
enum Outlook {
    UpToDate,
    Runs(Reason),
    /// The stamp is not enough: the task's completion check decides.
    Asks,
}

fn outlook(peeked: &PeekedTask) -> Outlook {
    match &peeked.decision {
        Some(Decision::Run(reason)) => Outlook::Runs(reason.clone()),
        Some(_) => Outlook::UpToDate,
        None => Outlook::Asks,
    }
}

async fn summary(object: &AnyObject) -> Result<[Cell; 4]> {
    let tasks = leaves(object).await?;
    let runs: Vec<_> = tasks
        .iter()
        .filter_map(
            |peeked| if let Outlook::Runs(reason) = outlook(peeked) { Some((&peeked.task, reason)) } else { None },
        )
        .collect();
    let failed = runs.iter().find(|(_, reason)| matches!(reason, Reason::Failed { .. } | Reason::Interrupted));
    let (style, what) = match (failed, runs.first()) {
        _ if object.readonly() => (FAINT, "readonly".to_owned()),
        (Some((task, reason)), _) => (BAD, format!("{}: {reason}", task.stamp_name())),
        (None, Some((task, reason))) => {
            let more = if runs.len() > 1 { format!(" and {} more", runs.len() - 1) } else { String::new() };
            (WOULD, format!("would run {}{more}: {reason}", task.stamp_name()))
        }
        (None, None) => (GOOD, "up to date".to_owned()),
    };
    let last = tasks.iter().filter_map(|peeked| peeked.last_run.as_ref()).map(|stamp| stamp.time).max();
    // A task with a completion check has no time.
    let never = if tasks.iter().any(|peeked| peeked.decision.is_some()) { "never" } else { "" };
    Ok([
        Cell::styled(NAME, object.id()),
        Cell::new(object.type_name()),
        Cell::styled(FAINT, last.map_or_else(|| never.to_owned(), ago)),
        Cell::styled(style, what),
    ])
}

fn task_row(peeked: &PeekedTask) -> [Cell; 4] {
    let (style, what) = match outlook(peeked) {
        Outlook::UpToDate => (GOOD, "up to date".to_owned()),
        Outlook::Runs(reason @ (Reason::Failed { .. } | Reason::Interrupted)) => (BAD, reason.to_string()),
        Outlook::Runs(reason) => (WOULD, format!("would run: {reason}")),
        Outlook::Asks => (FAINT, "its completion check decides".to_owned()),
    };
    let task = &peeked.task;
    let ran = peeked.last_run.as_ref().map(|stamp| {
        let took = duration(std::time::Duration::from_micros(stamp.duration_us));
        format!("{}, in {took}", ago(stamp.time))
    });
    [
        Cell::new(format!("  {}", task.stamp_name())),
        Cell::new(task.description()),
        Cell::styled(FAINT, ran.unwrap_or_default()),
        Cell::styled(style, what),
    ]
}

async fn as_value(object: &AnyObject) -> Result<serde_json::Value> {
    let value = |peeked: &PeekedTask| {
        let task = &peeked.task;
        let (state, reason) = match outlook(peeked) {
            Outlook::UpToDate => ("up_to_date", None),
            Outlook::Runs(reason) => ("would_run", Some(reason)),
            Outlook::Asks => ("asks_its_check", None),
        };
        let (time, took): (Option<Timestamp>, _) =
            peeked.last_run.as_ref().map(|stamp| (stamp.time, stamp.duration_us)).unzip();
        json!({
            "task": task.stamp_name(), "description": task.description(), "state": state, "reason": reason,
            "last_run": time, "duration_us": took,
        })
    };
    let tasks: Vec<_> = leaves(object).await?.iter().map(value).collect();
    Ok(json!({
        "object": object.id(), "type": object.type_name(), "readonly": object.readonly(), "tasks": tasks,
    }))
}
