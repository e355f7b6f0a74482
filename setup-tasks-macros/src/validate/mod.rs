//! The rules about items, one function per rule.

mod former;
mod mixins;
mod model;
mod order;
mod signature;
mod tasks;
mod undo;

pub use mixins::mixins;
pub use model::model;

use crate::ast::block::Block;
use crate::errors::Errors;

/// Checks a block. Returns whether each task can have a row.
pub fn block(block: &Block, errors: &Errors) -> Vec<bool> {
    tasks::described(block, errors);
    tasks::timeouts(block, errors);
    former::names(block, errors);
    tasks::outputs(block, errors);
    let mut valid: Vec<_> = block.tasks.iter().map(|task| signature::task(task, block, errors)).collect();
    for (task, valid) in block.tasks.iter().zip(&mut valid) {
        *valid &= tasks::helpers(task, block, errors) & undo::of_task(task, block, errors);
    }
    tasks::distinct(block, &mut valid, errors);
    order::targets(block, errors);
    order::cycles(block, errors);
    order::subscriptions(block, errors);
    valid
}

/// Checks the handles of a block. Returns whether each task, and then each relationship, can have one.
pub fn handles(block: &Block, errors: &Errors) -> Vec<bool> {
    tasks::handles(block, errors)
}

/// Checks the relationships of a block. Returns whether each can have a row.
pub fn relations(block: &Block, errors: &Errors) -> Vec<bool> {
    block.relations.iter().map(|relation| tasks::relation(relation, block, errors)).collect()
}
