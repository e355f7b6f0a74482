//! Tasks that are values: the extension point for libraries that offer a new kind of task.

use std::any::Any;
use std::borrow::Cow;
use std::ops::Deref;

use super::answer::Completion;
use super::category::TaskCategory;
use super::handle::TaskHandle;
use super::outcome::Outcome;
use crate::customize::DynCustomization;
use crate::drift::Difference;
use crate::layout::Dependency;
use crate::observer::{Answer, Observed, Question};
use crate::task::context::TaskContext;
use crate::task::file_change::FileChange;
use crate::{BoxFuture, Result};

/// A kind of task. A model declares a task of this kind as a `const` in its block instead of a method.
///
/// ```
/// use setup_tasks::prelude::*;
/// use setup_tasks::task::TaskKind;
///
/// /// Writes a text into a file under the object's `stamp_path`.
/// pub struct WriteText { file: &'static str, text: &'static str }
///
/// impl<T: Sync> TaskKind<T> for WriteText {
///     const HAS_HASH: bool = true;
///
///     async fn run(&self, _model: &T, cx: &TaskContext) -> Result<Outcome> {
///         std::fs::write(cx.stamp_path()?.join(self.file), self.text)?;
///         Ok(Outcome::Done)
///     }
///
///     async fn hash(&self, _model: &T, _cx: &TaskContext) -> Result<String> {
///         Ok(self.text.to_owned())
///     }
/// }
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "hosts/{name}")]
/// struct Host { name: String }
///
/// #[setup_tasks]
/// impl Host {
///     /// Write the banner
///     #[setup_task]
///     const MOTD: WriteText = WriteText { file: "motd", text: "Welcome" };
/// }
///
/// assert_eq!(Host::MOTD.name(), "motd");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a kind of task for `{T}`",
    label = "a task made of a value needs a type that implements `TaskKind<{T}>`"
)]
pub trait TaskKind<T>: Send + Sync + 'static {
    /// Whether runs call [`hash`](Self::hash).
    const HAS_HASH: bool = false;
    /// Whether runs call [`is_valid`](Self::is_valid).
    const HAS_INVALIDATOR: bool = false;
    /// The runs that observe the task: that call [`question`](Self::question), ask the observer and
    /// call [`differences`](Self::differences).
    const OBSERVED: Observed = Observed::Never;
    /// Whether runs call [`completion`](Self::completion). It then decides alone.
    const HAS_COMPLETION: bool = false;

    /// Returns the description of the task's work. It is used if the task declares no description
    /// of its own.
    fn describe(&self) -> Cow<'static, str> {
        let name = std::any::type_name::<Self>();
        Cow::Borrowed(name.rsplit("::").next().unwrap_or(name))
    }

    /// Does the work. The future is dropped if the run is cancelled or the task's timeout passes.
    fn run(&self, model: &T, cx: &TaskContext) -> impl Future<Output = Result<Outcome>> + Send;

    /// Returns the text that is compared with the text in the stamp. The task runs if they differ.
    fn hash(&self, _model: &T, _cx: &TaskContext) -> impl Future<Output = Result<String>> + Send {
        async { Ok(String::new()) }
    }

    /// Returns whether the last run is still valid.
    fn is_valid(&self, _model: &T, _cx: &TaskContext) -> impl Future<Output = Result<bool>> + Send {
        async { Ok(true) }
    }

    /// Returns whether the task is complete.
    fn completion(&self, _model: &T, _cx: &TaskContext) -> impl Future<Output = Result<Completion>> + Send {
        async { Ok(Completion::Incomplete) }
    }

    /// Returns the question about the current state of the task's result, or `None` if there is
    /// nothing to observe. The method changes nothing and asks no observer: the run asks each one
    /// once, for many tasks. It may therefore be called before the earlier tasks have run, and is
    /// then called in a dry run. See [`observer`](crate::observer) for an example.
    fn question(&self, _model: &T, _cx: &TaskContext) -> impl Future<Output = Result<Option<Question>>> + Send {
        async { Ok(None) }
    }

    /// Compares the answer to the question with the desired state, or with the state that the last
    /// run recorded with [`TaskContext::keep`], and returns the differences. The task runs if there
    /// are any. Reports show their texts without known secrets.
    fn differences(&self, _model: &T, _cx: &TaskContext, _answer: &Answer) -> Result<Vec<Difference>> {
        Ok(Vec::new())
    }

    /// Returns the changes that the task would make to files, for dry runs. The method must change
    /// nothing. If the run has observed the task, [`TaskContext::answer`] returns the answer.
    fn changes(&self, _model: &T, _cx: &TaskContext) -> impl Future<Output = Result<Vec<FileChange>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Returns whether the task would change something if it ran now, or `None` if only a run can
    /// determine it. Dry runs call this method for a task that would run, in order to decide about later
    /// tasks. The method must change nothing, and must be cheap. A kind whose
    /// [`differences`](Self::differences) are those from the desired state returns whether
    /// [`TaskContext::answer`] has any, so that a plan that verifies is exact.
    fn would_change(&self, _model: &T, _cx: &TaskContext) -> impl Future<Output = Result<Option<bool>>> + Send {
        async { Ok(None) }
    }

    /// Returns whether the value has an [`undo`](Self::undo). Without one, the task only loses its
    /// stamp when its object is brought down.
    fn has_undo(&self) -> bool {
        false
    }

    /// Undoes the work when the object is brought down. The method must be idempotent, because an
    /// interrupted undo is repeated. [`TaskContext::kept`] returns the bytes that the last completed
    /// run kept. A method that the task's key `undo` names is called instead of this one.
    fn undo(&self, _model: &T, _cx: &TaskContext) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Checks that the value makes sense with the model. Checks of a layout call this method; they
    /// run no tasks.
    fn check(&self, _model: &T, _cx: &TaskContext) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Returns dependencies on tasks of other objects. As with a relationship, these tasks are
    /// considered before this one.
    fn dependencies(&self, _model: &T) -> Vec<Dependency> {
        Vec::new()
    }

    /// Returns the customization whose tasks run instead of this one.
    #[doc(hidden)]
    fn customization(&self) -> Option<&dyn DynCustomization<T>> {
        None
    }
}

