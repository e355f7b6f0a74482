//! A diagram as an SVG image.

use std::collections::BTreeSet;
use std::fmt::Write;

use setup_tasks::text::one_line;

use super::layers::{Point, arrange};
use super::{Diagram, Node, State, Task};

const MARGIN: f64 = 24.0;
const HEAD: f64 = 44.0;
const ROW: f64 = 22.0;
/// The height of a reason below a task.
const REASON: f64 = 15.0;
const FOOT: f64 = 8.0;
/// The height of the legend.
const LEGEND: f64 = 40.0;
/// The widths of a character of sans-serif text at 13, 12 and 10.5 pixels. Common fonts need less.
const TITLE: f64 = 7.6;
const CHARACTER: f64 = 6.9;
const SMALL: f64 = 5.9;
const NARROWEST: f64 = 200.0;
const WIDEST: f64 = 420.0;
/// The minimum width of the image, which is that of the legend.
const LEGEND_WIDTH: f64 = 792.0;
const LINES: &str = "#8c959f";
const TEXT: &str = "#1f2328";
const FAINT: &str = "#59636e";

/// Returns one card per object or group with one line per task. An object stands to the right of those that it depends on.
pub(crate) fn svg(diagram: &Diagram) -> String {
    let sizes: Vec<_> = diagram.nodes.iter().map(size).collect();
    let between: BTreeSet<_> = diagram.edges.iter().map(|edge| (edge.to.0, edge.from.0)).collect();
    let layers = arrange(&sizes, &between);
    let corner = |i: usize| {
        let ((x, y), (width, height)) = (layers.centers[i], sizes[i]);
        (x - width / 2.0 + MARGIN, y - height / 2.0 + MARGIN)
    };
    let (width, height) = ((layers.size.0 + 2.0 * MARGIN).max(LEGEND_WIDTH), layers.size.1 + 2.0 * MARGIN + LEGEND);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\" font-size=\"12\">\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"{LINES}\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    for edge in &diagram.edges {
        let ((from, from_row), (to, to_row)) = (edge.to, edge.from);
        let start = (corner(from).0 + sizes[from].0, corner(from).1 + row_center(&diagram.nodes[from], from_row));
        let end = (corner(to).0, corner(to).1 + row_center(&diagram.nodes[to], to_row));
        let points = layers.routes.get(&(from, to)).map(Vec::as_slice).unwrap_or_default();
        let points = points.iter().map(|(x, y)| (x + MARGIN, y + MARGIN));
        curve(&mut out, start, points, end);
        if edge.count > 1 {
            let (x, y) = (end.0 - 10.0, end.1 - 5.0);
            // Writing to a string does not fail.
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"10.5\" text-anchor=\"end\" fill=\"{FAINT}\">×{}</text>",
                edge.count
            );
        }
    }
    for (i, node) in diagram.nodes.iter().enumerate() {
        card(&mut out, node, corner(i), sizes[i]);
    }
    legend(&mut out, diagram, layers.size.1 + 2.0 * MARGIN);
    out.push_str("</svg>\n");
    out
}

/// Returns the size of a card.
fn size(node: &Node) -> Point {
    let width = |text: &str, character: f64| count(text) * character + 44.0;
    let title = count(&node.title) * TITLE + width(&node.counts.words(), SMALL);
    let title = title.max(width(&node.kind(), SMALL));
    let task = |task: &Task| {
        let line = count(task.label()) * CHARACTER + width(&word(task), SMALL) + 6.0;
        line.max(width(&task.reason(), SMALL))
    };
    let error = node.error.as_deref().map_or(0.0, |error| width(first_line(error), SMALL));
    let rows: f64 = node.tasks.iter().map(row_height).sum();
    let error_height = if node.error.is_some() { ROW } else { 0.0 };
    let widest = node.tasks.iter().map(task).fold(title.max(error), f64::max);
    (widest.clamp(NARROWEST, WIDEST), HEAD + rows + error_height + FOOT)
}

#[expect(clippy::cast_precision_loss, reason = "no text is that long")]
fn count(text: &str) -> f64 {
    text.chars().count() as f64
}

/// Returns the state of a task in words.
fn word(task: &Task) -> String {
    if task.is_relationship { "dependency".to_owned() } else { task.counts.words() }
}

fn row_height(task: &Task) -> f64 {
    if task.reasons.is_empty() { ROW } else { ROW + REASON }
}

/// Returns the vertical center of a task's line within its card.
fn row_center(node: &Node, row: usize) -> f64 {
    HEAD + node.tasks[..row].iter().map(row_height).sum::<f64>() + ROW / 2.0
}

