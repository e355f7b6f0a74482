//! The total order of a type's tasks, computed by a `const fn` that also runs at run time (for plug-ins).
//!
//! First, each task gets a number. Tasks without keys count up in steps of 100 in the order of
//! declaration. `order = N` sets the number; the count continues after it unless it is already
//! larger. `before` takes its target's number − 1, and `after` its target's number + 1. Then a
//! topological sort repeatedly takes the free task with the smallest (number, declaration). The
//! constraints therefore hold regardless of the numbers, and ties keep the order of declaration.

use super::text::same;

/// The largest number of tasks that one type or one object can have, including the tasks of mixins.
/// Const evaluation has no heap, so tables have a fixed size, and each of their slots costs every
/// model compile time.
pub const CAPACITY: usize = 256;
const STEP: i64 = 100;
const WORDS: usize = CAPACITY / 64;

/// The keys of one task that determine its position in the order.
#[derive(Clone, Copy, Debug)]
pub struct TaskPosition<'n> {
    /// The task's name.
    pub name: &'n str,
    /// `order = N`
    pub order: Option<i64>,
    /// The tasks directly before which this one runs.
    pub before: &'n [&'n str],
    /// The tasks directly after which this one runs.
    pub after: &'n [&'n str],
}

impl<'n> TaskPosition<'n> {
    /// Creates the position of a task without keys.
    pub const fn new(name: &'n str) -> Self {
        Self { name, order: None, before: &[], after: &[] }
    }

    /// Returns whether any key determines the position of the task.
    pub const fn is_placed(&self) -> bool {
        self.order.is_some() || !self.before.is_empty() || !self.after.is_empty()
    }
}

/// The reason why tasks cannot form a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "const evaluation has no heap")]
pub enum OrderError {
    /// The keys form a cycle: each member must run before the next, and the last before the first.
    Cycle {
        /// The indices of the tasks of the cycle. Only the first `len` count.
        members: [u8; CAPACITY],
        /// The number of tasks of the cycle.
        len: usize,
    },
    /// A former name of a task is the name of a present task, or a former name of another task.
    FormerName {
        /// The former name.
        former: &'static str,
        /// The task that has the former name.
        task: &'static str,
        /// The other task with the same former name, or `None` if a present task has the name.
        other: Option<&'static str>,
    },
    /// A task subscribes to one that does not run before it.
    LaterSubscription {
        /// The task.
        task: &'static str,
        /// The task that it names.
        to: &'static str,
    },
    /// There are more tasks than [`CAPACITY`].
    TooMany {
        /// The number of tasks.
        count: usize,
    },
}

/// The indices of the tasks in run order. Only the first `places.len()` count.
pub type Sorted = [u8; CAPACITY];

/// A set of indices.
#[derive(Clone, Copy)]
struct Set([u64; WORDS]);

impl Set {
    const EMPTY: Self = Self([0; WORDS]);

    const fn insert(&mut self, i: usize) {
        self.0[i / 64] |= 1 << (i % 64);
    }

    const fn has(&self, i: usize) -> bool {
        self.0[i / 64] & (1 << (i % 64)) != 0
    }

    const fn is_within(&self, other: &Self) -> bool {
        let mut w = 0;
        while w < WORDS {
            if self.0[w] & !other.0[w] != 0 {
                return false;
            }
            w += 1;
        }
        true
    }
}

