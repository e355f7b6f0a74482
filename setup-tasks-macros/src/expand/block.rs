//! `#[setup_tasks]` on an impl block or a trait.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Ident, Item, ItemImpl};

use super::configured;
use super::mixin::expand_trait;
use super::relation::{check, method_row, relation_handle};
use super::row::{kind_constant, row};
use crate::args::model::{ModelArgs, Place};
use crate::ast::block::{Action, Block, BlockRelation, Kind, Task};
use crate::errors::Errors;
use crate::names::{Runtime, at, handle};
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
    let expanded = errors
        .ok(syn::parse2::<Item>(item.clone()))
        .and_then(|item| {
            let place = if matches!(item, Item::Trait(_)) { Place::Trait } else { Place::Block };
            let block = Block { absent, ..Block::read(item, &errors)? };
            let mut args = ModelArgs::parse(args, place, &errors);
            if let Kind::Trait(item) = &block.kind {
                validate::mixins(&mut args.mixins, Some(&item.ident), &errors);
            }
            let handles = validate::handles(&block, &errors);
            let sound = validate::block(&block, &errors);
            let sound_relations = validate::relations(&block, &errors);
            let found = Found { sound, sound_relations, handles, any_error: errors.count() > 0 };
            Some(match &block.kind {
                Kind::Inherent(item) => expand_impl(item, &block, &found, &args.runtime),
                Kind::Trait(item) => expand_trait(item, &block, &found, &args),
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

fn expand_impl(item: &ItemImpl, block: &Block, found: &Found, runtime: &Runtime) -> TokenStream {
    let private = runtime.private();
    let (generics, self_ty) = (&item.generics, &item.self_ty);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let rows = rows(block, found, runtime);
    let constants = constants(block, found, runtime);
    let checks = checks(item, block, found, runtime);
    quote! {
        #item

        impl #impl_generics #self_ty #where_clause {
            #constants
            #[doc(hidden)]
            pub const __SETUP_TASKS: &'static [#private::TaskDef<Self>] = &[#rows];
        }
        #checks
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

/// The constants of all tasks and relationships.
pub fn constants(block: &Block, found: &Found, runtime: &Runtime) -> TokenStream {
    let (of_tasks, of_relations) = found.handles.split_at(block.tasks.len());
    let tasks = block.tasks.iter().zip(of_tasks).filter(|(_, free)| **free);
    let tasks = tasks.map(|(task, _)| constant(task, block, runtime));
    let relations = block.relations.iter().zip(&found.sound_relations).zip(of_relations);
    let relations = relations.filter(|((_, sound), free)| **sound && **free).map(|((relation, _), _)| {
        let BlockRelation { name, vis, args, .. } = relation;
        relation_handle(name, args.on.span(), vis, runtime)
    });
    tasks.chain(relations).collect()
}

/// The handle of a task, and of a value task the constant that its row borrows.
fn constant(task: &Task, block: &Block, runtime: &Runtime) -> TokenStream {
    let private = runtime.private();
    let Task { name, vis, docs, .. } = task;
    match &task.action {
        Action::Method(_) => plain_handle(name, &handle(name, task.span()), vis, runtime),
        Action::Value(value) => {
            let (ty, expr) = &**value;
            let ident = Ident::new(&name.to_uppercase(), task.span());
            let kind = kind_constant(task, ty, block, runtime);
            let handle = handle(name, task.span());
            // Upper case leaves some names as they are; then the handle is another constant than the value.
            let handle = (handle != ident).then(|| plain_handle(name, &handle, vis, runtime));
            quote! {
                #(#docs)*
                #vis const #ident: #private::ValueTask<Self, #ty> = #private::ValueTask::new(#name, #expr);
                #handle
                #kind
            }
        }
    }
}

fn plain_handle(name: &str, handle: &Ident, vis: &syn::Visibility, runtime: &Runtime) -> TokenStream {
    let (private, doc) = (runtime.private(), format!("The handle of the task `{name}`."));
    // All of it stands at the task's name, where a constant of the same name in another block is reported.
    quote_spanned! {handle.span()=>
        #[doc = #doc]
        #[allow(dead_code)]
        #vis const #handle: #private::TaskHandle<Self> = #private::TaskHandle::new(#name);
    }
}

/// Checks in const evaluation, beside the table: the type is a model, and has the tasks that paths name.
fn checks(item: &ItemImpl, block: &Block, found: &Found, runtime: &Runtime) -> TokenStream {
    let (private, ty, name) = (runtime.private_at(span_of(&item.self_ty)), &item.self_ty, block.name());
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
    let at_type = quote_spanned!(at(span_of(ty))=> #private::require_model::<#ty>());
    let befores = block.relations.iter().flat_map(|relation| &relation.args.before);
    let targets = block.tasks.iter().flat_map(|task| task.args.before.iter().chain(&task.args.after)).chain(befores);
    let targets = targets.filter(|target| target.owner.is_some()).map(|target| {
        let (wanted, private) = (target.name(), runtime.private_at(target.span()));
        quote_spanned!(at(target.span())=> #private::require_task::<#ty>(#name, #wanted);)
    });
    let relations = relation_checks(block, runtime);
    quote! {
        const _: () = {
            #at_type;
            #(#targets)*
            #relations
        };
    }
}

/// The checks of all relationships: the tasks that they depend on, and those that they stand before.
pub fn relation_checks(block: &Block, runtime: &Runtime) -> TokenStream {
    block.relations.iter().filter_map(|relation| check(&relation.args, runtime)).collect()
}

/// Whether there is nothing to choose: no parameter but lifetimes, which a model has none of.
pub fn is_concrete<'a>(params: impl IntoIterator<Item = &'a syn::GenericParam>) -> bool {
    params.into_iter().all(|param| matches!(param, syn::GenericParam::Lifetime(_)))
}

fn span_of(tokens: &impl ToTokens) -> Span {
    syn::spanned::Spanned::span(tokens)
}
