//! The arguments of `#[depends_on(FileServer::update_files, ready, run_if_needed = false, before = task)]`.

use proc_macro2::{Span, TokenStream};

use super::Target;
use super::list::{one_or_list, parse, split};
use crate::errors::Errors;

/// What one `#[depends_on]` says.
pub struct DependsArgs {
    pub target: Target,
    pub ready: bool,
    pub leave: bool,
    pub before: Vec<Target>,
}

impl DependsArgs {
    /// Reads what stands in the attribute's parentheses.
    pub fn parse(tokens: TokenStream, near: Span, errors: &Errors) -> Option<Self> {
        let mut pieces = split(tokens).into_iter();
        let first = pieces.next().unwrap_or_default();
        let place = first.clone().into_iter().next().map_or(near, |token| token.span());
        let target = match syn::parse2::<Target>(first) {
            Ok(target) if target.owner.is_some() => target,
            _ => {
                errors.add(
                    place,
                    "this names no task of another type",
                    "write `#[depends_on(FileServer::update_files)]`",
                );
                return None;
            }
        };
        let rest = pieces.flat_map(|piece| [piece, quote::quote!(,)]).collect();
        let mut args = Self { target, ready: false, leave: false, before: Vec::new() };
        for arg in parse(rest, "`#[depends_on]`", &["ready", "run_if_needed", "before"], errors) {
            match arg.key.to_string().as_str() {
                "ready" => args.ready = arg.flag(errors),
                "run_if_needed" => args.leave = !arg.flag(errors),
                _ => args.before = arg.parse_with(one_or_list::<Target>, "a_task", errors).unwrap_or_default(),
            }
        }
        Some(args)
    }
}
