//! The command `status`, which shows the state of tasks from their stamps, without calling methods of models.

use std::time::Duration;

use serde_json::json;
use setup_tasks::inspect::{ObjectTaskInspector, TaskCategory};
use setup_tasks::lease::Holder;
use setup_tasks::run::Decision;
use setup_tasks::stamp::{Stamp, Timestamp};
use setup_tasks::text::duration;
use setup_tasks::{AnyObject, Layout, Reason, Result};

use super::{orphans, target};
use crate::exit::Exit;
use crate::output::{self, BAD, Cell, FAINT, GOOD, NAME, WOULD, ago, line, printable, table};

/// The version of the JSON format.
const VERSION: u32 = 3;

/// The state of a task that has no stamp of its own.
const CHECK_DECIDES: &str = "its completion check decides";

pub(crate) async fn status(layout: &Layout, patterns: &[String], as_json: bool) -> Result<Exit> {
    let objects = target::objects(layout, patterns)?;
    let holders = layout.holders(&objects).await?;
    let held = objects.iter().zip(&holders).map(|(object, holder)| (object, holder.as_ref()));
    if as_json {
        let mut values = Vec::new();
        for (object, holder) in held {
            values.push(as_value(object, holder).await?);
        }
        let orphans = orphans::as_value(&orphans::left(layout).await?);
        output::json(&json!({ "version": VERSION, "objects": values, "orphans": orphans }))?;
        return Ok(Exit::Done);
    }
    if patterns.is_empty() {
        let mut rows = Vec::new();
        for (object, holder) in held {
            rows.push(summary(object, holder).await?);
        }
        table(&rows);
        orphans::tell(&orphans::left(layout).await?);
        return Ok(Exit::Done);
    }
    for (object, holder) in held {
        let holder = holder.map_or_else(String::new, |holder| format!(", {WOULD}{}{WOULD:#}", held_by(holder)));
        let retired = if object.is_retired() { format!(", {WOULD}retired{WOULD:#}") } else { String::new() };
        let (id, type_name) = (printable(object.id()), object.type_name());
        line(format!("{NAME}{id}{NAME:#} {FAINT}{type_name}{FAINT:#}{retired}{holder}"));
        let row = if object.is_retired() { retired_row } else { task_row };
        table(&leaves(object).await?.iter().map(row).collect::<Vec<_>>());
    }
    Ok(Exit::Done)
}

/// Returns a description of the process that runs an object.
fn held_by(holder: &Holder) -> String {
    let doing = holder.doing.as_ref().map_or_else(String::new, |doing| format!(", which {}", printable(doing)));
    format!("held by {}{doing}", printable(&holder.name))
}

/// A task and its state by its stamp.
struct PeekedTask {
    task: ObjectTaskInspector,
    decision: Option<Decision>,
    last_run: Option<Stamp>,
    last_change: Option<Timestamp>,
}

/// Returns the tasks in run order, with those of customizations in their place.
async fn leaves(object: &AnyObject) -> Result<Vec<PeekedTask>> {
    let leaves = object.inspect().into_iter().flat_map(ObjectTaskInspector::into_leaves);
    let mut peeked = Vec::new();
    for task in leaves.filter(|task| task.category() == TaskCategory::Task) {
        let (decision, last_run, last_change) = (task.peek().await?, task.last_run().await?, task.last_change().await?);
        peeked.push(PeekedTask { task, decision, last_run, last_change });
    }
    Ok(peeked)
}

/// The state of a task by its stamp.
enum Outlook {
    /// Its stamp is valid as far as stamps show it. No hash, input or invalidator is consulted, so the task may run nevertheless.
    Ran,
    Runs(Reason),
    /// It runs if an earlier task changes something.
    MayRun(Reason),
    /// The stamp is not enough: the task's completion check decides.
    Asks,
}

fn outlook(peeked: &PeekedTask) -> Outlook {
    match &peeked.decision {
        Some(Decision::Run(reason)) => Outlook::Runs(reason.clone()),
        Some(Decision::MayRun { reason, .. }) => Outlook::MayRun(reason.clone()),
        Some(_) => Outlook::Ran,
        None => Outlook::Asks,
    }
}

/// Returns when a task last ran, and for how long.
fn last_run(peeked: &PeekedTask) -> Option<String> {
    let stamp = peeked.last_run.as_ref()?;
    Some(format!("{}, in {}", ago(stamp.time), duration(Duration::from_micros(stamp.duration_us))))
}

