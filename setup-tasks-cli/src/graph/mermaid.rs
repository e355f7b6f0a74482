//! A diagram in the language of Mermaid, for Markdown. Source: <https://mermaid.js.org/syntax/flowchart.html>

use std::fmt::Write;

use setup_tasks::text::one_line;

use super::{Diagram, State, cut};

/// Returns one subgraph per object or group with one node per task, in run order.
pub(crate) fn mermaid(diagram: &Diagram) -> String {
    let mut out = String::from("%% A dotted arrow leads from a task to those that depend on it.\nflowchart LR\n");
    // Writing to a string does not fail.
    for (i, node) in diagram.nodes.iter().enumerate() {
        let counts = if node.is_group { format!(": {}", node.counts.words()) } else { String::new() };
        let _ = writeln!(out, "  subgraph o{i}[\"{} ({}{counts})\"]", quote(&node.title), quote(&node.kind()));
        for (row, task) in node.tasks.iter().enumerate() {
            let (class, why) = if task.is_relationship {
                ("relation", String::new())
            } else {
                let reason = task.reason();
                let reason = if reason.is_empty() { reason } else { format!(": {}", quote(&cut(&reason))) };
                (task.state().class(), format!("<br/><i>{}{reason}</i>", task.counts.words()))
            };
            let _ = writeln!(out, "    o{i}t{row}[\"{}{why}\"]:::{class}", quote(&cut(task.label())));
        }
        for row in 1..node.tasks.len() {
            let _ = writeln!(out, "    o{i}t{} --> o{i}t{row}", row - 1);
        }
        if let Some(error) = &node.error {
            let _ = writeln!(out, "    o{i}e[\"failed: {}\"]:::failed", quote(&cut(error)));
        }
        out.push_str("  end\n");
    }
    for edge in &diagram.edges {
        let ((from, from_task), (to, to_task)) = (edge.from, edge.to);
        let count = if edge.count > 1 { format!("|\"×{}\"|", edge.count) } else { String::new() };
        let _ = writeln!(out, "  o{to}t{to_task} -.->{count} o{from}t{from_task}");
    }
    for state in State::LEGEND {
        let (class, ink, paper) = (state.class(), state.ink(), state.paper());
        let _ = writeln!(out, "  classDef {class} fill:{paper},stroke:{ink},color:{ink}");
    }
    out.push_str("  classDef relation fill:#ffffff,stroke:#8c959f,color:#59636e,stroke-dasharray:3\n");
    out
}

/// Escapes the characters that have a meaning in a quoted label. Mermaid does not allow an empty one.
fn quote(text: &str) -> String {
    let replace = |c: char| match c {
        '#' => "#35;".to_owned(),
        // A pair of them begins a comment, even within a label.
        '%' => "#37;".to_owned(),
        '&' => "&amp;".to_owned(),
        '"' => "#quot;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '`' => "#96;".to_owned(),
        '\\' => "#92;".to_owned(),
        c => c.to_string(),
    };
    let text: String = one_line(text).chars().map(replace).collect();
    if text.trim().is_empty() { "#160;".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_has_a_meaning_in_mermaid_is_quoted() {
        let text = super::mermaid(&super::super::tests::example());
        let label = "Make the #quot;key#quot; &lt;now&gt; &amp; [here]<br/><i>up to date</i>";
        assert!(text.contains(&format!("o0t0[\"{label}\"]:::done")), "{text}");
        assert!(text.contains("  o0t1 -.-> o1t0\n"), "{text}");
        assert_eq!(text.matches("subgraph").count(), 3);
    }

    #[test]
    fn no_text_ends_its_label() {
        for line in super::mermaid(&super::super::tests::hostile()).lines().skip(1) {
            let quotes = line.matches('"').count();
            assert!(quotes == 0 || quotes == 2, "{line}");
            let label =
                line.split('"').nth(1).unwrap_or("x").replace("<br/>", "").replace("<i>", "").replace("</i>", "");
            assert!(!label.trim().is_empty() && !label.contains(['<', '>', '`', '\\']), "{line}");
        }
    }
}
