//! A list of arguments: `"text", flag, key = value, key(values)`, split at commas before anything is parsed.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::Parser;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitBool, LitStr, Token, parenthesized};

use crate::errors::{Errors, list, suggest};

/// One argument.
pub struct Arg {
    pub key: Ident,
    pub value: Value,
}

/// What stands behind an argument's key.
pub enum Value {
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
            .map_err(|error| explain(error.span(), "this is no argument", "write `key` or `key = value`"))?;
        let place = input.cursor().span();
        let value = if input.is_empty() {
            Value::Flag
        } else if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            let value: TokenStream = input.parse()?;
            if value.is_empty() {
                return Err(explain(place, &format!("`{key}` has no value"), "write one behind the `=`"));
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
        Ok(Self { key, value })
    }
}

fn explain(at: Span, what: &str, help: &str) -> syn::Error {
    syn::Error::new(at, format!("{what}\nhelp: {help}"))
}

impl Arg {
    /// The value, parsed; `example` is what one may write.
    pub fn parse_with<P: Parser>(&self, parser: P, example: &str, errors: &Errors) -> Option<P::Output> {
        let key = &self.key;
        let Value::Is(tokens) = &self.value else {
            errors.add(key.span(), format_args!("`{key}` needs a value"), format_args!("write `{key} = {example}`"));
            return None;
        };
        let place = tokens.clone().into_iter().next().map_or(key.span(), |token| token.span());
        parser
            .parse2(tokens.clone())
            .map_err(|_| {
                let what = format_args!("this is no value for `{key}`").to_string();
                errors.add(place, what, format_args!("write `{key} = {example}`"));
            })
            .ok()
    }

    /// As [`parse_with`](Self::parse_with).
    pub fn parse<T: Parse>(&self, example: &str, errors: &Errors) -> Option<T> {
        self.parse_with(T::parse, example, errors)
    }

    /// `key` or `key = true` or `key = false`.
    pub fn flag(&self, errors: &Errors) -> bool {
        match self.value {
            Value::Flag => true,
            _ => self.parse::<LitBool>("true", errors).is_some_and(|value| value.value),
        }
    }

    /// `key = "…"` or `key = ["…", "…"]`.
    pub fn strings(&self, example: &str, errors: &Errors) -> Vec<LitStr> {
        self.parse_with(one_or_list::<LitStr>, example, errors).unwrap_or_default()
    }
}

/// `item` or `[item, item]`.
pub fn one_or_list<T: Parse>(input: ParseStream<'_>) -> syn::Result<Vec<T>> {
    if !input.peek(syn::token::Bracket) {
        return Ok(vec![input.parse()?]);
    }
    let inner;
    syn::bracketed!(inner in input);
    Ok(inner.parse_terminated(T::parse, Token![,])?.into_iter().collect())
}

/// Splits tokens at their top-level commas; an empty piece at the end is none.
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

/// Reads arguments, each key at most once and only known ones; `owner` is how messages call the attribute.
pub fn parse(tokens: TokenStream, owner: &str, known: &[&str], errors: &Errors) -> Vec<Arg> {
    let mut args: Vec<Arg> = Vec::new();
    for piece in split(tokens) {
        let Some(arg) = errors.ok(syn::parse2::<Arg>(piece)) else { continue };
        let key = arg.key.to_string();
        if !known.contains(&key.as_str()) {
            let help = suggest(&key, known.iter().copied())
                .unwrap_or_else(|| format!("the keys are {}", list(known.iter().copied())));
            errors.add(arg.key.span(), format_args!("{owner} has no key `{key}`"), help);
        } else if args.iter().any(|other| other.key == arg.key) {
            errors.add(arg.key.span(), format_args!("`{key}` is given twice"), "take one of the two away");
        } else {
            args.push(arg);
        }
    }
    args
}

/// Reports the first of `excluded` that stands together with `key`.
pub fn exclude(args: &[Arg], key: &str, excluded: &[&str], why: &str, errors: &Errors) {
    let Some(_) = args.iter().find(|arg| arg.key == key) else { return };
    for other in args.iter().filter(|arg| excluded.iter().any(|excluded| arg.key == excluded)) {
        let what = format!("`{}` and `{key}` exclude each other: {why}", other.key);
        errors.add(other.key.span(), what, format_args!("keep one of `{}` and `{key}`", other.key));
    }
}

/// The runtime's path, from the `crate` key.
pub fn runtime(arg: &Arg, errors: &Errors) -> Option<crate::names::Runtime> {
    let path: syn::Path = arg.parse_with(syn::Path::parse_mod_style, "::my_setup_tasks", errors)?;
    let first = path.segments.first().map(|segment| segment.ident.to_string());
    if path.leading_colon.is_none() && first.as_deref() != Some("crate") {
        errors.add(
            path.segments.first().map_or_else(Span::call_site, |segment| segment.ident.span()),
            "the path of the runtime must be absolute, since generated code stands in more than one module",
            "write `crate = ::name` or `crate = crate::path`",
        );
        return None;
    }
    Some(crate::names::Runtime::renamed(&path))
}

/// The runtime's path as the arguments give it, right or wrong: they are read again, and wrong ones reported, by another macro.
pub fn crate_path(args: &TokenStream) -> crate::names::Runtime {
    let errors = Errors::default();
    let args = split(args.clone()).into_iter().filter_map(|piece| syn::parse2::<Arg>(piece).ok());
    let path = args.filter(|arg| arg.key == "crate").find_map(|arg| runtime(&arg, &errors));
    path.unwrap_or_default()
}
