//! A diagram as a tree of text.

use super::{Diagram, Task, TaskState};
use crate::output::{BAD, FAINT, GOOD, NAME, WOULD, printable, styled};

/// Returns one line per object, and below it one line per task.
pub(crate) fn text(diagram: &Diagram) -> Vec<String> {
    let mut lines = Vec::new();
    for (i, object) in diagram.objects.iter().enumerate() {
        let kind = styled(FAINT, format!("({})", object.kind()));
        lines.push(format!("{} {kind}", styled(NAME, printable(&object.id))));
        for (row, task) in object.tasks.iter().enumerate() {
            let last = row + 1 == object.tasks.len() && object.error.is_none();
            let branch = if last { "└─" } else { "├─" };
            let to = diagram
                .edges
                .iter()
                .filter(|edge| edge.from == (i, row))
                .map(|edge| format!("{}/{}", diagram.objects[edge.to.0].id, diagram.task(edge.to).name));
            lines.push(format!("{branch} {}", one(task, &to.collect::<Vec<_>>())));
        }
        if let Some(error) = &object.error {
            let mut parts = error.lines();
            lines.push(format!("└─ {} {}", styled(BAD, "✗"), printable(parts.next().unwrap_or_default())));
            lines.extend(parts.map(|part| format!("     {}", printable(part))));
        }
    }
    lines
}

fn one(task: &Task, depends_on: &[String]) -> String {
    let Task { name, description, is_relationship, state } = task;
    let on = depends_on.join(", ");
    let on = printable(&on);
    if *is_relationship {
        return styled(FAINT, format!("⇠ {}", if on.is_empty() { "nothing" } else { &on }));
    }
    let on = if on.is_empty() { String::new() } else { format!(" ⇠ {on}") };
    let (mark, why) = match state {
        TaskState::UpToDate => (styled(GOOD, "✓"), String::new()),
        TaskState::WouldRun(reason) => (styled(WOULD, "●"), styled(WOULD, format!(": {}", printable(reason)))),
        TaskState::Undecided(reason) => {
            (styled(WOULD, "?"), styled(WOULD, format!(": undecided: {}", printable(reason))))
        }
        TaskState::Unknown => (styled(FAINT, "·"), String::new()),
    };
    format!("{mark} {} {}{}{why}", printable(name), styled(FAINT, printable(description)), styled(FAINT, on))
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
                "└─ ● mount Mount the share: files/main/publish ran later",
                "bob (Client, readonly)",
                "└─ · mount Mount the share",
            ]
        );
    }
}
