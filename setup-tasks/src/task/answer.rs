//! The return types of a task's helper methods: hash functions, invalidators, completion checks and
//! undos.

use std::time::SystemTime;

use crate::Result;
use crate::sealed::Sealed;
use crate::stamp::Timestamp;
use crate::task::outcome::IntoTaskError;

/// The result of a completion check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Completion {
    /// The task is not complete, and runs.
    Incomplete,
    /// The task has been complete since a time. It runs if an earlier task or a dependency ran
    /// after that time.
    At(Timestamp),
    /// The task has been complete since an unknown time. Later tasks are compared with the time
    /// when a run of this task last changed something, if one did.
    Complete,
}

/// A return type of hash functions: text, a number, or a `Result` of these.
#[diagnostic::on_unimplemented(
    message = "a hash function returns text (`String`, `&str`), a `u64`, or a `Result` of these, not `{Self}`",
    label = "returned by this hash function"
)]
pub trait IntoHashText: Sealed {
    /// Returns the text that is compared with the text in the stamp.
    ///
    /// # Errors
    ///
    /// Returns the error that the method returned.
    fn into_hash_text(self) -> Result<String>;
}

impl IntoHashText for String {
    fn into_hash_text(self) -> Result<String> {
        Ok(self)
    }
}

impl IntoHashText for &str {
    fn into_hash_text(self) -> Result<String> {
        Ok(self.to_owned())
    }
}

impl IntoHashText for u64 {
    fn into_hash_text(self) -> Result<String> {
        Ok(self.to_string())
    }
}

impl<A: IntoHashText, E: IntoTaskError> IntoHashText for Result<A, E> {
    fn into_hash_text(self) -> Result<String> {
        self.map_err(IntoTaskError::into_task_error)?.into_hash_text()
    }
}

/// A return type of invalidators: `bool` or a `Result<bool>`. `false` means that the last run is
/// not valid any more.
#[diagnostic::on_unimplemented(
    message = "an invalidator returns `bool` or `Result<bool>`, not `{Self}`",
    label = "returned by this invalidator"
)]
pub trait IntoValid: Sealed {
    /// Returns whether the last run is still valid.
    ///
    /// # Errors
    ///
    /// Returns the error that the method returned.
    fn into_valid(self) -> Result<bool>;
}

impl IntoValid for bool {
    fn into_valid(self) -> Result<bool> {
        Ok(self)
    }
}

impl<E: IntoTaskError> IntoValid for Result<bool, E> {
    fn into_valid(self) -> Result<bool> {
        self.map_err(IntoTaskError::into_task_error)
    }
}

/// A return type of completion checks: `bool`, `Option<SystemTime>` (the time since when the task
/// has been complete), [`Completion`], or a `Result` of these.
#[diagnostic::on_unimplemented(
    message = "a completion check returns `bool`, `Option<SystemTime>`, `Completion`, or a `Result` of these, not `{Self}`",
    label = "returned by this completion check"
)]
pub trait IntoCompletion: Sealed {
    /// Returns whether the task is complete, and since when.
    ///
    /// # Errors
    ///
    /// Returns the error that the method returned.
    fn into_completion(self) -> Result<Completion>;
}

impl Sealed for Completion {}

impl IntoCompletion for Completion {
    fn into_completion(self) -> Result<Completion> {
        Ok(self)
    }
}

impl IntoCompletion for bool {
    fn into_completion(self) -> Result<Completion> {
        Ok(if self { Completion::Complete } else { Completion::Incomplete })
    }
}

impl IntoCompletion for Option<SystemTime> {
    fn into_completion(self) -> Result<Completion> {
        Ok(self.map_or(Completion::Incomplete, |time| Completion::At(Timestamp::from(time))))
    }
}

impl<A: IntoCompletion, E: IntoTaskError> IntoCompletion for Result<A, E> {
    fn into_completion(self) -> Result<Completion> {
        self.map_err(IntoTaskError::into_task_error)?.into_completion()
    }
}

/// A return type of undos: `()` or a `Result<()>`.
#[diagnostic::on_unimplemented(
    message = "an undo returns `()` or `Result<()>`, not `{Self}`",
    label = "returned by this undo"
)]
pub trait IntoUndone: Sealed {
    /// Returns whether the undo did its work.
    ///
    /// # Errors
    ///
    /// Returns the error that the method returned.
    fn into_undone(self) -> Result<()>;
}

impl IntoUndone for () {
    fn into_undone(self) -> Result<()> {
        Ok(())
    }
}

impl<E: IntoTaskError> IntoUndone for Result<(), E> {
    fn into_undone(self) -> Result<()> {
        self.map_err(IntoTaskError::into_task_error)
    }
}