/// A type-erased [`TaskKind`], for rows.
pub trait DynTaskKind<T>: Send + Sync + 'static {
    #[doc(hidden)]
    fn describe_dyn(&self) -> Cow<'static, str>;
    #[doc(hidden)]
    fn run_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext) -> BoxFuture<'a, Result<Outcome>>;
    #[doc(hidden)]
    fn hash_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext) -> Option<BoxFuture<'a, Result<String>>>;
    #[doc(hidden)]
    fn is_valid_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext) -> Option<BoxFuture<'a, Result<bool>>>;
    #[doc(hidden)]
    fn completion_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext) -> Option<BoxFuture<'a, Result<Completion>>>;
    #[doc(hidden)]
    fn question_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext)
    -> Option<BoxFuture<'a, Result<Option<Question>>>>;
    #[doc(hidden)]
    fn differences_dyn(&self, model: &T, cx: &TaskContext, answer: &Answer) -> Result<Vec<Difference>>;
    #[doc(hidden)]
    fn changes_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext) -> Option<BoxFuture<'a, Result<Vec<FileChange>>>>;
    #[doc(hidden)]
    fn would_change_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext)
    -> Option<BoxFuture<'a, Result<Option<bool>>>>;
    #[doc(hidden)]
    fn check_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext) -> Option<BoxFuture<'a, Result<()>>>;
    #[doc(hidden)]
    fn has_undo_dyn(&self) -> bool;
    #[doc(hidden)]
    fn undo_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext) -> BoxFuture<'a, Result<()>>;
    #[doc(hidden)]
    fn dependencies_dyn(&self, model: &T) -> Vec<Dependency>;
    #[doc(hidden)]
    fn as_any(&self) -> &dyn Any;
    #[doc(hidden)]
    fn customization_dyn(&self) -> Option<&dyn DynCustomization<T>>;
    #[doc(hidden)]
    fn features(&self) -> KindFeatures;
}

/// The features of a kind: the optional methods that runs call.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent property")]
pub struct KindFeatures {
    pub(crate) hash: bool,
    pub(crate) invalidator: bool,
    pub(crate) completion: bool,
    pub(crate) observed: Observed,
    pub(crate) customization: bool,
}

