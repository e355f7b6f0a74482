//! One relationship as one row, with its handle and its check; of a field also its accessor.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Ident, Visibility};

use super::block::is_concrete;
use super::row::call;
use crate::args::depends::{DependsArgs, DependsOn};
use crate::ast::block::{Block, BlockRelation};
use crate::ast::model::Relation;
use crate::names::{Runtime, at, handle};

/// The row of a field. Where no check stands beside the table, since the type is generic, the task is looked for at run time.
pub fn field_row(relation: &Relation, is_checked: bool, runtime: &Runtime) -> TokenStream {
    let (member, args) = (&relation.member, &relation.args);
    let (here, model) = (runtime.private_at(relation.span), related_model(args, runtime));
    let relatives = quote_spanned!(at(relation.span)=> |this| #here::related::<#model>(&this.#member));
    let description = format!("Depend on {} of {}", args.on.name(), quote!(#member));
    let made = quote!(new(#relatives));
    row(&relation.name(), &description, &made, is_checked, args, runtime)
}

/// The row of a method.
pub fn method_row(relation: &BlockRelation, block: &Block, runtime: &Runtime) -> TokenStream {
    let Some(method) = block.methods.get(relation.method) else { return TokenStream::new() };
    let (args, owner) = (&relation.args, block.owner(method.ident.span()));
    let (here, model) = (runtime.private_at(method.answer), related_model(args, runtime));
    let answer = quote_spanned!(at(method.answer)=> #here::relatives::<#model>);
    let made = if method.is_plain() {
        let ident = &method.ident;
        let relatives = quote_spanned!(at(method.ident.span())=> |this| #answer(#owner::#ident(this)));
        quote!(called(#relatives))
    } else {
        let relatives = call(method, &answer, block, runtime);
        quote!(asked(#relatives))
    };
    let description = format!("Depend on {} of {}", args.on.name(), method.ident);
    row(&relation.name, &description, &made, is_concrete(&block.generics().params), args, runtime)
}

fn row(
    name: &str,
    description: &str,
    made: &TokenStream,
    is_checked: bool,
    args: &DependsArgs,
    runtime: &Runtime,
) -> TokenStream {
    let private = runtime.private();
    let target = args.on.name();
    let mut keys = TokenStream::new();
    keys.extend(args.ready.then(|| quote!(.ready())));
    keys.extend(args.leave.then(|| quote!(.leave())));
    let by_name = matches!(args.on, DependsOn::Name(_)) || !is_checked;
    keys.extend(by_name.then(|| quote!(.by_name())));
    let before = args.before.iter().map(crate::args::Target::name);
    let before = (!args.before.is_empty()).then(|| quote!(.before(&[#(#before),*])));
    quote! {
        #private::relation(#name, #description, #private::Relation::<Self>::#made.to(#target) #keys) #before,
    }
}

/// The model whose task is depended on, or what stands for all of them.
fn related_model(args: &DependsArgs, runtime: &Runtime) -> TokenStream {
    match &args.on {
        DependsOn::Task { owner, .. } => quote!(#owner),
        DependsOn::Name(_) => {
            let private = runtime.private_at(args.on.span());
            quote_spanned!(at(args.on.span())=> #private::AnyModel)
        }
    }
}

/// The handle of a relationship's row.
pub fn relation_handle(name: &str, span: Span, vis: &Visibility, runtime: &Runtime) -> TokenStream {
    let (private, handle) = (runtime.private(), handle(name, span));
    let doc = format!("The handle of the relationship `{name}`.");
    quote_spanned! {handle.span()=>
        #[doc = #doc]
        #[allow(dead_code)]
        #vis const #handle: #private::TaskHandle<Self> = #private::TaskHandle::new(#name);
    }
}

/// The method that gives what a relationship field holds, as visible as the field.
pub fn accessor(relation: &Relation, named: Option<&Ident>, runtime: &Runtime) -> TokenStream {
    let Relation { member, ty, vis, span, args } = relation;
    let place = named.map_or(*span, Ident::span);
    let name = named.cloned().unwrap_or_else(|| relation.field());
    let (private, model) = (runtime.private_at(place), related_model(args, runtime));
    let doc = format!("What the relationship `{}` holds.", relation.field());
    quote_spanned! {at(place)=>
        #[doc = #doc]
        #[must_use]
        #[allow(dead_code)]
        #vis fn #name(&self) -> <#ty as #private::Related<#model>>::Access<'_> {
            #private::access::<#model, #ty>(&self.#member)
        }
    }
}

/// The check that the related type has the task.
pub fn check(args: &DependsArgs, runtime: &Runtime) -> Option<TokenStream> {
    let DependsOn::Task { owner, target } = &args.on else { return None };
    let wanted = target.name();
    let owner_name = owner.segments.last().map(|last| last.ident.to_string());
    let private = runtime.private_at(target.span());
    Some(quote_spanned!(at(target.span())=> #private::require_task::<#owner>(#owner_name, #wanted);))
}
