//! The names that the macros choose for generated code.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::Ident;
use syn::ext::IdentExt;

/// The paths by which generated code refers to the runtime crate.
#[derive(Clone)]
pub struct Runtime {
    /// The crate, by a path that works in every module.
    path: TokenStream,
    /// The hidden module of the crate, by a path or by the name under which a block imports it.
    private: TokenStream,
}

impl Default for Runtime {
    fn default() -> Self {
        Self::new(quote!(::setup_tasks))
    }
}

impl Runtime {
    fn new(path: TokenStream) -> Self {
        let private = quote!(#path::__private);
        Self { path, private }
    }

    /// Returns the runtime that the `crate` key names.
    pub fn renamed(path: &syn::Path) -> Self {
        Self::new(path.to_token_stream())
    }

    /// Returns the path of the hidden module.
    pub fn private(&self) -> TokenStream {
        self.private.clone()
    }

    /// Returns the path of the hidden module with a span in the user's text, where the compiler reports errors about the call.
    pub fn private_at(&self, span: Span) -> TokenStream {
        let span = at(span);
        let tokens = self.private().into_iter().map(|mut token| {
            token.set_span(span);
            token
        });
        tokens.collect()
    }

    /// Returns an import of the hidden module for the head of a generated block, and the runtime as that block names it.
    /// The name is `rt`, with underscores behind it if the user's tokens in the block contain `rt` themselves.
    pub fn import(&self, user: &TokenStream) -> (TokenStream, Self) {
        let mut name = "rt".to_owned();
        while find_ident(user.clone(), &name).is_some() {
            name.push('_');
        }
        let (name, private) = (Ident::new(&name, Span::call_site()), &self.private);
        (quote!(use #private as #name;), Self { path: self.path.clone(), private: name.into_token_stream() })
    }
}

/// Returns the span of the first identifier of this name among the tokens.
pub fn find_ident(tokens: TokenStream, name: &str) -> Option<Span> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) => (ident == name).then(|| ident.span()),
        TokenTree::Group(group) => find_ident(group.stream(), name),
        _ => None,
    })
}

/// Returns a span for generated tokens that refer to the user's text. Errors point there, and lints see that a macro wrote the
/// tokens.
pub fn at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// Returns the task's name for a method or a constant: `mount` for `mount`, `motd` for `MOTD`, `type` for `r#type`.
pub fn task_name(ident: &Ident) -> String {
    ident.unraw().to_string().to_lowercase()
}

/// Returns the name of a task's handle: `MOUNT` for `mount`. A name that is upper case already gets `_TASK` behind it, since a
/// method and a constant cannot share a name. Characters that no identifier may contain become `_`: the name of a related task can
/// be any string.
pub fn handle(name: &str, span: Span) -> Ident {
    let may_follow =
        |c: char| c == '_' || c.is_ascii_alphanumeric() || syn::parse_str::<Ident>(&format!("a{c}")).is_ok();
    let mut text: String = name.to_uppercase().chars().map(|c| if may_follow(c) { c } else { '_' }).collect();
    if text == name {
        text.push_str("_TASK");
    }
    Ident::new(&text, at(span))
}

/// Returns the name of the constant that the row of a value task borrows: `__MOTD` for `MOTD`.
pub fn kind(ident: &Ident) -> Ident {
    format_ident!("__{}", ident.unraw(), span = ident.span())
}
