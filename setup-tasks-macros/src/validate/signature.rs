//! Rules about the signatures of tasks and helpers. An error here comes before one about generated code.

use syn::{FnArg, GenericParam, Receiver, ReceiverKind, Safety, Type};

use crate::ast::block::Block;
use crate::ast::method::Method;
use crate::ast::task::{Action, Task};
use crate::errors::Errors;

const USAGE: &str =
    "write `async fn name(&self, cx: &TaskContext) -> Result<()>`, or `fn`, with any number of extractors";

/// Checks that a row can call the task.
pub fn task(task: &Task, block: &Block, errors: &Errors) -> bool {
    match task.action {
        Action::Value(_) => true,
        Action::Method(at) => block.methods.get(at).is_some_and(|found| method(found, "a setup task", errors)),
    }
}

/// Checks that a row can call the method. `role` is the method's role in messages.
pub fn method(method: &Method, role: &str, errors: &Errors) -> bool {
    let signature = &method.signature;
    let before = errors.count();
    match signature.inputs.first() {
        Some(FnArg::Receiver(receiver)) if is_shared(receiver) => {}
        Some(FnArg::Receiver(receiver)) => {
            let what = format!("{role} takes `&self`, not another form of `self`");
            errors.add(receiver.self_token.span, what, USAGE);
        }
        _ => errors.add(signature.ident.span(), format_args!("{role} takes `&self`"), USAGE),
    }
    for parameter in &signature.generics.params {
        let (kind, span) = match parameter {
            GenericParam::Lifetime(_) => continue,
            GenericParam::Type(parameter) => ("type", parameter.ident.span()),
            GenericParam::Const(parameter) => ("const", parameter.ident.span()),
        };
        let what = format!("{role} cannot have {kind} parameters, because a run cannot choose them");
        errors.add(span, what, "put the parameter on the model, or name a type");
    }
    for ty in &method.args {
        if let Type::Reference(ty) = ty
            && let Some(mutability) = ty.mutability
        {
            let what = format!("{role} takes `&TaskContext`, not `&mut`");
            errors.add(mutability.span, what, "write `cx: &TaskContext`");
        }
        if let Type::ImplTrait(ty) = ty {
            let what = format!("an argument of {role} cannot be `impl Trait`");
            errors.add(ty.impl_token.span, what, "name a type that implements `setup_tasks::task::Extract`");
        }
    }
    if let Safety::Unsafe(token) = &signature.safety {
        errors.add(
            token.span,
            format_args!("{role} cannot be `unsafe`, because a run cannot check its conditions"),
            USAGE,
        );
    }
    if let Some(abi) = &signature.abi {
        errors.add(abi.extern_token.span, format_args!("{role} cannot have a foreign ABI"), USAGE);
    }
    errors.count() == before
}

fn is_shared(receiver: &Receiver) -> bool {
    match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_none(),
        ReceiverKind::Typed(_, ty) => matches!(&**ty, Type::Reference(ty) if ty.mutability.is_none()),
        _ => false,
    }
}
