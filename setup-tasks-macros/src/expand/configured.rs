//! Blocks with `#[cfg]` and `#[cfg_attr]`. An attribute macro receives conditions as they are written, whereas a derive macro
//! receives the item after the compiler has evaluated them. A block with conditions is therefore wrapped in an item with a derive,
//! which unwraps the block and expands it.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::quote;
use syn::{Attribute, Ident, ImplItem, Item, TraitItem};

use super::block::block;
use crate::args::argument::crate_path;

/// Returns whether the item contains a condition, bodies included.
pub fn is_conditional(item: &TokenStream) -> bool {
    let mut after_hash = false;
    item.clone().into_iter().any(|token| match token {
        TokenTree::Group(group) => {
            let is_condition = after_hash && group.delimiter() == Delimiter::Bracket && begins_with_cfg(group.stream());
            after_hash = false;
            is_condition || is_conditional(&group.stream())
        }
        TokenTree::Punct(punct) => {
            after_hash = punct.as_char() == '#' || after_hash && punct.as_char() == '!';
            false
        }
        _ => {
            after_hash = false;
            false
        }
    })
}

fn begins_with_cfg(attribute: TokenStream) -> bool {
    matches!(attribute.into_iter().next(), Some(TokenTree::Ident(first)) if first == "cfg" || first == "cfg_attr")
}

/// Wraps the item so that the compiler evaluates its conditions and calls [`expand`] with the rest.
pub fn evaluate(args: &TokenStream, item: &TokenStream, parsed: &Item) -> TokenStream {
    let runtime = crate_path(args);
    let private = runtime.private();
    let conditional = conditional_members(parsed);
    quote! {
        #[derive(#private::__Configured)]
        #[#private::__discard]
        enum __SetupTasks {
            #[__setup_tasks(#args)]
            Arguments,
            #[__setup_tasks(#(#conditional)*)]
            Conditional,
            Block = { #item 0 },
        }
    }
}

/// Unwraps what [`evaluate`] wrapped, and expands it.
pub fn expand(item: TokenStream) -> TokenStream {
    let Some((args, conditional, item)) = unwrap(item) else { return TokenStream::new() };
    let left = syn::parse2::<Item>(item.clone()).ok();
    let left = left.as_ref().map(members).unwrap_or_default();
    let absent = conditional.into_iter().filter(|member| left.iter().all(|(_, left)| *left != member));
    block(args, item, absent.collect())
}

fn unwrap(item: TokenStream) -> Option<(TokenStream, Vec<Ident>, TokenStream)> {
    let item = syn::parse2::<syn::ItemEnum>(item).ok()?;
    let mut variants = item.variants.into_iter();
    let (args, conditional, block) = (variants.next()?, variants.next()?, variants.next()?);
    let args = args.attrs.first()?.meta.require_list().ok()?.tokens.clone();
    let conditional = conditional.attrs.first()?.meta.require_list().ok()?.tokens.clone();
    let conditional = conditional.into_iter().filter_map(|token| match token {
        TokenTree::Ident(ident) => Some(ident),
        _ => None,
    });
    let (_, syn::Expr::Block(block)) = block.discriminant? else { return None };
    let syn::Stmt::Item(item) = block.block.stmts.into_iter().next()? else { return None };
    Some((args, conditional.collect(), quote!(#item)))
}

/// Returns the names of the methods and constants that have a condition.
fn conditional_members(item: &Item) -> Vec<Ident> {
    let is_condition = |attr: &Attribute| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr");
    let members = members(item).into_iter().filter(|(attrs, _)| attrs.iter().any(is_condition));
    members.map(|(_, ident)| ident.clone()).collect()
}

/// Returns the attributes and the name of each method and constant.
fn members(item: &Item) -> Vec<(&[Attribute], &Ident)> {
    match item {
        Item::Impl(item) => item.items.iter().filter_map(of_impl).collect(),
        Item::Trait(item) => item.items.iter().filter_map(of_trait).collect(),
        _ => Vec::new(),
    }
}

fn of_impl(item: &ImplItem) -> Option<(&[Attribute], &Ident)> {
    match item {
        ImplItem::Fn(member) => Some((&member.attrs, &member.sig.ident)),
        ImplItem::Const(member) => Some((&member.attrs, &member.ident)),
        _ => None,
    }
}

fn of_trait(item: &TraitItem) -> Option<(&[Attribute], &Ident)> {
    match item {
        TraitItem::Fn(member) => Some((&member.attrs, &member.sig.ident)),
        TraitItem::Const(member) => Some((&member.attrs, &member.ident)),
        _ => None,
    }
}
