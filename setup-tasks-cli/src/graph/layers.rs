//! The positions of objects. An object stands to the right of those that it depends on, and few edges cross. Objects that no path
//! connects are arranged apart and stand in rows. The layers come
//! from `rust-sugiyama` (Sugiyama's method; coordinates after Brandes and Köpf), which stacks them downwards; here they are
//! turned by 90 degrees.

use std::collections::{BTreeSet, HashMap};

use rust_sugiyama::configure::Config;
use rust_sugiyama::from_vertices_and_edges;

use super::block::{self, Block};

/// The space between objects of one layer.
pub(super) const GAP: f64 = 36.0;
/// The additional space between layers, where edges bend.
const BEND: f64 = 44.0;
/// The space between graphs that no edge connects.
const APART: f64 = 40.0;

/// A point or a size.
pub type Point = (f64, f64);

/// The center of each object, and the points on the route of each edge.
#[derive(Debug)]
pub struct Layers {
    /// The centers of the boxes.
    pub centers: Vec<Point>,
    /// The points between the ends of each edge.
    pub routes: HashMap<(usize, usize), Vec<Point>>,
    /// The size of the whole.
    pub size: Point,
}

/// Arranges boxes of these sizes. An edge `(from, to)` goes to the right.
pub fn arrange(sizes: &[Point], edges: &BTreeSet<(usize, usize)>) -> Layers {
    let parts = connected(sizes.len(), edges);
    let mut of_part: HashMap<usize, BTreeSet<(usize, usize)>> = HashMap::new();
    let place: HashMap<_, _> = parts
        .iter()
        .enumerate()
        .flat_map(|(part, all)| all.iter().enumerate().map(move |(i, at)| (*at, (part, i))))
        .collect();
    for (from, to) in edges {
        of_part.entry(place[from].0).or_default().insert((place[from].1, place[to].1));
    }
    let none = BTreeSet::new();
    let arranged = parts.iter().enumerate().map(|(part, all)| {
        let own: Vec<_> = all.iter().map(|at| sizes[*at]).collect();
        in_blocks(&own, of_part.get(&part).unwrap_or(&none))
    });
    let arranged: Vec<_> = arranged.collect();
    let (corners, size) = in_rows(&arranged.iter().map(|layers| layers.size).collect::<Vec<_>>());
    let mut all = Layers { centers: vec![(0.0, 0.0); sizes.len()], routes: HashMap::new(), size };
    for ((part, layers), (left, top)) in parts.iter().zip(arranged).zip(corners) {
        let shift = |(x, y): Point| (x + left, y + top);
        part.iter().zip(layers.centers).for_each(|(at, center)| all.centers[*at] = shift(center));
        for ((from, to), route) in layers.routes {
            all.routes.insert((part[from], part[to]), route.into_iter().map(shift).collect());
        }
    }
    all
}

/// Returns the sets of boxes that edges connect, the first box first.
fn connected(count: usize, edges: &BTreeSet<(usize, usize)>) -> Vec<Vec<usize>> {
    let mut next = vec![Vec::new(); count];
    for &(from, to) in edges {
        next[from].push(to);
        next[to].push(from);
    }
    let mut is_known = vec![false; count];
    let mut parts = Vec::new();
    for first in 0..count {
        let (mut part, mut open) = (Vec::new(), vec![first]);
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut is_known[at], true) {
                part.push(at);
                open.extend(&next[at]);
            }
        }
        part.sort_unstable();
        parts.extend(Some(part).filter(|part| !part.is_empty()));
    }
    parts
}

/// Places boxes in rows of about equal width. Returns the corners of the boxes, and the size of the whole.
fn in_rows(sizes: &[Point]) -> (Vec<Point>, Point) {
    /// The width of the whole in relation to its height.
    const RATIO: f64 = 1.6;
    let area: f64 = sizes.iter().map(|(width, height)| (width + APART) * (height + APART)).sum();
    let most = sizes.iter().map(|(width, _)| *width).fold((area * RATIO).sqrt(), f64::max);
    let (mut corners, mut at, mut bottom, mut size) = (Vec::new(), (0.0, 0.0), 0.0_f64, (0.0_f64, 0.0_f64));
    for (width, height) in sizes {
        if at.0 > 0.0 && at.0 + width > most {
            at = (0.0, bottom + APART);
        }
        corners.push(at);
        bottom = bottom.max(at.1 + height);
        size = (size.0.max(at.0 + width), size.1.max(bottom));
        at.0 += width + APART;
    }
    (corners, size)
}

