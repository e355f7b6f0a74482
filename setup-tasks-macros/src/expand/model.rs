//! `#[derive(SetupTasks)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::DeriveInput;
use syn::parse_quote;

use super::block::is_concrete;
use super::mixin::mixins;
use crate::ast::model::{Model, Relation};
use crate::errors::Errors;
use crate::names::{Runtime, at, handle, task_name};
use crate::validate;

/// The derive: the implementation, and what is wrong with the item.
pub fn derive(item: TokenStream) -> TokenStream {
    let errors = Errors::default();
    let expanded = errors.ok(syn::parse2::<DeriveInput>(item)).and_then(|input| {
        let mut model = Model::read(input, &errors);
        validate::model(&mut model, &errors);
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
    let relations: TokenStream = model.relations.iter().map(|relation| row(relation, runtime)).collect();
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
    let readonly = match model.args.readonly {
        Some(readonly) => quote!(::core::option::Option::Some(#readonly)),
        None => quote!(::core::option::Option::None),
    };
    let handles = handles(model, &impl_generics, &ty_generics, where_clause, runtime);
    let beside = beside(model, runtime);
    quote! {
        #[automatically_derived]
        impl #impl_generics #runtime::SetupTasks for #ident #ty_generics #where_clause {
            const NAME: &'static ::core::primitive::str = #name;
            const READONLY: ::core::option::Option<::core::primitive::bool> = #readonly;
            const BLOCK: &'static #private::Block<Self> = {
                #no_block
                &#private::Block::new(::core::module_path!(), #name, &[#mixins], &[&[#relations], #rows])
            };
            const TABLE: &'static #private::TaskTable<Self> = &#private::TaskTable::build(Self::BLOCK);
            fn stamp_subdir(&self) -> #private::String {
                #subdir
            }
            #id
            #ready
        }
        #handles
        #beside
    }
}

fn row(relation: &Relation, runtime: &Runtime) -> TokenStream {
    let private = runtime.private();
    let (name, member, args) = (relation.name(), &relation.member, &relation.args);
    let (owner, target) = (&args.target.owner, args.target.name());
    let description = format!("Depend on {} of {}", target, quote!(#member));
    let here = runtime.private_at(relation.span);
    let related = quote_spanned!(at(relation.span)=> #here::related::<#owner>(&this.#member));
    let mut keys = TokenStream::new();
    keys.extend(args.ready.then(|| quote!(.ready())));
    keys.extend(args.leave.then(|| quote!(.leave())));
    let before = args.before.iter().map(super::super::args::target::Target::name);
    let before = (!args.before.is_empty()).then(|| quote!(.before(&[#(#before),*])));
    quote! {
        #private::relation(#name, #description, #private::Relation::<Self>::new(|this| #related, #target) #keys) #before,
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
    let (private, ident) = (runtime.private(), &model.ident);
    let handles = model.relations.iter().map(|relation| {
        let name = relation.name();
        let handle = handle(&name, relation.args.target.span());
        let doc = format!("The handle of the relationship `{name}`.");
        quote! {
            #[doc = #doc]
            #[allow(dead_code)]
            pub const #handle: #private::TaskHandle<Self> = #private::TaskHandle::new(#name);
        }
    });
    Some(quote! {
        impl #impl_generics #ident #ty_generics #where_clause {
            #(#handles)*
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
    let targets = model.relations.iter().map(|Relation { args, .. }| {
        let (owner, wanted) = (&args.target.owner, args.target.name());
        let owner_name = owner.as_ref().and_then(|owner| owner.segments.last()).map(|last| last.ident.to_string());
        let private = runtime.private_at(args.target.span());
        quote_spanned!(at(args.target.span())=> #private::require_task::<#owner>(#owner_name, #wanted);)
    });
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
