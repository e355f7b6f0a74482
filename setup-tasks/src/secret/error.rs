//! Removal of secrets from errors.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::filter::{holds, redact};
use super::registry::any;
use crate::error::{Excerpt, help_of};
use crate::error_help;
use crate::flat::Flat;

/// Returns the error unchanged if it contains no secret, and otherwise its chain of messages with
/// the secrets replaced.
pub(crate) fn clean(error: anyhow::Error) -> anyhow::Error {
    // `Debug` may show fields that the messages omit.
    if !any() || !(error.chain().any(holds_secret) || holds(&format!("{error:?}"))) {
        return error;
    }
    let causes: Vec<_> = error.chain().collect();
    let chained = causes.into_iter().rev().fold(None, |source, cause| {
        let message = redact(&cause.to_string()).into_owned();
        Some(match Excerpt::new(&*message).filter(|_| cause.is::<Excerpt>()) {
            Some(excerpt) => Cause::from(excerpt),
            None => {
                let help = help_of(cause).map(|help| redact(&help).into_owned());
                Cause::from(Redacted { message, help, source: source.map(Flat::new) })
            }
        })
    });
    chained.map_or(error, anyhow::Error::from_boxed)
}

fn holds_secret(cause: &(dyn Error + 'static)) -> bool {
    holds(&cause.to_string()) || help_of(cause).is_some_and(|help| holds(&help))
}

type Cause = Box<dyn Error + Send + Sync>;

/// An error of a redacted chain, reduced to its message. `Flat` drops a chain of hundreds of
/// errors without recursion.
struct Redacted {
    message: String,
    help: Option<String>,
    source: Option<Flat<Cause>>,
}

error_help!(Redacted);

impl Redacted {
    fn help(&self) -> Option<Cow<'_, str>> {
        self.help.as_deref().map(Into::into)
    }
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
