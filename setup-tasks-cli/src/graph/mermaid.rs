//! A diagram in the language of Mermaid, for Markdown. Source: <https://mermaid.js.org/syntax/flowchart.html>

use std::fmt::Write;

use setup_tasks::text::one_line;

use super::{Diagram, TaskState};

/// Returns one subgraph per object with one node per task, in run order.
pub(crate) fn mermaid(diagram: &Diagram) -> String {
    let mut out = String::from("flowchart LR\n");
    // Writing to a string does not fail.
    for (i, object) in diagram.objects.iter().enumerate() {
        let _ = writeln!(out, "  subgraph o{i}[\"{} ({})\"]", quote(&object.id), quote(&object.kind()));
        for (row, task) in object.tasks.iter().enumerate() {
            let (class, why) = match &task.state {
                _ if task.is_relationship => ("relation", String::new()),
                TaskState::UpToDate => ("done", String::new()),
                TaskState::WouldRun(reason) => ("would", format!("<br/><i>{}</i>", quote(reason))),
                TaskState::Undecided(reason) => ("would", format!("<br/><i>undecided: {}</i>", quote(reason))),
                TaskState::Unknown => ("unknown", String::new()),
            };
            let _ = writeln!(out, "    o{i}t{row}[\"{}{why}\"]:::{class}", quote(task.label()));
        }
        for row in 1..object.tasks.len() {
            let _ = writeln!(out, "    o{i}t{} --> o{i}t{row}", row - 1);
        }
        out.push_str("  end\n");
    }
    for edge in &diagram.edges {
        let ((from, from_task), (to, to_task)) = (edge.from, edge.to);
        let _ = writeln!(out, "  o{to}t{to_task} -.-> o{from}t{from_task}");
    }
    out.push_str("  classDef done fill:#dafbe1,stroke:#1a7f37,color:#1f2328\n");
    out.push_str("  classDef would fill:#fff8c5,stroke:#9a6700,color:#1f2328\n");
    out.push_str("  classDef unknown fill:#f6f8fa,stroke:#8c959f,color:#59636e\n");
    out.push_str("  classDef relation fill:#ffffff,stroke:#8c959f,color:#59636e,stroke-dasharray:3\n");
    out
}

/// Escapes the characters that have a meaning in a quoted label.
fn quote(text: &str) -> String {
    let text = one_line(text);
    text.replace('&', "&amp;").replace('"', "#quot;").replace('<', "&lt;").replace('>', "&gt;").replace('`', "#96;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_has_a_meaning_in_mermaid_is_quoted() {
        let text = super::mermaid(&super::super::tests::example());
        assert!(text.contains("o0t0[\"Make the #quot;key#quot; &lt;now&gt; &amp; [here]\"]:::done"), "{text}");
        assert!(text.contains("  o0t1 -.-> o1t0\n"), "{text}");
        assert_eq!(text.matches("subgraph").count(), 3);
    }
}
