//! `#[setup_tasks]` on a trait: a mixin.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Ident, ImplGenerics, ItemTrait, PathArguments, ReturnType, TraitItem, TraitItemFn, TypeGenerics, WhereClause,
    parse_quote,
};

use super::block::{Validated, constants, is_concrete, rows};
use super::checks::Checks;
use crate::args::model::{Mixin, ModelArgs};
use crate::ast::block::Block;
use crate::names::{Runtime, task_name};

/// Returns the trait with its handles and rows. Only models can implement it, and the futures of its methods are `Send`.
pub fn expand_trait(
    item: &ItemTrait,
    block: &Block,
    validated: &Validated,
    args: &ModelArgs,
    (import, imported): (TokenStream, Runtime),
) -> TokenStream {
    let runtime = &args.runtime;
    let private = runtime.private();
    let mut item = item.clone();
    let ident = &item.ident;
    item.supertraits.push(if args.plug_in {
        parse_quote!(#private::SetupTasks)
    } else {
        parse_quote!(#private::Lists<{ #ident.id() }>)
    });
    item.colon_token.get_or_insert_with(Default::default);
    for inner in &mut item.items {
        if let TraitItem::Fn(method) = inner {
            make_send(method);
        }
    }
    let rows = rows(block, validated, &imported);
    let constants = constants(block, validated, runtime);
    let (name, mixins, rt) = (item.ident.to_string(), mixins(&args.mixins, &imported), imported.private());
    let table = quote! {
        #constants
        #[doc(hidden)]
        const __MIXIN_TASKS: #private::Block<Self> = {
            #import
            #rt::Block::new(#rt::module_path!(), #name, &[#mixins], &[&[#rows]])
        };
    };
    item.items.push(TraitItem::Verbatim(table));
    // The related types do not depend on the trait's parameters, so their tasks can be checked beside it.
    let mut checks = Checks::new(runtime);
    if is_concrete(&item.generics.params) {
        checks.related_tasks(block.relations.iter().map(|relation| &relation.args));
    }
    let checks = (!checks.is_empty()).then(|| quote!(const _: () = { #checks };));
    let id = id(&item, &args.mixins, runtime);
    quote!(#item #id #checks)
}

/// Returns a constant of the trait's name, which an import of the trait brings along. The trait requires `Lists` with the number of
/// this constant, and a type that lists the mixin implements it.
fn id(item: &ItemTrait, list: &[Mixin], runtime: &Runtime) -> TokenStream {
    let (private, vis, ident, name) = (runtime.private(), &item.vis, &item.ident, item.ident.to_string());
    let ids = ids(list);
    quote! {
        #[doc(hidden)]
        #[allow(dead_code, non_upper_case_globals)]
        #vis const #ident: #private::MixinId = #private::MixinId::new(#private::module_path!(), #name, &[#ids]);
    }
}

/// Returns references to the constants of mixins.
fn ids(list: &[Mixin]) -> TokenStream {
    let constant = |Mixin { path, .. }: &Mixin| {
        let mut path = path.clone();
        path.segments.iter_mut().for_each(|segment| segment.arguments = PathArguments::None);
        quote!(&#path,)
    };
    list.iter().map(constant).collect()
}

/// The number of nested mixins, within those that a model lists itself, that can be found.
const NESTED: usize = 8;

/// Returns one implementation of `Lists` per mixin that a model lists, nested mixins included.
pub fn lists(
    ident: &Ident,
    (impl_generics, ty_generics, where_clause): &(ImplGenerics<'_>, TypeGenerics<'_>, Option<&WhereClause>),
    list: &[Mixin],
    runtime: &Runtime,
) -> Option<TokenStream> {
    if list.is_empty() {
        return None;
    }
    let (private, ids) = (runtime.private(), ids(list));
    let places = (0..list.len() + NESTED).map(Literal::usize_unsuffixed).map(|place| {
        quote! {
            impl #impl_generics #private::Lists<{ #private::listed(MIXINS, #place) }> for #ident #ty_generics #where_clause {}
        }
    });
    Some(quote! {
        const MIXINS: &[&#private::MixinId] = &[#ids];
        #(#places)*
    })
}

/// Returns the mixins of a block, each with the tasks that are skipped.
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

/// Turns an `async fn` into a function that returns a `Send` future, since tasks move between threads.
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
