//! A snapshot as text.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use super::{Context, Snapshot, WorkKind};

impl fmt::Display for Snapshot {
    /// A tree: under each context those that were begun for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fleet in &self.fleets {
            let length = length(self.since(fleet.since));
            writeln!(f, "{} of {} objects ended, {length} so far", fleet.ended, fleet.objects)?;
        }
        if self.contexts.is_empty() {
            return f.write_str("nobody is at work\n");
        }
        let mut told = HashSet::new();
        for root in self.roots() {
            self.tree(root, 0, &mut told, f)?;
        }
        Ok(())
    }
}

impl Snapshot {
    fn tree(
        &self,
        context: &Context,
        depth: usize,
        told: &mut HashSet<u64>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        if !told.insert(context.id) {
            return Ok(());
        }
        let indent = "  ".repeat(depth);
        // An object on its way to ready runs its tasks: one line says both.
        let is_shell = context.kind == WorkKind::Ready && self.children(context.id).next().is_some();
        if !is_shell {
            writeln!(f, "{indent}{}, for {}", self.what(context), length(self.since(context.since)))?;
            for wait in &context.waits_for {
                let name = self.context(wait.id).map_or("something", |context| &context.name);
                writeln!(f, "{indent}  waits for {name}, for {}", length(self.since(wait.since)))?;
            }
            if let Some(holder) = &context.held_by {
                writeln!(f, "{indent}  waits for {holder}, which runs it")?;
            }
        }
        let inner = if is_shell { depth } else { depth + 1 };
        self.children(context.id).try_for_each(|child| self.tree(child, inner, told, f))
    }

    fn what(&self, context: &Context) -> String {
        let name = &context.name;
        let work = match context.kind {
            WorkKind::Factory => return format!("{name} is made"),
            _ if context.reason.is_some() => "runs",
            _ => "looks at",
        };
        match (&context.task, &context.description, &context.reason) {
            (Some(task), Some(description), Some(reason)) => {
                format!("{name} {work} {task} ({description}), because: {reason}")
            }
            (Some(task), Some(description), None) => format!("{name} {work} {task} ({description})"),
            _ if context.kind == WorkKind::Ready => format!("{name} is brought to ready"),
            _ => format!("{name} is about to begin"),
        }
    }
}

/// Returns a time that has passed as text.
pub(super) fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
