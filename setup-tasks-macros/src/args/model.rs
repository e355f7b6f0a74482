//! The arguments of `#[setup_tasks(…)]`: on a struct, on a trait, on an impl block.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Ident, LitStr, Path};

use super::Format;
use super::list::{Arg, Value, parse, runtime, split};
use crate::errors::Errors;
use crate::names::Runtime;

/// A mixin, and the tasks of it that are left out.
pub struct Mixin {
    pub path: Path,
    pub skip: Vec<Ident>,
}

/// What the attribute says, wherever it stands.
#[derive(Default)]
pub struct ModelArgs {
    pub subdir: Option<Format>,
    /// Whether there is a `subdir` key, readable or not.
    pub has_subdir: bool,
    pub id: Option<Format>,
    pub readonly: Option<bool>,
    pub ready: Option<Ident>,
    pub event_keys: Option<Ident>,
    pub mixins: Vec<Mixin>,
    /// Of a trait: that other crates' types get its tasks by `plug_in!`.
    pub plug_in: bool,
    pub runtime: Runtime,
}

/// Where the attribute stands.
#[derive(Clone, Copy, PartialEq)]
pub enum Place {
    Struct,
    Trait,
    Block,
}

impl ModelArgs {
    /// Reads what stands in the attribute's parentheses.
    pub fn parse(tokens: TokenStream, place: Place, errors: &Errors) -> Self {
        let (owner, keys): (_, &[_]) = match place {
            Place::Struct => {
                let keys = &["subdir", "id", "mixins", "readonly", "ready", "event_keys", "crate"];
                ("`#[setup_tasks]` on a struct", keys)
            }
            Place::Trait => ("`#[setup_tasks]` on a trait", &["mixins", "plug_in", "crate"]),
            Place::Block => ("`#[setup_tasks]` on an impl block", &["crate"]),
        };
        let mut args = Self::default();
        for arg in parse(tokens, owner, keys, errors) {
            args.set(&arg, errors);
        }
        args
    }

    fn set(&mut self, arg: &Arg, errors: &Errors) {
        let format = || {
            let text = arg.parse::<LitStr>("\"hosts/{name}\"", errors)?;
            Format::parse(&text, errors)
        };
        match arg.key.to_string().as_str() {
            "subdir" => (self.subdir, self.has_subdir) = (format(), true),
            "id" => self.id = format(),
            "readonly" => self.readonly = Some(arg.flag(errors)),
            "ready" => self.ready = arg.parse("a_function_of_the_type", errors),
            "event_keys" => self.event_keys = arg.parse("a_method_of_the_type", errors),
            "mixins" => self.mixins = mixins(arg, errors),
            "plug_in" => self.plug_in = arg.flag(errors),
            "crate" => self.runtime = runtime(arg, errors).unwrap_or_default(),
            _ => {}
        }
    }
}

fn mixins(arg: &Arg, errors: &Errors) -> Vec<Mixin> {
    let Value::Of(list) = &arg.value else {
        let help = "write `mixins(DebianMachine, Backup(skip(restore)))`";
        errors.add(arg.key.span(), "`mixins` needs a list in parentheses", help);
        return Vec::new();
    };
    split(list.clone()).into_iter().filter_map(|piece| mixin(piece, arg.key.span(), errors)).collect()
}

fn mixin(piece: TokenStream, near: Span, errors: &Errors) -> Option<Mixin> {
    let mut tokens: Vec<_> = piece.into_iter().collect();
    let place = tokens.first().map_or(near, TokenTree::span);
    // The options go first: a path would take `DebianMachine(skip(x))` for a function's type.
    let options = match tokens.last() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => Some(group.stream()),
        _ => None,
    };
    if options.is_some() {
        tokens.pop();
    }
    let path = syn::parse2::<Path>(tokens.into_iter().collect());
    let skip = options.map_or_else(|| Ok(Vec::new()), |options| skip.parse2(options));
    if let (Ok(path), Ok(skip)) = (path, skip) {
        return Some(Mixin { path, skip });
    }
    errors.add(place, "this is no mixin", "write `mixins(DebianMachine)` or `mixins(DebianMachine(skip(apt_update)))`");
    None
}

fn skip(input: ParseStream<'_>) -> syn::Result<Vec<Ident>> {
    let key = input.parse::<Ident>()?;
    if key != "skip" {
        return Err(syn::Error::new(key.span(), "expected `skip`"));
    }
    let names;
    syn::parenthesized!(names in input);
    Ok(names.parse_terminated(Ident::parse, syn::Token![,])?.into_iter().collect())
}
