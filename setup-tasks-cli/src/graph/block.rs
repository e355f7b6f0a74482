//! Blocks of objects that have the same dependencies and the same dependents. A layer with many of them would be one tall column,
//! so they stand in a grid. Edges reach them through the space above their row.

use std::collections::{BTreeMap, BTreeSet};

use super::layers::{GAP, Point};

/// The number of equal objects that stay in one column.
const MOST: usize = 8;
/// The space between columns, where edges bend.
const BEND: f64 = 64.0;

/// A grid of boxes, as seen from its corner.
pub(super) struct Block {
    pub(super) centers: Vec<Point>,
    /// The points on the route from the left side of the block to each box.
    pub(super) ways_in: Vec<Vec<Point>>,
    /// The points on the route from each box to the right side of the block.
    pub(super) ways_out: Vec<Vec<Point>>,
    pub(super) size: Point,
}

/// Returns sets of boxes that stand in one block, in the order of their first boxes.
pub(super) fn sets(count: usize, edges: &BTreeSet<(usize, usize)>) -> Vec<Vec<usize>> {
    let mut neighbours = vec![(BTreeSet::new(), BTreeSet::new()); count];
    for &(from, to) in edges.iter().filter(|(from, to)| from != to) {
        neighbours[from].1.insert(to);
        neighbours[to].0.insert(from);
    }
    let mut equal: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (at, of) in neighbours.iter().enumerate() {
        equal.entry(of).or_default().push(at);
    }
    let is_small = |set: &Vec<usize>| set.len() <= MOST;
    let (small, mut sets): (Vec<_>, Vec<_>) = equal.into_values().partition(is_small);
    sets.extend(small.into_iter().flatten().map(|at| vec![at]));
    sets.sort_unstable();
    sets
}

impl Block {
    /// Places boxes row by row, in a grid that is about as wide as it is high.
    pub(super) fn new(sizes: &[Point]) -> Self {
        let columns = columns(sizes);
        let (mut widths, mut heights) = (vec![0.0_f64; columns], vec![0.0_f64; sizes.len().div_ceil(columns)]);
        for (at, (width, height)) in sizes.iter().enumerate() {
            widths[at % columns] = widths[at % columns].max(*width);
            heights[at / columns] = heights[at / columns].max(*height);
        }
        let (lefts, right) = starts(&widths, BEND);
        let (tops, bottom) = starts(&heights, GAP);
        let mut block = Self { centers: Vec::new(), ways_in: Vec::new(), ways_out: Vec::new(), size: (right, bottom) };
        for (at, (width, height)) in sizes.iter().enumerate() {
            let (column, left, top) = (at % columns, lefts[at % columns], tops[at / columns]);
            // Above the row. The first row has the space above the whole block.
            let above = top - GAP / 2.0;
            let is_first = column == 0;
            let is_last = column + 1 == columns;
            block.centers.push((left + width / 2.0, top + height / 2.0));
            block.ways_in.push(if is_first { Vec::new() } else { vec![(0.0, above), (left - BEND, above)] });
            let end = left + widths[column] + BEND;
            block.ways_out.push(if is_last { Vec::new() } else { vec![(end, above), (right, above)] });
        }
        block
    }
}

/// Returns the number of columns.
fn columns(sizes: &[Point]) -> usize {
    if sizes.len() == 1 {
        return 1;
    }
    let most = |side: fn(&Point) -> f64| sizes.iter().map(side).fold(0.0, f64::max);
    let (width, height) = (most(|size| size.0) + BEND, most(|size| size.1) + GAP);
    (1..sizes.len()).find(|columns| wider_than_high(*columns, sizes.len(), width, height)).unwrap_or(sizes.len())
}

#[expect(clippy::cast_precision_loss, reason = "no diagram has that many objects")]
fn wider_than_high(columns: usize, count: usize, width: f64, height: f64) -> bool {
    columns as f64 * width >= count.div_ceil(columns) as f64 * height
}

/// Returns the start of each range, and the end of the last one.
fn starts(lengths: &[f64], space: f64) -> (Vec<f64>, f64) {
    let mut at = 0.0;
    let mut start = |length: &f64| {
        let start = at;
        at += length + space;
        start
    };
    let starts = lengths.iter().map(&mut start).collect();
    (starts, at - space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_objects_stand_in_a_block_and_others_alone() {
        // A server with ten clients, one of which has a client of its own.
        let edges = (1..=10).map(|client| (0, client)).chain([(10, 11)]).collect();
        let sets = sets(12, &edges);
        assert_eq!(sets, [vec![0], (1..=9).collect(), vec![10], vec![11]]);
    }

    #[test]
    fn a_few_equal_objects_stay_in_one_column() {
        let edges = (1..=MOST).map(|client| (0, client)).collect();
        assert_eq!(sets(MOST + 1, &edges).len(), MOST + 1);
    }

    #[test]
    fn a_block_is_about_as_wide_as_high_and_its_edges_pass_no_box() {
        let block = Block::new(&[(300.0, 200.0); 100]);
        let (width, height) = block.size;
        assert!((0.7..1.5).contains(&(width / height)), "{:?}", block.size);
        let is_in_a_box =
            |(x, y): Point| block.centers.iter().any(|(cx, cy)| (cx - x).abs() < 150.0 && (cy - y).abs() < 100.0);
        for way in block.ways_in.iter().chain(&block.ways_out) {
            assert!(way.iter().all(|point| !is_in_a_box(*point)), "{way:?}");
        }
        let straight = block.ways_in.iter().filter(|way| way.is_empty()).count();
        assert!(straight > 1 && straight < 100, "{straight}");
    }
}
