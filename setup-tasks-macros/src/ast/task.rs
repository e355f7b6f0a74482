//! One setup task: a method or a constant with `#[setup_task]`.

use proc_macro2::Span;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, Meta, Type, Visibility};

use super::attribute::arguments;
use crate::args::task::TaskArgs;
use crate::errors::Errors;
use crate::names::task_name;

/// A method or constant with `#[setup_task]`.
pub struct Task {
    pub name: String,
    pub ident: Ident,
    pub args: TaskArgs,
    /// Whether there is a description that was reported as invalid.
    pub has_bad_description: bool,
    pub action: Action,
    pub docs: Vec<Attribute>,
    pub vis: Visibility,
}

/// The work of a task.
pub enum Action {
    /// The method at this index in `Block::methods`.
    Method(usize),
    Value(Box<(Type, Expr)>),
}

impl Task {
    /// Reads the arguments of the attribute, and the documentation of the method or constant.
    pub fn read(
        attribute: &Attribute,
        attrs: &[Attribute],
        ident: &Ident,
        vis: &Visibility,
        action: Action,
        errors: &Errors,
    ) -> Self {
        let before = errors.count();
        let mut args = TaskArgs::parse(arguments(attribute, errors), errors);
        let has_bad_description = args.description.is_none() && errors.count() > before;
        let docs: Vec<_> = attrs.iter().filter(|attr| attr.path().is_ident("doc")).cloned().collect();
        if args.description.is_none() {
            args.description = docs.iter().find_map(first_line);
        }
        Self { name: task_name(ident), ident: ident.clone(), args, has_bad_description, action, docs, vis: vis.clone() }
    }

    /// Returns the span of the task's name.
    pub fn span(&self) -> Span {
        self.ident.span()
    }
}

fn first_line(doc: &Attribute) -> Option<String> {
    let Meta::NameValue(doc) = &doc.meta else { return None };
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &doc.value else { return None };
    let text = text.value();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.trim_end_matches('.').to_owned())
}
