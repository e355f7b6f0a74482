//! The arguments of `#[setup_task]`.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{Expr, ExprLit, ExprUnary, Ident, Lit, LitInt, LitStr, UnOp};

use super::list::{Arg, exclude, one_or_list, parse, split};
use super::{Format, Target, duration};
use crate::errors::Errors;
use crate::names::find_ident;

const KEYS: [&str; 15] = [
    "order",
    "before",
    "after",
    "hash",
    "invalidator",
    "slow_invalidator",
    "check_completed",
    "inputs",
    "outputs",
    "check_source",
    "depend_on",
    "dependencies_always",
    "timeout",
    "retries",
    "tags",
];
/// What a completion check makes pointless.
const OF_STAMPS: [&str; 6] = ["hash", "invalidator", "slow_invalidator", "inputs", "outputs", "check_source"];

/// The arguments of one task, each read as far as it can be.
#[derive(Default)]
pub struct TaskArgs {
    pub description: Option<String>,
    pub order: Option<Expr>,
    pub before: Vec<Target>,
    pub after: Vec<Target>,
    pub hash: Option<Ident>,
    pub invalidator: Option<Ident>,
    pub slow: bool,
    pub check_completed: Option<Ident>,
    pub inputs: Vec<Format>,
    pub outputs: Vec<Format>,
    pub ignore_source: bool,
    pub depend_on: Vec<Expr>,
    pub dependencies_always: bool,
    /// In milliseconds, with where its key stands.
    pub timeout: Option<(u64, Span)>,
    pub retries: Option<u32>,
    pub tags: Vec<LitStr>,
}

impl TaskArgs {
    /// Reads what stands in the attribute's parentheses.
    pub fn parse(tokens: TokenStream, errors: &Errors) -> Self {
        let mut args = Self::default();
        let mut pieces = split(tokens);
        if let Some(first) = pieces.first()
            && let Ok(text) = syn::parse2::<LitStr>(first.clone())
        {
            args.description = describe(&text, errors);
            pieces.remove(0);
        }
        pieces.retain(|piece| !is_late_description(piece, errors) && !is_description_key(piece, errors));
        let rest = pieces.into_iter().flat_map(|piece| [piece, quote::quote!(,)]).collect();
        let list = parse(rest, "`#[setup_task]`", &KEYS, errors);
        exclude(&list, "order", &["before", "after"], "a number and a neighbour are two places", errors);
        exclude(&list, "invalidator", &["slow_invalidator"], "a task has one invalidator", errors);
        exclude(&list, "check_completed", &OF_STAMPS, "a completion check decides alone, and keeps no stamp", errors);
        list.iter().for_each(|arg| args.set(arg, errors));
        args
    }

    fn set(&mut self, arg: &Arg, errors: &Errors) {
        let helper = || arg.parse::<Ident>("a_method_of_this_block", errors);
        let paths = || {
            let texts = arg.strings("[\"conf/{name}.toml\", \"keys/*.pub\"]", errors);
            texts.iter().filter_map(|text| Format::parse(text, errors)).collect()
        };
        let targets = || arg.parse_with(one_or_list::<Target>, "other_task", errors).unwrap_or_default();
        match arg.key.to_string().as_str() {
            "order" => self.order = order(arg, errors),
            "before" => self.before = targets(),
            "after" => self.after = targets(),
            "hash" => self.hash = helper(),
            "invalidator" => self.invalidator = helper(),
            "slow_invalidator" => (self.invalidator, self.slow) = (helper(), true),
            "check_completed" => self.check_completed = helper(),
            "inputs" => self.inputs = paths(),
            "outputs" => self.outputs = paths(),
            "check_source" => self.ignore_source = !arg.flag(errors),
            "depend_on" => {
                self.depend_on =
                    arg.parse_with(one_or_list::<Expr>, "[self.network.clone()]", errors).unwrap_or_default();
            }
            "dependencies_always" => self.dependencies_always = arg.flag(errors),
            "timeout" => {
                let text = arg.parse::<LitStr>("\"5m\"", errors);
                let limit = text.and_then(|text| duration::parse(&text, errors));
                self.timeout = limit.map(|limit| (limit, arg.key.span()));
            }
            "retries" => self.retries = retries(arg, errors),
            "tags" => self.tags = arg.strings("[\"network\"]", errors),
            _ => {}
        }
    }
}

/// `description = "…"`, as other libraries have it.
fn is_description_key(piece: &TokenStream, errors: &Errors) -> bool {
    let Some(TokenTree::Ident(key)) = piece.clone().into_iter().next() else { return false };
    let is_key = key == "description" || key == "desc" || key == "name";
    if is_key {
        let help = "write `#[setup_task(\"description\", key = value)]`; the name is the method's";
        errors.add(key.span(), "the description is the first argument, and has no key", help);
    }
    is_key
}

/// A literal or a constant expression; where it stands, there is no model yet.
fn order(arg: &Arg, errors: &Errors) -> Option<Expr> {
    let expr = arg.parse::<Expr>("150", errors)?;
    let number = match &expr {
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => &**expr,
        expr => expr,
    };
    if let Expr::Lit(ExprLit { lit, .. }) = number
        && !matches!(lit, Lit::Int(number) if number.base10_parse::<i64>().is_ok())
    {
        errors.add(lit.span(), "this is no value for `order`", "write `order = 150`, or the name of a constant");
        return None;
    }
    if let Some(place) = find_ident(quote::quote!(#expr), "self") {
        let what = "the order is fixed at compile time, when there is no `self`";
        errors.add(place, what, "write a number, or a constant expression such as `Self::LATE + 10`");
        return None;
    }
    Some(expr)
}

fn describe(text: &LitStr, errors: &Errors) -> Option<String> {
    let value = text.value();
    if value.trim().is_empty() {
        errors.add(text.span(), "the description is empty", "say in a few words what the task does");
        return None;
    }
    Some(value)
}

fn is_late_description(piece: &TokenStream, errors: &Errors) -> bool {
    let Ok(text) = syn::parse2::<LitStr>(piece.clone()) else { return false };
    errors.add(
        text.span(),
        "the description does not stand first",
        "write `#[setup_task(\"description\", key = value)]`",
    );
    true
}

fn retries(arg: &Arg, errors: &Errors) -> Option<u32> {
    let number = arg.parse::<LitInt>("3", errors)?;
    let retries = number.base10_parse().ok();
    if retries.is_none() {
        errors.add(number.span(), "this is no number of retries", "write a whole number from 0 to 4294967295");
    }
    retries
}
