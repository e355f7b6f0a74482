//! The path of a task in the arguments of another: `mount`, `DebianMachine::apt_update`, `Self::fileserver_update_files`.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Ident, Path};

use crate::names::task_name;

/// A task, and the type or trait that it belongs to, if the path has one.
pub struct Target {
    pub owner: Option<Path>,
    pub ident: Ident,
}

impl Target {
    /// Returns the task's name.
    pub fn name(&self) -> String {
        task_name(&self.ident)
    }

    /// Returns the span of the task's name.
    pub fn span(&self) -> Span {
        self.ident.span()
    }
}

impl Parse for Target {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut path: Path = input.parse()?;
        let span = path.span();
        let Some(last) = path.segments.pop() else { return Err(syn::Error::new(span, "expected a task")) };
        if !last.arguments.is_empty() {
            return Err(syn::Error::new(last.span(), "expected a task"));
        }
        path.segments.pop_punct();
        let owner = (!path.segments.is_empty()).then_some(path);
        Ok(Self { owner, ident: last.ident })
    }
}
