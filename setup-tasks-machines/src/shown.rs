//! Texts of a machine, made safe to show. A machine can send anything: characters that steer a terminal, and secrets that it was given.

use std::borrow::Cow;

use setup_tasks::text::printable;
use setup_tasks_agent::protocol::{Answer, Cause, Difference, Facts, Failure, Outcome, ToController};

/// Removes the characters that steer a terminal or change how the rest is read. Line ends stay.
pub(crate) fn visible(text: &str) -> String {
    // A single character is never a secret, so that only an escape changes it.
    let is_visible = |c: &char| printable(c.encode_utf8(&mut [0; 4])) == *c.encode_utf8(&mut [0; 4]);
    text.chars().filter(is_visible).collect()
}

/// Makes the texts of a message safe to show. The content of files and the output of commands stay as they are.
pub(crate) fn safe(message: ToController) -> ToController {
    match message {
        ToController::Facts(facts) => ToController::Facts(Box::new(safe_facts(*facts))),
        ToController::Observed { id, resource, observation } => {
            let observation = observation.map(safe_differences).map_err(safe_failure);
            ToController::Observed { id, resource, observation }
        }
        ToController::Applied { id, resource, outcome } => {
            let outcome = outcome.map_err(safe_failure).map(|outcome| match outcome {
                Outcome::Changed(differences) => Outcome::Changed(safe_differences(differences)),
                other => other,
            });
            ToController::Applied { id, resource, outcome }
        }
        ToController::Waiting { id, holder } => ToController::Waiting { id, holder: safe_text(holder) },
        ToController::Answer { id, answer: Answer::Failed(failure) } => {
            ToController::Answer { id, answer: Answer::Failed(safe_failure(failure)) }
        }
        ToController::Bye(reason) => ToController::Bye(safe_text(reason)),
        other => other,
    }
}

fn safe_text(text: String) -> String {
    let changed = match printable(&text) {
        Cow::Owned(changed) => Some(changed),
        Cow::Borrowed(_) => None,
    };
    changed.unwrap_or(text)
}

/// The facts decide what resources do, so nothing but characters that steer is removed.
fn safe_facts(facts: Facts) -> Facts {
    let clean = |text: &str| visible(text).replace(['\n', '\t'], "");
    Facts {
        os: clean(&facts.os),
        os_like: facts.os_like.iter().map(|like| clean(like)).collect(),
        os_version: clean(&facts.os_version),
        os_codename: clean(&facts.os_codename),
        architecture: clean(&facts.architecture),
        kernel: clean(&facts.kernel),
        kernel_release: clean(&facts.kernel_release),
        hostname: clean(&facts.hostname),
        user: clean(&facts.user),
        boot_id: clean(&facts.boot_id),
        ..facts
    }
}

fn safe_differences(differences: Vec<Difference>) -> Vec<Difference> {
    let safe = |difference: Difference| Difference {
        what: safe_text(difference.what),
        is: safe_text(difference.is),
        should_be: difference.should_be.map(safe_text),
        ..difference
    };
    differences.into_iter().map(safe).collect()
}

fn safe_failure(failure: Failure) -> Failure {
    let cause = match failure.cause {
        Cause::System { code, message } => Cause::System { code, message: safe_text(message) },
        Cause::Program { program, exit, output } => {
            Cause::Program { program: safe_text(program), exit, output: safe_text(output) }
        }
        Cause::NoProgram { program } => Cause::NoProgram { program: safe_text(program) },
        Cause::Refused(text) => Cause::Refused(safe_text(text)),
        Cause::StillDiffers(differences) => Cause::StillDiffers(safe_differences(differences)),
        Cause::Locked(text) => Cause::Locked(safe_text(text)),
        Cause::UnknownResource(text) => Cause::UnknownResource(safe_text(text)),
        Cause::Panicked(text) => Cause::Panicked(safe_text(text)),
        Cause::TakenBack(text) => Cause::TakenBack(safe_text(text)),
        Cause::Protocol(text) => Cause::Protocol(safe_text(text)),
        cause @ (Cause::Cancelled | Cause::TimedOut(_)) => cause,
    };
    Failure { resource: failure.resource.map(safe_text), tried: safe_text(failure.tried), cause }
}
