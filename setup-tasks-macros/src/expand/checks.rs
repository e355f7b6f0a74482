//! The checks that the compiler evaluates beside a table: every task that a key names must exist in its type.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::{Ident, Path};

use crate::args::Target;
use crate::args::depends::{DependsArgs, DependsOn};
use crate::names::{Runtime, at, task_name};

/// The checks of an item as statements, each of them once.
pub struct Checks<'r> {
    runtime: &'r Runtime,
    seen: Vec<(String, String)>,
    statements: TokenStream,
}

impl<'r> Checks<'r> {
    /// Returns an empty collection.
    pub fn new(runtime: &'r Runtime) -> Self {
        Self { runtime, seen: Vec::new(), statements: TokenStream::new() }
    }

    /// Returns whether there is nothing to check.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Requires that a model has tasks.
    pub fn own_tasks<'t>(&mut self, ty: &impl ToTokens, name: &str, targets: impl IntoIterator<Item = &'t Target>) {
        targets.into_iter().for_each(|target| self.task(ty, name, target));
    }

    /// Requires that related types have the tasks that relationships depend on.
    pub fn related_tasks<'t>(&mut self, relations: impl IntoIterator<Item = &'t DependsArgs>) {
        for relation in relations {
            if let DependsOn::Task { owner, target } = &relation.on {
                let name = owner.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
                self.task(owner, &name, target);
            }
        }
    }

    /// Requires that a mixin of a model declares a task that the model leaves out.
    pub fn skipped_task(&mut self, ty: &Ident, mixin: &Path, task: &Ident) {
        let wanted = task_name(task);
        if self.is_new(mixin, &wanted) {
            let private = self.runtime.private_at(task.span());
            self.statements.extend(
                quote_spanned!(at(task.span())=> #private::require_in_block(&<#ty as #mixin>::__MIXIN_TASKS, #wanted);),
            );
        }
    }

    fn task(&mut self, ty: &impl ToTokens, name: &str, target: &Target) {
        let (wanted, span) = (target.name(), target.span());
        if self.is_new(ty, &wanted) {
            let private = self.runtime.private_at(span);
            self.statements.extend(quote_spanned!(at(span)=> #private::require_task::<#ty>(#name, #wanted);));
        }
    }

    fn is_new(&mut self, owner: &impl ToTokens, task: &str) -> bool {
        let check = (owner.to_token_stream().to_string(), task.to_owned());
        let is_new = !self.seen.contains(&check);
        if is_new {
            self.seen.push(check);
        }
        is_new
    }
}

impl ToTokens for Checks<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.statements.clone());
    }
}
