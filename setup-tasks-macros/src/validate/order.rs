//! Rules about the tasks that `before`, `after` and `subscribe` name within one block. The compiler evaluates the checks across blocks.

use crate::args::Target;
use crate::ast::block::Block;
use crate::ast::task::Task;
use crate::errors::{Errors, list, suggest};

/// Checks that every target without a path is a task of the block.
pub fn targets(block: &Block, errors: &Errors) {
    let relations = || block.relations.iter();
    let names = || block.tasks.iter().map(|task| task.name.as_str()).chain(relations().map(|r| r.name.as_str()));
    for target in block.targets().filter(|target| target.owner.is_none()) {
        let name = target.name();
        if names().any(|known| known == name) || block.leaves_out(&name) {
            continue;
        }
        let help = suggest(&name, names()).unwrap_or_else(|| {
            let here = list(names());
            format!("the tasks here are {here}; write `Mixin::{name}` for a mixin's task, and `Self::{name}` for a relationship field")
        });
        errors.add(target.span(), format_args!("`{}` has no setup task `{name}` in this block", block.name()), help);
    }
}

fn keys(task: &Task) -> impl Iterator<Item = &Target> {
    task.args.before.iter().chain(&task.args.after)
}

/// Checks that no task subscribes to itself.
pub fn subscriptions(block: &Block, errors: &Errors) {
    for task in &block.tasks {
        let own = |target: &&Target| target.owner.is_none() && target.name() == task.name;
        if let Some(target) = task.args.subscribe.iter().flatten().find(own) {
            let what = format!("`{}` cannot subscribe to itself", task.name);
            errors.add(target.span(), what, "name an earlier task here, or write `subscribe = []`");
        }
    }
}

/// Checks that no tasks of the block wait for each other.
pub fn cycles(block: &Block, errors: &Errors) {
    let count = block.tasks.len();
    let mut later: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (i, task) in block.tasks.iter().enumerate() {
        for target in task.args.before.iter().filter_map(|target| find(block, target)) {
            later[i].push(target);
        }
        for target in task.args.after.iter().filter_map(|target| find(block, target)) {
            later[target].push(i);
        }
    }
    let mut reported = vec![false; count];
    for start in 0..count {
        let Some(path) = path_back(start, &later) else { continue };
        if path.iter().any(|&i| reported.get(i) == Some(&true)) {
            continue;
        }
        path.iter().for_each(|&i| reported[i] = true);
        let names: Vec<_> = path.iter().chain([&start]).map(|&i| block.tasks[i].name.as_str()).collect();
        // The error stands at the first key of a member that names another member.
        let within = |target: &&Target| find(block, target).is_some_and(|i| path.contains(&i));
        let key = path.iter().flat_map(|&i| keys(&block.tasks[i])).find(within);
        let span = key.map_or_else(|| block.tasks[start].span(), Target::span);
        if let [only] = &*path {
            let what = format!("`{}` cannot run before itself", block.tasks[*only].name);
            errors.add(span, what, "name another task here, or remove the key");
            continue;
        }
        let what = format!("these tasks run before each other: {}", names.join(" -> "));
        errors.add(span, what, "remove one of their `before` or `after` keys");
    }
}

fn find(block: &Block, target: &Target) -> Option<usize> {
    let name = target.name();
    block.tasks.iter().position(|task| task.name == name).filter(|_| target.owner.is_none())
}

/// Returns a shortest path from a task back to itself.
fn path_back(start: usize, later: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut from: Vec<Option<usize>> = vec![None; later.len()];
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(i) = queue.pop_front() {
        for &next in &later[i] {
            if next == start {
                let mut path = vec![i];
                while let Some(&last) = path.last().filter(|&&last| last != start) {
                    path.extend(from[last]);
                }
                path.reverse();
                return Some(path);
            }
            if from[next].is_none() {
                from[next] = Some(i);
                queue.push_back(next);
            }
        }
    }
    None
}
