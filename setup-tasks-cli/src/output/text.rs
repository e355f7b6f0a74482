//! Times, lengths of time, and texts that come from elsewhere.

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, SystemTime};

use setup_tasks::secret::redact;
use setup_tasks::stamp::Timestamp;
use setup_tasks::text::one_line;
use time::OffsetDateTime;
use time::macros::format_description;

/// A length of time as people say it.
pub(crate) fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration < Duration::from_millis(10) => format!("{:.1} ms", duration.as_secs_f64() * 1000.0),
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// How long ago something was.
pub(crate) fn ago(moment: Timestamp) -> String {
    let since = SystemTime::now().duration_since(moment.into()).unwrap_or_default().as_secs();
    match since {
        0..2 => "just now".to_owned(),
        2..120 => format!("{since} s ago"),
        120..7200 => format!("{} min ago", since / 60),
        7200..172_800 => format!("{} h ago", since / 3600),
        _ => format!("{} days ago", since / 86_400),
    }
}

/// A time of the calendar.
pub(crate) fn clock(moment: Timestamp) -> String {
    clock_time(moment.into())
}

pub(crate) fn clock_time(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    time.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC")).unwrap_or_default()
}

/// A time of the day, for lines of a log.
pub(crate) fn time_of(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    time.format(format_description!("[hour]:[minute]:[second].[subsecond digits:3]")).unwrap_or_default()
}

/// Returns a text from elsewhere as it can be shown on one line: without secrets and colours, and with all that would steer the
/// terminal spelled out.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    // A secret may have a colour in its middle: it goes first.
    let text = redact(text);
    let text = if text.contains('\x1b') { Cow::Owned(anstream::adapter::strip_str(&text).to_string()) } else { text };
    match text {
        Cow::Borrowed(text) => one_line(text),
        Cow::Owned(text) => Cow::Owned(one_line(&text).into_owned()),
    }
}

/// Returns a path as it can be shown.
pub(crate) fn shown(path: impl AsRef<Path>) -> String {
    printable(&path.as_ref().to_string_lossy()).into_owned()
}

/// Returns a path below the working directory as one relative to it, and any other one as it is.
pub(crate) fn near(path: &Path) -> Cow<'_, Path> {
    let below = std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok());
    below.map_or(Cow::Borrowed(path), |below| Cow::Owned(Path::new(".").join(below)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_people_say_them() {
        let said = [0.0004, 0.25, 7.5, 90.0, 7260.0].map(|seconds| length(Duration::from_secs_f64(seconds)));
        assert_eq!(said, ["0.4 ms", "250 ms", "7.5 s", "1 min 30 s", "2 h 1 min"]);
    }

    #[test]
    fn a_text_from_elsewhere_has_one_line_and_no_control_characters() {
        assert_eq!(printable("plain\tü"), "plain\tü");
        assert_eq!(printable("\x1b[31mred\x1b[0m\nnext\x07"), "red\\nnext");
        assert_eq!(printable("a\u{9b}31mb\u{202e}c\r"), "a\\u{9b}31mb\\u{202e}c\\r");
    }
}
