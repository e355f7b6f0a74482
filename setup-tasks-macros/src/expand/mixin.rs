//! `#[setup_tasks]` on a trait: a mixin.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Ident, ImplGenerics, ItemTrait, PathArguments, ReturnType, TraitItem, TraitItemFn, TypeGenerics, WhereClause,
    parse_quote,
};

use super::block::{Found, constants, is_concrete, relation_checks, rows};
use crate::args::model::{Mixin, ModelArgs};
use crate::ast::block::Block;
use crate::names::{Runtime, task_name};

/// The trait, with models as its implementors, futures that are `Send`, handles and its rows.
pub fn expand_trait(item: &ItemTrait, block: &Block, found: &Found, args: &ModelArgs) -> TokenStream {
    let runtime = &args.runtime;
    let private = runtime.private();
    let mut item = item.clone();
    let ident = &item.ident;
    item.supertraits.push(if args.plug_in {
        parse_quote!(#runtime::SetupTasks)
    } else {
        parse_quote!(#private::Lists<{ #ident.id() }>)
    });
    item.colon_token.get_or_insert_with(Default::default);
    for inner in &mut item.items {
        if let TraitItem::Fn(method) = inner {
            make_send(method);
        }
    }
    let rows = rows(block, found, runtime);
    let constants = constants(block, found, runtime);
    let (name, mixins) = (item.ident.to_string(), mixins(&args.mixins, runtime));
    let table = quote! {
        #constants
        #[doc(hidden)]
        const __MIXIN_TASKS: #private::Block<Self> =
            #private::Block::new(::core::module_path!(), #name, &[#mixins], &[&[#rows]]);
    };
    item.items.push(TraitItem::Verbatim(table));
    // Beside the trait, what its parameters have no part in can be checked.
    let checks = is_concrete(&item.generics.params).then(|| relation_checks(block, runtime));
    let checks = checks.filter(|checks| !checks.is_empty()).map(|checks| quote!(const _: () = { #checks };));
    let id = id(&item, &args.mixins, runtime);
    quote!(#item #id #checks)
}

/// A constant of the trait's name, which is imported together with the trait: what the trait asks of the types that implement it,
/// and what the types that list it have.
fn id(item: &ItemTrait, list: &[Mixin], runtime: &Runtime) -> TokenStream {
    let (private, vis, ident, name) = (runtime.private(), &item.vis, &item.ident, item.ident.to_string());
    let ids = ids(list);
    quote! {
        #[doc(hidden)]
        #[allow(dead_code, non_upper_case_globals)]
        #vis const #ident: #private::MixinId = #private::MixinId::new(::core::module_path!(), #name, &[#ids]);
    }
}

/// The constants that stand beside mixins.
fn ids(list: &[Mixin]) -> TokenStream {
    let constant = |Mixin { path, .. }: &Mixin| {
        let mut path = path.clone();
        path.segments.iter_mut().for_each(|segment| segment.arguments = PathArguments::None);
        quote!(&#path,)
    };
    list.iter().map(constant).collect()
}

/// How many mixins are looked for within those that a model lists.
const NESTED: usize = 8;

/// Says which mixins a model lists, those within them included.
pub fn lists(
    ident: &Ident,
    generics: (&ImplGenerics<'_>, &TypeGenerics<'_>, Option<&WhereClause>),
    list: &[Mixin],
    runtime: &Runtime,
) -> Option<TokenStream> {
    if list.is_empty() {
        return None;
    }
    let (private, ids, (impl_generics, ty_generics, where_clause)) = (runtime.private(), ids(list), generics);
    let places = (0..list.len() + NESTED).map(|place| {
        quote! {
            impl #impl_generics rt::Lists<{ rt::listed(MIXINS, #place) }> for #ident #ty_generics #where_clause {}
        }
    });
    Some(quote! {
        const _: () = {
            use #private as rt;
            const MIXINS: &[&rt::MixinId] = &[#ids];
            #(#places)*
        };
    })
}

/// The mixins of a block, each with what is left out of it.
pub fn mixins(mixins: &[Mixin], runtime: &Runtime) -> TokenStream {
    let private = runtime.private();
    let mixins = mixins.iter().map(|Mixin { path, skip }| {
        let names = skip.iter().map(task_name);
        let skip = (!skip.is_empty()).then(|| quote!(.skip(&[#(#names),*])));
        let block = quote_spanned!(path.span()=> &<Self as #path>::__MIXIN_TASKS);
        quote!(#private::Mixin::new(#block) #skip,)
    });
    mixins.collect()
}

/// Turns `async fn` into a function that returns a future which can go to another thread, as tasks must.
fn make_send(method: &mut TraitItemFn) {
    let Some(asyncness) = method.sig.asyncness.take() else { return };
    let output = match &method.sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => quote!(#ty),
    };
    method.sig.output = parse_quote!(-> impl ::core::future::Future<Output = #output> + ::core::marker::Send);
    if let Some(body) = method.default.take() {
        let future = quote_spanned!(asyncness.span()=> async move #body);
        method.default = Some(parse_quote!({ #future }));
    }
}
