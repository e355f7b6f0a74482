//! Rules about the former names of the tasks of one block. The compiler evaluates the checks across blocks.

use std::collections::HashMap;

use syn::LitStr;

use crate::ast::block::Block;
use crate::ast::task::Task;
use crate::errors::Errors;

/// Checks that each former name is a name, that no task of the block has it now, and that no other task had it.
pub fn names(block: &Block, errors: &Errors) {
    let mut claims: HashMap<String, &str> = HashMap::new();
    for task in &block.tasks {
        for former in &task.args.formerly {
            if !is_plain(former, errors) || !is_free(former, task, block, errors) {
                continue;
            }
            let name = former.value();
            match claims.insert(name.clone(), &task.name) {
                Some(other) if other == task.name => {
                    let what = format!("`{name}` is listed twice as a former name of `{other}`");
                    errors.add(former.span(), what, "remove one of the two");
                }
                Some(other) => {
                    let what = format!("the tasks `{other}` and `{}` both have the former name `{name}`", task.name);
                    errors.add(former.span(), what, "keep `formerly` on the task that takes over the records");
                }
                None => {}
            }
        }
    }
}

/// Checks that a former name is the name of a method, without a path or a stem.
fn is_plain(former: &LitStr, errors: &Errors) -> bool {
    let name = former.value();
    let is_start = |character: char| character.is_alphabetic() || character == '_';
    let is_plain =
        name.starts_with(is_start) && name.chars().all(|character| is_start(character) || character.is_numeric());
    if !is_plain {
        let help = "write the name that the method had, such as `formerly = \"old_name\"`";
        errors.add(former.span(), format_args!("`{name}` is not the name of a task"), help);
    }
    is_plain
}

/// Checks that no task of the block has the name now.
fn is_free(former: &LitStr, task: &Task, block: &Block, errors: &Errors) -> bool {
    let name = former.value();
    if name == task.name {
        let what = format!("`{name}` is the present name of the task");
        errors.add(former.span(), what, "write the name that the task had before, or remove `formerly`");
        return false;
    }
    let names = block.tasks.iter().map(|task| &task.name).chain(block.relations.iter().map(|relation| &relation.name));
    let is_present = names.into_iter().any(|present| *present == name);
    if is_present {
        let what = format!("`{}` cannot take over the records of `{name}`, which is a present task", task.name);
        errors.add(former.span(), what, format_args!("remove or rename `{name}`, or remove this `formerly`"));
    }
    !is_present
}
