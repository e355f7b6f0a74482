//! The return types of tasks.

use std::fmt;

use crate::Result;
use crate::sealed::Sealed;

/// The result of a task that did not fail.
///
/// ```
/// use setup_tasks::prelude::*;
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "hosts/{name}")]
/// struct Host { name: String }
///
/// #[setup_tasks]
/// impl Host {
///     #[setup_task("Write the name")]
///     fn write_name(&self, cx: &TaskContext) -> Result<Outcome> {
///         let path = cx.stamp_path()?.join("name");
///         if std::fs::read_to_string(&path).is_ok_and(|text| text == self.name) {
///             return Ok(Outcome::Unchanged);
///         }
///         std::fs::write(path, &self.name)?;
///         Ok(Outcome::Done)
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The task did its work. Its stamp is written.
    #[default]
    Done,
    /// The task ran and found that nothing had to change. Its stamp is written, and later tasks are
    /// unaffected.
    ///
    /// It counts as a change nevertheless if the task has no stamp, or if its last attempt failed or
    /// was interrupted, also within this run. Nobody knows then what was changed before.
    Unchanged,
    /// The task had nothing to do. Its stamp is neither written nor removed, and later tasks are unaffected.
    Skipped,
}

impl Outcome {
    /// Returns the name of the outcome, which is that of the task's status in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "ran",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
        }
    }
}

/// An error that skips the task, as [`Outcome::Skipped`] does. It can be returned from any function
/// inside the task.
///
/// ```
/// use setup_tasks::prelude::*;
/// use setup_tasks::task::SkipSetupTask;
///
/// fn power_on(has_battery: bool) -> Result<()> {
///     if !has_battery {
///         return Err(SkipSetupTask.into());
///     }
///     Ok(())
/// }
/// # assert!(power_on(false).unwrap_err().is::<SkipSetupTask>());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub struct SkipSetupTask;

impl fmt::Display for SkipSetupTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task asked to be skipped")
    }
}

impl std::error::Error for SkipSetupTask {}

/// An error type of tasks and helper methods: every type that `?` converts to the error of this
/// crate's [`Result`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a task",
    label = "the error of this method is `{Self}`",
    note = "the error is `anyhow::Error`, or a type that implements `std::error::Error + Send + Sync + 'static`",
    note = "help: return `setup_tasks::Result<…>`; `?` converts such errors, `anyhow::anyhow!(text)` makes one of a text, and `anyhow::Error::from_boxed(error)` of a `Box<dyn Error + Send + Sync>`"
)]
pub trait IntoTaskError {
    /// Converts the error to the form that the run uses.
    fn into_task_error(self) -> anyhow::Error;
}

#[diagnostic::do_not_recommend]
impl<E: Into<anyhow::Error>> IntoTaskError for E {
    fn into_task_error(self) -> anyhow::Error {
        self.into()
    }
}

/// A return type of tasks: `()`, [`Outcome`], or a `Result` of either.
#[diagnostic::on_unimplemented(
    message = "a setup task returns `()`, `Result<()>` or `Result<Outcome>`, not `{Self}`",
    label = "returned by this task"
)]
pub trait IntoOutcome: Sealed {
    /// Whether the type contains an [`Outcome`], so that the task can report that it changed nothing.
    #[doc(hidden)]
    const REPORTS: bool;

    /// Converts the return value to the form that the run uses.
    ///
    /// # Errors
    ///
    /// Returns the error that the method returned.
    fn into_outcome(self) -> Result<Outcome>;

    /// Converts the return value of a task that always runs. For such a task, `()` means that nothing
    /// changed.
    #[doc(hidden)]
    fn into_outcome_of_check(self) -> Result<Outcome>
    where
        Self: Sized,
    {
        let outcome = self.into_outcome()?;
        Ok(if outcome == Outcome::Done && !Self::REPORTS { Outcome::Unchanged } else { outcome })
    }
}

impl IntoOutcome for () {
    const REPORTS: bool = false;

    fn into_outcome(self) -> Result<Outcome> {
        Ok(Outcome::Done)
    }
}

impl Sealed for Outcome {}

impl IntoOutcome for Outcome {
    const REPORTS: bool = true;

    fn into_outcome(self) -> Result<Outcome> {
        Ok(self)
    }
}

impl<A: IntoOutcome, E: IntoTaskError> IntoOutcome for Result<A, E> {
    const REPORTS: bool = A::REPORTS;

    fn into_outcome(self) -> Result<Outcome> {
        match self {
            Ok(answer) => answer.into_outcome(),
            Err(error) => {
                let error = error.into_task_error();
                if error.is::<SkipSetupTask>() { Ok(Outcome::Skipped) } else { Err(error) }
            }
        }
    }
}