/// Only [`ValueTask`] implements the trait, so generated code can borrow the constant itself.
impl<T: 'static, K: TaskKind<T>> DynTaskKind<T> for ValueTask<T, K> {
    fn describe_dyn(&self) -> Cow<'static, str> {
        self.kind.describe()
    }

    fn run_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(self.kind.run(model, cx))
    }

    fn hash_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext) -> Option<BoxFuture<'a, Result<String>>> {
        K::HAS_HASH.then(|| Box::pin(self.kind.hash(model, cx)) as BoxFuture<'a, _>)
    }

    fn is_valid_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext) -> Option<BoxFuture<'a, Result<bool>>> {
        K::HAS_INVALIDATOR.then(|| Box::pin(self.kind.is_valid(model, cx)) as BoxFuture<'a, _>)
    }

    fn completion_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext) -> Option<BoxFuture<'a, Result<Completion>>> {
        K::HAS_COMPLETION.then(|| Box::pin(self.kind.completion(model, cx)) as BoxFuture<'a, _>)
    }

    fn question_dyn<'a>(
        &'a self,
        model: &'a T,
        cx: &'a TaskContext,
    ) -> Option<BoxFuture<'a, Result<Option<Question>>>> {
        (K::OBSERVED != Observed::Never).then(|| Box::pin(self.kind.question(model, cx)) as BoxFuture<'a, _>)
    }

    fn differences_dyn(&self, model: &T, cx: &TaskContext, answer: &Answer) -> Result<Vec<Difference>> {
        self.kind.differences(model, cx, answer)
    }

    fn changes_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext) -> Option<BoxFuture<'a, Result<Vec<FileChange>>>> {
        Some(Box::pin(self.kind.changes(model, cx)))
    }

    fn would_change_dyn<'a>(
        &'a self,
        model: &'a T,
        cx: &'a TaskContext,
    ) -> Option<BoxFuture<'a, Result<Option<bool>>>> {
        Some(Box::pin(self.kind.would_change(model, cx)))
    }

    fn check_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext) -> Option<BoxFuture<'a, Result<()>>> {
        Some(Box::pin(self.kind.check(model, cx)))
    }

    fn has_undo_dyn(&self) -> bool {
        self.kind.has_undo()
    }

    fn undo_dyn<'a>(&'a self, model: &'a T, cx: &'a TaskContext) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.kind.undo(model, cx))
    }

    fn dependencies_dyn(&self, model: &T) -> Vec<Dependency> {
        self.kind.dependencies(model)
    }

    fn as_any(&self) -> &dyn Any {
        &self.kind
    }

    fn customization_dyn(&self) -> Option<&dyn DynCustomization<T>> {
        self.kind.customization()
    }

    fn features(&self) -> KindFeatures {
        KindFeatures {
            hash: K::HAS_HASH,
            invalidator: K::HAS_INVALIDATOR,
            completion: K::HAS_COMPLETION,
            observed: K::OBSERVED,
            customization: self.kind.customization().is_some(),
        }
    }
}

/// A task that is a value. It derefs to the value, and serves as a handle as [`TaskHandle`] does.
pub struct ValueTask<T: 'static, K: 'static> {
    handle: TaskHandle<T>,
    kind: K,
}

impl<T, K> std::fmt::Debug for ValueTask<T, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ValueTask").field("name", &self.handle.name()).finish_non_exhaustive()
    }
}

impl<T: 'static, K: 'static> ValueTask<T, K> {
    /// Combines a name and a value. Generated code calls this function.
    pub const fn new(name: &'static str, kind: K) -> Self {
        Self { handle: TaskHandle::new(name), kind }
    }

    /// Returns the task's name.
    pub const fn name(&self) -> &'static str {
        self.handle.name()
    }

    /// Returns the handle of the task.
    pub const fn handle(&self) -> TaskHandle<T> {
        self.handle
    }

    /// Returns the value.
    pub const fn kind(&self) -> &K {
        &self.kind
    }
}

impl<T: 'static, K: 'static> Deref for ValueTask<T, K> {
    type Target = K;

    fn deref(&self) -> &K {
        &self.kind
    }
}

impl<T: 'static, K: 'static> From<ValueTask<T, K>> for TaskHandle<T> {
    fn from(task: ValueTask<T, K>) -> Self {
        task.handle
    }
}

impl TaskCategory {
    /// Returns the category of a task that is a value.
    pub(crate) fn of_kind<T: 'static>(kind: &dyn DynTaskKind<T>) -> Self {
        if kind.features().customization { Self::Customization } else { Self::Task }
    }
}
