//! Declared paths and globs of inputs and outputs, in which the value of a field is taken
//! literally.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use glob::{Pattern, PatternError};

use super::input::{InputError, find};

/// A declared path or glob, relative to the layout's base directory unless it is absolute.
///
/// A pattern in an attribute can be a glob: `*`, `?` and `[…]` within a name, and `**` for any
/// number of directories. The value of a field is taken literally, even if it contains such
/// characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathPattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Text(&'static str),
    Value(String),
}

/// A step from a directory to an entry in it.
#[derive(Debug)]
pub(super) enum Step {
    Name(OsString),
    Glob(Pattern),
    /// The glob `**`.
    AnyDirectories,
}

/// The name of a step while it is assembled: as text, and as a glob in which values are escaped.
#[derive(Default)]
struct Name {
    text: String,
    glob: String,
    is_glob: bool,
}

impl PathPattern {
    /// Returns a pattern that begins with a text of the attribute.
    #[doc(hidden)]
    pub fn new(text: &'static str) -> Self {
        Self { parts: vec![Part::Text(text)] }
    }

    /// Appends a text of the attribute.
    #[doc(hidden)]
    #[must_use]
    pub fn text(mut self, text: &'static str) -> Self {
        self.parts.push(Part::Text(text));
        self
    }

    /// Appends the value of a field.
    #[doc(hidden)]
    #[must_use]
    pub fn value(mut self, value: impl fmt::Display) -> Self {
        self.parts.push(Part::Value(value.to_string()));
        self
    }

    /// Returns whether the pattern is a path without a glob.
    pub fn is_path(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part, Part::Text(text) if has_glob(text)))
    }

    /// Returns the part before the first glob. All matches are at or below this path.
    pub fn root(&self) -> PathBuf {
        let names = self.steps().unwrap_or_default().into_iter().map_while(|step| match step {
            Step::Name(name) => Some(name),
            Step::Glob(_) | Step::AnyDirectories => None,
        });
        let root = if self.is_absolute() { PathBuf::from("/") } else { PathBuf::new() };
        names.fold(root, |path, name| path.join(name))
    }

    /// Returns the files that the pattern matches now. A path without a glob is returned even if it
    /// does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the pattern is not a valid glob, if a directory cannot be read, or if a
    /// match is a special file.
    pub fn files(&self, base: &Path) -> crate::Result<Vec<PathBuf>> {
        let found = find(base, std::slice::from_ref(self), &[])?;
        Ok(found.into_iter().map(|path| base.join(path)).collect())
    }

    pub(super) fn is_absolute(&self) -> bool {
        self.parts.iter().map(Part::as_str).find(|text| !text.is_empty()).is_some_and(|text| text.starts_with('/'))
    }

    /// Returns the steps that lead to the matches of the pattern.
    pub(super) fn steps(&self) -> Result<Vec<Step>, InputError> {
        let invalid = |source| InputError::Pattern { pattern: self.to_string(), source };
        let (mut steps, mut name) = (Vec::new(), Name::default());
        for part in &self.parts {
            for (i, text) in part.as_str().split('/').enumerate() {
                if i > 0 {
                    steps.extend(std::mem::take(&mut name).step().map_err(invalid)?);
                }
                name.add(text, matches!(part, Part::Text(_)));
            }
        }
        steps.extend(name.step().map_err(invalid)?);
        if steps.is_empty() && !self.is_absolute() && !self.parts.iter().any(|part| part.as_str().contains('.')) {
            return Err(InputError::Empty { pattern: self.to_string() });
        }
        Ok(steps)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| f.write_str(part.as_str()))
    }
}

impl Part {
    fn as_str(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Value(value) => value,
        }
    }
}

impl Name {
    fn add(&mut self, text: &str, is_pattern: bool) {
        self.text.push_str(text);
        if is_pattern {
            self.is_glob |= has_glob(text);
            self.glob.push_str(text);
        } else {
            self.glob.push_str(&Pattern::escape(text));
        }
    }

    fn step(self) -> Result<Option<Step>, PatternError> {
        Ok(match (&*self.text, &*self.glob, self.is_glob) {
            ("" | ".", _, false) => None,
            (_, "**", true) => Some(Step::AnyDirectories),
            (_, glob, true) => Some(Step::Glob(Pattern::new(glob)?)),
            (_, _, false) => Some(Step::Name(self.text.into())),
        })
    }
}

fn has_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}
