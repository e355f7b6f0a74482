//! Text for a person: escaping, durations and lists of names.

mod duration;
pub(crate) mod escape;
mod names;

use std::borrow::Cow;
use std::fmt::Write;

pub use duration::{duration, rough_duration};
use escape::{escape, steers};
pub use names::{list, name_help};

use crate::secret::{redact, redact_json};

/// Returns a text that is safe to show. [Secrets](crate::Secret) are replaced. Characters that
/// would steer a terminal or change how the rest is read are escaped. Line ends and tabs stay.
///
/// The escaped characters are control characters (C0, DEL and C1), directional marks and overrides,
/// zero-width characters, and the separators of lines and paragraphs.
///
/// ```
/// assert_eq!(setup_tasks::text::printable("a\x1b]0;b\u{85}c\u{202e}d"), "a\\x1b]0;b\\u{85}c\\u{202e}d");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    match redact(text) {
        Cow::Borrowed(text) => escape(text),
        Cow::Owned(text) => Cow::Owned(escape(&text).into_owned()),
    }
}

/// Returns a text that is safe to show on one line. It is like [`printable`], and line ends are
/// escaped as well.
pub fn one_line(text: &str) -> Cow<'_, str> {
    let text = printable(text);
    if text.contains('\n') { Cow::Owned(text.replace('\n', "\\n")) } else { text }
}

/// Returns a JSON text that is safe to show. Secrets in its strings are replaced. Characters that
/// would steer a terminal are written as JSON escapes, so that the value stays the same.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let json = redact_json(json);
    if json.is_ascii() || !json.contains(steers) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    let mut units = [0; 2];
    for c in json.chars() {
        if !c.is_ascii() && steers(c) {
            for unit in c.encode_utf16(&mut units) {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_is_escaped_on_one_line() {
        assert_eq!(one_line("a\nb"), "a\\nb");
    }

    #[test]
    fn json_means_the_same_afterwards() {
        let text = "a\u{85}\u{202e}\u{e0041}\x1b\nü";
        let json = serde_json::to_string(text).unwrap();
        let shown = printable_json(&json);
        assert!(!shown.contains(steers), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }
}
