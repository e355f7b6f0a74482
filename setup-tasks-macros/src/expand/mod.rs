//! From what was validated to tokens: the user's item, then a row a task. Nothing is decided here.

pub mod block;
mod checks;
pub mod configured;
mod mixin;
pub mod model;
mod relation;
mod row;

use proc_macro2::TokenStream;
use quote::quote;

use crate::errors::Errors;

/// `#[setup_task]` outside a block: an error, and the item as it was.
pub fn misplaced(item: &TokenStream) -> TokenStream {
    let errors = Errors::default();
    let what = "`#[setup_task]` works only inside an impl block, or a trait, with `#[setup_tasks]`";
    errors.add(proc_macro2::Span::call_site(), what, "write `#[setup_tasks]` above the `impl` or the `trait`");
    let errors = errors.into_tokens();
    quote!(#item #errors)
}
