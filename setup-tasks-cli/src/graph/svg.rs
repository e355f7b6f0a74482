//! A diagram as an SVG image.

use std::collections::BTreeSet;
use std::fmt::Write;

use setup_tasks::text::one_line;

use super::layers::{Point, arrange};
use super::{Diagram, Node, Task, TaskState};

const MARGIN: f64 = 24.0;
const HEAD: f64 = 40.0;
const ROW: f64 = 22.0;
/// The height of a reason below a task.
const REASON: f64 = 15.0;
const FOOT: f64 = 8.0;
/// The width of a character of sans-serif text at 12 and at 10.5 pixels. Common fonts need less.
const CHARACTER: f64 = 6.9;
const SMALL: f64 = 5.9;
const NARROWEST: f64 = 170.0;
const WIDEST: f64 = 380.0;

/// Returns one card per object with one line per task. An object stands to the right of those that it depends on.
pub(crate) fn svg(diagram: &Diagram) -> String {
    let sizes: Vec<_> = diagram.objects.iter().map(size).collect();
    let between: BTreeSet<_> = diagram.edges.iter().map(|edge| (edge.to.0, edge.from.0)).collect();
    let layers = arrange(&sizes, &between);
    let corner = |i: usize| {
        let ((x, y), (width, height)) = (layers.centers[i], sizes[i]);
        (x - width / 2.0 + MARGIN, y - height / 2.0 + MARGIN)
    };
    let (width, height) = (layers.size.0 + 2.0 * MARGIN, layers.size.1 + 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\" font-size=\"12\">\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#8c959f\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    for edge in &diagram.edges {
        let ((from, from_row), (to, to_row)) = (edge.to, edge.from);
        let start = (corner(from).0 + sizes[from].0, corner(from).1 + row_center(&diagram.objects[from], from_row));
        let end = (corner(to).0, corner(to).1 + row_center(&diagram.objects[to], to_row));
        let points = layers.routes.get(&(from, to)).map(Vec::as_slice).unwrap_or_default();
        let points = points.iter().map(|(x, y)| (x + MARGIN, y + MARGIN));
        curve(&mut out, start, points, end);
    }
    for (i, object) in diagram.objects.iter().enumerate() {
        card(&mut out, object, corner(i), sizes[i]);
    }
    out.push_str("</svg>\n");
    out
}

/// Returns the size of a card.
fn size(object: &Node) -> Point {
    let width = |text: &str, character: f64| count(text) * character + 44.0;
    let title = width(&object.id, 7.6).max(width(&object.kind(), SMALL));
    let widest = object.tasks.iter().map(|task| width(task.label(), CHARACTER).max(width(reason(task), SMALL)));
    let error = object.error.as_deref().map_or(0.0, |error| width(first_line(error), SMALL));
    let rows: f64 = object.tasks.iter().map(row_height).sum();
    let error_height = if object.error.is_some() { ROW } else { 0.0 };
    (widest.fold(title.max(error), f64::max).clamp(NARROWEST, WIDEST), HEAD + rows + error_height + FOOT)
}

#[expect(clippy::cast_precision_loss, reason = "no text is that long")]
fn count(text: &str) -> f64 {
    text.chars().count() as f64
}

fn reason(task: &Task) -> &str {
    if let TaskState::WouldRun(reason) | TaskState::Undecided(reason) = &task.state { reason } else { "" }
}

fn row_height(task: &Task) -> f64 {
    if reason(task).is_empty() { ROW } else { ROW + REASON }
}

/// Returns the vertical center of a task's line within its card.
fn row_center(object: &Node, row: usize) -> f64 {
    HEAD + object.tasks[..row].iter().map(row_height).sum::<f64>() + ROW / 2.0
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
        "<path d=\"{path}\" fill=\"none\" stroke=\"#8c959f\" stroke-width=\"1.3\" marker-end=\"url(#tip)\"/>"
    );
}

