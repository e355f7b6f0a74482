//! Every name that generated code uses and no user wrote.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::Ident;
use syn::ext::IdentExt;

/// How generated code names the runtime crate.
#[derive(Clone)]
pub struct Runtime {
    /// The crate, by a path that is right in every module.
    path: TokenStream,
    /// Its hidden module: the same kind of path, or the name that a block imports it under.
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

    /// Returns the path of the hidden module with a span in the user's text, where errors about what follows are reported.
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

/// A place in the user's text for generated tokens: errors point there, and lints see that a macro wrote them.
pub fn at(place: Span) -> Span {
    Span::call_site().located_at(place)
}

/// The task's name for a method or a constant: `mount` for `mount`, `motd` for `MOTD`, `type` for `r#type`.
pub fn task_name(ident: &Ident) -> String {
    ident.unraw().to_string().to_lowercase()
}

/// The constant that is a task's handle: `MOUNT` for `mount`. A name that upper case leaves as it is gets `_TASK` behind it, since
/// a method and a constant cannot share one. A task that is named by a string may have characters in its name that no name in Rust
/// has.
pub fn handle(name: &str, span: Span) -> Ident {
    let may_follow =
        |c: char| c == '_' || c.is_ascii_alphanumeric() || syn::parse_str::<Ident>(&format!("a{c}")).is_ok();
    let mut text: String = name.to_uppercase().chars().map(|c| if may_follow(c) { c } else { '_' }).collect();
    if text == name {
        text.push_str("_TASK");
    }
    Ident::new(&text, at(span))
}

/// The constant that a value task's row borrows: `__MOTD` for `MOTD`.
pub fn kind(ident: &Ident) -> Ident {
    format_ident!("__{}", ident.unraw(), span = ident.span())
}
