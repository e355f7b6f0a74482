//! Removal of secrets from errors.

use std::error::Error;
use std::fmt;

use super::filter::{holds, redact};
use super::registry::any;
use crate::flat::Flat;

/// Returns the error unchanged if it contains no secret, and otherwise its chain of messages with
/// the secrets replaced.
pub(crate) fn clean(error: anyhow::Error) -> anyhow::Error {
    // `Debug` may show fields that the messages omit.
    if !any() || !(error.chain().any(|cause| holds(&cause.to_string())) || holds(&format!("{error:?}"))) {
        return error;
    }
    let messages: Vec<_> = error.chain().map(|cause| redact(&cause.to_string()).into_owned()).collect();
    let chained = messages.into_iter().rev().fold(None, |source, message| {
        let source = source.map(|source| Flat::new(Box::new(source)));
        Some(Redacted { message, source })
    });
    chained.map_or(error, anyhow::Error::new)
}

/// An error of a redacted chain, reduced to its message. `Flat` drops a chain of hundreds of
/// errors without recursion.
struct Redacted {
    message: String,
    source: Option<Flat<Box<Redacted>>>,
}

impl Error for Redacted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &***source as _)
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.message, f)
    }
}
