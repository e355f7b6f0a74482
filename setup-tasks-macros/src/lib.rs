//! The macros of the crate `setup-tasks`, which exports and documents them. Depend on that crate.
//!
//! Each macro has the same stages: parse (`args`, `ast`), validate, expand. Errors are collected on the way, and the user's item
//! is always part of the output.

#![warn(missing_docs, missing_debug_implementations)]

mod args;
mod ast;
mod errors;
mod expand;
mod fingerprint;
mod names;
mod validate;

#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

#[expect(missing_docs, reason = "the docs of the export would end with them")]
#[proc_macro_derive(SetupTasks, attributes(setup_tasks, depends_on, machine))]
pub fn derive_setup_tasks(item: TokenStream) -> TokenStream {
    expand::model::derive(item.into()).into()
}

#[expect(missing_docs, reason = "the docs of the export would end with them")]
#[proc_macro_attribute]
pub fn setup_tasks(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::block::attribute(args.into(), item.into()).into()
}

/// Expands a block whose conditions the compiler has evaluated. Only generated code uses it.
#[doc(hidden)]
#[proc_macro_derive(__Configured, attributes(__setup_tasks))]
pub fn derive_configured(item: TokenStream) -> TokenStream {
    expand::configured::expand(item.into()).into()
}

/// Removes an item. Only generated code uses it.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn __discard(_args: TokenStream, _item: TokenStream) -> TokenStream {
    TokenStream::new()
}

#[expect(missing_docs, reason = "the docs of the export would end with them")]
#[proc_macro_attribute]
pub fn setup_task(_args: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced(&item.into()).into()
}
