//! `#[derive(SetupTasks)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{DeriveInput, ImplGenerics, TypeGenerics, WhereClause, parse_quote};

use super::block::{handle, is_concrete};
use super::checks::Checks;
use super::mixin::{lists, mixins};
use super::relation::{accessor, field_row};
use crate::ast::model::{Model, Relation};
use crate::errors::Errors;
use crate::names::{self, Runtime, at};
use crate::validate;

/// Expands the derive to the implementation, with the errors in the item.
pub fn derive(item: TokenStream) -> TokenStream {
    let errors = Errors::default();
    let user = item.clone();
    let expanded = errors.ok(syn::parse2::<DeriveInput>(item)).and_then(|input| {
        let mut model = Model::read(input, &errors);
        validate::model(&mut model, &errors);
        validate::mixins(&mut model.args.mixins, None, &errors);
        // With lifetimes, every line of an implementation would be one more error.
        model.generics.lifetimes().next().is_none().then(|| expand(&model, &user))
    });
    let errors = errors.into_tokens();
    quote!(#expanded #errors)
}

/// The parts of an `impl` line.
type ImplLine<'a> = (ImplGenerics<'a>, TypeGenerics<'a>, Option<&'a WhereClause>);

fn expand(model: &Model, user: &TokenStream) -> TokenStream {
    let (import, runtime) = &model.args.runtime.import(user);
    let mut generics = model.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(::core::marker::Send));
        parameter.bounds.push(parse_quote!(::core::marker::Sync));
        parameter.bounds.push(parse_quote!('static));
    }
    let line = generics.split_for_impl();
    let implementation = implementation(model, &line, runtime);
    let lists = lists(&model.ident, &line, &model.args.mixins, runtime);
    let members = members(model, &line, runtime);
    let machine = machine(model, &line, runtime);
    let checks = checks(model, runtime);
    let listing = listing(model, runtime);
    quote! {
        const _: () = {
            #import
            #implementation
            #lists
            #members
            #machine
            #listing
            #checks
        };
    }
}

