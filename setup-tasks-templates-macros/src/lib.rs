//! The macro of the crate `setup-tasks-templates`, which exports and documents it. Depend on that crate.

#![warn(missing_docs, missing_debug_implementations)]

mod args;
mod check;
mod files;

use proc_macro::TokenStream;
use quote::quote;

#[expect(missing_docs, reason = "the docs of the export would end with them")]
#[proc_macro]
pub fn template(input: TokenStream) -> TokenStream {
    let args = match syn::parse::<args::Args>(input) {
        Ok(args) => args,
        Err(error) => return broken(&error),
    };
    // Some editors expand macros without the path of the file. There, only rustc checks the template.
    let sources = match proc_macro::Span::call_site().local_file() {
        Some(file) => match files::read(&file, &args.files) {
            Ok(sources) => sources,
            Err(error) => return broken(&error),
        },
        None => args.files.iter().map(files::Source::unread).collect(),
    };
    if let Err(error) = check::check(&args, &sources) {
        return broken(&error);
    }
    expand(&args, &sources).into()
}

/// Returns the error with a value of the right type, so that the compiler reports nothing else.
fn broken(error: &syn::Error) -> TokenStream {
    let error = error.to_compile_error();
    quote!({
        #error
        ::setup_tasks_templates::Template::new("", &[], &[])
    })
    .into()
}

fn expand(args: &args::Args, sources: &[files::Source]) -> proc_macro2::TokenStream {
    let main = args.files.first().map(syn::LitStr::value).unwrap_or_default();
    let files = sources.iter().map(|source| {
        let (name, path) = (&source.name, &source.path);
        quote!((#name, ::core::include_str!(#path)))
    });
    let provided = args.provided.iter().map(|provided| {
        let name = provided.name.to_string();
        let value = &provided.value;
        match provided.kind {
            args::Kind::Value => quote! {
                ::setup_tasks_templates::__private::value(#name, |masking| {
                    ::setup_tasks_templates::__private::to_value(&(#value), masking)
                })
            },
            args::Kind::Key => quote! {
                ::setup_tasks_templates::__private::injected(#name, |cx, masking| {
                    ::setup_tasks_templates::__private::inject(cx, #value, masking)
                })
            },
        }
    });
    quote!(::setup_tasks_templates::Template::new(#main, &[#(#files),*], &[#(#provided),*]))
}