/// Arranges boxes that edges connect. Many boxes with the same edges stand in one block.
fn in_blocks(sizes: &[Point], edges: &BTreeSet<(usize, usize)>) -> Layers {
    let sets = block::sets(sizes.len(), edges);
    let blocks: Vec<_> =
        sets.iter().map(|set| Block::new(&set.iter().map(|at| sizes[*at]).collect::<Vec<_>>())).collect();
    let members =
        sets.iter().enumerate().flat_map(|(of, set)| set.iter().enumerate().map(move |(i, at)| (*at, (of, i))));
    let place: HashMap<_, _> = members.collect();
    let between: BTreeSet<_> = edges.iter().map(|(from, to)| (place[from].0, place[to].0)).collect();
    let outer = layered(&blocks.iter().map(|block| block.size).collect::<Vec<_>>(), &between);
    let shift = |of: usize, (x, y): Point| {
        let ((center_x, center_y), (width, height)) = (outer.centers[of], blocks[of].size);
        (x + center_x - width / 2.0, y + center_y - height / 2.0)
    };
    let mut all = Layers { centers: vec![(0.0, 0.0); sizes.len()], routes: HashMap::new(), size: outer.size };
    for (at, (of, i)) in &place {
        all.centers[*at] = shift(*of, blocks[*of].centers[*i]);
    }
    for &(from, to) in edges.iter().filter(|(from, to)| from != to) {
        let ((a, i), (b, j)) = (place[&from], place[&to]);
        let way_out = blocks[a].ways_out[i].iter().map(|point| shift(a, *point));
        let way_in = blocks[b].ways_in[j].iter().map(|point| shift(b, *point));
        let way = outer.routes.get(&(a, b)).into_iter().flatten().copied();
        all.routes.insert((from, to), way_out.chain(way).chain(way_in).collect());
    }
    all
}

/// Arranges boxes in layers.
fn layered(sizes: &[Point], edges: &BTreeSet<(usize, usize)>) -> Layers {
    let straight: Vec<_> = edges.iter().filter(|(from, to)| from != to).copied().collect();
    let first = run(sizes, &straight);
    // An edge across several layers gets a small box in each of them, so that it goes around other boxes.
    let mut columns: Vec<i64> = first.iter().map(|(x, _)| column(*x)).collect();
    columns.sort_unstable();
    columns.dedup();
    let rank = |at: usize| columns.binary_search(&column(first[at].0)).unwrap_or_default();
    let (mut all_sizes, mut all_edges, mut chains) = (sizes.to_vec(), Vec::new(), HashMap::new());
    for &(from, to) in &straight {
        let (low, high) = (rank(from).min(rank(to)), rank(from).max(rank(to)));
        let mut last = from;
        let mut chain = Vec::new();
        for _ in low + 1..high {
            let point = all_sizes.len();
            all_sizes.push((1.0, 14.0));
            all_edges.push((last, point));
            chain.push(point);
            last = point;
        }
        all_edges.push((last, to));
        chains.insert((from, to), chain);
    }
    let centers = if chains.values().all(Vec::is_empty) { first } else { run(&all_sizes, &all_edges) };
    let mut widths: HashMap<i64, f64> = HashMap::new();
    for ((x, _), (width, _)) in centers.iter().zip(&all_sizes) {
        let widest = widths.entry(column(*x)).or_default();
        *widest = widest.max(*width);
    }
    // The edge is horizontal within a layer, so that it bends only between layers.
    let across = |point: &usize| {
        let (x, y) = centers[*point];
        let half = widths[&column(x)] / 2.0;
        [(x - half, y), (x + half, y)]
    };
    let routes = chains.into_iter().map(|(edge, chain)| (edge, chain.iter().flat_map(across).collect()));
    let ends = centers.iter().zip(&all_sizes).map(|((x, y), (width, height))| (x + width / 2.0, y + height / 2.0));
    let size = ends.fold((0.0, 0.0), |most: Point, end| (most.0.max(end.0), most.1.max(end.1)));
    Layers { routes: routes.collect(), size, centers: centers[..sizes.len()].to_vec() }
}

