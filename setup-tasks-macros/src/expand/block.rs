//! `#[setup_tasks]` on an impl block or a trait.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Ident, Item, ItemImpl};

use super::checks::Checks;
use super::configured;
use super::mixin::expand_trait;
use super::relation::method_row;
use super::row::{kind_constant, row};
use crate::args::key::Place;
use crate::args::model::ModelArgs;
use crate::ast::block::{Block, BlockRelation, Kind};
use crate::ast::task::{Action, Task};
use crate::errors::Errors;
use crate::names::{self, Runtime, at};
use crate::validate;

/// Expands the attribute to the item, its table and its errors. An item with `#[cfg]` in it goes through the compiler first,
/// which removes everything that is not part of this build.
pub fn attribute(args: TokenStream, item: TokenStream) -> TokenStream {
    if configured::is_conditional(&item)
        && let Ok(parsed) = syn::parse2::<Item>(item.clone())
        && matches!(parsed, Item::Impl(_) | Item::Trait(_))
    {
        return configured::evaluate(&args, &item, &parsed);
    }
    block(args, item, Vec::new())
}

/// Expands an item without conditions. `absent` names the members that conditions removed from it.
pub fn block(args: TokenStream, item: TokenStream, absent: Vec<Ident>) -> TokenStream {
    let errors = Errors::default();
    let user = quote!(#args #item);
    let expanded = errors
        .ok(syn::parse2::<Item>(item.clone()))
        .and_then(|item| {
            let place = if matches!(item, Item::Trait(_)) { Place::Trait } else { Place::Impl };
            let block = Block { absent, ..Block::read(item, &errors)? };
            let mut args = ModelArgs::parse(args, place, &errors);
            if let Kind::Trait(item) = &block.kind {
                validate::mixins(&mut args.mixins, Some(&item.ident), &errors);
            }
            let handles = validate::handles(&block, &errors);
            let tasks = validate::block(&block, &errors);
            let relations = validate::relations(&block, &errors);
            let validated = Validated { tasks, relations, handles, any_error: errors.count() > 0 };
            let import = args.runtime.import(&user);
            Some(match &block.kind {
                Kind::Inherent(item) => expand_impl(item, &block, &validated, import),
                Kind::Trait(item) => expand_trait(item, &block, &validated, &args, import),
            })
        })
        .unwrap_or(item);
    let errors = errors.into_tokens();
    quote!(#expanded #errors)
}

/// The result of validation. Nothing is generated for an invalid part, so that the compiler does not report it again.
pub struct Validated {
    /// Whether each task can have a row.
    tasks: Vec<bool>,
    /// Whether each relationship can have a row.
    relations: Vec<bool>,
    /// Whether each task, and then each relationship, can have a handle.
    handles: Vec<bool>,
    any_error: bool,
}

impl Validated {
    /// Returns the relationships that can have a row.
    fn relations_of<'b>(&self, block: &'b Block) -> impl Iterator<Item = &'b BlockRelation> {
        let relations = block.relations.iter().zip(&self.relations);
        relations.filter_map(|(relation, valid)| valid.then_some(relation))
    }
}

fn expand_impl(
    item: &ItemImpl,
    block: &Block,
    validated: &Validated,
    (import, runtime): (TokenStream, Runtime),
) -> TokenStream {
    let private = runtime.private();
    let (generics, self_ty) = (&item.generics, &item.self_ty);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let rows = rows(block, validated, &runtime);
    let constants = constants(block, validated, &runtime);
    let checks = checks(item, block, validated, &runtime);
    quote! {
        #item

        const _: () = {
            #import

            #[allow(dead_code)]
            impl #impl_generics #self_ty #where_clause {
                #constants
                #[doc(hidden)]
                pub const __SETUP_TASKS: &'static [#private::TaskDef<Self>] = &[#rows];
            }
            #checks
        };
    }
}

/// Returns the rows of all valid relationships, then those of all valid tasks.
pub fn rows(block: &Block, validated: &Validated, runtime: &Runtime) -> TokenStream {
    let relations = validated.relations_of(block).map(|relation| method_row(relation, block, runtime));
    // The row of a value borrows its constant, which exists only together with its handle.
    let can_have_row = |i: usize, task: &Task| match task.action {
        Action::Method(_) => true,
        Action::Value(_) => validated.handles.get(i) == Some(&true),
    };
    let rows = block.tasks.iter().zip(&validated.tasks).enumerate();
    let rows = rows.filter(|(i, (task, valid))| **valid && can_have_row(*i, task)).map(|(_, row)| row);
    relations.chain(rows.map(|(task, _)| row(task, block, !validated.any_error, runtime))).collect()
}

