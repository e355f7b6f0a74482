//! Errors without secrets.

use super::gate::{holds, redact};
use super::registry::any;

/// Returns an error whose messages hold no secret: itself, or its chain of messages without them.
pub(crate) fn clean(error: anyhow::Error) -> anyhow::Error {
    // Its `Debug` may show what its messages do not.
    if !any() || !(error.chain().any(|cause| holds(&cause.to_string())) || holds(&format!("{error:?}"))) {
        return error;
    }
    let messages: Vec<_> = error.chain().map(|cause| redact(&cause.to_string()).into_owned()).collect();
    let mut messages = messages.into_iter().rev();
    let root = anyhow::Error::msg(messages.next().unwrap_or_default());
    messages.fold(root, anyhow::Error::context)
}
