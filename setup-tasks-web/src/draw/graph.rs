//! The dependencies between objects as a graph. Above 30 objects, the objects of a group are one box.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

use maud::{Markup, html};
use setup_tasks_cli::__parts::{MOST, arrange, printable};

use super::timeline::cut;
use crate::card::Card;
use crate::link;
use crate::state::{Counts, State};
use crate::view::View;

const WIDTH: f64 = 176.0;
const HEIGHT: f64 = 44.0;
const MARGIN: f64 = 10.0;
/// The number of groups above which nobody can read a graph.
const GROUPS: usize = 60;

/// A box of the graph.
struct Node {
    name: String,
    address: String,
    state: State,
    /// The second line.
    text: String,
    /// The id, if the box is an object.
    id: Option<String>,
    /// The index, if the box is a group.
    group: Option<usize>,
    is_center: bool,
}

/// Returns the graph of all objects.
pub(crate) fn section(view: &View) -> Markup {
    let known = view.built.dependencies();
    let needs = view.plan.as_ref().map(|plan| &plan.dependencies).filter(|all| all.len() == view.cards.len());
    let needs = needs.unwrap_or(known);
    let is_grouped = view.cards.len() > MOST;
    let (nodes, edges) = if is_grouped { groups(view, needs) } else { objects(view, needs) };
    if edges.is_empty() || nodes.len() > GROUPS {
        return html! {};
    }
    html! {
        section class="graph" aria-labelledby="graph-title" {
            h2 id="graph-title" { "Dependencies" @if is_grouped { span class="faint" { " between groups" } } }
            (frame(&nodes, &edges))
        }
    }
}

/// Returns the graph of an object with the objects beside it.
pub(crate) fn around(view: &View, at: usize, needs: &[usize], needed: &[usize]) -> Markup {
    if needs.len() + needed.len() > MOST {
        return html! {};
    }
    let all: Vec<_> = needs.iter().copied().chain([at]).chain(needed.iter().copied()).collect();
    let mut unique = Vec::new();
    all.iter().for_each(|other| {
        if !unique.contains(other) {
            unique.push(*other);
        }
    });
    let nodes: Vec<_> = unique.iter().map(|other| object(view, *other, *other == at)).collect();
    let place: HashMap<_, _> = unique.iter().enumerate().map(|(i, other)| (*other, i)).collect();
    let to = needs.iter().map(|other| ((place[other], place[&at]), 1));
    let from = needed.iter().map(|other| ((place[&at], place[other]), 1));
    frame(&nodes, &to.chain(from).collect())
}

fn object(view: &View, at: usize, is_center: bool) -> Node {
    let card = &view.cards[at];
    let text = object_text(card);
    Node {
        name: card.id.clone(),
        address: link::object(&card.id),
        state: card.state,
        text,
        id: Some(card.id.clone()),
        group: None,
        is_center,
    }
}

/// Returns the second line of an object's box.
pub(crate) fn object_text(card: &Card) -> String {
    format!("{} · {}", card.state.word(), card.type_name)
}

/// Returns the second line of a group's box.
pub(crate) fn group_text(counts: &Counts) -> String {
    counts.present().map(|(state, number)| format!("{} {number}", state.mark())).collect::<Vec<_>>().join("  ")
}

type Edges = BTreeMap<(usize, usize), usize>;

fn objects(view: &View, needs: &[Vec<usize>]) -> (Vec<Node>, Edges) {
    let nodes = (0..view.cards.len()).map(|at| object(view, at, false)).collect();
    let edges = needs.iter().enumerate().flat_map(|(at, needs)| needs.iter().map(move |other| ((*other, at), 1)));
    (nodes, edges.collect())
}