#[expect(clippy::cast_possible_truncation, reason = "a diagram is not that wide")]
fn column(x: f64) -> i64 {
    x.round() as i64
}

/// Returns the centers. No box lies left of zero or above zero.
fn run(sizes: &[Point], edges: &[(usize, usize)]) -> Vec<Point> {
    let number = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
    // `rust-sugiyama` stacks layers downwards, so width and height are swapped.
    let vertices: Vec<_> =
        sizes.iter().enumerate().map(|(i, (width, height))| (number(i), (*height, *width + BEND))).collect();
    let edges: Vec<_> = edges.iter().map(|&(from, to)| (number(from), number(to))).collect();
    let config = Config { vertex_spacing: GAP, dummy_vertices: true, ..Config::default() };
    let mut centers = vec![(0.0, 0.0); sizes.len()];
    let mut top = 0.0;
    for (graph, _, _) in from_vertices_and_edges(&vertices, &edges, &config) {
        let edge =
            |at: &dyn Fn(usize, Point) -> f64| graph.iter().map(|&(i, xy)| at(i, xy)).fold(f64::INFINITY, f64::min);
        let left = edge(&|i, (_, x)| x - sizes[i].0 / 2.0);
        let high = edge(&|i, (y, _)| y - sizes[i].1 / 2.0);
        let mut bottom: f64 = top;
        for &(i, (y, x)) in &graph {
            centers[i] = (x - left, y - high + top);
            bottom = bottom.max(centers[i].1 + sizes[i].1 / 2.0);
        }
        top = bottom + APART;
    }
    centers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_depended_on_stands_left_and_nothing_overlaps() {
        let sizes = [(200.0, 100.0), (180.0, 60.0), (180.0, 260.0), (150.0, 40.0), (90.0, 50.0)];
        let edges = BTreeSet::from([(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)]);
        let layers = arrange(&sizes, &edges);
        for &(from, to) in &edges {
            assert!(layers.centers[from].0 < layers.centers[to].0, "{:?}", layers.centers);
        }
        for a in 0..sizes.len() {
            for b in 0..a {
                let ((ax, ay), (bx, by)) = (layers.centers[a], layers.centers[b]);
                let apart_x = (ax - bx).abs() >= f64::midpoint(sizes[a].0, sizes[b].0);
                let apart_y = (ay - by).abs() >= f64::midpoint(sizes[a].1, sizes[b].1);
                assert!(apart_x || apart_y, "{a} and {b} overlap: {:?}", layers.centers);
            }
        }
        assert_eq!(layers.routes[&(0, 3)].len(), 2, "an edge past a layer goes straight across it");
    }

    #[test]
    fn objects_without_edges_stand_in_rows_and_keep_their_order() {
        let layers = arrange(&[(200.0, 100.0); 9], &BTreeSet::new());
        assert!((600.0..800.0).contains(&layers.size.0) && layers.size.1 < 450.0, "{:?}", layers.size);
        let key = |(x, y): Point| (column(y), column(x));
        assert!(layers.centers.is_sorted_by_key(|center| key(*center)), "{:?}", layers.centers);
        let edges = BTreeSet::from([(3, 1), (5, 5)]);
        let layers = arrange(&[(200.0, 100.0); 7], &edges);
        assert!(layers.centers[3].0 < layers.centers[1].0, "{:?}", layers.centers);
    }

    #[test]
    fn a_hundred_clients_of_a_server_are_no_tall_column() {
        let edges = (1..=100).map(|client| (0, client)).collect();
        let layers = arrange(&[(300.0, 200.0); 101], &edges);
        assert!(layers.size.1 < 4000.0 && layers.size.0 < 4000.0, "{:?}", layers.size);
        assert!(edges.iter().all(|(from, to)| layers.centers[*from].0 < layers.centers[*to].0));
        assert_eq!(layers.routes.len(), 100);
    }

    #[test]
    fn circles_and_nothing_at_all_are_placed_too() {
        assert!(arrange(&[], &BTreeSet::new()).centers.is_empty());
        let layers = arrange(&[(10.0, 10.0), (10.0, 10.0)], &BTreeSet::from([(0, 1), (1, 0), (1, 1)]));
        assert_eq!(layers.centers.len(), 2);
    }
}
