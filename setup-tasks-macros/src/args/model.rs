//! The arguments of `#[setup_tasks(…)]`: on a struct, on a trait, on an impl block.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Ident, LitStr, Path};

use super::Format;
use super::argument::{Arg, runtime, split};
use super::key::{Form, Key, NOTHING, Place, read_keys};
use crate::errors::Errors;
use crate::names::Runtime;

/// The keys of `#[setup_tasks]`.
pub const KEYS: &[Key<ModelArgs>] = &[
    Key {
        name: "subdir",
        form: Form::Value("\"hosts/{name}\""),
        places: &[Place::Struct],
        excludes: NOTHING,
        read: |args, arg, errors| (args.subdir, args.has_subdir) = (format(arg, errors), true),
        meaning: "the object's part of its paths and its name in the stamp store: a format string over the fields. Required. \
                  A text that can never be a subdir (empty, absolute, with `..` or a NUL) is a compile error",
    },
    Key {
        name: "id",
        form: Form::Value("\"{name}\""),
        places: &[Place::Struct],
        excludes: NOTHING,
        read: |args, arg, errors| args.id = format(arg, errors),
        meaning: "the object's id, a format string over the fields; by default the subdir",
    },
    Key {
        name: "mixins",
        form: Form::List("DebianMachine, Backup(skip(restore))"),
        places: &[Place::Struct, Place::Trait],
        excludes: NOTHING,
        read: |args, arg, errors| args.mixins = mixins(arg, errors),
        meaning: "traits whose tasks the type has, which it must implement; `skip` leaves tasks out. Implementing a mixin \
                  without listing it, here or in the list of another mixin, is a compile error",
    },
    Key {
        name: "readonly",
        form: Form::Flag,
        places: &[Place::Struct],
        excludes: NOTHING,
        read: |args, arg, errors| args.readonly = Some(arg.flag(errors)),
        meaning: "makes objects of the type readonly unless they are placed otherwise, or writable with `readonly = false`; \
                  see [`AnyObject::readonly`](crate::AnyObject::readonly)",
    },
    Key {
        name: "ready",
        form: Form::Value("a_function"),
        places: &[Place::Struct],
        excludes: NOTHING,
        read: |args, arg, errors| args.ready = arg.parse(errors),
        meaning: "an associated function `async fn a_function(me: &Object<Self>) -> Result<()>` that [`Object::ready`] calls \
                  instead of running the setup tasks",
    },
    Key {
        name: "event_keys",
        form: Form::Value("a_method"),
        places: &[Place::Struct],
        excludes: NOTHING,
        read: |args, arg, errors| args.event_keys = arg.parse(errors),
        meaning: "a method `fn a_method(&self) -> Vec<EventKey>` that returns further keys to listen for the object's events \
                  by, besides its type and its id; see [`EventKey`](crate::event::EventKey)",
    },
    Key {
        name: "plug_in",
        form: Form::Flag,
        places: &[Place::Trait],
        excludes: NOTHING,
        read: |args, arg, errors| args.plug_in = arg.flag(errors),
        meaning: "allows types to implement the trait without listing it: see [`plug_in!`]",
    },
    Key {
        name: "crate",
        form: Form::Value("::my_setup_tasks"),
        places: &[Place::Struct, Place::Trait, Place::Impl],
        excludes: NOTHING,
        read: |args, arg, errors| args.runtime = runtime(arg, errors).unwrap_or_default(),
        meaning: "the path of the crate `setup-tasks`, if it was renamed",
    },
];

/// A mixin, and the tasks of it that are left out.
pub struct Mixin {
    pub path: Path,
    pub skip: Vec<Ident>,
}

/// The arguments of one `#[setup_tasks]`.
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
    pub plug_in: bool,
    pub runtime: Runtime,
}

impl ModelArgs {
    /// Reads the tokens in the attribute's parentheses.
    pub fn parse(tokens: TokenStream, place: Place, errors: &Errors) -> Self {
        let mut args = Self::default();
        read_keys(tokens, KEYS, place, &mut args, errors);
        args
    }
}

fn format(arg: &Arg, errors: &Errors) -> Option<Format> {
    Format::parse(&arg.parse::<LitStr>(errors)?, errors)
}

fn mixins(arg: &Arg, errors: &Errors) -> Vec<Mixin> {
    let list = split(arg.list(errors));
    list.into_iter().filter_map(|piece| mixin(piece, arg.key.span(), errors)).collect()
}

fn mixin(piece: TokenStream, span: Span, errors: &Errors) -> Option<Mixin> {
    let mut tokens: Vec<_> = piece.into_iter().collect();
    let span = tokens.first().map_or(span, TokenTree::span);
    // The options are taken off first, since a path parses `DebianMachine(skip(x))` as the type of a function.
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
    errors.add(
        span,
        "a mixin is a path to a trait",
        "write `mixins(DebianMachine)` or `mixins(DebianMachine(skip(apt_update)))`",
    );
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
