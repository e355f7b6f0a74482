//! Errors that a macro collects while it runs. Each has a span, a description of the mistake, and help.

use std::cell::RefCell;
use std::fmt::Display;

use proc_macro2::{Span, TokenStream};

/// The errors of one macro call. All stages share it.
#[derive(Default)]
pub struct Errors(RefCell<Vec<syn::Error>>);

impl Errors {
    /// Adds an error of two lines.
    pub fn add(&self, at: Span, what: impl Display, help: impl Display) {
        self.0.borrow_mut().push(syn::Error::new(at, format!("{what}\nhelp: {help}")));
    }

    /// Adds an error of `syn`.
    pub fn add_syn(&self, error: syn::Error) {
        self.0.borrow_mut().push(error);
    }

    /// Returns the number of errors.
    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// Returns the value, or adds the error.
    pub fn ok<T>(&self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.add_syn(error)).ok()
    }

    /// Returns tokens that make the compiler report the errors.
    pub fn into_tokens(self) -> TokenStream {
        self.0.into_inner().iter().map(syn::Error::to_compile_error).collect()
    }
}

/// Returns `did you mean …?` with the nearest of the known names, or `None` if none is near.
pub fn suggest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = |name: &&str| strsim::levenshtein(wanted, name) <= 1 + wanted.len() / 4;
    let nearest = known.into_iter().filter(near).min_by_key(|name| strsim::levenshtein(wanted, name))?;
    Some(format!("did you mean `{nearest}`?"))
}

/// Returns the names in backticks, separated by commas.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