fn groups(view: &View, needs: &[Vec<usize>]) -> (Vec<Node>, Edges) {
    let group = |at: usize| view.cards[at].group;
    let mut edges = Edges::new();
    for (at, needs) in needs.iter().enumerate() {
        needs.iter().for_each(|other| *edges.entry((group(*other), group(at))).or_default() += 1);
    }
    edges.retain(|(from, to), _| from != to);
    let node = |(at, (name, counts)): (usize, (&String, Counts))| Node {
        name: name.clone(),
        address: link::to("/", &[("group", name)]),
        state: counts.worst(),
        text: group_text(&counts),
        id: None,
        group: Some(at),
        is_center: false,
    };
    (view.built.groups.iter().zip(view.group_counts()).enumerate().map(node).collect(), edges)
}

/// Returns the drawing with the buttons that zoom it, which need the script.
fn frame(nodes: &[Node], edges: &Edges) -> Markup {
    let sizes = vec![(WIDTH, HEIGHT); nodes.len()];
    let layers = arrange(&sizes, &edges.keys().copied().collect::<BTreeSet<_>>());
    let (width, height) = (layers.size.0 + 2.0 * MARGIN, layers.size.1 + 2.0 * MARGIN);
    let corner = |at: usize| {
        let (x, y) = layers.centers[at];
        (x - WIDTH / 2.0 + MARGIN, y - HEIGHT / 2.0 + MARGIN)
    };
    html! {
        div class="zoomed" {
            div class="zoom" hidden {
                button type="button" data-zoom="in" aria-label="Zoom in" { "+" }
                button type="button" data-zoom="out" aria-label="Zoom out" { "−" }
                button type="button" data-zoom="fit" { "Fit" }
            }
            div class="scroll" tabindex="0" role="region" aria-label="Graph of dependencies" {
                svg class="drawing" viewBox={ "0 0 " (format_args!("{width:.0} {height:.0}")) } width=(format_args!("{width:.0}"))
                    height=(format_args!("{height:.0}")) role="group" aria-label="An arrow leads to what depends on it" {
                    defs { marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto" { path d="M0 0 8 4 0 8z" {} } }
                    @for ((from, to), count) in edges {
                        @let points = layers.routes.get(&(*from, *to)).map(Vec::as_slice).unwrap_or_default();
                        @let points = points.iter().map(|(x, y)| (x + MARGIN, y + MARGIN));
                        @let start = (corner(*from).0 + WIDTH, corner(*from).1 + HEIGHT / 2.0);
                        @let end = (corner(*to).0, corner(*to).1 + HEIGHT / 2.0);
                        path class="edge" d=(curve(start, points, end)) marker-end="url(#tip)" {}
                        @if *count > 1 { text class="times" x=(format_args!("{:.0}", end.0 - 12.0)) y=(format_args!("{:.0}", end.1 - 6.0)) { "×" (count) } }
                    }
                    @for (at, node) in nodes.iter().enumerate() { (drawn(node, corner(at))) }
                }
            }
        }
    }
}

fn drawn(node: &Node, (x, y): (f64, f64)) -> Markup {
    let class = format!("node {}{}", node.state.class(), if node.is_center { " center" } else { "" });
    html! {
        a href=(node.address) data-node=[&node.id] data-groupnode=[node.group] class=(class) {
            g transform={ "translate(" (format_args!("{x:.1} {y:.1}")) ")" } {
                title { (printable(&node.name)) ": " (node.state.word()) }
                rect width=(WIDTH) height=(HEIGHT) rx="6" {}
                rect class="stripe" width="4" height=(HEIGHT) rx="2" {}
                text x="14" y="18" { (cut(&printable(&node.name), 22)) }
                text class="second" x="14" y="34" { (cut(&printable(&node.text), 27)) }
            }
        }
    }
}

/// Returns a curve through points.
fn curve(start: (f64, f64), points: impl Iterator<Item = (f64, f64)>, end: (f64, f64)) -> String {
    let (mut path, mut at) = (format!("M{:.1} {:.1}", start.0, start.1), start);
    for to in points.chain([end]) {
        // An edge that goes backwards bends as far as one that goes forwards.
        let bend = ((to.0 - at.0).abs() / 2.0).max(24.0);
        // Writing to a string does not fail.
        let _ = write!(path, " C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}", at.0 + bend, at.1, to.0 - bend, to.1, to.0, to.1);
        at = to;
    }
    path
}