/// Returns the index of the task called `name`, or the number of tasks if it is not among them.
const fn find(places: &[TaskPosition<'_>], name: &str) -> usize {
    let mut i = 0;
    while i < places.len() {
        if same(places[i].name, name) {
            return i;
        }
        i += 1;
    }
    i
}

/// Sorts at most [`CAPACITY`] tasks with distinct names. A target that is not among them constrains nothing.
#[expect(clippy::result_large_err, reason = "const evaluation has no heap")]
pub const fn sort(places: &[TaskPosition<'_>]) -> Result<Sorted, OrderError> {
    if places.len() > CAPACITY {
        return Err(OrderError::TooMany { count: places.len() });
    }
    let mut sorted = [0u8; CAPACITY];
    if !any_is_placed(places) {
        let mut i = 0;
        while i < places.len() {
            sorted[i] = index(i);
            i += 1;
        }
        return Ok(sorted);
    }
    let numbers = number(places);
    let ahead = edges(places);
    let mut done = Set::EMPTY;
    let mut n = 0;
    while n < places.len() {
        let mut best = places.len();
        let mut i = 0;
        while i < places.len() {
            if !done.has(i) && (best == places.len() || numbers[i] < numbers[best]) && ahead[i].is_within(&done) {
                best = i;
            }
            i += 1;
        }
        if best == places.len() {
            return Err(cycle(places, &ahead, &done));
        }
        done.insert(best);
        sorted[n] = index(best);
        n += 1;
    }
    Ok(sorted)
}

const fn any_is_placed(places: &[TaskPosition<'_>]) -> bool {
    let mut i = 0;
    while i < places.len() {
        if places[i].is_placed() {
            return true;
        }
        i += 1;
    }
    false
}

#[expect(clippy::cast_possible_truncation, reason = "an index is below CAPACITY, which fits")]
const fn index(i: usize) -> u8 {
    i as u8
}

/// Returns for every task the set of tasks that must run before it.
const fn edges(places: &[TaskPosition<'_>]) -> [Set; CAPACITY] {
    let mut ahead = [Set::EMPTY; CAPACITY];
    let mut i = 0;
    while i < places.len() {
        let mut k = 0;
        while k < places[i].before.len() {
            let target = find(places, places[i].before[k]);
            if target < places.len() {
                ahead[target].insert(i);
            }
            k += 1;
        }
        k = 0;
        while k < places[i].after.len() {
            let target = find(places, places[i].after[k]);
            if target < places.len() {
                ahead[i].insert(target);
            }
            k += 1;
        }
        i += 1;
    }
    ahead
}

/// Returns the number of every task. If tasks depend on each other's number (`a before b`,
/// `b after a`), the one that is declared first gets a number by its declaration: halfway to the next number
/// of the count, which stays free for the next task.
const fn number(places: &[TaskPosition<'_>]) -> [i64; CAPACITY] {
    let mut numbers = [0; CAPACITY];
    let mut known = Set::EMPTY;
    let mut missing = 0;
    let mut next = STEP;
    let mut i = 0;
    while i < places.len() {
        numbers[i] = next;
        if places[i].before.is_empty() && places[i].after.is_empty() {
            if let Some(order) = places[i].order {
                numbers[i] = order;
                if order >= next {
                    next = order.saturating_add(STEP);
                }
            } else {
                next = next.saturating_add(STEP);
            }
            known.insert(i);
        } else {
            numbers[i] = next.saturating_sub(STEP / 2);
            missing += 1;
        }
        i += 1;
    }
    while missing > 0 {
        let mut progress = false;
        let mut first = places.len();
        i = 0;
        while i < places.len() {
            if !known.has(i) {
                if let Some(number) = neighbour_number(places, i, &numbers, &known) {
                    numbers[i] = number;
                    known.insert(i);
                    missing -= 1;
                    progress = true;
                } else if first == places.len() {
                    first = i;
                }
            }
            i += 1;
        }
        if !progress {
            known.insert(first);
            missing -= 1;
        }
    }
    numbers
}

/// Returns the number that places task `i` beside its targets: before the first target of `before`,
/// or else after the last target of `after`, or else its own number. Returns `None` while the
/// number of a target is unknown.
const fn neighbour_number(
    places: &[TaskPosition<'_>],
    i: usize,
    numbers: &[i64; CAPACITY],
    known: &Set,
) -> Option<i64> {
    let mut ahead_of: Option<i64> = None;
    let mut behind: Option<i64> = None;
    let mut k = 0;
    while k < places[i].before.len() {
        let target = find(places, places[i].before[k]);
        if target < places.len() {
            if !known.has(target) {
                return None;
            }
            let number = numbers[target].saturating_sub(1);
            ahead_of = match ahead_of {
                Some(least) if least <= number => Some(least),
                _ => Some(number),
            };
        }
        k += 1;
    }
    k = 0;
    while k < places[i].after.len() {
        let target = find(places, places[i].after[k]);
        if target < places.len() {
            if !known.has(target) {
                return None;
            }
            let number = numbers[target].saturating_add(1);
            behind = match behind {
                Some(most) if most >= number => Some(most),
                _ => Some(number),
            };
        }
        k += 1;
    }
    match (ahead_of, behind) {
        (Some(number), _) | (None, Some(number)) => Some(number),
        (None, None) => Some(numbers[i]),
    }
}

/// Returns a cycle among the tasks that are not done. One exists because each of these tasks waits
/// for another of them.
const fn cycle(places: &[TaskPosition<'_>], ahead: &[Set; CAPACITY], done: &Set) -> OrderError {
    let mut path = [0u8; CAPACITY];
    let mut seen_at = [usize::MAX; CAPACITY];
    let mut len = 0;
    let mut at = 0;
    while done.has(at) {
        at += 1;
    }
    while seen_at[at] == usize::MAX {
        seen_at[at] = len;
        path[len] = index(at);
        len += 1;
        let mut next = 0;
        while next < places.len() && (done.has(next) || !ahead[at].has(next)) {
            next += 1;
        }
        at = next;
    }
    // The path follows "waits for". Reversed, it reads "runs before". It begins with the member
    // that is declared first.
    let start = seen_at[at];
    let count = len - start;
    let mut first = 0;
    let mut i = 0;
    while i < count {
        if path[len - 1 - i] < path[len - 1 - first] {
            first = i;
        }
        i += 1;
    }
    let mut members = [0u8; CAPACITY];
    i = 0;
    while i < count {
        members[i] = path[len - 1 - (first + i) % count];
        i += 1;
    }
    OrderError::Cycle { members, len: count }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
