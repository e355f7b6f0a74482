//! The text form of a snapshot.

use std::collections::HashSet;
use std::fmt;

use super::{Activity, Snapshot, WorkKind};
use crate::decide::Tense;
use crate::text::{duration, one_line};

impl fmt::Display for Snapshot {
    /// Writes a tree, in which each activity contains the activities that were started on its
    /// behalf.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fleet in &self.fleets {
            let so_far = duration(self.since(fleet.since));
            writeln!(f, "{} of {} objects ended, {so_far} so far", fleet.ended, fleet.objects)?;
        }
        if self.activities.is_empty() {
            return f.write_str("nothing is running\n");
        }
        let mut written = HashSet::new();
        for root in self.roots() {
            self.tree(root, 0, &mut written, f)?;
        }
        Ok(())
    }
}

impl Snapshot {
    fn tree(
        &self,
        activity: &Activity,
        depth: usize,
        written: &mut HashSet<u64>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        if !written.insert(activity.id) {
            return Ok(());
        }
        let indent = "  ".repeat(depth);
        // An object that is brought to ready runs its tasks. One line shows both.
        let is_shell = activity.kind == WorkKind::Ready && self.children(activity.id).next().is_some();
        if !is_shell {
            writeln!(f, "{indent}{}, for {}", self.what(activity), duration(self.since(activity.since)))?;
            for command in &activity.commands {
                writeln!(f, "{indent}  runs the command `{}`", one_line(command))?;
            }
            for wait in &activity.waits_for {
                let name = self.activity(wait.id).map_or("something", |activity| &activity.name);
                writeln!(f, "{indent}  waits for {name}, for {}", duration(self.since(wait.since)))?;
            }
            if let Some(holder) = &activity.held_by {
                writeln!(f, "{indent}  waits for {holder}, which has locked it")?;
            }
        }
        let inner = if is_shell { depth } else { depth + 1 };
        self.children(activity.id).try_for_each(|child| self.tree(child, inner, written, f))
    }

    fn what(&self, activity: &Activity) -> String {
        let name = &activity.name;
        let work = match activity.kind {
            WorkKind::Factory => return format!("{name} is being created"),
            _ if activity.reason.is_some() => "runs",
            _ => "checks",
        };
        match (&activity.task, &activity.description, &activity.reason) {
            (Some(task), Some(description), Some(reason)) => {
                format!("{name} {work} {task} ({description}), because {}", reason.clause(Tense::Present))
            }
            (Some(task), Some(description), None) => format!("{name} {work} {task} ({description})"),
            _ if activity.kind == WorkKind::Ready => format!("{name} is brought to ready"),
            _ => format!("{name} is about to start"),
        }
    }
}
