//! A diagram as a tree of text.

use super::{Diagram, State, Task};
use crate::output::{BAD, FAINT, GOOD, NAME, WOULD, printable, styled};

/// Returns one line per object or group, and below it one line per task.
pub(crate) fn text(diagram: &Diagram) -> Vec<String> {
    let mut lines = Vec::new();
    for (i, node) in diagram.nodes.iter().enumerate() {
        let counts = if node.is_group { format!(": {}", node.counts.words()) } else { String::new() };
        let kind = styled(FAINT, format!("({}{counts})", node.kind()));
        lines.push(format!("{} {kind}", styled(NAME, printable(&node.title))));
        for (row, task) in node.tasks.iter().enumerate() {
            let last = row + 1 == node.tasks.len() && node.error.is_none();
            let branch = if last { "└─" } else { "├─" };
            let to = diagram.edges.iter().filter(|edge| edge.from == (i, row)).map(|edge| {
                let times = if edge.count > 1 { format!(" ×{}", edge.count) } else { String::new() };
                format!("{}/{}{times}", diagram.nodes[edge.to.0].title, diagram.task(edge.to).name)
            });
            let hidden = (task.hidden > 0).then(|| format!("{} that the diagram leaves out", task.hidden));
            lines.push(format!("{branch} {}", one(task, node.objects, &to.chain(hidden).collect::<Vec<_>>())));
        }
        if let Some(error) = &node.error {
            let mut parts = error.lines();
            lines.push(format!("└─ {} {}", styled(BAD, "✗"), printable(parts.next().unwrap_or_default())));
            lines.extend(parts.map(|part| format!("     {}", printable(part))));
        }
    }
    lines
}

fn one(task: &Task, objects: usize, depends_on: &[String]) -> String {
    let Task { name, description, .. } = task;
    let on = depends_on.join(", ");
    let on = printable(&on);
    if task.is_relationship {
        return styled(FAINT, format!("⇠ {}", if on.is_empty() { "nothing" } else { &on }));
    }
    let on = if on.is_empty() { String::new() } else { format!(" ⇠ {on}") };
    let (style, mark) = match task.state() {
        State::UpToDate => (GOOD, "✓"),
        State::WouldRun => (WOULD, "●"),
        State::MayRun => (WOULD, "◐"),
        State::Undecided => (WOULD, "?"),
        State::Unknown => (FAINT, "·"),
        State::Failed => (BAD, "✗"),
    };
    let reason = task.reason();
    let counts = task.counts.words();
    let why = match (task.state(), reason.is_empty()) {
        // The mark shows the state of a single task.
        (State::Undecided, _) if objects == 1 => format!(": undecided: {}", printable(&reason)),
        (State::MayRun, _) if objects == 1 => format!(": may run, {}", printable(&reason)),
        (_, true) if objects == 1 => String::new(),
        (_, false) if objects == 1 => format!(": {}", printable(&reason)),
        (_, true) => format!(": {counts}"),
        (_, false) => format!(": {counts}: {}", printable(&reason)),
    };
    let why = if why.is_empty() { why } else { styled(style, why) };
    format!(
        "{} {} {}{}{why}",
        styled(style, mark),
        printable(name),
        styled(FAINT, printable(description)),
        styled(FAINT, on)
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_object_has_its_tasks_below_it_with_state_and_reason() {
        let lines = super::text(&super::super::tests::example());
        let plain: Vec<_> = lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        assert_eq!(
            plain,
            [
                "files/main (FileServer)",
                "├─ ✓ key Make the \"key\" <now> & [here]",
                "└─ ● publish Publish the share: its hash changed from a to b",
                "ada (Client)",
                "├─ ⇠ files/main/publish",
                "├─ ● mount Mount the share: files/main/publish changed something later",
                "└─ ◐ unit Restart the unit: may run, if mount changes something",
                "bob (Client, readonly)",
                "└─ · mount Mount the share",
            ]
        );
    }
}
