//! Our attributes on the members of an item: found, removed and taken apart.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, Meta};

use crate::errors::Errors;

/// Returns the arguments of an attribute. An attribute without parentheses has none.
pub fn arguments(attr: &Attribute, errors: &Errors) -> TokenStream {
    match &attr.meta {
        Meta::Path(_) => TokenStream::new(),
        Meta::List(list) => list.tokens.clone(),
        Meta::NameValue(meta) => {
            let name = meta.path.to_token_stream();
            errors.add(
                meta.eq_token.span,
                format_args!("`{name}` takes its arguments in parentheses"),
                format_args!("write `#[{name}(…)]`"),
            );
            TokenStream::new()
        }
    }
}

/// Returns whether an attribute is `#[setup_task]`, by its name or by a path.
fn is_task_attribute(attr: &Attribute) -> bool {
    let path = attr.path();
    path.segments.len() <= 2 && path.segments.last().is_some_and(|last| last.ident == "setup_task")
}

/// Removes `#[setup_task]` from an item and reports a second one.
pub fn take_task_attribute(attrs: &mut Vec<Attribute>, errors: &Errors) -> Option<Attribute> {
    let at = attrs.iter().position(is_task_attribute)?;
    let attribute = attrs.remove(at);
    while let Some(second) = attrs.iter().position(is_task_attribute) {
        let second = attrs.remove(second);
        errors.add(second.path().span(), "`#[setup_task]` is given twice", "put all keys in one `#[setup_task(…)]`");
    }
    Some(attribute)
}

/// Reports `#[setup_task]` on a member that cannot be a task, and removes it.
pub fn refuse_task_attribute(attrs: &mut Vec<Attribute>, errors: &Errors) -> bool {
    if let Some(attribute) = take_task_attribute(attrs, errors) {
        errors.add(attribute.path().span(), "a setup task is a method or a constant", "remove the attribute");
    }
    true
}
