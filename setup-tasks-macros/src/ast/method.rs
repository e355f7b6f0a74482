//! Methods of tasks, and helper methods.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Block, FnArg, Ident, ReturnType, Signature, Type, TypeParamBound};

use crate::fingerprint::Fingerprint;

/// A method of a block or a trait.
pub struct Method {
    pub ident: Ident,
    /// The types of its parameters, without `&self`.
    pub args: Vec<Type>,
    pub is_async: bool,
    /// The span of its return type, or of its name if it returns nothing.
    pub output_span: Span,
    pub signature: Signature,
    pub body: Option<Block>,
}

impl Method {
    /// Reads a method. Its body is part of the fingerprint only.
    pub fn read(signature: &Signature, body: Option<&Block>) -> Self {
        let args = signature.inputs.iter().filter_map(|arg| match arg {
            FnArg::Typed(arg) => Some((*arg.ty).clone()),
            FnArg::Receiver(_) => None,
        });
        let output_span = match &signature.output {
            ReturnType::Default => signature.ident.span(),
            ReturnType::Type(_, ty) => ty.span(),
        };
        Self {
            ident: signature.ident.clone(),
            args: args.collect(),
            is_async: signature.asyncness.is_some() || returns_future(&signature.output),
            output_span,
            signature: signature.clone(),
            body: body.cloned(),
        }
    }

    /// Returns whether it can be called without a future and without a context.
    pub fn is_plain(&self) -> bool {
        !self.is_async && self.args.is_empty()
    }

    /// Returns whether it has extractors, which are awaited before the call.
    pub fn has_extractors(&self) -> bool {
        self.args.iter().any(|ty| !matches!(ty, Type::Reference(_)))
    }

    /// Adds its tokens except its name to a fingerprint. A task that is only renamed does not run again.
    pub fn fingerprint(&self, fingerprint: &mut Fingerprint) {
        let mut signature = self.signature.clone();
        signature.ident = Ident::new("method", signature.ident.span());
        fingerprint.add(signature.to_token_stream());
        fingerprint.add(self.body.as_ref().map_or_else(TokenStream::new, ToTokens::to_token_stream));
    }
}

/// Returns whether the return type is `impl Future<…>`, as a trait may write it.
fn returns_future(output: &ReturnType) -> bool {
    let ReturnType::Type(_, ty) = output else { return false };
    let Type::ImplTrait(ty) = &**ty else { return false };
    ty.bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|last| last.ident == "Future"),
        _ => false,
    })
}
