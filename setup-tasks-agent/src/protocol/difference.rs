//! Differences between a machine and a resource.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::codec::cut_at_char;

/// The greatest length of each text of a difference, in bytes. Longer texts are left out.
pub const MAX_TEXT: usize = 1 << 20;
/// The greatest length of each short description, in bytes. Longer ones are cut.
const MAX_WORDS: usize = 4096;

/// A difference between the state of a machine and that of a resource, as text for a reader.
///
/// ```
/// use setup_tasks_agent::protocol::Difference;
///
/// let difference = Difference::new("/etc/motd", "mode 0600").instead_of("0644");
/// assert_eq!(difference.to_string(), "/etc/motd: mode 0600 instead of 0644");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The thing that differs, such as a path or a package.
    pub what: String,
    /// The current state.
    pub is: String,
    /// The state that the thing should have, if it can be described in a few words.
    pub should_be: Option<String>,
    /// The texts before and after the change, for a diff.
    pub texts: Option<Texts>,
    /// Whether the texts were left out because one of them is a secret.
    pub secret: bool,
}

/// The texts of a difference. `None` is a file that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// The text on the machine.
    pub old: Option<String>,
    /// The text after the change, or `None` if the file is removed. It is empty for content that the controller
    /// [transfers](crate::protocol::Call::PutBlob), since the controller has it.
    pub new: Option<String>,
}

impl Difference {
    /// Creates a difference of a thing with its current state. The texts must not contain secrets.
    pub fn new(what: impl Into<String>, is: impl Into<String>) -> Self {
        let (what, is) = (cut_at_char(what.into(), MAX_WORDS), cut_at_char(is.into(), MAX_WORDS));
        Self { what, is, should_be: None, texts: None, secret: false }
    }

    /// Adds the state that the thing should have.
    #[must_use]
    pub fn instead_of(mut self, should_be: impl Into<String>) -> Self {
        self.should_be = Some(cut_at_char(should_be.into(), MAX_WORDS));
        self
    }

    /// Adds the texts for a diff. They are left out if one is longer than [`MAX_TEXT`] or is not text.
    #[must_use]
    pub fn with_texts(mut self, old: Option<&[u8]>, new: Option<&[u8]>) -> Self {
        let text = |bytes: Option<&[u8]>| match bytes {
            Some(bytes) if bytes.len() > MAX_TEXT || bytes.contains(&0) => Err(()),
            Some(bytes) => String::from_utf8(bytes.to_vec()).map(Some).map_err(drop),
            None => Ok(None),
        };
        if let (Ok(old), Ok(new)) = (text(old), text(new)) {
            self.texts = Some(Texts { old, new });
        }
        self
    }

    /// Marks the texts as secret and removes them.
    #[must_use]
    pub fn of_secret(mut self) -> Self {
        self.texts = None;
        self.secret = true;
        self
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.is)?;
        self.should_be.iter().try_for_each(|should_be| write!(f, " instead of {should_be}"))
    }
}
