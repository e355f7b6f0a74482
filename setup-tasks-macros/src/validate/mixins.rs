//! Rules about `mixins(…)`.

use quote::ToTokens;
use syn::Ident;
use syn::spanned::Spanned;

use crate::args::model::Mixin;
use crate::errors::Errors;

/// Checks that a list names each mixin once, and that a mixin does not list itself. Invalid entries are removed.
pub fn mixins(mixins: &mut Vec<Mixin>, owner: Option<&Ident>, errors: &Errors) {
    let mut seen: Vec<String> = Vec::new();
    mixins.retain(|mixin| {
        let here =
            mixin.path.segments.len() == 1 || mixin.path.segments.first().is_some_and(|first| first.ident == "self");
        let last = mixin.path.segments.last().map(|last| &last.ident);
        if here && mixin.path.segments.len() <= 2 && owner.is_some() && last == owner {
            let what = format!("`{}` lists itself as a mixin", mixin.path.to_token_stream());
            errors.add(mixin.path.span(), what, "remove it from `mixins(…)`: a trait always has its own tasks");
            return false;
        }
        let text = mixin.path.to_token_stream().to_string();
        if seen.contains(&text) {
            errors.add(mixin.path.span(), format!("`{text}` is listed twice"), "remove one of the two");
            return false;
        }
        seen.push(text);
        true
    });
}