/// Returns the implementation of the trait `SetupTasks`.
fn implementation(
    model: &Model,
    (impl_generics, ty_generics, where_clause): &ImplLine<'_>,
    runtime: &Runtime,
) -> TokenStream {
    let (private, ident, name) = (runtime.private(), &model.ident, model.ident.to_string());
    let readonly = model
        .args
        .readonly
        .map(|readonly| quote!(const READONLY: #private::Option<#private::bool> = #private::Option::Some(#readonly);));
    let (block, methods) = (block(model, runtime), methods(model, runtime));
    // The compiler reports an error of the order at the type.
    let at_type = runtime.private_at(ident.span());
    let table = quote_spanned! {at(ident.span())=>
        &#at_type::TaskTable::build(<Self as #at_type::SetupTasks>::BLOCK)
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #private::SetupTasks for #ident #ty_generics #where_clause {
            const NAME: &'static #private::str = #name;
            #readonly
            const BLOCK: &'static #private::Block<Self> = #block;
            const TABLE: &'static #private::TaskTable<Self> = #table;
            #methods
        }
    }
}

/// Returns the type's mixins and rows. A type without a block gets an empty list of rows from the trait `NoBlock`. The block of a
/// generic type may have bounds for which that look-up would silently miss it, so such a type needs a block.
fn block(model: &Model, runtime: &Runtime) -> TokenStream {
    let (private, ident, name) = (runtime.private(), &model.ident, model.ident.to_string());
    let is_concrete = is_concrete(&model.generics.params);
    let mixins = mixins(&model.args.mixins, runtime);
    let relations: TokenStream =
        model.relations.iter().map(|relation| field_row(relation, is_concrete, runtime)).collect();
    if is_concrete {
        return quote! {{
            use #private::NoBlock as _;
            &#private::Block::new(#private::module_path!(), #name, &[#mixins], &[&[#relations], Self::__SETUP_TASKS])
        }};
    }
    let at_type = runtime.private_at(ident.span());
    let rows = quote_spanned!(at(ident.span())=> <Self as #at_type::HasBlock>::ROWS);
    quote!(&#private::Block::new(#private::module_path!(), #name, &[#mixins], &[&[#relations], #rows]))
}

/// Returns the methods of the trait that keys define.
fn methods(model: &Model, runtime: &Runtime) -> TokenStream {
    let private = runtime.private();
    let subdir = match &model.args.subdir {
        Some(subdir) => subdir.expand(&quote!(self), runtime),
        None => quote!(#private::String::new()),
    };
    let id = model.args.id.as_ref().map(|id| {
        let id = id.expand(&quote!(self), runtime);
        quote! {
            fn object_id(&self) -> #private::String {
                #id
            }
        }
    });
    let ready = model.args.ready.as_ref().map(|ready| {
        quote! {
            const REPLACES_RUN: bool = true;

            async fn bring_to_ready(object: &#private::Object<Self>) -> #private::Result<()> {
                Self::#ready(object).await
            }
        }
    });
    let event_keys = model.args.event_keys.as_ref().map(|event_keys| {
        let keys = quote_spanned!(at(event_keys.span())=> Self::#event_keys(self));
        quote! {
            fn event_keys(&self) -> #private::Vec<#private::EventKey> {
                #keys
            }
        }
    });
    let machine = model.machine.as_ref().map(|(member, _)| {
        quote! {
            fn any_machine(&self) -> #private::Option<&(dyn #private::Any + #private::Send + #private::Sync)> {
                #private::Option::Some(&self.#member)
            }
        }
    });
    quote! {
        fn stamp_subdir(&self) -> #private::String {
            #subdir
        }
        #id
        #ready
        #event_keys
        #machine
    }
}

/// Returns the handles of the relationships, and an accessor for each field with one.
fn members(
    model: &Model,
    (impl_generics, ty_generics, where_clause): &ImplLine<'_>,
    runtime: &Runtime,
) -> Option<TokenStream> {
    if model.relations.is_empty() {
        return None;
    }
    let (ident, public) = (&model.ident, parse_quote!(pub));
    let handles = model.relations.iter().map(|relation| {
        let name = relation.name();
        handle("relationship", &name, &names::handle(&name, relation.args.on.span()), &public, runtime)
    });
    // A field with several relationships has one accessor.
    let is_first = |(i, relation): &(usize, &Relation)| {
        model.relations.iter().position(|other| other.member == relation.member) == Some(*i)
    };
    // Any of them may name it.
    let named = |relation: &Relation| {
        let mut same = model.relations.iter().filter(|other| other.member == relation.member);
        same.find_map(|relation| relation.args.accessor.as_ref())
    };
    let accessors = model.relations.iter().enumerate().filter(is_first);
    let accessors = accessors.filter(|(_, relation)| !model.without_accessor.contains(&relation.member));
    let accessors = accessors.map(|(_, relation)| accessor(relation, named(relation), runtime));
    Some(quote! {
        #[allow(dead_code)]
        impl #impl_generics #ident #ty_generics #where_clause {
            #(#handles)*
            #(#accessors)*
        }
    })
}

/// Returns the implementation of `HasMachine` for a model with the attribute `#[machine]`.
fn machine(
    model: &Model,
    (impl_generics, ty_generics, where_clause): &ImplLine<'_>,
    runtime: &Runtime,
) -> Option<TokenStream> {
    let (member, ty) = model.machine.as_ref()?;
    let (private, ident) = (runtime.private(), &model.ident);
    Some(quote! {
        #[automatically_derived]
        impl #impl_generics #private::HasMachine for #ident #ty_generics #where_clause {
            type Machine = #ty;

            fn machine(&self) -> &#ty {
                &self.#member
            }
        }
    })
}

/// Returns the statements that make the compiler evaluate the table and check what it refers to.
fn checks(model: &Model, runtime: &Runtime) -> Option<TokenStream> {
    if !is_concrete(&model.generics.params) {
        return None;
    }
    let (ident, private) = (&model.ident, runtime.private_at(model.ident.span()));
    let mut checks = Checks::new(runtime);
    for mixin in &model.args.mixins {
        mixin.skip.iter().for_each(|task| checks.skipped_task(ident, &mixin.path, task));
    }
    checks.related_tasks(model.relations.iter().map(|relation| &relation.args));
    let befores = model.relations.iter().flat_map(|relation| &relation.args.before);
    checks.own_tasks(ident, &ident.to_string(), befores);
    let table = quote_spanned!(at(ident.span())=> let _ = <#ident as #private::SetupTasks>::TABLE;);
    Some(quote!(#table #checks))
}

/// Adds the type to the list of all types.
fn listing(model: &Model, runtime: &Runtime) -> TokenStream {
    let (private, ident, name) = (runtime.private(), &model.ident, model.ident.to_string());
    let info = if is_concrete(&model.generics.params) {
        quote!(of::<#ident>(#private::module_path!()))
    } else {
        quote!(generic(#name, #private::module_path!()))
    };
    quote!(#private::inventory::submit! { #private::TypeInfo::#info })
}
