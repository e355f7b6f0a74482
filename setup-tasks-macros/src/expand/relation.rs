//! The row of one relationship, and the accessor of a relationship field.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;

use super::block::is_concrete;
use super::row::call;
use crate::args::depends::{DependsArgs, DependsOn};
use crate::ast::block::{Block, BlockRelation};
use crate::ast::model::Relation;
use crate::names::{Runtime, at};

/// Returns the row of a field. A generic type has no check beside its table, so the runtime looks up the task by name.
pub fn field_row(relation: &Relation, is_checked: bool, runtime: &Runtime) -> TokenStream {
    let (member, args) = (&relation.member, &relation.args);
    let (here, model) = (runtime.private_at(relation.span), related_model(args, runtime));
    let relatives = quote_spanned!(at(relation.span)=> |this: &Self| #here::related::<#model>(&this.#member));
    row("field", &relation.name(), &quote!(#member), &relatives, is_checked, args, runtime)
}

/// Returns the row of a method.
pub fn method_row(relation: &BlockRelation, block: &Block, runtime: &Runtime) -> TokenStream {
    let Some(method) = block.methods.get(relation.method) else { return TokenStream::new() };
    let (args, owner) = (&relation.args, block.owner(method.ident.span()));
    let (here, model) = (runtime.private_at(method.output_span), related_model(args, runtime));
    let convert = quote_spanned!(at(method.output_span)=> #here::relatives::<#model>);
    let ident = &method.ident;
    let (head, relatives) = if method.is_plain() {
        ("method", quote_spanned!(at(ident.span())=> |this| #convert(#owner::#ident(this))))
    } else {
        ("async_method", call(method, &convert, block, runtime))
    };
    let is_checked = is_concrete(&block.generics().params);
    row(head, &relation.name, &quote!(#ident), &relatives, is_checked, args, runtime)
}

fn row(
    head: &str,
    name: &str,
    member: &TokenStream,
    relatives: &TokenStream,
    is_checked: bool,
    args: &DependsArgs,
    runtime: &Runtime,
) -> TokenStream {
    let (private, head) = (runtime.private(), Ident::new(head, Span::call_site()));
    let DependsArgs { on, ready, run_if_needed, before, accessor: _ } = args;
    let target = on.name();
    let description = format!("Depend on {target} of {member}");
    let by_name = matches!(on, DependsOn::Name(_)) || !is_checked;
    let names = before.iter().map(crate::args::Target::name);
    let calls = [
        ready.then(|| quote!(.ready())),
        run_if_needed.map(|run| quote!(.run_if_needed(#run))),
        by_name.then(|| quote!(.by_name())),
        (!before.is_empty()).then(|| quote!(.before(&[#(#names),*]))),
    ];
    let calls: TokenStream = calls.into_iter().flatten().collect();
    quote!(#private::task(#name, #description).#head(#target, #relatives) #calls,)
}

/// Returns the type of the related model, or the type that stands for any model.
fn related_model(args: &DependsArgs, runtime: &Runtime) -> TokenStream {
    match &args.on {
        DependsOn::Task { owner, .. } => quote!(#owner),
        DependsOn::Name(_) => {
            let private = runtime.private_at(args.on.span());
            quote_spanned!(at(args.on.span())=> #private::AnyModel)
        }
    }
}

/// Returns the method that returns the value of a relationship field. It is as visible as the field.
pub fn accessor(relation: &Relation, named: Option<&Ident>, runtime: &Runtime) -> TokenStream {
    let Relation { member, ty, vis, span, args } = relation;
    let place = named.map_or(*span, Ident::span);
    let name = named.cloned().unwrap_or_else(|| relation.field());
    let (private, model) = (runtime.private_at(place), related_model(args, runtime));
    let doc = format!("Returns the value of the relationship field `{}`.", relation.field());
    quote_spanned! {at(place)=>
        #[doc = #doc]
        #[must_use]
        #vis fn #name(&self) -> <#ty as #private::Related<#model>>::Access<'_> {
            #private::access::<#model, #ty>(&self.#member)
        }
    }
}
