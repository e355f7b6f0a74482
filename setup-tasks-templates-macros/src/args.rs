//! The arguments of `template!("dnsmasq.conf.tera", "partials/", lease = "12h", network: NETWORK)`.

use syn::parse::{Parse, ParseStream};
use syn::{Expr, Ident, LitStr, Token};

/// The arguments of one `template!`.
pub struct Args {
    /// The template, then further files and directories.
    pub files: Vec<LitStr>,
    pub provided: Vec<Provided>,
}

/// A variable that the task provides.
pub struct Provided {
    pub name: Ident,
    pub kind: Kind,
    pub value: Expr,
}

/// The source of a variable's value.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `name = value`
    Value,
    /// `name: KEY`
    Key,
}

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut args = Self { files: Vec::new(), provided: Vec::new() };
        while !input.is_empty() {
            if input.peek(LitStr) && args.provided.is_empty() {
                args.files.push(input.parse()?);
            } else if input.peek(LitStr) {
                return Err(explain(input.span(), "files come before values", "move this one to the front"));
            } else {
                args.provide(input.parse()?)?;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        if args.files.is_empty() {
            let help = "write `template!(\"motd.tera\")`, with the path from this file's directory";
            return Err(explain(input.span(), "expected the path of a template", help));
        }
        Ok(args)
    }
}

impl Args {
    fn provide(&mut self, provided: Provided) -> syn::Result<()> {
        let name = provided.name.to_string();
        if name == "instance" {
            let help = "rename the value";
            return Err(explain(provided.name.span(), "`instance` is the model itself", help));
        }
        if self.provided.iter().any(|other| other.name == name) {
            let what = format!("`{name}` is provided twice");
            return Err(explain(provided.name.span(), &what, "remove one of the two"));
        }
        self.provided.push(provided);
        Ok(())
    }
}

impl Parse for Provided {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let help = "write `name = value`, or `name: KEY` for a key of the injector";
        let name: Ident = input.parse().map_err(|error| explain(error.span(), "expected a name", help))?;
        let kind = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Kind::Value
        } else if input.peek(Token![:]) {
            input.parse::<Token![:]>()?;
            Kind::Key
        } else {
            return Err(explain(name.span(), &format!("`{name}` has no value"), help));
        };
        Ok(Self { name, kind, value: input.parse()? })
    }
}

/// Returns an error of two lines: the mistake, and the help.
pub fn explain(at: proc_macro2::Span, what: &str, help: &str) -> syn::Error {
    syn::Error::new(at, format!("{what}\nhelp: {help}"))
}
