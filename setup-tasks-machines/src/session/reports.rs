//! The reports of a call: all its messages besides data. They need no credit, so their number and their length are limited.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use setup_tasks_agent::protocol::{Answer, Difference, Failure, Outcome, ToController};

/// The greatest length of all reports of a call, in bytes. The agent leaves texts out long before.
const MAX_REPORTED: usize = 256 << 20;
/// The greatest number of messages that wait for their receiver.
const MAX_WAITING: usize = 100_000;

/// The reports that a call has received.
#[derive(Default)]
pub(super) struct Reports {
    bytes: usize,
    waiting: Waiting,
}

/// The number of messages that wait for their receiver.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<AtomicUsize>);

impl Reports {
    /// Returns the number of messages that wait, for the receiver to lower.
    pub(super) fn waiting(&self) -> Waiting {
        self.waiting.clone()
    }

    /// Counts a message. An error is the reason to end the connection.
    pub(super) fn count(&mut self, message: &ToController) -> Result<(), String> {
        self.bytes += length(message);
        if self.bytes > MAX_REPORTED {
            return Err(format!("the agent reported more than {} MiB on one call", MAX_REPORTED >> 20));
        }
        if self.waiting.0.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            return Err(format!("the agent sent {MAX_WAITING} messages that nobody had received"));
        }
        Ok(())
    }
}

impl Waiting {
    /// Counts a message that was received.
    pub(super) fn received(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns the length of a report in bytes, about.
fn length(message: &ToController) -> usize {
    let content = match message {
        ToController::Observed { observation, .. } => {
            observation.as_ref().map_or_else(of_failure, |differences| of_differences(differences))
        }
        ToController::Applied { outcome: Ok(Outcome::Changed(differences)), .. } => of_differences(differences),
        ToController::Applied { outcome: Err(failure), .. }
        | ToController::Answer { answer: Answer::Failed(failure), .. } => of_failure(failure),
        ToController::Waiting { holder, .. } => holder.len(),
        // Each of them is gone once it was received.
        ToController::Credit { .. } | ToController::Output { .. } | ToController::Data { .. } => return 0,
        _ => 0,
    };
    content + size_of::<ToController>()
}

fn of_failure(failure: &Failure) -> usize {
    failure.to_string().len()
}

fn of_differences(differences: &[Difference]) -> usize {
    let of_one = |difference: &Difference| {
        let texts = difference.texts.iter().flat_map(|texts| [&texts.old, &texts.new]);
        let texts: usize = texts.flatten().map(String::len).sum();
        let should_be = difference.should_be.as_ref().map_or(0, String::len);
        size_of::<Difference>() + difference.what.len() + difference.is.len() + should_be + texts
    };
    differences.iter().map(of_one).sum()
}
