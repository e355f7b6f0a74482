//! Drift: differences between the state that a task created and the current state.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::secret::redact;

/// A difference between the state that a task created and the current state.
///
/// ```
/// use setup_tasks::task::Difference;
///
/// let difference = Difference::new("etc/motd", "content differs");
/// assert_eq!(difference.to_string(), "etc/motd: content differs");
/// let difference = Difference::new("nginx", "1.22").instead_of("1.24");
/// assert_eq!(difference.to_string(), "nginx: 1.22 instead of 1.24");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Difference {
    /// The thing that differs, such as a path.
    pub what: String,
    /// The current state.
    pub is: String,
    /// The state that the thing should have, if it can be described in a few words.
    pub should_be: Option<String>,
}

impl Difference {
    /// Creates a difference of a thing with its current state. Reports show the texts without known
    /// secrets.
    pub fn new(what: impl Into<String>, is: impl Into<String>) -> Self {
        Self { what: what.into(), is: is.into(), should_be: None }
    }

    /// Returns the difference without secrets.
    pub(crate) fn redacted(self) -> Self {
        let redact = |text: String| redact(&text).into_owned();
        let Self { what, is, should_be } = self;
        Self { what: redact(what), is: redact(is), should_be: should_be.map(redact) }
    }

    /// Adds the state that the thing should have.
    #[must_use]
    pub fn instead_of(mut self, should_be: impl Into<String>) -> Self {
        self.should_be = Some(should_be.into());
        self
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.is)?;
        self.should_be.iter().try_for_each(|should_be| write!(f, " instead of {should_be}"))
    }
}

/// Writes the first differences and the number of further ones.
pub(crate) fn summary(differences: &[Difference], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const SHOWN: usize = 3;
    for (i, difference) in differences.iter().take(SHOWN).enumerate() {
        write!(f, "{}{difference}", if i > 0 { "; " } else { "" })?;
    }
    let more = differences.len().saturating_sub(SHOWN);
    if more > 0 { write!(f, "; and {more} more") } else { Ok(()) }
}
