//! Arguments of the forms `key`, `key = value` and `key(values)`. A list is split at commas before its parts are parsed.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::Parser;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitBool, Token, parenthesized};

use crate::errors::Errors;

/// One argument.
pub struct Arg {
    pub key: Ident,
    value: Value,
    /// An example for messages, which the table of keys provides.
    pub example: String,
}

/// The part of an argument behind its key.
enum Value {
    /// `key`
    Flag,
    /// `key = tokens`
    Is(TokenStream),
    /// `key(tokens)`
    Of(TokenStream),
}

impl Parse for Arg {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key: Ident = input
            .call(syn::ext::IdentExt::parse_any)
            .map_err(|error| explain(error.span(), "expected a key", "write `key` or `key = value`"))?;
        let place = input.cursor().span();
        let value = if input.is_empty() {
            Value::Flag
        } else if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            let value: TokenStream = input.parse()?;
            if value.is_empty() {
                return Err(explain(place, &format!("`{key}` has no value"), "write a value after the `=`"));
            }
            Value::Is(value)
        } else if input.peek(syn::token::Paren) {
            let inner;
            parenthesized!(inner in input);
            Value::Of(inner.parse()?)
        } else {
            return Err(explain(place, &format!("this cannot follow `{key}`"), "write a `,` before the next argument"));
        };
        let rest = input.cursor().span();
        let more: TokenStream = input.parse()?;
        if !more.is_empty() {
            return Err(explain(rest, &format!("this cannot follow `{key}`"), "write a `,` before the next argument"));
        }
        Ok(Self { key, value, example: String::new() })
    }
}

fn explain(at: Span, what: &str, help: &str) -> syn::Error {
    syn::Error::new(at, format!("{what}\nhelp: {help}"))
}

impl Arg {
    /// Parses the value, or reports that it has another form.
    pub fn parse_with<P: Parser>(&self, parser: P, errors: &Errors) -> Option<P::Output> {
        let Value::Is(tokens) = &self.value else {
            errors.add(self.key.span(), format_args!("`{}` needs a value", self.key), self.help());
            return None;
        };
        let span = tokens.clone().into_iter().next().map_or(self.key.span(), |token| token.span());
        let parsed = parser.parse2(tokens.clone()).ok();
        if parsed.is_none() {
            errors.add(span, format_args!("`{}` cannot have this value", self.key), self.help());
        }
        parsed
    }

    /// Parses the value by its type.
    pub fn parse<T: Parse>(&self, errors: &Errors) -> Option<T> {
        self.parse_with(T::parse, errors)
    }

    /// Parses `key`, `key = true` or `key = false`.
    pub fn flag(&self, errors: &Errors) -> bool {
        match self.value {
            Value::Flag => true,
            _ => self.parse::<LitBool>(errors).is_some_and(|value| value.value),
        }
    }

    /// Parses `key = item` or `key = [item, item]`.
    pub fn one_or_list<T: Parse>(&self, errors: &Errors) -> Vec<T> {
        self.parse_with(one_or_list, errors).unwrap_or_default()
    }

    /// Returns the tokens in the parentheses of `key(tokens)`.
    pub fn list(&self, errors: &Errors) -> TokenStream {
        if let Value::Of(tokens) = &self.value {
            return tokens.clone();
        }
        errors.add(self.key.span(), format_args!("`{}` needs a list in parentheses", self.key), self.help());
        TokenStream::new()
    }

    fn help(&self) -> String {
        format!("write `{}`", self.example)
    }
}

/// Parses `item` or `[item, item]`.
fn one_or_list<T: Parse>(input: ParseStream<'_>) -> syn::Result<Vec<T>> {
    if !input.peek(syn::token::Bracket) {
        return Ok(vec![input.parse()?]);
    }
    let inner;
    syn::bracketed!(inner in input);
    Ok(inner.parse_terminated(T::parse, Token![,])?.into_iter().collect())
}

/// Splits tokens at their top-level commas. A comma at the end is allowed.
pub fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut pieces = vec![TokenStream::new()];
    for token in tokens {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => pieces.push(TokenStream::new()),
            _ => pieces.last_mut().into_iter().for_each(|piece| piece.extend([token.clone()])),
        }
    }
    if pieces.last().is_some_and(TokenStream::is_empty) {
        pieces.pop();
    }
    pieces
}

/// Reads a list of arguments. Invalid ones are reported, and the others are still read.
pub fn read_args(tokens: TokenStream, errors: &Errors) -> impl Iterator<Item = Arg> {
    split(tokens).into_iter().filter_map(|piece| errors.ok(syn::parse2(piece)))
}

/// Parses the path of the runtime from the `crate` key.
pub fn runtime(arg: &Arg, errors: &Errors) -> Option<crate::names::Runtime> {
    let path: syn::Path = arg.parse_with(syn::Path::parse_mod_style, errors)?;
    let first = path.segments.first().map(|segment| segment.ident.to_string());
    if path.leading_colon.is_none() && first.as_deref() != Some("crate") {
        errors.add(
            path.segments.first().map_or_else(Span::call_site, |segment| segment.ident.span()),
            "the path of the runtime must be absolute, because generated code uses it in several modules",
            "write `crate = ::name` or `crate = crate::path`",
        );
        return None;
    }
    Some(crate::names::Runtime::renamed(&path))
}

/// Returns the path of the runtime without reporting errors: another macro reads the same arguments again and reports them.
pub fn crate_path(args: &TokenStream) -> crate::names::Runtime {
    let errors = Errors::default();
    let args = split(args.clone()).into_iter().filter_map(|piece| syn::parse2::<Arg>(piece).ok());
    let path = args.filter(|arg| arg.key == "crate").find_map(|arg| runtime(&arg, &errors));
    path.unwrap_or_default()
}
