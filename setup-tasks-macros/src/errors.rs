//! Errors gathered while a macro runs; each has a place, what is wrong, and what to write instead.

use std::cell::RefCell;
use std::fmt::Display;

use proc_macro2::{Span, TokenStream};

/// Gathers errors; all stages share one.
#[derive(Default)]
pub struct Errors(RefCell<Vec<syn::Error>>);

impl Errors {
    /// Adds an error of two lines at a place.
    pub fn add(&self, at: Span, what: impl Display, help: impl Display) {
        self.0.borrow_mut().push(syn::Error::new(at, format!("{what}\nhelp: {help}")));
    }

    /// Adds an error of syn's.
    pub fn add_syn(&self, error: syn::Error) {
        self.0.borrow_mut().push(error);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// Takes the value, or adds the error.
    pub fn ok<T>(&self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.add_syn(error)).ok()
    }

    /// The errors as tokens that make rustc report them.
    pub fn into_tokens(self) -> TokenStream {
        self.0.into_inner().iter().map(syn::Error::to_compile_error).collect()
    }
}

/// `did you mean …` for the nearest of `known`, else a list of them.
pub fn suggest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = |name: &&str| strsim::levenshtein(wanted, name) <= 1 + wanted.len() / 4;
    let nearest = known.into_iter().filter(near).min_by_key(|name| strsim::levenshtein(wanted, name))?;
    Some(format!("did you mean `{nearest}`?"))
}

/// Names in backticks, with commas.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
