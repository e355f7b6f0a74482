//! The changes that a task would make to files, for dry runs.

use serde::{Deserialize, Serialize};
use similar::TextDiff;

use crate::secret::redact;

/// A file that a task would write, with its current and its future content.
///
/// ```
/// use setup_tasks::run::FileChange;
///
/// let change = FileChange::new("etc/motd", Some("Hello\n".into()), "Welcome\n".into());
/// assert_eq!(change.unified(), "--- etc/motd\n+++ etc/motd\n@@ -1 +1 @@\n-Hello\n+Welcome\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileChange {
    /// The name of the file, as its kind of task chooses it.
    pub path: String,
    /// The current content, or `None` if the file does not exist.
    pub before: Option<String>,
    /// The future content.
    pub after: String,
    /// The current and the future permissions, if they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modes: Option<(u32, u32)>,
    #[serde(skip)]
    is_none: bool,
    #[serde(skip)]
    is_secret: bool,
}

impl FileChange {
    /// Creates a change of a file. [Secrets](crate::Secret) in the texts are redacted.
    pub fn new(path: impl Into<String>, before: Option<String>, after: String) -> Self {
        let is_none = before.as_ref() == Some(&after);
        let clean = |text: String| redact(&text).into_owned();
        Self {
            path: clean(path.into()),
            before: before.map(clean),
            after: clean(after),
            modes: None,
            is_none,
            is_secret: false,
        }
    }

    /// Creates a change of a file whose text depends on a secret. Neither text is kept: the old one
    /// may contain a secret that this process does not know, and both may contain a secret in a
    /// form that redaction does not recognize.
    pub fn of_secret(path: impl Into<String>, before: Option<&str>, after: &str) -> Self {
        let hidden = "[made from a secret]\n".to_owned();
        let path = redact(&path.into()).into_owned();
        let is_none = before == Some(after);
        Self { path, before: before.map(|_| hidden.clone()), after: hidden, modes: None, is_none, is_secret: true }
    }

    /// Adds the current and the future permissions of the file.
    #[must_use]
    pub fn with_modes(mut self, before: u32, after: u32) -> Self {
        self.modes = (before != after).then_some((before, after));
        self
    }

    /// Returns whether the file would stay the same.
    pub fn is_empty(&self) -> bool {
        self.is_none && self.modes.is_none()
    }

    /// Returns a unified diff with three lines of context around each change. A change of
    /// permissions precedes it.
    pub fn unified(&self) -> String {
        let modes = self.modes.map(|(before, after)| format!("old mode {before:04o}\nnew mode {after:04o}\n"));
        let modes = modes.unwrap_or_default();
        let before = self.before.as_deref().unwrap_or_default();
        let old = if self.before.is_some() { &*self.path } else { "/dev/null" };
        if self.is_none {
            return format!("--- {old}\n+++ {}\n{modes}", self.path);
        }
        if self.is_secret || self.before.as_ref() == Some(&self.after) {
            let what = if self.before.is_some() { "secrets differ" } else { "made from a secret" };
            return format!("{modes}--- {old}\n+++ {}\n({what})\n", self.path);
        }
        let diff = TextDiff::from_lines(before, &self.after).unified_diff().header(old, &self.path).to_string();
        modes + &diff
    }
}
