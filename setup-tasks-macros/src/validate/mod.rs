//! Every rule about what was read, a function each.

mod mixins;
mod model;
mod order;
mod signature;
mod tasks;

pub use mixins::mixins;
pub use model::model;

use crate::ast::block::Block;
use crate::errors::Errors;

/// Checks a block. The answer says, for each task, whether a row can be made of it.
pub fn block(block: &Block, errors: &Errors) -> Vec<bool> {
    tasks::described(block, errors);
    tasks::timeouts(block, errors);
    let mut sound: Vec<_> = block.tasks.iter().map(|task| signature::task(task, block, errors)).collect();
    for (task, sound) in block.tasks.iter().zip(&mut sound) {
        *sound &= tasks::helpers(task, block, errors);
    }
    tasks::distinct(block, &mut sound, errors);
    order::targets(block, errors);
    order::cycles(block, errors);
    sound
}

/// Checks the handles of a block. The answer says, for each task and then for each relationship, whether there can be one.
pub fn handles(block: &Block, errors: &Errors) -> Vec<bool> {
    tasks::handles(block, errors)
}

/// Checks the relationships of a block. The answer says, for each, whether a row can be made of it.
pub fn relations(block: &Block, errors: &Errors) -> Vec<bool> {
    block.relations.iter().map(|relation| tasks::relation(relation, block, errors)).collect()
}
