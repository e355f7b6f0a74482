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
use crate::ast::block::{Action, Block, BlockRelation, Kind, Task};
use crate::errors::Errors;
use crate::names::{self, Runtime, at};
use crate::validate;

/// The attribute: what the user wrote, its table, and what is wrong with it. An item in which `#[cfg]` decides about
/// something goes through the compiler first, which leaves what this build has.
pub fn attribute(args: TokenStream, item: TokenStream) -> TokenStream {
    if configured::is_conditional(&item)
        && let Ok(parsed) = syn::parse2::<Item>(item.clone())
        && matches!(parsed, Item::Impl(_) | Item::Trait(_))
    {
        return configured::evaluate(&args, &item, &parsed);
    }
    block(args, item, Vec::new())
}

/// Expands an item without conditions. `absent` names the members that conditions left out of it.
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
            let sound = validate::block(&block, &errors);
            let sound_relations = validate::relations(&block, &errors);
            let found = Found { sound, sound_relations, handles, any_error: errors.count() > 0 };
            let import = args.runtime.import(&user);
            Some(match &block.kind {
                Kind::Inherent(item) => expand_impl(item, &block, &found, import),
                Kind::Trait(item) => expand_trait(item, &block, &found, &args, import),
            })
        })
        .unwrap_or(item);
    let errors = errors.into_tokens();
    quote!(#expanded #errors)
}

/// What validation found: rustc is not told a second time what is wrong.
pub struct Found {
    /// For each task, whether a row can be made of it.
    sound: Vec<bool>,
    /// For each relationship.
    sound_relations: Vec<bool>,
    /// For each task and then for each relationship, whether its handle can be declared.
    handles: Vec<bool>,
    any_error: bool,
}

impl Found {
    /// The relationships that rows and handles can be made of.
    fn relations<'b>(&self, block: &'b Block) -> impl Iterator<Item = &'b BlockRelation> {
        let relations = block.relations.iter().zip(&self.sound_relations);
        relations.filter_map(|(relation, sound)| sound.then_some(relation))
    }
}

fn expand_impl(
    item: &ItemImpl,
    block: &Block,
    found: &Found,
    (import, runtime): (TokenStream, Runtime),
) -> TokenStream {
    let private = runtime.private();
    let (generics, self_ty) = (&item.generics, &item.self_ty);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let rows = rows(block, found, &runtime);
    let constants = constants(block, found, &runtime);
    let checks = checks(item, block, found, &runtime);
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

/// The rows that can be made: relationships go ahead of tasks.
pub fn rows(block: &Block, found: &Found, runtime: &Runtime) -> TokenStream {
    let relations = found.relations(block).map(|relation| method_row(relation, block, runtime));
    // The row of a value borrows its constant.
    let can_have_row = |i: usize, task: &Task| match task.action {
        Action::Method(_) => true,
        Action::Value(_) => found.handles.get(i) == Some(&true),
    };
    let rows = block.tasks.iter().zip(&found.sound).enumerate();
    let rows = rows.filter(|(i, (task, sound))| **sound && can_have_row(*i, task)).map(|(_, row)| row);
    relations.chain(rows.map(|(task, _)| row(task, block, !found.any_error, runtime))).collect()
}

/// Returns the constants of all tasks and relationships.
pub fn constants(block: &Block, found: &Found, runtime: &Runtime) -> TokenStream {
    let (of_tasks, of_relations) = found.handles.split_at(block.tasks.len());
    let tasks = block.tasks.iter().zip(of_tasks).filter(|(_, free)| **free);
    let tasks = tasks.map(|(task, _)| constant(task, block, runtime));
    let relations = block.relations.iter().zip(&found.sound_relations).zip(of_relations);
    let relations = relations.filter(|((_, sound), free)| **sound && **free).map(|((relation, _), _)| {
        let BlockRelation { name, vis, args, .. } = relation;
        handle("relationship", name, &names::handle(name, args.on.span()), vis, runtime)
    });
    let constants = tasks.chain(relations);
    match block.kind {
        Kind::Inherent(_) => constants.collect(),
        // A trait has no place for an attribute on all of them.
        Kind::Trait(_) => constants.map(|constant| quote!(#[allow(dead_code)] #constant)).collect(),
    }
}

/// Returns the handle of a task. A value task has the value as well, which its row borrows.
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
            // Upper case leaves some names as they are. Then the handle is another constant than the value.
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

/// Returns the constant that names a row. All of it has the span of the row's name, where the compiler then reports another
/// constant of the same name.
pub fn handle(what: &str, name: &str, ident: &Ident, vis: &syn::Visibility, runtime: &Runtime) -> TokenStream {
    let (private, doc) = (runtime.private(), format!("The handle of the {what} `{name}`."));
    quote_spanned! {ident.span()=>
        #[doc = #doc]
        #vis const #ident: #private::TaskHandle<Self> = #private::TaskHandle::new(#name);
    }
}

/// Returns the statements beside the table: the type is a model, and has the tasks that paths name.
fn checks(item: &ItemImpl, block: &Block, found: &Found, runtime: &Runtime) -> TokenStream {
    let (private, ty) = (runtime.private_at(span_of(&item.self_ty)), &item.self_ty);
    if !is_concrete(&block.generics().params) {
        let (impl_generics, _, where_clause) = item.generics.split_for_impl();
        return quote! {
            impl #impl_generics #private::HasBlock for #ty #where_clause {
                const ROWS: &'static [#private::TaskDef<Self>] = Self::__SETUP_TASKS;
            }
        };
    }
    if found.any_error {
        return TokenStream::new();
    }
    let mut checks = Checks::new(runtime);
    // Validation has looked up those without a path.
    checks.own_tasks(ty, &block.name(), block.targets().filter(|target| target.owner.is_some()));
    checks.related_tasks(block.relations.iter().map(|relation| &relation.args));
    let is_model = quote_spanned!(at(span_of(ty))=> #private::require_model::<#ty>(););
    quote!(#is_model #checks)
}

/// Whether there is nothing to choose: no parameter but lifetimes, which a model has none of.
pub fn is_concrete<'a>(params: impl IntoIterator<Item = &'a syn::GenericParam>) -> bool {
    params.into_iter().all(|param| matches!(param, syn::GenericParam::Lifetime(_)))
}

fn span_of(tokens: &impl ToTokens) -> Span {
    syn::spanned::Spanned::span(tokens)
}
