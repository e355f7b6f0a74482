//! Methods: a task's, or a helper's.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Block, FnArg, Ident, ReturnType, Signature, Type, TypeParamBound};

use crate::fingerprint::Fingerprint;

/// A method of a block or a trait.
pub struct Method {
    pub ident: Ident,
    /// The types of what it takes besides `&self`.
    pub args: Vec<Type>,
    pub is_async: bool,
    /// Where its return type stands, or its name if it returns nothing.
    pub answer: Span,
    pub signature: Signature,
    pub body: Option<Block>,
}

impl Method {
    /// Reads a method; only its signature matters, and its body for the fingerprint.
    pub fn read(signature: &Signature, body: Option<&Block>) -> Self {
        let args = signature.inputs.iter().filter_map(|arg| match arg {
            FnArg::Typed(arg) => Some((*arg.ty).clone()),
            FnArg::Receiver(_) => None,
        });
        let answer = match &signature.output {
            ReturnType::Default => signature.ident.span(),
            ReturnType::Type(_, ty) => ty.span(),
        };
        Self {
            ident: signature.ident.clone(),
            args: args.collect(),
            is_async: signature.asyncness.is_some() || returns_future(&signature.output),
            answer,
            signature: signature.clone(),
            body: body.cloned(),
        }
    }

    /// Whether it can be called without a future and without a context.
    pub fn is_plain(&self) -> bool {
        !self.is_async && self.args.is_empty()
    }

    /// Whether what it takes must be made first.
    pub fn extracts(&self) -> bool {
        self.args.iter().any(|ty| !matches!(ty, Type::Reference(_)))
    }

    /// Adds its tokens.
    pub fn fingerprint(&self, fingerprint: &mut Fingerprint) {
        fingerprint.add(self.signature.to_token_stream());
        fingerprint.add(self.body.as_ref().map_or_else(TokenStream::new, ToTokens::to_token_stream));
    }
}

/// `-> impl Future<…>`, as a trait may write it.
fn returns_future(output: &ReturnType) -> bool {
    let ReturnType::Type(_, ty) = output else { return false };
    let Type::ImplTrait(ty) = &**ty else { return false };
    ty.bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|last| last.ident == "Future"),
        _ => false,
    })
}