fn card(out: &mut String, object: &Node, (x, y): Point, (width, height): Point) {
    let worst = object.tasks.iter().any(|task| matches!(task.state, TaskState::WouldRun(_) | TaskState::Undecided(_)));
    let frame = match (&object.error, worst) {
        (Some(_), _) => "#cf222e",
        (None, true) => "#bf8700",
        (None, false) => "#d0d7de",
    };
    // Writing to a string does not fail.
    let _ = write!(
        out,
        "<g transform=\"translate({x:.1} {y:.1})\">\n\
         <rect width=\"{width:.0}\" height=\"{height:.0}\" rx=\"8\" fill=\"#ffffff\" stroke=\"{frame}\" stroke-width=\"1.2\"/>\n\
         <text x=\"12\" y=\"18\" font-weight=\"600\" font-size=\"13\" fill=\"#1f2328\">{}</text>\n\
         <text x=\"12\" y=\"32\" font-size=\"10.5\" fill=\"#59636e\">{}</text>\n",
        escape(&fit(&object.id, width - 24.0, 7.6)),
        escape(&object.kind()),
    );
    let mut top = HEAD;
    for task in &object.tasks {
        line(out, task, top, width);
        top += row_height(task);
    }
    if let Some(error) = &object.error {
        let text = fit(first_line(error), width - 34.0, SMALL);
        let _ = writeln!(
            out,
            "<text x=\"24\" y=\"{:.1}\" font-size=\"10.5\" fill=\"#cf222e\">{}<title>{}</title></text>",
            top + 15.0,
            escape(&text),
            escape(error)
        );
    }
    out.push_str("</g>\n");
}

/// Draws a task: its mark, its description, and the reason why it would run.
fn line(out: &mut String, task: &Task, top: f64, width: f64) {
    let (ink, _) = colour(task);
    let text = escape(&fit(task.label(), width - 34.0, CHARACTER));
    let mark = match task.state {
        _ if task.is_relationship => {
            format!("<path d=\"M18 {0:.1}h-8m3-3l-3 3 3 3\" fill=\"none\" stroke=\"{ink}\"/>", top + 11.0)
        }
        TaskState::UpToDate => {
            format!("<path d=\"M10 {0:.1}l3 3 5-6\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"1.8\"/>", top + 11.0)
        }
        TaskState::WouldRun(_) | TaskState::Undecided(_) => {
            format!("<circle cx=\"14\" cy=\"{:.1}\" r=\"4\" fill=\"{ink}\"/>", top + 11.0)
        }
        TaskState::Unknown => {
            format!("<circle cx=\"14\" cy=\"{:.1}\" r=\"3\" fill=\"none\" stroke=\"{ink}\"/>", top + 11.0)
        }
    };
    let style = if task.is_relationship { " font-style=\"italic\" fill=\"#59636e\"" } else { " fill=\"#1f2328\"" };
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "{mark}<text x=\"24\" y=\"{:.1}\"{style}>{text}<title>{}</title></text>",
        top + 15.0,
        escape(&format!("{}: {}", task.name, task.description))
    );
    let why = reason(task);
    if !why.is_empty() {
        let _ = writeln!(
            out,
            "<text x=\"24\" y=\"{:.1}\" font-size=\"10.5\" fill=\"{ink}\">{}<title>{}</title></text>",
            top + ROW + 7.0,
            escape(&fit(why, width - 34.0, SMALL)),
            escape(why)
        );
    }
}

/// Returns the colours of a task's text and background.
pub(super) fn colour(task: &Task) -> (&'static str, &'static str) {
    match task.state {
        _ if task.is_relationship => ("#59636e", "#ffffff"),
        TaskState::UpToDate => ("#1a7f37", "#ffffff"),
        TaskState::WouldRun(_) | TaskState::Undecided(_) => ("#9a6700", "#fff8c5"),
        TaskState::Unknown => ("#8c959f", "#ffffff"),
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
        assert_eq!(text.matches("marker-end").count(), 1);
        assert_eq!(text.matches("<g ").count(), 3);
    }

    #[test]
    fn a_long_text_is_cut_where_the_room_ends() {
        assert_eq!(fit("abcdef", 60.0, 10.0), "abcdef");
        assert_eq!(fit("abcdefg", 60.0, 10.0), "abcde…");
    }
}
