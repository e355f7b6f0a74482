//! Texts of resources, which can be secret.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text of a resource, which can be marked as a secret. `Debug` shows nothing of a secret.
///
/// ```
/// use setup_tasks_agent::protocol::Text;
///
/// let password = Text::secret("correct horse");
/// assert_eq!(format!("{password:?}"), "[secret]");
/// assert_eq!(password.expose(), "correct horse");
/// assert!(!Text::from("hello").is_secret());
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Text {
    value: String,
    secret: bool,
}

impl Text {
    /// Creates a text that must not be shown.
    pub fn secret(value: impl Into<String>) -> Self {
        Self { value: value.into(), secret: true }
    }

    /// Returns the text, also if it is a secret.
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// Returns whether the text must not be shown.
    pub fn is_secret(&self) -> bool {
        self.secret
    }
}

impl<T: Into<String>> From<T> for Text {
    fn from(value: T) -> Self {
        Self { value: value.into(), secret: false }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret { f.write_str("[secret]") } else { self.value.fmt(f) }
    }
}
