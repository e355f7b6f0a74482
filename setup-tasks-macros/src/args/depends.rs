//! The arguments of `#[depends_on(FileServer::update_files, ready, run_if_needed = false, before = task)]`.

use proc_macro2::{Span, TokenStream};
use syn::{Ident, LitStr, Path};

use super::Target;
use super::argument::split;
use super::key::{Form, Key, NOTHING, Place, read_keys};
use crate::errors::Errors;

/// The keys of `#[depends_on]`.
pub const KEYS: &[Key<DependsArgs>] = &[
    Key {
        name: "ready",
        form: Form::Flag,
        places: &[Place::Field, Place::Method],
        excludes: NOTHING,
        read: |args, arg, errors| args.ready = arg.flag(errors),
        meaning: "brings the related object to ready first",
    },
    Key {
        name: "run_if_needed",
        form: Form::Value("false"),
        places: &[Place::Field, Place::Method],
        excludes: NOTHING,
        read: |args, arg, errors| args.run_if_needed = Some(arg.flag(errors)),
        meaning: "leaves the tasks of the related object alone; by default they run up to the named one",
    },
    Key {
        name: "before",
        form: Form::Value("a_task"),
        places: &[Place::Field, Place::Method],
        excludes: NOTHING,
        read: |args, arg, errors| args.before = arg.one_or_list(errors),
        meaning: "puts the relationship ahead of a task, or of each in a list `[a, b]`; by default it comes ahead of all \
                  tasks of the type's own block",
    },
    Key {
        name: "accessor",
        form: Form::Value("a_name"),
        places: &[Place::Field],
        excludes: NOTHING,
        read: |args, arg, errors| args.accessor = arg.parse(errors),
        meaning: "names the method that returns the field's value, for a field whose own name is taken",
    },
];

/// The arguments of one `#[depends_on]`.
pub struct DependsArgs {
    pub on: DependsOn,
    pub ready: bool,
    pub run_if_needed: Option<bool>,
    pub before: Vec<Target>,
    pub accessor: Option<Ident>,
}

/// The task that is depended on.
pub enum DependsOn {
    /// `FileServer::update_files`
    Task { owner: Box<Path>, target: Target },
    /// `"update_files"`, a task of an object whose type is not known
    Name(LitStr),
}

impl DependsOn {
    /// Returns the task's name.
    pub fn name(&self) -> String {
        match self {
            Self::Task { target, .. } => target.name(),
            Self::Name(name) => name.value(),
        }
    }

    /// Returns the span of the task's name.
    pub fn span(&self) -> Span {
        match self {
            Self::Task { target, .. } => target.span(),
            Self::Name(name) => name.span(),
        }
    }
}

impl DependsArgs {
    /// Reads the tokens in the attribute's parentheses. `span` is the attribute's, for an attribute without tokens.
    pub fn parse(tokens: TokenStream, span: Span, place: Place, errors: &Errors) -> Option<Self> {
        let mut pieces = split(tokens).into_iter();
        let first = pieces.next().unwrap_or_default();
        let span = first.clone().into_iter().next().map_or(span, |token| token.span());
        let on = depends_on(first, span, errors)?;
        let rest = pieces.flat_map(|piece| [piece, quote::quote!(,)]).collect();
        let mut args = Self { on, ready: false, run_if_needed: None, before: Vec::new(), accessor: None };
        read_keys(rest, KEYS, place, &mut args, errors);
        Some(args)
    }
}

fn depends_on(tokens: TokenStream, span: Span, errors: &Errors) -> Option<DependsOn> {
    let help =
        "write `#[depends_on(FileServer::update_files)]`, or `#[depends_on(\"update_files\")]` for an `AnyObject`";
    if let Ok(name) = syn::parse2::<LitStr>(tokens.clone()) {
        if !name.value().is_empty() {
            return Some(DependsOn::Name(name));
        }
    } else if let Ok(target) = syn::parse2::<Target>(tokens)
        && let Some(owner) = target.owner.clone()
    {
        return Some(DependsOn::Task { owner: Box::new(owner), target });
    }
    errors.add(span, "expected a task of another type", help);
    None
}
