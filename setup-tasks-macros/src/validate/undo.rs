//! Rules about the key `undo`.

use syn::Type;

use crate::ast::block::Block;
use crate::ast::task::{Action, Task};
use crate::errors::Errors;

/// Checks that the undo of a task is a method of its own, and that something exists that it can undo.
pub fn of_task(task: &Task, block: &Block, errors: &Errors) -> bool {
    let Some(undo) = &task.args.undo else { return true };
    if let Action::Value(value) = &task.action
        && is_customization(&value.0)
    {
        let what = format!("`{}` is a customization, whose tasks are undone one by one", task.ident);
        errors.add(undo.span(), what, "write `undo` on the tasks of its model");
        return false;
    }
    if *undo == task.ident {
        errors.add(undo.span(), format_args!("`{undo}` cannot undo itself"), "name another method of this block");
        return false;
    }
    if block.tasks.iter().any(|other| other.ident == *undo && matches!(other.action, Action::Method(_))) {
        let what = format!("`{undo}` is a setup task, so that each run would undo `{}`", task.name);
        errors.add(undo.span(), what, format_args!("remove `#[setup_task]` from `{undo}`"));
        return false;
    }
    true
}

/// Returns whether a type is called `Customization`. The compiler knows no more about a type at this point.
fn is_customization(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Customization"))
}
