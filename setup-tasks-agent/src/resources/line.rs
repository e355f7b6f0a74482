//! A line of a text file.

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use super::edit::{Edit, has_line_break};
use crate::Result;
use crate::far::Far;
use crate::protocol::{Cause, Difference, Failure, Text};
use crate::resource::{Resource, Restore};

/// A line of a text file. A missing file is created.
///
/// With [`matching`](Self::matching), the line takes the place of the first line that matches, and further ones that match are removed. So
/// exactly one remains, whichever of several lines the program would use. Without a match, the line is added at the end.
///
/// ```
/// use setup_tasks_agent::resources::Line;
///
/// Line::in_file("/etc/hosts", "10.0.0.7 db");
/// Line::in_file("/etc/ssh/sshd_config", "PermitRootLogin no").matching("^#?PermitRootLogin ");
/// Line::in_file("/etc/crontab", "").matching("legacy-backup").absent();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    path: String,
    text: Text,
    matching: Option<String>,
    present: bool,
}

impl Line {
    /// Creates a line of a file.
    pub fn in_file(path: impl Into<String>, line: impl Into<Text>) -> Self {
        Self { path: path.into(), text: line.into(), matching: None, present: true }
    }

    /// Creates a line that contains a secret.
    pub fn secret_in_file(path: impl Into<String>, line: impl Into<String>) -> Self {
        Self { path: path.into(), text: Text::secret(line), matching: None, present: true }
    }

    /// Sets a regular expression for the lines that this one replaces.
    #[must_use]
    pub fn matching(mut self, pattern: impl Into<String>) -> Self {
        self.matching = Some(pattern.into());
        self
    }

    /// Lets the file have no line that is equal to this one, and none that matches.
    #[must_use]
    pub fn absent(mut self) -> Self {
        self.present = false;
        self
    }

    /// Returns the new text of the file.
    fn edited(&self, old: &str, present: bool) -> Result<String> {
        let refused = |reason: String| Failure::new(format!("edit `{}`", self.path), Cause::Refused(reason));
        let wanted = self.text.expose();
        if has_line_break(wanted) {
            return Err(refused("the line contains a line break".into()));
        }
        let pattern = self.matching.as_deref().map(Regex::new).transpose();
        let pattern = pattern.map_err(|error| refused(format!("the pattern cannot be read: {error}")))?;
        let matches = |line: &str| pattern.as_ref().is_some_and(|pattern| pattern.is_match(line));
        let mut lines = Vec::new();
        let mut placed = !present;
        for line in old.lines() {
            if line == wanted && (present || !wanted.is_empty()) || matches(line) {
                // The first one stays or is replaced. Equal lines without a pattern are left alone.
                if !placed {
                    lines.push(wanted);
                    placed = true;
                } else if present && pattern.is_none() {
                    lines.push(line);
                }
            } else {
                lines.push(line);
            }
        }
        if !placed {
            lines.push(wanted);
        }
        if old.lines().eq(lines.iter().copied()) {
            return Ok(old.to_owned());
        }
        Ok(lines.into_iter().flat_map(|line| [line, "\n"]).collect())
    }
}

impl Resource for Line {
    const KIND: &str = "line";

    fn name(&self) -> String {
        format!("line in {}", self.path)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        let edit = Edit::of(far, &self.path, self.text.is_secret())?;
        let new = self.edited(edit.text(), self.present)?;
        let is = if self.present { "lacks the line" } else { "has the line" };
        Ok(edit.difference(&self.path, is, &new))
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        let edit = Edit::of(far, &self.path, self.text.is_secret())?;
        edit.write(far, &self.edited(edit.text(), self.present)?)
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        let edit = Edit::of(far, &self.path, self.text.is_secret())?;
        let without = Self { matching: None, ..self.clone() };
        if self.present { edit.write_if_different(far, &without.edited(edit.text(), false)?) } else { Ok(()) }
    }

    fn keep(&self, far: &mut Far) -> Result<Vec<Restore>> {
        Ok(vec![Restore::file(far, &self.path)?])
    }
}
