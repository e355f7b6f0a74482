//! Every name that generated code uses and no user wrote.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::Ident;
use syn::ext::IdentExt;

/// The path of the runtime crate.
#[derive(Clone)]
pub struct Runtime(TokenStream);

impl Default for Runtime {
    fn default() -> Self {
        Self(quote!(::setup_tasks))
    }
}

impl Runtime {
    /// As the `crate` key names it.
    pub fn renamed(path: &syn::Path) -> Self {
        Self(path.to_token_stream())
    }

    /// Its hidden module.
    pub fn private(&self) -> TokenStream {
        let path = &self.0;
        quote!(#path::__private)
    }

    /// Its hidden module, so that an error about what follows stands at a place in the user's text.
    pub fn private_at(&self, place: Span) -> TokenStream {
        let place = at(place);
        self.private()
            .into_iter()
            .map(|mut token| {
                token.set_span(place);
                token
            })
            .collect()
    }
}

impl ToTokens for Runtime {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
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
