//! What a task would change in files, for dry runs.

use serde::Serialize;
use similar::TextDiff;

use crate::secret::redact;

/// A file that a task would write: what it holds now, and what it would hold.
///
/// ```
/// use setup_tasks::run::FileChange;
///
/// let change = FileChange::new("etc/motd", Some("Hello\n".into()), "Welcome\n".into());
/// assert_eq!(change.unified(), "--- etc/motd\n+++ etc/motd\n@@ -1 +1 @@\n-Hello\n+Welcome\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileChange {
    /// The file, as its kind of task calls it.
    pub path: String,
    /// What it holds; `None` if it is not there.
    pub before: Option<String>,
    /// What it would hold.
    pub after: String,
    /// Its permissions, and those that it would have, if they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modes: Option<(u32, u32)>,
    #[serde(skip)]
    is_none: bool,
    #[serde(skip)]
    is_secret: bool,
}

impl FileChange {
    /// A change of a file. [Secrets](crate::Secret) in the texts are replaced.
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

    /// A change of a file whose text was made from a secret: neither text is kept, since a secret that this process does not know
    /// may be in the old one, and a spelling that nobody recognises in either.
    pub fn of_secret(path: impl Into<String>, before: Option<&str>, after: &str) -> Self {
        let hidden = "[made from a secret]\n".to_owned();
        let path = redact(&path.into()).into_owned();
        let is_none = before == Some(after);
        Self { path, before: before.map(|_| hidden.clone()), after: hidden, modes: None, is_none, is_secret: true }
    }

    /// Adds the permissions of the file that is there, and those that it would have.
    #[must_use]
    pub fn with_modes(mut self, before: u32, after: u32) -> Self {
        self.modes = (before != after).then_some((before, after));
        self
    }

    /// Whether the file would be as it is.
    pub fn is_none(&self) -> bool {
        self.is_none && self.modes.is_none()
    }

    /// As a unified diff, with three lines around each change; other permissions stand in front of it.
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
