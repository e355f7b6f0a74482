//! What generated code may call: this list and nothing else. Not subject to semantic versioning.

pub use ::inventory;
pub use setup_tasks_macros::{__Configured, __discard};
pub use std::borrow::ToOwned;
pub use std::option::Option;
pub use std::primitive::{bool, str};
pub use std::string::String;
pub use std::vec::Vec;
pub use std::{format, module_path};

pub use crate::depends::{AnyModel, IntoRelatives, Related, Relatives, SystemDependency};
pub use crate::event::EventKey;
pub use crate::object::{HasBlock, NoBlock, Object, SetupTasks};
pub use crate::stamp::PathPattern;
pub use crate::task::answer::{Completion, IntoCompletion, IntoHashText, IntoValid};
pub use crate::task::check::{require_in_block, require_task};
pub use crate::task::extract::{ExtractFor, IsContext};
pub use crate::task::handle::TaskHandle;
pub use crate::task::kind::{DynTaskKind, ValueTask};
pub use crate::task::listed::{Lists, MixinId, listed};
pub use crate::task::outcome::{IntoOutcome, Outcome};
pub use crate::task::plugin::{PlugIn, TypeInfo};
pub use crate::task::row::{TaskDef, task};
pub use crate::task::table::{Block, Mixin, TaskTable};
pub use crate::{BoxFuture, Result};

use std::sync::Arc;

use crate::TaskContext;

/// The name of a task of `T`, from its handle: rustc checks that there is one.
pub const fn named<T: 'static>(handle: TaskHandle<T>) -> &'static str {
    handle.name()
}

/// Fails the build unless the type is a model.
pub const fn require_model<T: crate::SetupTasks>() {}

/// Boxes a future; a task's future must be `Send`.
pub fn boxed<'a, F: Future + Send + 'a>(future: F) -> BoxFuture<'a, F::Output> {
    Box::pin(future)
}

/// Boxes the answer of a task's plain method.
pub fn run_sync<'a>(answer: impl IntoOutcome) -> BoxFuture<'a, Result<Outcome>> {
    Box::pin(std::future::ready(answer.into_outcome()))
}

/// Boxes the future of a task's async method. All methods share this body, since a block for each would cost compile time.
pub fn run_async<'a, F: Future<Output: IntoOutcome> + Send + 'a>(future: F) -> BoxFuture<'a, Result<Outcome>> {
    Box::pin(async move { future.await.into_outcome() })
}

/// Makes an argument of a task or helper method.
pub fn extract<T, E: ExtractFor<T>>(cx: &TaskContext) -> impl Future<Output = Result<E>> + use<'_, T, E> {
    E::extract_for(cx)
}

/// The argument of a method that takes a reference.
pub fn context<C: IsContext + ?Sized>(cx: &TaskContext) -> &C {
    C::of(cx)
}

/// What a task returned.
pub fn outcome(answer: impl IntoOutcome) -> Result<Outcome> {
    answer.into_outcome()
}

/// What a hash function returned.
pub fn hash_text(answer: impl IntoHashText) -> Result<String> {
    answer.into_hash_text()
}

/// What an invalidator returned.
pub fn valid(answer: impl IntoValid) -> Result<bool> {
    answer.into_valid()
}

/// What a completion check returned.
pub fn completion(answer: impl IntoCompletion) -> Result<Completion> {
    answer.into_completion()
}

/// Paths, or dependencies.
pub fn list<A, const N: usize>(items: [A; N]) -> Vec<A> {
    Vec::from(items)
}

/// The objects of a relationship field.
pub fn related<M>(field: &impl Related<M>) -> Result<Relatives> {
    Ok(Relatives::of(field))
}

/// The objects that a relationship method gives.
pub fn relatives<M>(answer: impl IntoRelatives<M>) -> Result<Relatives> {
    answer.into_relatives()
}

/// What the accessor of a relationship field gives.
pub fn access<M, R: Related<M>>(field: &R) -> R::Access<'_> {
    field.access()
}

/// A system dependency of a task.
pub fn system(dependency: impl SystemDependency) -> Arc<dyn SystemDependency> {
    Arc::new(dependency)
}
