//! Format strings over a model's fields: `clients/{name}`, `{network.name}`, `{0}`, `{port:04}`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Ident, Index, LitStr};

use crate::errors::Errors;
use crate::names::{Runtime, at};

/// A parsed format string.
pub struct Format {
    span: Span,
    parts: Vec<Part>,
}

enum Part {
    Text(String),
    /// A field, with a format specification such as `:04`, or an empty one.
    Field {
        path: Vec<String>,
        spec: String,
    },
}

impl Format {
    /// Parses a format string.
    pub fn parse(text: &LitStr, errors: &Errors) -> Option<Self> {
        read(&text.value(), text.span())
            .map_err(|what| {
                errors.add(text.span(), what, "write fields as `{name}` and a brace itself as `{{` or `}}`");
            })
            .ok()
    }

    /// Returns the fields of the model that it uses.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Field { path, .. } => path.first().map(String::as_str),
        })
    }

    /// Returns its text with one character in place of each field.
    pub fn with_fields_as(&self, field: char) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Field { .. } => field.to_string(),
        });
        parts.collect()
    }

    /// Returns the span of the literal.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Returns an expression of type `String` over the model `model`.
    pub fn expand(&self, model: &TokenStream, runtime: &Runtime) -> TokenStream {
        let private = runtime.private();
        if self.fields().next().is_none() {
            let text: String = self.parts.iter().map(Part::text).collect();
            let literal = LitStr::new(&text, self.span);
            return quote!(#private::ToOwned::to_owned(#literal));
        }
        let (mut template, mut fields) = (String::new(), Vec::new());
        for part in &self.parts {
            match part {
                Part::Text(text) => template.push_str(&text.replace('{', "{{").replace('}', "}}")),
                Part::Field { path, spec } => {
                    template.extend(["{", spec, "}"]);
                    fields.push(self.field(path, model));
                }
            }
        }
        let literal = LitStr::new(&template, self.span);
        let private = runtime.private_at(self.span);
        quote_spanned!(at(self.span)=> #private::format!(#literal, #(#fields),*))
    }

    /// Returns an expression of type `PathPattern` over the model `model`. Its texts can be globs, the values of fields cannot.
    pub fn expand_pattern(&self, model: &TokenStream, runtime: &Runtime) -> TokenStream {
        let private = runtime.private();
        let mut parts = self.parts.iter().peekable();
        let first = parts.next_if(|part| matches!(part, Part::Text(_))).map_or("", Part::text);
        let first = LitStr::new(first, self.span);
        let rest = parts.map(|part| match part {
            Part::Text(text) => {
                let text = LitStr::new(text, self.span);
                quote!(.text(#text))
            }
            Part::Field { path, spec } => {
                let field = self.field(path, model);
                if spec.is_empty() {
                    return quote!(.value(&#field));
                }
                let template = LitStr::new(&format!("{{{spec}}}"), self.span);
                quote!(.value(#private::format!(#template, #field)))
            }
        });
        quote!(#private::PathPattern::new(#first) #(#rest)*)
    }

    fn field(&self, path: &[String], model: &TokenStream) -> TokenStream {
        let parts = path.iter().map(|part| member(part, self.span));
        let model = model.clone().into_iter().map(|mut token| {
            token.set_span(at(self.span));
            token
        });
        quote_spanned!(at(self.span)=> #(#model)* #(. #parts)*)
    }
}

impl Part {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Field { .. } => "",
        }
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
    let (mut parts, mut before_field) = (Vec::new(), String::new());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        before_field.push_str(before);
        if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
            before_field.push_str(brace.get(..1).unwrap_or_default());
            rest = after;
            continue;
        }
        let Some(open) = brace.strip_prefix('{') else { return Err("unmatched `}`".to_owned()) };
        let Some((field, after)) = open.split_once('}') else { return Err("unmatched `{`".to_owned()) };
        let (path, spec) =
            field.split_once(':').map_or((field, String::new()), |(path, spec)| (path, format!(":{spec}")));
        let path: Vec<_> = path.trim().split('.').map(str::to_owned).collect();
        if !path.iter().all(|part| is_member(part)) {
            return Err(format!("`{{{field}}}` is not a field"));
        }
        if !before_field.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut before_field)));
        }
        parts.push(Part::Field { path, spec });
        rest = after;
    }
    before_field.push_str(rest);
    if !before_field.is_empty() {
        parts.push(Part::Text(before_field));
    }
    Ok(Format { span, parts })
}

fn is_member(part: &str) -> bool {
    part.parse::<u32>().is_ok()
        || (part.starts_with(|c: char| c == '_' || c.is_alphabetic())
            && part.chars().all(|c| c == '_' || c.is_alphanumeric()))
}