async fn summary(object: &AnyObject, holder: Option<&Holder>) -> Result<[Cell; 3]> {
    let tasks = leaves(object).await?;
    let outlooks = tasks.iter().map(|peeked| (peeked.task.stamp_name(), outlook(peeked)));
    let runs: Vec<_> = outlooks
        .filter_map(|(task, outlook)| if let Outlook::Runs(reason) = outlook { Some((task, reason)) } else { None })
        .collect();
    let failed = runs.iter().find(|(_, reason)| matches!(reason, Reason::Failed { .. } | Reason::Interrupted));
    let last = tasks.iter().filter_map(|peeked| peeked.last_run.as_ref()).map(|stamp| stamp.time).max();
    let is_down = last.is_none() && failed.is_none();
    let ran = last.map(|last| format!("ran {}", ago(last)));
    let last = ran.as_ref().map(|ran| format!("; last {ran}")).unwrap_or_default();
    let (style, what) = match (failed, runs.first()) {
        _ if object.readonly() => (FAINT, "readonly".to_owned()),
        _ if object.is_retired() && is_down => (FAINT, "retired, and down".to_owned()),
        _ if object.is_retired() => (WOULD, format!("retired: a run brings it down{last}")),
        (Some((task, reason)), _) => (BAD, format!("{task}: {reason}")),
        (None, Some((task, reason))) => {
            let more = if runs.len() > 1 { format!(" and {} more", runs.len() - 1) } else { String::new() };
            (WOULD, format!("would run {task}{more}: {reason}{last}"))
        }
        (None, None) if tasks.is_empty() => (FAINT, "has no tasks".to_owned()),
        (None, None) => ran.map_or_else(|| (FAINT, CHECK_DECIDES.to_owned()), |ran| (GOOD, ran)),
    };
    let (style, what) = match holder {
        Some(holder) => (WOULD, format!("{}; {what}", held_by(holder))),
        None => (style, what),
    };
    Ok([Cell::styled(NAME, object.id()), Cell::new(object.type_name()), Cell::styled(style, what)])
}

/// Returns the row of a task whose object is to be gone.
fn retired_row(peeked: &PeekedTask) -> [Cell; 3] {
    let (style, what) = match (outlook(peeked), last_run(peeked)) {
        (Outlook::Runs(reason @ (Reason::Failed { .. } | Reason::Interrupted)), _) => (BAD, reason.to_string()),
        (_, Some(last)) => (WOULD, format!("to be undone; last ran {last}")),
        (Outlook::Asks, None) => (FAINT, CHECK_DECIDES.to_owned()),
        (_, None) => (FAINT, "down".to_owned()),
    };
    let task = &peeked.task;
    [Cell::new(format!("  {}", task.stamp_name())), Cell::new(task.description()), Cell::styled(style, what)]
}

fn task_row(peeked: &PeekedTask) -> [Cell; 3] {
    let last = last_run(peeked);
    let later = last.as_ref().map(|last| format!("; last ran {last}")).unwrap_or_default();
    let (style, what) = match outlook(peeked) {
        Outlook::Ran => (GOOD, format!("ran {}", last.unwrap_or_default())),
        Outlook::Runs(reason @ (Reason::Failed { .. } | Reason::Interrupted)) => (BAD, format!("{reason}{later}")),
        Outlook::Runs(reason) => (WOULD, format!("would run: {reason}{later}")),
        Outlook::MayRun(reason) => (WOULD, format!("may run, {}{later}", reason.condition())),
        Outlook::Asks => (FAINT, CHECK_DECIDES.to_owned()),
    };
    let task = &peeked.task;
    [Cell::new(format!("  {}", task.stamp_name())), Cell::new(task.description()), Cell::styled(style, what)]
}

async fn as_value(object: &AnyObject, holder: Option<&Holder>) -> Result<serde_json::Value> {
    let value = |peeked: &PeekedTask| {
        let task = &peeked.task;
        let (state, reason) = match outlook(peeked) {
            Outlook::Ran => ("ran", None),
            Outlook::Runs(reason) => ("would_run", Some(reason)),
            Outlook::MayRun(reason) => ("may_run", Some(reason)),
            Outlook::Asks => ("asks_its_check", None),
        };
        let (time, took): (Option<Timestamp>, _) =
            peeked.last_run.as_ref().map(|stamp| (stamp.time, stamp.duration_us)).unzip();
        json!({
            "task": task.stamp_name(), "description": task.description(), "state": state, "reason": reason,
            "last_run": time, "last_change": peeked.last_change, "duration_us": took,
        })
    };
    let tasks: Vec<_> = leaves(object).await?.iter().map(value).collect();
    let holder = holder.map(|holder| json!({ "name": holder.name, "doing": holder.doing }));
    Ok(json!({
        "object": object.id(), "type": object.type_name(), "readonly": object.readonly(), "retired": object.is_retired(),
        "holder": holder,
        "tasks": tasks,
    }))
}
