//! What the helper methods of a task answer: hash functions, invalidators, completion checks.

use std::time::SystemTime;

use crate::Result;
use crate::sealed::Sealed;
use crate::stamp::Timestamp;
use crate::task::outcome::IntoTaskError;

/// What a completion check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Completion {
    /// Not complete: the task runs.
    Incomplete,
    /// Complete since a time: the task runs if an earlier task or a dependency ran later than that.
    At(Timestamp),
    /// Complete; nothing is known about when, and later tasks are not told.
    Complete,
}

/// What a hash function may return: anything that is text, a number, or a `Result` of these.
#[diagnostic::on_unimplemented(
    message = "a hash function returns text (`String`, `&str`), a `u64`, or a `Result` of these, not `{Self}`",
    label = "returned by this hash function"
)]
pub trait IntoHashText: Sealed {
    /// The text that is compared with the stamp's.
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

/// What an invalidator may return: `bool` or a `Result<bool>`; `false` means that the last run no longer holds.
#[diagnostic::on_unimplemented(
    message = "an invalidator returns `bool` or `Result<bool>`, not `{Self}`",
    label = "returned by this invalidator"
)]
pub trait IntoValid: Sealed {
    /// Whether the last run still holds.
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

/// What a completion check may return: `bool`, `Option<SystemTime>` (complete since), [`Completion`], or a `Result`.
#[diagnostic::on_unimplemented(
    message = "a completion check returns `bool`, `Option<SystemTime>`, `Completion`, or a `Result` of these, not `{Self}`",
    label = "returned by this completion check"
)]
pub trait IntoCompletion: Sealed {
    /// Whether, and since when, the task is complete.
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
