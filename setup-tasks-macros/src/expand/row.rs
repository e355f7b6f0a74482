//! The row of one task: a call into the runtime, and one method call per key.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, GenericArgument, Ident, PathArguments, PathSegment, ReturnType, Type, TypeParamBound};

use crate::args::task::TaskArgs;
use crate::args::{Format, Target};
use crate::ast::block::{Block, Kind};
use crate::ast::method::Method;
use crate::ast::task::{Action, Task};
use crate::expand::block::is_concrete;
use crate::fingerprint::Fingerprint;
use crate::names::{Runtime, at, handle, kind};

/// Returns the row with a comma behind it. Without `places`, the row has no `before`, `after` and `formerly`, because one of
/// them is invalid.
pub fn row(task: &Task, block: &Block, places: bool, runtime: &Runtime) -> TokenStream {
    let private = runtime.private();
    let name = &task.name;
    let description = task.args.description.as_deref().unwrap_or_default();
    let action = match &task.action {
        Action::Method(at) => {
            let run = block.methods.get(*at).map(|method| run(task, method, block, runtime));
            quote!(.run(#run))
        }
        Action::Value(_) => {
            let (kind, owner) = (kind(&task.ident), block.owner(task.span()));
            quote!(.value(#owner::#kind))
        }
    };
    let keys = keys(task, block, places, runtime);
    quote!(#private::task(#name, #description) #action #keys,)
}

/// Returns one call per key. The pattern has no `..`, so a key without a call does not compile.
fn keys(task: &Task, block: &Block, places: bool, runtime: &Runtime) -> TokenStream {
    let TaskArgs {
        description: _,
        order,
        before,
        after,
        subscribe,
        hash,
        invalidator,
        slow_invalidator,
        check_completed,
        undo,
        inputs,
        outputs,
        restat,
        always,
        check_source,
        depend_on,
        dependencies_always,
        timeout,
        retries,
        tags,
        formerly,
    } = &task.args;
    let fingerprint = Literal::u64_unsuffixed(fingerprint(task, block));
    let calls = [
        order.as_ref().map(|order| quote!(.order(#order))),
        (!before.is_empty() && places).then(|| targets("before", before, block, runtime)),
        (!after.is_empty() && places).then(|| targets("after", after, block, runtime)),
        subscribe.as_ref().filter(|_| places).map(|subscribe| targets("subscribe", subscribe, block, runtime)),
        helper("hash", "hash_text", hash.as_ref(), block, runtime),
        helper("invalidator", "valid", invalidator.as_ref(), block, runtime),
        helper("slow_invalidator", "valid", slow_invalidator.as_ref(), block, runtime),
        helper("check_completed", "completion", check_completed.as_ref(), block, runtime),
        helper("undo", "undone", undo.as_ref(), block, runtime),
        paths("inputs", inputs, runtime),
        paths("outputs", outputs, runtime),
        restat.map(|_| quote!(.restat())),
        always.then(|| quote!(.always())),
        reports(task, block).then(|| quote!(.reports())),
        depend_on_call(depend_on, runtime),
        dependencies_always.then(|| quote!(.dependencies_always())),
        timeout
            .as_ref()
            .map(|timeout| Literal::u64_unsuffixed(timeout.milliseconds))
            .map(|limit| quote!(.timeout(#limit))),
        retries.map(Literal::u32_unsuffixed).map(|retries| quote!(.retries(#retries))),
        (!tags.is_empty()).then(|| quote!(.tagged(&[#(#tags),*]))),
        (places && !formerly.is_empty()).then(|| quote!(.formerly(&[#(#formerly),*]))),
        (*check_source != Some(false)).then(|| quote!(.source(#fingerprint))),
    ];
    calls.into_iter().flatten().collect()
}

/// Returns the path of the runtime's function that converts a method's return value. It has the span of the return type, where the
/// compiler reports a type that the function does not take.
fn conversion(name: &str, method: &Method, runtime: &Runtime) -> TokenStream {
    let (private, name) = (runtime.private_at(method.output_span), Ident::new(name, at(method.output_span)));
    quote_spanned!(at(method.output_span)=> #private::#name)
}

/// Returns the closure that calls a task's method. It has no async block of its own unless an extractor must be awaited, since an
/// async block takes the compiler about as long as the method itself. In a generic block it always has one: without it, the
/// block's parameters would need more bounds.
fn run(task: &Task, method: &Method, block: &Block, runtime: &Runtime) -> TokenStream {
    if method.has_extractors() || !is_concrete(&block.generics().params) {
        let convert = if task.args.always { "outcome_of_check" } else { "outcome" };
        return call(method, &conversion(convert, method, runtime), block, runtime);
    }
    let (cx, called, span) = (context_parameter(method), method_call(method, block, runtime), at(method.ident.span()));
    let run = match (method.is_async, task.args.always) {
        (true, false) => "run_async",
        (true, true) => "run_async_check",
        (false, false) => "run_sync",
        (false, true) => "run_sync_check",
    };
    let run = conversion(run, method, runtime);
    quote_spanned!(span=> |this, #cx| #run(#called))
}

/// Returns a closure that extracts a method's arguments, calls it, and converts its return value.
pub fn call(method: &Method, convert: &TokenStream, block: &Block, runtime: &Runtime) -> TokenStream {
    let (cx, called) = (context_parameter(method), method_call(method, block, runtime));
    let (span, private) = (at(method.ident.span()), runtime.private_at(method.ident.span()));
    let wait = method.is_async.then(|| quote_spanned!(span=> .await));
    let body = quote_spanned!(span=> async move { #convert(#called #wait) });
    quote_spanned!(span=> |this, #cx| #private::boxed(#body))
}

fn context_parameter(method: &Method) -> TokenStream {
    if method.args.is_empty() { quote!(_) } else { quote!(cx) }
}

/// Returns the call of a method.
fn method_call(method: &Method, block: &Block, runtime: &Runtime) -> TokenStream {
    let (owner, ident, span) = (block.owner(method.ident.span()), &method.ident, at(method.ident.span()));
    let args = method.args.iter().map(|ty| {
        let (place, private) = (at(ty.span()), runtime.private_at(ty.span()));
        match ty {
            Type::Reference(_) => quote_spanned!(place=> #private::context(cx)),
            _ => quote_spanned!(place=> #private::extract::<Self, _>(cx).await?),
        }
    });
    quote_spanned!(span=> #owner::#ident(this, #(#args),*))
}

/// Returns the call for a key that names a helper method. A helper without a future and a context is called directly.
fn helper(key: &str, convert: &str, name: Option<&Ident>, block: &Block, runtime: &Runtime) -> Option<TokenStream> {
    let method = block.method(name?)?;
    let convert = conversion(convert, method, runtime);
    if !method.is_plain() {
        let key = Ident::new(key, proc_macro2::Span::call_site());
        let call = call(method, &convert, block, runtime);
        return Some(quote!(.#key(#call)));
    }
    let owner = block.owner(method.ident.span());
    let (key, ident) = (quote::format_ident!("{key}_now"), &method.ident);
    let closure = quote_spanned!(at(method.ident.span())=> |this| #convert(#owner::#ident(this)));
    Some(quote!(.#key(#closure)))
}

/// Returns whether the task's method returns an outcome, so that it can report that it changed nothing. A type of another name
/// counts as one that does: a dry run then reports that later tasks may run.
fn reports(task: &Task, block: &Block) -> bool {
    let Action::Method(at) = task.action else { return false };
    block.methods.get(at).is_some_and(|method| match &method.signature.output {
        ReturnType::Default => false,
        ReturnType::Type(_, ty) => !is_unit(ty),
    })
}

/// Returns whether a type is `()`, a `Result` of it, or a future of either.
fn is_unit(ty: &Type) -> bool {
    match ty {
        Type::Tuple(tuple) => tuple.elems.is_empty(),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "Result" && has_unit(last)),
        Type::ImplTrait(ty) => ty.bounds.iter().any(|bound| match bound {
            TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(has_unit),
            _ => false,
        }),
        _ => false,
    }
}

/// Returns whether the first type among the arguments of a path is a unit, or whether it has none.
fn has_unit(segment: &PathSegment) -> bool {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return true };
    let first = arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        GenericArgument::AssocType(output) => Some(&output.ty),
        _ => None,
    });
    first.is_none_or(is_unit)
}

/// Returns the call for `before`, `after` or `subscribe`, with the names of the tasks. In a trait or a generic block no check can stand beside
/// the table, so the code refers to the handle and the compiler looks it up.
fn targets(key: &str, targets: &[Target], block: &Block, runtime: &Runtime) -> TokenStream {
    let private = runtime.private();
    let key = Ident::new(key, proc_macro2::Span::call_site());
    let by_name = matches!(block.kind, Kind::Inherent(_)) && is_concrete(&block.generics().params);
    let names = targets.iter().map(|target| match &target.owner {
        Some(owner) if !by_name => {
            let handle = handle(&target.name(), target.span());
            let handle = if owner.is_ident("Self") { quote!(Self::#handle) } else { quote!(<Self as #owner>::#handle) };
            quote!(#private::named::<Self>(#handle))
        }
        _ => {
            let name = target.name();
            quote!(#name)
        }
    });
    quote!(.#key(&[#(#names),*]))
}

fn paths(key: &str, formats: &[Format], runtime: &Runtime) -> Option<TokenStream> {
    if formats.is_empty() {
        return None;
    }
    let private = runtime.private();
    let key = Ident::new(key, proc_macro2::Span::call_site());
    let model = if formats.iter().any(|format| format.fields().next().is_some()) { quote!(this) } else { quote!(_) };
    let formats = formats.iter().map(|format| format.expand_pattern(&quote!(this), runtime));
    Some(quote!(.#key(|#model| #private::list([#(#formats),*]))))
}

/// Returns the call for `depend_on`: a closure in which `this` stands for the `self` of the expressions.
fn depend_on_call(dependencies: &[Expr], runtime: &Runtime) -> Option<TokenStream> {
    if dependencies.is_empty() {
        return None;
    }
    let private = runtime.private();
    let mut uses_this = false;
    let dependencies: Vec<_> = dependencies
        .iter()
        .map(|dependency| {
            let value = with_this(quote!(#dependency), &mut uses_this);
            let private = runtime.private_at(dependency.span());
            quote_spanned!(at(dependency.span())=> #private::system(#value))
        })
        .collect();
    let model = if uses_this { quote!(this) } else { quote!(_) };
    Some(quote!(.depend_on(|#model| #private::list([#(#dependencies),*]))))
}

fn with_this(tokens: TokenStream, found: &mut bool) -> TokenStream {
    use proc_macro2::{Group, TokenTree};
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Ident(ident) if ident == "self" => {
                *found = true;
                TokenTree::Ident(Ident::new("this", ident.span()))
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), with_this(group.stream(), found));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            other => other,
        })
        .collect()
}

fn fingerprint(task: &Task, block: &Block) -> u64 {
    let mut fingerprint = Fingerprint::default();
    match &task.action {
        Action::Method(at) => {
            block.methods.get(*at).into_iter().for_each(|method| method.fingerprint(&mut fingerprint));
        }
        Action::Value(value) => {
            let (ty, expr) = &**value;
            fingerprint.add(quote!(#ty = #expr));
        }
    }
    for helper in task.args.fingerprinted().filter_map(|(_, ident)| block.method(ident)) {
        helper.fingerprint(&mut fingerprint);
    }
    fingerprint.finish()
}

/// Returns the constant that the row of a value task borrows.
pub fn kind_constant(task: &Task, ty: &Type, block: &Block, runtime: &Runtime) -> TokenStream {
    let (private, owner) = (runtime.private_at(ty.span()), block.owner(ty.span()));
    let (kind, value) = (kind(&task.ident), Ident::new(&task.name.to_uppercase(), task.span()));
    let kind_type = quote_spanned!(at(ty.span())=> &'static dyn #private::DynTaskKind<Self>);
    let value = Ident::new(&value.to_string(), at(ty.span()));
    let borrow = quote_spanned!(at(ty.span())=> &#owner::#value);
    quote! {
        #[doc(hidden)]
        const #kind: #kind_type = #borrow;
    }
}
