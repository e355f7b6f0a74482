//! The summary of a run that brought objects down.

use super::super::report::{FleetReport, ObjectStatus, counted};
use crate::report::TaskStatus;

/// Returns the summary of such a run on one line.
pub(in super::super) fn summary(report: &FleetReport) -> String {
    let of = |status| report.with(status).count();
    let tasks = |status| report.count(status);
    let objects = counted(report.objects.len(), "object");
    let (failed, needed) = (of(ObjectStatus::Failed), of(ObjectStatus::DependentFailed));
    let (not_tried, unfinished) = (of(ObjectStatus::NotTried), of(ObjectStatus::Stopped));
    let has_failed = failed + needed > 0 || (not_tried > 0 && !report.stopped);
    let is_stopped = !has_failed && report.stopped;
    let (brought, would) = (of(ObjectStatus::BroughtDown), of(ObjectStatus::WouldBringDown));
    let mut line = if has_failed {
        format!("failed: {} of {objects}", failed.max(1).min(report.objects.len()))
    } else if is_stopped {
        format!("stopped: {} of {objects} not finished", unfinished + not_tried)
    } else if would > 0 {
        format!("would bring down: {}", counted(would, "object"))
    } else if brought > 0 {
        format!("brought down: {}", counted(brought, "object"))
    } else {
        format!("nothing to bring down: {objects}")
    };
    let mut parts = Vec::new();
    let mut add = |count: usize, what: &str| {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    };
    let task = |count: usize| if count == 1 { "task" } else { "tasks" };
    let (undone, would_undo) = (tasks(TaskStatus::Undone), tasks(TaskStatus::WouldUndo));
    let forgotten = tasks(TaskStatus::Forgotten) + tasks(TaskStatus::WouldForget);
    add(needed, "needed by what stays");
    add(if is_stopped { 0 } else { unfinished }, "stopped before the end");
    add(not_tried, "not tried");
    add(if has_failed || is_stopped { brought } else { 0 }, "brought down");
    add(undone, &format!("{} undone", task(undone)));
    add(would_undo, &format!("{} to undo", task(would_undo)));
    add(forgotten, "without an undo");
    add(tasks(TaskStatus::Undecided), "undecided");
    add(if brought + would > 0 { of(ObjectStatus::Down) } else { 0 }, "down already");
    add(of(ObjectStatus::Readonly), "readonly");
    if !parts.is_empty() {
        line.push_str("; ");
        line.push_str(&parts.join(", "));
    }
    line
}
