//! Replacement of secrets in texts. Texts pass through it before they are cut, quoted or escaped.

use std::borrow::Cow;
use std::ops::Range;

use super::registry::{self, Registry, any};
use super::view::views;

/// The replacement for a secret.
pub(super) const MASK: &str = "[secret]";
/// The size above which a text is processed in parts.
const PART: usize = 256 * 1024;
/// The size above which a line is passed on before its end has arrived.
const LONGEST_LINE: usize = 64 * 1024;
/// The minimum length of a word at the end of a line for it to count as wrapped. Programs wrap
/// encoded data at 64 or 76 columns.
const WRAPPED_WORD: usize = 40;
/// The minimum length of a pattern whose match in a text without blanks cannot be a coincidence.
const CLEAR_WITHOUT_BLANKS: usize = 8;
/// The minimum length of a match at the end of a line that counts as the beginning of a secret.
/// After a wrapped word, one byte is enough.
const CLEAR_BEGINNING: usize = 4;

/// Returns whether a text contains a secret in any spelling that [`Secret`](crate::Secret) lists.
pub fn holds(text: &str) -> bool {
    any() && registry::with(|registry| find(registry, text.as_bytes(), &mut |_| true))
}

/// Returns the text with each secret replaced by `[secret]`.
///
/// ```
/// use setup_tasks::{Secret, secret::redact};
///
/// let password = Secret::new("correct horse");
/// assert_eq!(redact("login with correct horse"), "login with [secret]");
/// # let _ = password;
/// ```
pub fn redact(text: &str) -> Cow<'_, str> {
    if !any() {
        return Cow::Borrowed(text);
    }
    if text.len() > PART {
        let mut filter = SecretFilter::default();
        let mut out = Vec::with_capacity(text.len());
        text.as_bytes().chunks(PART).for_each(|part| filter.push(part, &mut |bytes| out.extend_from_slice(bytes)));
        filter.finish(&mut |bytes| out.extend_from_slice(bytes));
        return Cow::Owned(String::from_utf8_lossy(&out).into_owned());
    }
    let found = registry::with(|registry| ranges(registry, text.as_bytes()));
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    mask(text.as_bytes(), &found, &mut |bytes| out.extend_from_slice(bytes));
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Returns a JSON text with the secrets in its strings replaced. Each string is decoded before it
/// is searched.
pub fn redact_json(json: &str) -> Cow<'_, str> {
    if !any() {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        let mut values = serde_json::Deserializer::from_str(&rest[start..]).into_iter::<String>();
        let Some(Ok(text)) = values.next() else { break };
        let end = start + values.byte_offset();
        out.push_str(&rest[..start]);
        match redact(&text) {
            Cow::Borrowed(_) => out.push_str(&rest[start..end]),
            Cow::Owned(text) => out.push_str(&serde_json::Value::String(text).to_string()),
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Returns the ranges of the secrets in a text, in order and without overlaps.
fn ranges(registry: &Registry, text: &[u8]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    find(registry, text, &mut |range| {
        found.push(range);
        false
    });
    found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
    found.dedup_by(|next, before| {
        let overlaps = next.start < before.end;
        if overlaps {
            before.end = before.end.max(next.end);
        }
        overlaps
    });
    found
}

/// Calls `f` with the range of each secret until `f` returns true. Returns whether it did.
fn find(registry: &Registry, text: &[u8], f: &mut impl FnMut(Range<usize>) -> bool) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    views(text, &mut |view| {
        registry.find(&view.bytes, &mut |pattern, at| {
            let (mut start, mut end) = (at, at + pattern.text.len());
            if pattern.spills {
                start -= usize::from(start > 0 && is_base64(&view.bytes[start - 1]));
                end += usize::from(view.bytes.get(end).is_some_and(is_base64));
            }
            let (start, end) = view.place(start, end);
            // Without blanks, neighbouring words may look like a short secret. A short match counts
            // only if the text has a line break there.
            let is_chance =
                view.is_squeezed && pattern.text.len() < CLEAR_WITHOUT_BLANKS && !has_line_break(&text[start..end]);
            !is_chance && f(start..end)
        })
    })
}

fn has_line_break(text: &[u8]) -> bool {
    text.contains(&b'\n') || text.windows(2).any(|two| two == b"\\n")
}

/// Passes on a text with each of the ranges replaced by the mask.
fn mask(text: &[u8], ranges: &[Range<usize>], put: &mut impl FnMut(&[u8])) {
    let mut at = 0;
    for range in ranges {
        put(&text[at..range.start]);
        put(MASK.as_bytes());
        at = range.end;
    }
    put(&text[at..]);
}

/// A filter that replaces secrets in a text that arrives in parts.
///
/// The filter holds back bytes that may be the beginning of a secret: an incomplete line, and
/// complete lines that match the first lines of a secret.
#[derive(Debug, Default)]
pub(crate) struct SecretFilter {
    held: Vec<u8>,
}

impl SecretFilter {
    /// Adds bytes, and passes on everything that is certain not to begin a secret.
    pub(crate) fn push(&mut self, bytes: &[u8], put: &mut impl FnMut(&[u8])) {
        if self.held.is_empty() && !any() {
            return put(bytes);
        }
        self.held.extend_from_slice(bytes);
        registry::with(|registry| {
            // The longest spelling of a byte is a nested escape, and colours may stand in between.
            let window = registry.longest() * 12 + 1024;
            let is_full = self.held.len() > LONGEST_LINE.max(2 * window);
            if is_full || bytes.contains(&b'\n') {
                self.pass(registry, window, is_full, put);
            }
        });
    }

    /// Passes on the complete lines that cannot begin a secret. A full buffer is passed on up to
    /// the last `window` bytes.
    fn pass(&mut self, registry: &Registry, window: usize, is_full: bool, put: &mut impl FnMut(&[u8])) {
        let end = self.held.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut end = passable_end(registry, &self.held[..end], window);
        if is_full {
            end = end.max(self.held.len() - window);
        }
        let mut found = ranges(registry, &self.held);
        if let Some(across) = found.iter().find(|range| range.start < end && range.end > end) {
            end = if across.start == 0 && is_full { across.end } else { across.start };
        }
        found.retain(|range| range.end <= end);
        mask(&self.held[..end], &found, put);
        self.held.drain(..end);
    }

    /// Passes on the rest of the text.
    pub(crate) fn finish(&mut self, put: &mut impl FnMut(&[u8])) {
        let rest = std::mem::take(&mut self.held);
        if !rest.is_empty() {
            let found = registry::with(|registry| ranges(registry, &rest));
            mask(&rest, &found, put);
        }
    }
}

/// Returns the end of the lines that can be passed on. The lines after it may be the beginning of a
/// secret.
fn passable_end(registry: &Registry, lines: &[u8], window: usize) -> usize {
    let tail = lines.len().saturating_sub(window);
    let last_word = lines.trim_ascii_end().rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
    let least = if last_word.len() >= WRAPPED_WORD { 1 } else { CLEAR_BEGINNING };
    let mut first = lines.len();
    views(&lines[tail..], &mut |view| {
        let bytes = &*view.bytes;
        let begins = |start: &usize| {
            let text = &bytes[*start..];
            registry.begins(text, |pattern| text.len() >= least || pattern.spans)
        };
        let longest = bytes.len().saturating_sub(registry.longest());
        // Patterns contain no line ends, so a view that ends with one cannot end within a pattern.
        let at = (longest..bytes.len()).find(begins).filter(|_| bytes.last() != Some(&b'\n'));
        if let Some(at) = at {
            first = first.min(tail + view.place(at, bytes.len()).0);
        }
        false
    });
    // Only whole lines are passed on, because other streams write to the same log.
    if first == lines.len() {
        first
    } else {
        lines[..first].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
