//! Rules about the tasks of one block.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use syn::{Ident, ReturnType};

use super::signature;
use crate::ast::block::{Block, BlockRelation};
use crate::ast::task::{Action, Task};
use crate::errors::{Errors, list, suggest};
use crate::names::handle;

/// Checks that every method has a description. A value may have the description of its kind.
pub fn described(block: &Block, errors: &Errors) {
    for task in &block.tasks {
        if task.args.description.is_none() && matches!(task.action, Action::Method(_)) && !task.has_bad_description {
            let what = format_args!("the task `{}` has no description", task.name).to_string();
            errors.add(task.span(), what, "write `#[setup_task(\"what it does\")]`, or a doc comment above it");
        }
    }
}

/// Checks that the names of a block's tasks are distinct.
pub fn distinct(block: &Block, valid: &mut [bool], errors: &Errors) {
    let mut seen: HashSet<&str> = HashSet::new();
    for (task, valid) in block.tasks.iter().zip(valid) {
        if !seen.insert(&task.name) {
            let what = format_args!("two tasks of `{}` are called `{}`", block.name(), task.name).to_string();
            errors.add(task.span(), what, "rename one of them: stamps are stored by task name");
            *valid = false;
        }
    }
}

/// Checks that every task with a timeout is an async method or a value: only a future can be cancelled.
pub fn timeouts(block: &Block, errors: &Errors) {
    for task in &block.tasks {
        let (Some(timeout), Action::Method(at)) = (&task.args.timeout, &task.action) else { continue };
        if let Some(method) = block.methods.get(*at).filter(|method| !method.is_async) {
            let what = format_args!("`{}` is a plain `fn`, which a timeout cannot cancel", method.ident).to_string();
            let help = format!("make it `async fn {}`, and `.await` its slow parts", method.ident);
            errors.add(timeout.span, what, help);
        }
    }
}

/// Checks that every task that compares its outputs has some.
pub fn outputs(block: &Block, errors: &Errors) {
    for task in &block.tasks {
        if let Some(restat) = task.args.restat.filter(|_| task.args.outputs.is_empty()) {
            let what = format_args!("`{}` has no outputs that `restat` can compare", task.name).to_string();
            errors.add(restat, what, "add `outputs = [\"…\"]`, or return `Outcome::Unchanged` yourself");
        }
    }
}

/// Checks that no constant, method or other task has the name of a handle. Returns whether each handle's name is free.
pub fn handles(block: &Block, errors: &Errors) -> Vec<bool> {
    let tasks = block.tasks.iter().map(|task| (task.name.as_str(), task.span()));
    let relations = block.relations.iter().map(|relation| (relation.name.as_str(), relation.args.on.span()));
    let mut seen: HashMap<String, &str> = HashMap::new();
    let free = |(name, place)| {
        let handle = handle(name, place);
        let methods = block.methods.iter().map(|method| &method.ident);
        if let Some(taken) = block.constants.iter().chain(methods).find(|taken| **taken == handle) {
            let what = format!("`{taken}` is already the handle of the task `{name}`");
            errors.add(taken.span(), what, "rename this one");
            return false;
        }
        match seen.entry(handle.to_string()) {
            Entry::Occupied(other) if *other.get() == name => false,
            Entry::Occupied(other) => {
                let what = format!("the tasks `{}` and `{name}` have the same handle, `{handle}`", other.get());
                errors.add(place, what, "rename one of them");
                false
            }
            Entry::Vacant(entry) => {
                entry.insert(name);
                true
            }
        }
    };
    tasks.chain(relations).map(free).collect()
}

/// Checks that the helpers of a task are methods of its block that the row can call.
pub fn helpers(task: &Task, block: &Block, errors: &Errors) -> bool {
    let checks = task.args.helpers().map(|(role, ident)| helper(role, ident, task, block, errors));
    checks.fold(true, |valid, one| valid & one)
}

/// Checks that the row of a relationship can call its method, and that no other row of the block has its name.
pub fn relation(relation: &BlockRelation, block: &Block, errors: &Errors) -> bool {
    let Some(method) = block.methods.get(relation.method) else { return false };
    let same = |other: &&BlockRelation| other.name == relation.name;
    let first = block.relations.iter().find(same).is_none_or(|first| std::ptr::eq(first, relation));
    if !first || block.tasks.iter().any(|task| task.name == relation.name) {
        let what = format!("two tasks of `{}` are called `{}`", block.name(), relation.name);
        errors.add(
            relation.args.on.span(),
            what,
            "rename the method: a relationship is named after its method and its task",
        );
        return false;
    }
    if matches!(method.signature.output, ReturnType::Default) {
        let what = format!("the relationship `{}` returns nothing", method.ident);
        errors.add(method.ident.span(), what, "return an `Object`, a `Deferred`, or an `Option` or a `Vec` of those");
        return false;
    }
    signature::method(method, "a relationship", errors)
}

fn helper(role: &str, ident: &Ident, task: &Task, block: &Block, errors: &Errors) -> bool {
    if let Some(method) = block.method(ident) {
        return signature::method(method, role, errors);
    }
    if block.absent.contains(ident) {
        let what = format!("`{ident}` is not part of this build, because its `#[cfg]` excludes it");
        errors.add(
            ident.span(),
            what,
            format_args!("write a second `{ident}` for the other builds, with `#[cfg(not(…))]`"),
        );
        return false;
    }
    let others = || {
        let own = |name: &&Ident| **name != task.ident;
        block.methods.iter().map(|method| &method.ident).filter(own).map(ToString::to_string)
    };
    let names: Vec<_> = others().collect();
    let names = || names.iter().map(String::as_str);
    let help = suggest(&ident.to_string(), names()).unwrap_or_else(|| match names().count() {
        0 => format!("write `fn {ident}(&self)` in this block"),
        _ => format!("the methods here are {}", list(names())),
    });
    errors.add(ident.span(), format_args!("`{}` has no method `{ident}` in this block", block.name()), help);
    false
}
