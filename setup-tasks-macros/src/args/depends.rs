//! The arguments of `#[depends_on(FileServer::update_files, ready, run_if_needed = false, before = task)]`.

use proc_macro2::{Span, TokenStream};
use syn::{Ident, LitStr, Path};

use super::Target;
use super::list::{one_or_list, parse, split};
use crate::errors::Errors;

/// What one `#[depends_on]` says.
pub struct DependsArgs {
    pub on: DependsOn,
    pub ready: bool,
    pub leave: bool,
    pub before: Vec<Target>,
    pub accessor: Option<Ident>,
}

/// The task that is depended on.
pub enum DependsOn {
    /// `FileServer::update_files`
    Task { owner: Box<Path>, target: Target },
    /// `"update_files"`: of an object whose type is not known.
    Name(LitStr),
}

impl DependsOn {
    /// The task's name.
    pub fn name(&self) -> String {
        match self {
            Self::Task { target, .. } => target.name(),
            Self::Name(name) => name.value(),
        }
    }

    /// Where the task's name stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Task { target, .. } => target.span(),
            Self::Name(name) => name.span(),
        }
    }
}

/// Where the attribute stands.
#[derive(Clone, Copy, PartialEq)]
pub enum DependsPlace {
    Field,
    Method,
}

impl DependsArgs {
    /// Reads what stands in the attribute's parentheses.
    pub fn parse(tokens: TokenStream, near: Span, place: DependsPlace, errors: &Errors) -> Option<Self> {
        let mut pieces = split(tokens).into_iter();
        let first = pieces.next().unwrap_or_default();
        let span = first.clone().into_iter().next().map_or(near, |token| token.span());
        let on = depends_on(first, span, errors)?;
        let rest = pieces.flat_map(|piece| [piece, quote::quote!(,)]).collect();
        let mut args = Self { on, ready: false, leave: false, before: Vec::new(), accessor: None };
        let keys: &[_] = match place {
            DependsPlace::Field => &["ready", "run_if_needed", "before", "accessor"],
            DependsPlace::Method => &["ready", "run_if_needed", "before"],
        };
        for arg in parse(rest, "`#[depends_on]`", keys, errors) {
            match arg.key.to_string().as_str() {
                "ready" => args.ready = arg.flag(errors),
                "run_if_needed" => args.leave = !arg.flag(errors),
                "accessor" => args.accessor = arg.parse("a_name", errors),
                _ => args.before = arg.parse_with(one_or_list::<Target>, "a_task", errors).unwrap_or_default(),
            }
        }
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
    errors.add(span, "this names no task of another type", help);
    None
}
