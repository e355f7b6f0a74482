//! The generated code: the user's item, then one row per task. Everything is already validated here.

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

/// Expands `#[setup_task]` outside a block to an error and the item itself.
pub fn misplaced(item: &TokenStream) -> TokenStream {
    let errors = Errors::default();
    let what = "`#[setup_task]` works only inside an impl block, or a trait, with `#[setup_tasks]`";
    errors.add(proc_macro2::Span::call_site(), what, "write `#[setup_tasks]` above the `impl` or the `trait`");
    let errors = errors.into_tokens();
    quote!(#item #errors)
}
