//! The items that generated code uses. It uses nothing else, and these are not subject to semantic versioning.

pub use ::inventory;
pub use setup_tasks_macros::{__Configured, __discard};
pub use std::any::Any;
pub use std::borrow::ToOwned;
pub use std::marker::{Send, Sync};
pub use std::option::Option;
pub use std::primitive::{bool, str};
pub use std::string::String;
pub use std::vec::Vec;
pub use std::{format, module_path};

pub use crate::agents::{AgentFile, AgentTool, configured as configured_agents, directory as agents_directory};
pub use crate::command::RunnerType;
pub use crate::depends::{AnyModel, IntoRelatives, Related, Relatives, SystemDependency};
pub use crate::error::{HelpOf, IntoHelp};
pub use crate::event::EventKey;
pub use crate::object::{HasBlock, HasMachine, NoBlock, Object, SetupTasks};
pub use crate::role::Role;
pub use crate::stamp::PathPattern;
pub use crate::task::answer::{Completion, IntoCompletion, IntoHashText, IntoUndone, IntoValid};
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

/// Returns the name of a task of `T` from its handle. The compiler checks that the handle exists.
pub const fn named<T: 'static>(handle: TaskHandle<T>) -> &'static str {
    handle.name()
}

/// Fails the build unless the type is a model.
pub const fn require_model<T: crate::SetupTasks>() {}

/// Boxes the future of a task, which must be `Send`.
pub fn boxed<'a, F: Future + Send + 'a>(future: F) -> BoxFuture<'a, F::Output> {
    Box::pin(future)
}

/// Boxes the return value of a task's plain method.
pub fn run_sync<'a>(answer: impl IntoOutcome) -> BoxFuture<'a, Result<Outcome>> {
    Box::pin(std::future::ready(answer.into_outcome()))
}

/// Boxes the future of a task's async method. All methods share this body, since a block for each would cost compile time.
pub fn run_async<'a, F: Future<Output: IntoOutcome> + Send + 'a>(future: F) -> BoxFuture<'a, Result<Outcome>> {
    Box::pin(async move { future.await.into_outcome() })
}

/// Boxes the return value of the plain method of a task that always runs.
pub fn run_sync_check<'a>(answer: impl IntoOutcome) -> BoxFuture<'a, Result<Outcome>> {
    Box::pin(std::future::ready(answer.into_outcome_of_check()))
}

/// Boxes the future of the async method of a task that always runs.
pub fn run_async_check<'a, F: Future<Output: IntoOutcome> + Send + 'a>(future: F) -> BoxFuture<'a, Result<Outcome>> {
    Box::pin(async move { future.await.into_outcome_of_check() })
}

/// Extracts an argument of a task or helper method.
pub fn extract<T, E: ExtractFor<T>>(cx: &TaskContext) -> impl Future<Output = Result<E>> + use<'_, T, E> {
    E::extract_for(cx)
}

/// Returns the context for a method that takes it by reference.
pub fn context<C: IsContext + ?Sized>(cx: &TaskContext) -> &C {
    C::of(cx)
}

/// Converts the return value of a task.
pub fn outcome(answer: impl IntoOutcome) -> Result<Outcome> {
    answer.into_outcome()
}

/// Converts the return value of a task that always runs.
pub fn outcome_of_check(answer: impl IntoOutcome) -> Result<Outcome> {
    answer.into_outcome_of_check()
}

/// Converts the return value of a hash function.
pub fn hash_text(answer: impl IntoHashText) -> Result<String> {
    answer.into_hash_text()
}

/// Converts the return value of an invalidator.
pub fn valid(answer: impl IntoValid) -> Result<bool> {
    answer.into_valid()
}

/// Converts the return value of a completion check.
pub fn completion(answer: impl IntoCompletion) -> Result<Completion> {
    answer.into_completion()
}

/// Converts the return value of an undo.
pub fn undone(answer: impl IntoUndone) -> Result<()> {
    answer.into_undone()
}

/// Collects paths or dependencies.
pub fn list<A, const N: usize>(items: [A; N]) -> Vec<A> {
    Vec::from(items)
}

/// Returns the objects of a relationship field.
pub fn related<M>(field: &impl Related<M>) -> Result<Relatives> {
    Ok(Relatives::of(field))
}

/// Converts the return value of a relationship method.
pub fn relatives<M>(answer: impl IntoRelatives<M>) -> Result<Relatives> {
    answer.into_relatives()
}

/// Returns the value of the accessor of a relationship field.
pub fn access<M, R: Related<M>>(field: &R) -> R::Access<'_> {
    field.access()
}

/// Wraps a system dependency of a task.
pub fn system(dependency: impl SystemDependency) -> Arc<dyn SystemDependency> {
    Arc::new(dependency)
}