/// Returns the constants of all tasks and relationships.
pub fn constants(block: &Block, validated: &Validated, runtime: &Runtime) -> TokenStream {
    let (of_tasks, of_relations) = validated.handles.split_at(block.tasks.len());
    let tasks = block.tasks.iter().zip(of_tasks).filter(|(_, free)| **free);
    let tasks = tasks.map(|(task, _)| constant(task, block, runtime));
    let relations = block.relations.iter().zip(&validated.relations).zip(of_relations);
    let relations = relations.filter(|((_, valid), free)| **valid && **free).map(|((relation, _), _)| {
        let BlockRelation { name, vis, args, .. } = relation;
        handle("relationship", name, &names::handle(name, args.on.span()), vis, runtime)
    });
    let constants = tasks.chain(relations);
    match block.kind {
        Kind::Inherent(_) => constants.collect(),
        // An attribute on the trait itself would cover the user's items, too.
        Kind::Trait(_) => constants.map(|constant| quote!(#[allow(dead_code)] #constant)).collect(),
    }
}

/// Returns the handle of a task. A value task also gets a constant with the value, which its row borrows.
fn constant(task: &Task, block: &Block, runtime: &Runtime) -> TokenStream {
    let private = runtime.private();
    let Task { name, vis, docs, .. } = task;
    let ident = names::handle(name, task.span());
    match &task.action {
        Action::Method(_) => handle("task", name, &ident, vis, runtime),
        Action::Value(value) => {
            let (ty, expr) = &**value;
            let value = Ident::new(&name.to_uppercase(), task.span());
            let kind = kind_constant(task, ty, block, runtime);
            // The handle has another name than the value only if the task's name is upper case already.
            let handle = (ident != value).then(|| handle("task", name, &ident, vis, runtime));
            quote! {
                #(#docs)*
                #vis const #value: #private::ValueTask<Self, #ty> = #private::ValueTask::new(#name, #expr);
                #handle
                #kind
            }
        }
    }
}

/// Returns the constant that names a row. It has the span of the row's name, where the compiler reports a second constant of that
/// name.
pub fn handle(what: &str, name: &str, ident: &Ident, vis: &syn::Visibility, runtime: &Runtime) -> TokenStream {
    let (private, doc) = (runtime.private(), format!("The handle of the {what} `{name}`."));
    quote_spanned! {ident.span()=>
        #[doc = #doc]
        #vis const #ident: #private::TaskHandle<Self> = #private::TaskHandle::new(#name);
    }
}

/// Returns the statements beside the table, which check that the type is a model and has the tasks that paths name.
fn checks(item: &ItemImpl, block: &Block, validated: &Validated, runtime: &Runtime) -> TokenStream {
    let (private, ty) = (runtime.private_at(span_of(&item.self_ty)), &item.self_ty);
    if !is_concrete(&block.generics().params) {
        let (impl_generics, _, where_clause) = item.generics.split_for_impl();
        return quote! {
            impl #impl_generics #private::HasBlock for #ty #where_clause {
                const ROWS: &'static [#private::TaskDef<Self>] = Self::__SETUP_TASKS;
            }
        };
    }
    if validated.any_error {
        return TokenStream::new();
    }
    let mut checks = Checks::new(runtime);
    // Validation has already looked up targets without a path.
    checks.own_tasks(ty, &block.name(), block.targets().filter(|target| target.owner.is_some()));
    checks.related_tasks(block.relations.iter().map(|relation| &relation.args));
    let is_model = quote_spanned!(at(span_of(ty))=> #private::require_model::<#ty>(););
    quote!(#is_model #checks)
}

/// Returns whether the item has no type or const parameters. A model never has lifetimes.
pub fn is_concrete<'a>(params: impl IntoIterator<Item = &'a syn::GenericParam>) -> bool {
    params.into_iter().all(|param| matches!(param, syn::GenericParam::Lifetime(_)))
}

fn span_of(tokens: &impl ToTokens) -> Span {
    syn::spanned::Spanned::span(tokens)
}
