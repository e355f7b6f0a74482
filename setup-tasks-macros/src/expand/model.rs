//! `#[derive(SetupTasks)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::DeriveInput;
use syn::parse_quote;

use super::block::is_concrete;
use super::mixin::{lists, mixins};
use super::relation::{accessor, check, field_row, relation_handle};
use crate::ast::model::{Model, Relation};
use crate::errors::Errors;
use crate::names::{Runtime, at, task_name};
use crate::validate;

/// The derive: the implementation, and what is wrong with the item.
pub fn derive(item: TokenStream) -> TokenStream {
    let errors = Errors::default();
    let expanded = errors.ok(syn::parse2::<DeriveInput>(item)).and_then(|input| {
        let mut model = Model::read(input, &errors);
        validate::model(&mut model, &errors);
        validate::mixins(&mut model.args.mixins, None, &errors);
        // With lifetimes, every line of an implementation would be one more error.
        model.generics.lifetimes().next().is_none().then(|| expand(&model))
    });
    let errors = errors.into_tokens();
    quote!(#expanded #errors)
}

fn expand(model: &Model) -> TokenStream {
    let runtime = &model.args.runtime;
    let private = runtime.private();
    let ident = &model.ident;
    let name = ident.to_string();
    let mut generics = model.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(::core::marker::Send));
        parameter.bounds.push(parse_quote!(::core::marker::Sync));
        parameter.bounds.push(parse_quote!('static));
    }
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let mixins = mixins(&model.args.mixins, runtime);
    let relations: TokenStream = model
        .relations
        .iter()
        .map(|relation| field_row(relation, is_concrete(&model.generics.params), runtime))
        .collect();
    // A generic type's block may have bounds that a look-up would silently miss: there, the block must exist.
    let (no_block, rows) = if is_concrete(&generics.params) {
        (quote!(use #private::NoBlock as _;), quote!(Self::__SETUP_TASKS))
    } else {
        let private = runtime.private_at(ident.span());
        (TokenStream::new(), quote_spanned!(at(ident.span())=> <Self as #private::HasBlock>::ROWS))
    };
    let format = |format: &Option<crate::args::Format>| match format {
        Some(format) => format.expand(&quote!(self), runtime),
        None => quote!(#private::String::new()),
    };
    let subdir = format(&model.args.subdir);
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
            async fn bring_to_ready(object: &#runtime::Object<Self>) -> #private::Result<()> {
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
    let readonly = match model.args.readonly {
        Some(readonly) => quote!(::core::option::Option::Some(#readonly)),
        None => quote!(::core::option::Option::None),
    };
    let handles = handles(model, &impl_generics, &ty_generics, where_clause, runtime);
    let lists = lists(ident, (&impl_generics, &ty_generics, where_clause), &model.args.mixins, runtime);
    let beside = beside(model, runtime);
    // An error of the order is reported at the type.
    let at_type = runtime.private_at(ident.span());
    let table = quote_spanned! {at(ident.span())=>
        &#at_type::TaskTable::build(<Self as #runtime::SetupTasks>::BLOCK)
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #runtime::SetupTasks for #ident #ty_generics #where_clause {
            const NAME: &'static ::core::primitive::str = #name;
            const READONLY: ::core::option::Option<::core::primitive::bool> = #readonly;
            const BLOCK: &'static #private::Block<Self> = {
                #no_block
                &#private::Block::new(::core::module_path!(), #name, &[#mixins], &[&[#relations], #rows])
            };
            const TABLE: &'static #private::TaskTable<Self> = #table;
            fn stamp_subdir(&self) -> #private::String {
                #subdir
            }
            #id
            #ready
            #event_keys
        }
        #lists
        #handles
        #beside
    }
}

fn handles(
    model: &Model,
    impl_generics: &syn::ImplGenerics<'_>,
    ty_generics: &syn::TypeGenerics<'_>,
    where_clause: Option<&syn::WhereClause>,
    runtime: &Runtime,
) -> Option<TokenStream> {
    if model.relations.is_empty() {
        return None;
    }
    let (ident, public) = (&model.ident, parse_quote!(pub));
    let handles = model
        .relations
        .iter()
        .map(|relation| relation_handle(&relation.name(), relation.args.on.span(), &public, runtime));
    // Of a field with several relationships one is enough.
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
        impl #impl_generics #ident #ty_generics #where_clause {
            #(#handles)*
            #(#accessors)*
        }
    })
}

/// What stands beside the table: checks in const evaluation, and the type's place in the list of all types.
fn beside(model: &Model, runtime: &Runtime) -> TokenStream {
    let (private, ident, name) = (runtime.private(), &model.ident, model.ident.to_string());
    if !is_concrete(&model.generics.params) {
        return quote! {
            #private::inventory::submit! {
                #private::TypeInfo::generic(#name, ::core::module_path!())
            }
        };
    }
    let table = quote_spanned!(at(ident.span())=> let _ = <#ident as #runtime::SetupTasks>::TABLE;);
    let skips = model.args.mixins.iter().flat_map(|mixin| mixin.skip.iter().map(move |name| (&mixin.path, name)));
    let skips = skips.map(|(path, skip)| {
        let (wanted, private) = (task_name(skip), runtime.private_at(skip.span()));
        quote_spanned!(at(skip.span())=> #private::require_in_block(&<#ident as #path>::__MIXIN_TASKS, #wanted);)
    });
    let targets = model.relations.iter().filter_map(|relation| check(&relation.args, runtime));
    let befores = model.relations.iter().flat_map(|relation| &relation.args.before).map(|target| {
        let (wanted, private) = (target.name(), runtime.private_at(target.span()));
        quote_spanned!(at(target.span())=> #private::require_task::<#ident>(#name, #wanted);)
    });
    quote! {
        const _: () = {
            #table
            #(#skips)*
            #(#targets)*
            #(#befores)*
        };
        #private::inventory::submit! {
            #private::TypeInfo::of::<#ident>(::core::module_path!())
        }
    }
}