/// Draws a curve through points, with an arrowhead at its end.
fn curve(out: &mut String, start: Point, points: impl Iterator<Item = Point>, end: Point) {
    let mut path = format!("M{:.1} {:.1}", start.0, start.1);
    let mut at = start;
    for to in points.chain(std::iter::once(end)) {
        // An edge that goes backwards bends as far as one that goes forwards.
        let bend = ((to.0 - at.0).abs() / 2.0).max(24.0);
        // Writing to a string does not fail.
        let _ = write!(path, " C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}", at.0 + bend, at.1, to.0 - bend, to.1, to.0, to.1);
        at = to;
    }
    let _ = writeln!(
        out,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{LINES}\" stroke-width=\"1.3\" marker-end=\"url(#tip)\"/>"
    );
}

fn card(out: &mut String, node: &Node, (x, y): Point, (width, height): Point) {
    let state = node.counts.worst();
    let frame = if matches!(state, State::UpToDate | State::Unknown) { "#afb8c1" } else { state.ink() };
    let sheet = |shift: f64| {
        format!(
            "<rect x=\"{shift}\" y=\"{shift}\" width=\"{width:.0}\" height=\"{height:.0}\" rx=\"8\" fill=\"#ffffff\" \
             stroke=\"{frame}\" stroke-width=\"1.2\"/>\n"
        )
    };
    // A group looks like a stack of cards.
    let behind = if node.is_group { sheet(8.0) + &sheet(4.0) } else { String::new() };
    let states = node.counts.words();
    let room = width - 40.0 - count(&states) * SMALL;
    // Writing to a string does not fail.
    let _ = write!(
        out,
        "<g transform=\"translate({x:.1} {y:.1})\">\n{behind}{}\
         <text x=\"12\" y=\"19\" font-weight=\"600\" font-size=\"13\" fill=\"{TEXT}\">{}<title>{}</title></text>\n\
         <text x=\"{:.1}\" y=\"19\" font-weight=\"600\" font-size=\"10.5\" text-anchor=\"end\" fill=\"{}\">{states}</text>\n\
         <text x=\"12\" y=\"34\" font-size=\"10.5\" fill=\"{FAINT}\">{}</text>\n",
        sheet(0.0),
        escape(&fit(&node.title, room, TITLE)),
        escape(&node.title),
        width - 12.0,
        state.ink(),
        escape(&fit(&node.kind(), width - 24.0, SMALL)),
    );
    let mut top = HEAD;
    for task in &node.tasks {
        line(out, task, top, width);
        top += row_height(task);
    }
    if let Some(error) = &node.error {
        let text = fit(first_line(error), width - 34.0, SMALL);
        let _ = writeln!(
            out,
            "{}<text x=\"24\" y=\"{:.1}\" font-size=\"10.5\" fill=\"{}\">{}<title>{}</title></text>",
            mark(State::Failed, top + ROW / 2.0),
            top + 15.0,
            State::Failed.ink(),
            escape(&text),
            escape(error)
        );
    }
    out.push_str("</g>\n");
}

/// Draws a task: its mark, its description, its state, and the reason why it would run.
fn line(out: &mut String, task: &Task, top: f64, width: f64) {
    let state = task.state();
    let ink = if task.is_relationship { FAINT } else { state.ink() };
    let word = word(task);
    let text = escape(&fit(task.label(), width - 46.0 - count(&word) * SMALL, CHARACTER));
    let middle = top + ROW / 2.0;
    let mark = if task.is_relationship {
        format!("<path d=\"M18 {middle:.1}h-8m3-3l-3 3 3 3\" fill=\"none\" stroke=\"{ink}\"/>")
    } else {
        mark(state, middle)
    };
    // Writing to a string does not fail.
    if !matches!(state, State::UpToDate | State::Unknown) && !task.is_relationship {
        let (height, paper) = (row_height(task), state.paper());
        let _ = writeln!(
            out,
            "<rect x=\"1\" y=\"{top:.1}\" width=\"{:.0}\" height=\"{height:.0}\" fill=\"{paper}\"/>",
            width - 2.0
        );
    }
    let style = if task.is_relationship {
        format!(" font-style=\"italic\" fill=\"{FAINT}\"")
    } else {
        format!(" fill=\"{TEXT}\"")
    };
    let _ = writeln!(
        out,
        "{mark}<text x=\"24\" y=\"{0:.1}\"{style}>{text}<title>{1}</title></text>\
         <text x=\"{2:.1}\" y=\"{0:.1}\" font-size=\"10.5\" text-anchor=\"end\" fill=\"{ink}\">{word}</text>",
        top + 15.0,
        escape(&format!("{}: {}", task.name, task.description)),
        width - 12.0,
    );
    let why = task.reason();
    if !why.is_empty() {
        let _ = writeln!(
            out,
            "<text x=\"24\" y=\"{:.1}\" font-size=\"10.5\" fill=\"{ink}\">{}<title>{}</title></text>",
            top + ROW + 7.0,
            escape(&fit(&why, width - 34.0, SMALL)),
            escape(&why)
        );
    }
}

