//! A block of lines of a text file, between two marks.

use serde::{Deserialize, Serialize};

use super::edit::{Edit, has_line_break};
use crate::Result;
use crate::far::Far;
use crate::protocol::{Cause, Difference, Failure, Text};
use crate::resource::{Resource, Restore};

/// A block of lines of a text file, between two comment lines that contain its name. A missing file is created, and a missing block is
/// added at the end.
///
/// ```
/// use setup_tasks_agent::resources::Block;
///
/// Block::in_file("/etc/hosts", "site", "10.0.0.7 db\n10.0.0.8 web\n");
/// Block::in_file("/etc/php/php.ini", "site", "memory_limit = 1G\n").comment(";");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    path: String,
    name: String,
    text: Text,
    comment: String,
}

impl Block {
    /// Creates a block with a name, which distinguishes it from other blocks of the file.
    pub fn in_file(path: impl Into<String>, name: impl Into<String>, text: impl Into<Text>) -> Self {
        Self { path: path.into(), name: name.into(), text: text.into(), comment: "#".into() }
    }

    /// Sets the beginning of a comment in the language of the file. The default is `#`.
    #[must_use]
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = comment.into();
        self
    }

    /// Returns the new text of the file, with the block or without it.
    fn edited(&self, old: &str, present: bool) -> Result<String> {
        let refused = |reason: &str| Failure::new(format!("edit `{}`", self.path), Cause::Refused(reason.into()));
        if self.name.is_empty() || has_line_break(&self.name) || has_line_break(&self.comment) {
            return Err(refused("the name of a block has one line"));
        }
        let (begin, end) =
            (format!("{} BEGIN {}", self.comment, self.name), format!("{} END {}", self.comment, self.name));
        let body = self.text.expose();
        if body.lines().any(|line| line == begin || line == end) {
            return Err(refused("the block contains its own marks"));
        }
        let lines: Vec<_> = old.lines().collect();
        let mut new = Vec::new();
        let block = || [&*begin].into_iter().chain(body.lines()).chain([&*end]);
        match lines.iter().position(|line| *line == begin) {
            Some(first) => {
                let length = lines[first..].iter().position(|line| *line == end);
                let length = length.ok_or_else(|| refused(&format!("it has the line `{begin}`, but no `{end}`")))?;
                let after = &lines[first + length + 1..];
                if after.contains(&&*begin) {
                    return Err(refused(&format!("it has the line `{begin}` twice")));
                }
                new.extend(&lines[..first]);
                new.extend(block().filter(|_| present));
                new.extend(after);
            }
            None if lines.contains(&&*end) => {
                return Err(refused(&format!("it has the line `{end}`, but no `{begin}`")));
            }
            None => {
                new.extend(&lines);
                new.extend(block().filter(|_| present));
            }
        }
        if new == lines {
            return Ok(old.to_owned());
        }
        Ok(new.into_iter().flat_map(|line| [line, "\n"]).collect())
    }
}

impl Resource for Block {
    const KIND: &str = "block";

    fn name(&self) -> String {
        format!("block {} in {}", self.name, self.path)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        let edit = Edit::of(far, &self.path, self.text.is_secret())?;
        let new = self.edited(edit.text(), true)?;
        Ok(edit.difference(&self.path, &format!("block {} differs", self.name), &new))
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        let edit = Edit::of(far, &self.path, self.text.is_secret())?;
        edit.write(far, &self.edited(edit.text(), true)?)
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        let edit = Edit::of(far, &self.path, self.text.is_secret())?;
        edit.write_if_different(far, &self.edited(edit.text(), false)?)
    }

    fn keep(&self, far: &mut Far) -> Result<Vec<Restore>> {
        Ok(vec![Restore::file(far, &self.path)?])
    }
}
