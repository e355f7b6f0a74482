//! What a task would change in files, for dry runs.

use serde::Serialize;
use similar::TextDiff;

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
}

impl FileChange {
    /// A change of a file.
    pub fn new(path: impl Into<String>, before: Option<String>, after: String) -> Self {
        Self { path: path.into(), before, after }
    }

    /// Whether the file would be as it is.
    pub fn is_none(&self) -> bool {
        self.before.as_ref() == Some(&self.after)
    }

    /// As a unified diff, with three lines around each change.
    pub fn unified(&self) -> String {
        let before = self.before.as_deref().unwrap_or_default();
        let old = if self.before.is_some() { &*self.path } else { "/dev/null" };
        TextDiff::from_lines(before, &self.after).unified_diff().header(old, &self.path).to_string()
    }
}