/// Returns the mark of a state. Each state has a shape of its own.
fn mark(state: State, middle: f64) -> String {
    let ink = state.ink();
    match state {
        State::UpToDate => {
            format!("<path d=\"M10 {middle:.1}l3 3 5-6\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"1.8\"/>")
        }
        State::WouldRun => format!("<circle cx=\"14\" cy=\"{middle:.1}\" r=\"4\" fill=\"{ink}\"/>"),
        State::MayRun => format!(
            "<circle cx=\"14\" cy=\"{middle:.1}\" r=\"4\" fill=\"none\" stroke=\"{ink}\"/>\
             <path d=\"M14 {:.1}a4 4 0 0 1 0 8z\" fill=\"{ink}\"/>",
            middle - 4.0
        ),
        State::Undecided => {
            format!(
                "<path d=\"M14 {:.1}l4.5 4.5-4.5 4.5-4.5-4.5z\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"1.6\"/>",
                middle - 4.5
            )
        }
        State::Unknown => format!("<circle cx=\"14\" cy=\"{middle:.1}\" r=\"3\" fill=\"none\" stroke=\"{ink}\"/>"),
        State::Failed => {
            format!(
                "<path d=\"M10.5 {:.1}l7 7m0-7l-7 7\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"1.8\"/>",
                middle - 3.5
            )
        }
    }
}

/// Draws the legend: the marks, and the direction of the arrows.
fn legend(out: &mut String, diagram: &Diagram, top: f64) {
    /// The width of a state's entry.
    const STEP: f64 = 92.0;
    let middle = top + LEGEND / 2.0 - MARGIN / 2.0;
    let mut left = MARGIN - 10.0;
    for state in State::LEGEND {
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "<g transform=\"translate({left:.0} 0)\">{}<text x=\"24\" y=\"{:.1}\" font-size=\"10.5\" fill=\"{FAINT}\">{}</text></g>",
            mark(state, middle),
            middle + 4.0,
            state.word()
        );
        left += STEP;
    }
    if !diagram.edges.is_empty() {
        let _ = writeln!(
            out,
            "<path d=\"M{:.0} {middle:.1}h22\" stroke=\"{LINES}\" marker-end=\"url(#tip)\"/>\
             <text x=\"{:.0}\" y=\"{:.1}\" font-size=\"10.5\" fill=\"{FAINT}\">leads to what depends on it</text>",
            left + 10.0,
            left + 38.0,
            middle + 4.0,
        );
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Returns the part of a text that fits into the width.
fn fit(text: &str, room: f64, character: f64) -> String {
    if count(text) * character <= room {
        return text.to_owned();
    }
    let mut taken = 0.0;
    let fits = |_: &char| {
        taken += character;
        taken + character <= room
    };
    text.chars().take_while(fits).collect::<String>() + "…"
}

/// Escapes the characters that have a meaning in XML, and those that XML does not allow.
pub(super) fn escape(text: &str) -> String {
    let replace = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}'.to_string(),
        c => c.to_string(),
    };
    one_line(text).chars().map(replace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_xml_is_escaped_and_every_edge_is_drawn() {
        let text = svg(&super::super::tests::example());
        assert!(text.contains("Make the &quot;key&quot; &lt;now&gt; &amp; [here]"), "{text}");
        assert_eq!(text.matches("marker-end").count(), 2, "an edge and the legend");
        assert_eq!(text.matches("<g transform").count(), 3 + 6, "objects and states");
    }

    #[test]
    fn hostile_names_leave_the_image_well_formed() {
        let diagram = super::super::tests::hostile();
        let image = svg(&diagram);
        let mut open = Vec::new();
        for tag in image.split('<').skip(1).map(|rest| rest.split_once('>').unwrap()) {
            assert!(!tag.1.contains(['<', '>']), "{tag:?}");
            match tag.0.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{tag:?}"),
                None if tag.0.ends_with('/') => {}
                None => open.push(tag.0.split(' ').next().unwrap()),
            }
        }
        assert!(open.is_empty() && !image.contains('\u{fffe}') && !image.contains('\u{202e}'));
        assert_eq!(image.matches("<title>").count(), image.matches("</title>").count());
    }

    #[test]
    fn a_long_text_is_cut_where_the_room_ends() {
        assert_eq!(fit("abcdef", 60.0, 10.0), "abcdef");
        assert_eq!(fit("abcdefg", 60.0, 10.0), "abcde…");
    }
}
