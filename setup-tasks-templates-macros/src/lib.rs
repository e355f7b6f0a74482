//! The macro of setup-tasks-templates. Depend on that crate, which re-exports and documents it.

mod args;
mod check;
mod files;

use proc_macro::TokenStream;
use quote::quote;

/// See `setup_tasks_templates::template`.
#[proc_macro]
pub fn template(input: TokenStream) -> TokenStream {
    let args = match syn::parse::<args::Args>(input) {
        Ok(args) => args,
        Err(error) => return broken(&error),
    };
    // Some editors do not say where the file is; they are told what rustc will check.
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

/// The error, and something of the right type.
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
                ::setup_tasks_templates::__private::value(#name, |disguise| {
                    ::setup_tasks_templates::__private::to_value(&(#value), disguise)
                })
            },
            args::Kind::Key => quote! {
                ::setup_tasks_templates::__private::injected(#name, |cx, disguise| {
                    ::setup_tasks_templates::__private::inject(cx, #value, disguise)
                })
            },
        }
    });
    quote!(::setup_tasks_templates::Template::new(#main, &[#(#files),*], &[#(#provided),*]))
}
