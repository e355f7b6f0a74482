//! The path from an object that failed to the object that caused the failure.

use std::error::Error;

use crate::injector::InjectError;
use crate::lease::LeaseError;
use crate::object::ReadyError;
use crate::report::{RelatedError, RunError};

/// Returns the objects along the causes of an error: the failed object first, and the object that
/// caused the failure last.
pub(super) fn path_of(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    for error in causes(error) {
        if let Some(error) = as_run(error) {
            of_run(error, &mut path);
        } else if let Some(error) = error.downcast_ref::<ReadyError>() {
            of_ready(error, &mut path);
        } else if let Some(InjectError::NotReady { source, .. }) = error.downcast_ref::<InjectError>() {
            of_ready(source, &mut path);
        }
    }
    path
}

/// Returns whether the error comes from a request to stop the fleet, and not from a failure.
pub(super) fn is_stop(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|error| matches!(as_run(error), Some(RunError::Stopped { .. })))
}

/// Returns whether the error means that another process has taken an object over.
pub(super) fn is_loss(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|error| match as_run(error) {
        Some(RunError::Lease(error)) => matches!(**error, LeaseError::Lost { .. }),
        _ => false,
    })
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn as_run<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e RunError> {
    error.downcast_ref().or_else(|| error.downcast_ref::<RelatedError>().map(RelatedError::get))
}

fn of_run(error: &RunError, path: &mut Vec<String>) {
    match error {
        RunError::Needed { object, dependent, .. } => {
            push(object, path);
            push(dependent, path);
        }
        RunError::Related { object, other, .. } => {
            push(object, path);
            push(other, path);
        }
        // The variant is transparent: the next error of the chain is the source of the inner one.
        RunError::Ready(error) => of_ready(error, path),
        RunError::Task { object, .. }
        | RunError::Undo { object, .. }
        | RunError::Check { object, .. }
        | RunError::Context { object, .. }
        | RunError::System { object, .. }
        | RunError::Elsewhere { object, .. }
        | RunError::FailedElsewhere { object, .. }
        | RunError::Circle { object, .. } => push(object, path),
        _ => {}
    }
}

fn of_ready(error: &ReadyError, path: &mut Vec<String>) {
    match error {
        ReadyError::Failed { object, .. } | ReadyError::Circle { object, .. } => push(object, path),
    }
}

fn push(object: &str, path: &mut Vec<String>) {
    // The error of a run and that of the readiness around it name the same object.
    if path.last().is_none_or(|last| last != object) {
        path.push(object.to_owned());
    }
}
