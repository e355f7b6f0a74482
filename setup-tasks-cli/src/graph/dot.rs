//! A diagram in the language of Graphviz. Source: <https://graphviz.org/doc/info/lang.html>,
//! <https://graphviz.org/doc/info/shapes.html#html>

use std::fmt::Write;

use super::svg::{colour, escape};
use super::{Diagram, TaskState};

/// Returns one table per object with one row per task.
pub(crate) fn dot(diagram: &Diagram) -> String {
    let mut out = String::from("digraph setup_tasks {\n  rankdir=LR;\n  node [shape=plain, fontname=\"Helvetica\"];\n");
    for (i, object) in diagram.objects.iter().enumerate() {
        let title = format!("<B>{}</B> ({})", escape(&object.id), escape(&object.kind()));
        let mut rows = format!("<TR><TD BGCOLOR=\"#eaeef2\">{title}</TD></TR>");
        for (row, task) in object.tasks.iter().enumerate() {
            let why = match &task.state {
                TaskState::WouldRun(reason) | TaskState::Undecided(reason) => {
                    format!("<BR ALIGN=\"LEFT\"/><I>{}</I>", escape(reason))
                }
                TaskState::UpToDate | TaskState::Unknown => String::new(),
            };
            let (ink, paper) = colour(task);
            // Writing to a string does not fail.
            let _ = write!(
                rows,
                "<TR><TD PORT=\"t{row}\" ALIGN=\"LEFT\" BGCOLOR=\"{paper}\"><FONT COLOR=\"{ink}\">{}{why}</FONT></TD></TR>",
                escape(task.label())
            );
        }
        let _ =
            writeln!(out, "  o{i} [label=<<TABLE BORDER=\"0\" CELLBORDER=\"1\" CELLSPACING=\"0\">{rows}</TABLE>>];");
    }
    for edge in &diagram.edges {
        let ((from, from_task), (to, to_task)) = (edge.from, edge.to);
        let _ = writeln!(out, "  o{to}:t{to_task}:e -> o{from}:t{from_task}:w;");
    }
    out.push_str("}\n");
    out
}
