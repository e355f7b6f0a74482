//! A diagram in the language of Graphviz. Source: <https://graphviz.org/doc/info/lang.html>,
//! <https://graphviz.org/doc/info/shapes.html#html>

use std::fmt::Write;

use super::svg::escape;
use super::{Diagram, Node, State, Task, cut};

const HEAD: &str = r##"digraph setup_tasks {
  graph [rankdir=LR, ranksep=1.0, nodesep=0.35, fontname="Helvetica", fontsize=11, fontcolor="#59636e", labelloc=b];
  graph [label="An arrow leads from a task to those that depend on it."];
  node [shape=plain, fontname="Helvetica", fontsize=12, fontcolor="#1f2328"];
  edge [color="#6e7781", arrowsize=0.7, fontname="Helvetica", fontsize=10, fontcolor="#59636e"];
"##;

/// Returns one table per object or group, with one row per task.
pub(crate) fn dot(diagram: &Diagram) -> String {
    let mut out = String::from(HEAD);
    // Writing to a string does not fail.
    for (i, node) in diagram.nodes.iter().enumerate() {
        let rows: String = node.tasks.iter().enumerate().map(|(row, task)| task_row(row, task)).collect();
        let (head, error) = (head_row(node), error_row(node));
        let (border, frame) = frame(node);
        let _ = writeln!(
            out,
            "  o{i} [label=<<TABLE BORDER=\"{border}\" COLOR=\"{frame}\" BGCOLOR=\"#ffffff\" CELLBORDER=\"0\" CELLSPACING=\"0\" \
             CELLPADDING=\"5\">{head}{rows}{error}</TABLE>>];"
        );
    }
    for edge in &diagram.edges {
        let ((from, from_task), (to, to_task)) = (edge.from, edge.to);
        let count = if edge.count > 1 { format!(" [label=\"×{}\"]", edge.count) } else { String::new() };
        let _ = writeln!(out, "  o{to}:s{to_task}:e -> o{from}:t{from_task}:w{count};");
    }
    out.push_str("}\n");
    out
}

/// Returns the width and the colour of the frame. A group has a wide frame.
fn frame(node: &Node) -> (u8, &'static str) {
    let state = node.counts.worst();
    let colour = if matches!(state, State::UpToDate | State::Unknown) { "#8c959f" } else { state.ink() };
    (if node.is_group { 3 } else { 1 }, colour)
}

fn head_row(node: &Node) -> String {
    let (title, kind) = (text(&cut(&node.title)), text(&cut(&node.kind())));
    let state = node.counts.worst();
    let (ink, states) = (state.ink(), node.counts.words());
    format!(
        "<TR><TD ALIGN=\"LEFT\" BGCOLOR=\"#eaeef2\"><B>{title}</B><BR ALIGN=\"LEFT\"/>\
         <FONT POINT-SIZE=\"10\" COLOR=\"#59636e\">{kind}</FONT><BR ALIGN=\"LEFT\"/></TD>\
         <TD ALIGN=\"RIGHT\" BGCOLOR=\"#eaeef2\"><FONT POINT-SIZE=\"10\" COLOR=\"{ink}\"><B>{states}</B></FONT></TD></TR>"
    )
}

fn task_row(row: usize, task: &Task) -> String {
    let label = text(&cut(task.label()));
    if task.is_relationship {
        return format!(
            "<TR><TD PORT=\"t{row}\" ALIGN=\"LEFT\"><FONT COLOR=\"#59636e\"><I>{label}</I></FONT></TD>\
             <TD PORT=\"s{row}\" ALIGN=\"RIGHT\"><FONT POINT-SIZE=\"10\" COLOR=\"#59636e\">dependency</FONT></TD></TR>"
        );
    }
    let (ink, paper, states) = (task.state().ink(), task.state().paper(), task.counts.words());
    let reason = task.reason();
    let why = if reason.is_empty() {
        String::new()
    } else {
        format!("<BR ALIGN=\"LEFT\"/><FONT POINT-SIZE=\"10\" COLOR=\"{ink}\"><I>{}</I></FONT>", text(&cut(&reason)))
    };
    format!(
        "<TR><TD PORT=\"t{row}\" ALIGN=\"LEFT\" BGCOLOR=\"{paper}\">{label}{why}<BR ALIGN=\"LEFT\"/></TD>\
         <TD PORT=\"s{row}\" ALIGN=\"RIGHT\" BGCOLOR=\"{paper}\"><FONT POINT-SIZE=\"10\" COLOR=\"{ink}\">{states}</FONT></TD></TR>"
    )
}

fn error_row(node: &Node) -> String {
    let Some(error) = &node.error else { return String::new() };
    let (ink, paper) = (State::Failed.ink(), State::Failed.paper());
    let error = text(&cut(error.lines().next().unwrap_or_default()));
    format!("<TR><TD COLSPAN=\"2\" ALIGN=\"LEFT\" BGCOLOR=\"{paper}\"><FONT COLOR=\"{ink}\">✗ {error}</FONT></TD></TR>")
}

/// Escapes a text. Graphviz expands `\N` and the like even here, and does not allow an element without any text.
fn text(text: &str) -> String {
    if text.is_empty() { "&#160;".to_owned() } else { escape(text).replace('\\', r"\\") }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::super::tests::{example, hostile};
    use super::*;

    /// Returns the image that Graphviz draws, or `None` if it is not installed.
    fn drawn(text: &str) -> Option<String> {
        let (input, output) = (Stdio::piped(), Stdio::piped());
        let Ok(mut child) = Command::new("dot").arg("-Tsvg").stdin(input).stdout(output).stderr(Stdio::piped()).spawn()
        else {
            assert!(std::env::var_os("CI").is_none(), "a test is skipped: Graphviz is missing");
            return None;
        };
        let mut stdin = child.stdin.take().unwrap();
        let text = text.to_owned();
        let write = std::thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
        let output = child.wait_with_output().unwrap();
        write.join().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn graphviz_draws_every_object_with_its_states_and_edges() {
        let Some(image) = drawn(&dot(&example())) else { return };
        assert_eq!((image.matches("class=\"node\"").count(), image.matches("class=\"edge\"").count()), (3, 1));
        for text in ["files/main", "Client, readonly", "would run", "up to date", "not known", "&lt;now&gt;"] {
            assert!(image.contains(&format!(">{text}")) || image.contains(text), "{text}: {image}");
        }
    }

    #[test]
    fn graphviz_shows_hostile_names_as_they_are() {
        let diagram = hostile();
        let Some(image) = drawn(&dot(&diagram)) else { return };
        assert_eq!(image.matches("class=\"node\"").count(), diagram.nodes.len());
        assert_eq!(image.matches("class=\"edge\"").count(), diagram.edges.len());
        for text in ["\\N\\G\\l", "a\\", "&lt;/TD&gt;&lt;/TR&gt;", "&amp;amp;", "&amp;#60;", "{|}"] {
            assert!(image.contains(&format!(">{text}<")), "{text}: {image}");
        }
    }
}
