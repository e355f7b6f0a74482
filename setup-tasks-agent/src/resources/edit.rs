//! Changes of a part of a text file.

use crate::Result;
use crate::far::{Attributes, Far};
use crate::protocol::{Cause, Difference, Failure};

/// A text file, of which a resource changes a part. A symbolic link at the path is followed, since the file is not replaced by another one.
pub(super) struct Edit {
    path: std::path::PathBuf,
    old: Option<String>,
    is_secret: bool,
}

impl Edit {
    /// Reads the file. A missing one is an empty one. The flag is whether the new part is a secret.
    pub(super) fn of(far: &Far, path: &str, is_secret: bool) -> Result<Self> {
        let path = match far.resolve(path) {
            // A directory of the path is missing.
            Err(Failure { cause: Cause::System { code: Some(2 | 20), .. }, .. }) => {
                return Ok(Self { path: path.into(), old: None, is_secret });
            }
            path => path?,
        };
        let old = far.read_text(&path)?;
        Ok(Self { path, old, is_secret })
    }

    pub(super) fn text(&self) -> &str {
        self.old.as_deref().unwrap_or_default()
    }

    /// Returns the difference to a new text.
    pub(super) fn difference(&self, what: &str, is: &str, new: &str) -> Vec<Difference> {
        if self.old.is_some() && self.text() == new || self.old.is_none() && new.is_empty() {
            return Vec::new();
        }
        let difference = Difference::new(what, if self.old.is_some() { is } else { "absent" });
        vec![if self.is_secret {
            difference.of_secret()
        } else {
            difference.with_texts(self.old.as_deref().map(str::as_bytes), Some(new.as_bytes()))
        }]
    }

    /// Writes the new text, with the attributes of the old file.
    pub(super) fn write(&self, far: &Far, new: &str) -> Result<()> {
        // Only its owner can read a new file with a secret.
        let mode = (self.is_secret && self.old.is_none()).then_some(0o600);
        far.write(&self.path, new.as_bytes(), Attributes { mode, ..Attributes::default() })
    }

    /// Writes the new text if it differs.
    pub(super) fn write_if_different(&self, far: &Far, new: &str) -> Result<()> {
        if self.text() == new { Ok(()) } else { self.write(far, new) }
    }
}

/// Returns whether a text has more than one line.
pub(super) fn has_line_break(text: &str) -> bool {
    text.contains(['\n', '\r'])
}
