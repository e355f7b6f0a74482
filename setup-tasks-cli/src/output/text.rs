//! Times and texts from other sources, in the form in which they are printed.

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, SystemTime};

use setup_tasks::secret::redact;
use setup_tasks::stamp::Timestamp;
use setup_tasks::text::{one_line, rough_duration};

/// Returns how long ago a time was.
pub fn ago(time: Timestamp) -> String {
    let since = SystemTime::now().duration_since(time.into()).unwrap_or_default();
    if since < Duration::from_secs(2) { "just now".to_owned() } else { format!("{} ago", rough_duration(since)) }
}

/// Returns a date with its time of day and the abbreviation of the local time zone.
pub fn clock(time: Timestamp) -> String {
    clock_time(time.into())
}

/// Returns a date with its time of day and the abbreviation of the local time zone.
pub(crate) fn clock_time(time: SystemTime) -> String {
    local(time, "%Y-%m-%d %H:%M:%S %Z")
}

/// Returns a time of day in the local time zone, for lines of a log.
pub(crate) fn time_of(time: SystemTime) -> String {
    local(time, "%H:%M:%S.%3f")
}

/// Returns a time in the local time zone: that of the variable `TZ`, or that of the system.
fn local(time: SystemTime, format: &str) -> String {
    // A time that has no date is out of the range of all clocks.
    jiff::Zoned::try_from(time).map(|time| time.strftime(format).to_string()).unwrap_or_default()
}

/// Returns a text from another source in a form that is safe to show on one line. Secrets are replaced, colours are removed, and
/// characters that would steer the terminal are escaped.
pub fn printable(text: &str) -> Cow<'_, str> {
    // A secret may have a colour in its middle, so secrets are replaced first.
    let text = redact(text);
    let text = if text.contains('\x1b') { Cow::Owned(anstream::adapter::strip_str(&text).to_string()) } else { text };
    match text {
        Cow::Borrowed(text) => one_line(text),
        Cow::Owned(text) => Cow::Owned(one_line(&text).into_owned()),
    }
}

/// Returns a path in a form that is safe to show.
pub(crate) fn shown(path: impl AsRef<Path>) -> String {
    printable(&path.as_ref().to_string_lossy()).into_owned()
}

/// Returns a path below the working directory relative to it, and any other path unchanged.
pub(crate) fn near(path: &Path) -> Cow<'_, Path> {
    let below = std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok());
    below.map_or(Cow::Borrowed(path), |below| Cow::Owned(Path::new(".").join(below)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_text_has_one_line_and_no_control_characters() {
        assert_eq!(printable("plain\tü"), "plain\tü");
        assert_eq!(printable("\x1b[31mred\x1b[0m\nnext\x07"), "red\\nnext");
        assert_eq!(printable("a\u{9b}31mb\u{202e}c\r"), "a\\u{9b}31mb\\u{202e}c\\r");
    }
}
