//! Format strings over a model's fields: `clients/{name}`, `{network.name}`, `{0}`, `{port:04}`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Ident, Index, LitStr};

use crate::errors::Errors;
use crate::names::Runtime;

/// A format string, read.
pub struct Format {
    span: Span,
    /// What `format!` takes, with its arguments by position.
    template: String,
    fields: Vec<Vec<String>>,
}

impl Format {
    /// Reads it.
    pub fn parse(text: &LitStr, errors: &Errors) -> Option<Self> {
        read(&text.value(), text.span())
            .map_err(|what| {
                errors.add(text.span(), what, "write fields as `{name}` and a brace itself as `{{` or `}}`");
            })
            .ok()
    }

    /// The fields that it starts from.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter_map(|path| path.first().map(String::as_str))
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        self.span
    }

    /// An expression of type `String`, over a model called `model`.
    pub fn expand(&self, model: &TokenStream, runtime: &Runtime) -> TokenStream {
        let private = runtime.private();
        let mut literal = LitStr::new(&self.template, self.span);
        if self.fields.is_empty() {
            literal = LitStr::new(&self.template.replace("{{", "{").replace("}}", "}"), self.span);
            return quote!(#private::ToOwned::to_owned(#literal));
        }
        let fields = self.fields.iter().map(|path| {
            let parts = path.iter().map(|part| member(part, self.span));
            quote!(#model #(. #parts)*)
        });
        quote!(#private::format!(#literal, #(#fields),*))
    }
}

fn member(part: &str, span: Span) -> syn::Member {
    match part.parse::<u32>() {
        Ok(index) => syn::Member::Unnamed(Index { index, span }),
        Err(_) => syn::Member::Named(syn::parse_str::<Ident>(part).map_or_else(
            |_| Ident::new_raw(part, span),
            |mut ident| {
                ident.set_span(span);
                ident
            },
        )),
    }
}

fn read(text: &str, span: Span) -> Result<Format, String> {
    let (mut template, mut fields) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        template.push_str(before);
        if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
            template.push_str(brace.get(..2).unwrap_or_default());
            rest = after;
            continue;
        }
        let Some(open) = brace.strip_prefix('{') else { return Err("a `}` has no `{`".to_owned()) };
        let Some((field, after)) = open.split_once('}') else { return Err("a `{` has no `}`".to_owned()) };
        let (path, spec) =
            field.split_once(':').map_or((field, String::new()), |(path, spec)| (path, format!(":{spec}")));
        let path: Vec<_> = path.trim().split('.').map(str::to_owned).collect();
        if !path.iter().all(|part| is_member(part)) {
            return Err(format!("`{{{field}}}` names no field"));
        }
        template.extend(["{", &spec, "}"]);
        fields.push(path);
        rest = after;
    }
    template.push_str(rest);
    Ok(Format { span, template, fields })
}

fn is_member(part: &str) -> bool {
    part.parse::<u32>().is_ok()
        || (part.starts_with(|c: char| c == '_' || c.is_alphabetic())
            && part.chars().all(|c| c == '_' || c.is_alphanumeric()))
}
