//! The gate: texts pass it before they are cut, quoted or escaped, and leave their secrets behind.

use std::borrow::Cow;
use std::ops::Range;

use super::registry::{self, Known, any};
use super::view::views;

/// What stands in the place of a secret.
pub(super) const MASK: &str = "[secret]";
/// A text of more than this passes in parts.
const PART: usize = 256 * 1024;
/// A line of more than this is not held back for its end.
const LONGEST_LINE: usize = 64 * 1024;
/// A word of at least this length at the end of a line may go on in the next: programs wrap what they encode at 64 or 76 columns.
const WRAPPED_WORD: usize = 40;
/// A pattern of this length is no chance where blanks were taken out.
const CLEAR_WITHOUT_BLANKS: usize = 8;
/// So many bytes of a secret at the end of a line are taken for its beginning, whatever the line is like.
const CLEAR_BEGINNING: usize = 4;

/// Returns whether a text holds a secret, in any spelling that [`Secret`](crate::Secret) lists.
pub fn holds(text: &str) -> bool {
    any() && registry::with(|known| find(known, text.as_bytes(), &mut |_| true))
}

/// Returns a text without the secrets in it: `[secret]` stands in the place of each.
pub fn redact(text: &str) -> Cow<'_, str> {
    if !any() {
        return Cow::Borrowed(text);
    }
    if text.len() > PART {
        let mut gate = Gate::default();
        let mut out = Vec::with_capacity(text.len());
        text.as_bytes().chunks(PART).for_each(|part| gate.push(part, &mut |bytes| out.extend_from_slice(bytes)));
        gate.finish(&mut |bytes| out.extend_from_slice(bytes));
        return Cow::Owned(String::from_utf8_lossy(&out).into_owned());
    }
    let found = registry::with(|known| ranges(known, text.as_bytes()));
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    mask(text.as_bytes(), &found, &mut |bytes| out.extend_from_slice(bytes));
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Returns a JSON text without the secrets in its strings, which are read before they are searched.
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

/// Returns where secrets are, in order and without overlaps.
fn ranges(known: &Known, text: &[u8]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    find(known, text, &mut |range| {
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

/// Calls `f` with each place where a secret is, until it returns true; returns whether it did.
fn find(known: &Known, text: &[u8], f: &mut impl FnMut(Range<usize>) -> bool) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    views(text, &mut |view| {
        known.find(&view.bytes, &mut |pattern, at| {
            let (mut start, mut end) = (at, at + pattern.text.len());
            if pattern.spills {
                start -= usize::from(start > 0 && is_base64(&view.bytes[start - 1]));
                end += usize::from(view.bytes.get(end).is_some_and(is_base64));
            }
            let (start, end) = view.place(start, end);
            // Without blanks, neighbouring words may look like a short secret: it counts only where it was broken over lines.
            let is_chance =
                view.is_squeezed && pattern.text.len() < CLEAR_WITHOUT_BLANKS && !has_line_break(&text[start..end]);
            !is_chance && f(start..end)
        })
    })
}

fn has_line_break(text: &[u8]) -> bool {
    text.contains(&b'\n') || text.windows(2).any(|two| two == b"\\n")
}

/// Hands on a text with the mask in the place of ranges.
fn mask(text: &[u8], ranges: &[Range<usize>], put: &mut impl FnMut(&[u8])) {
    let mut at = 0;
    for range in ranges {
        put(&text[at..range.start]);
        put(MASK.as_bytes());
        at = range.end;
    }
    put(&text[at..]);
}

/// The gate for a text that comes in parts. It holds back what may be the beginning of a secret: a line without its end, and lines
/// that a secret of several lines begins with.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    held: Vec<u8>,
}

impl Gate {
    /// Hands on what can be shown now.
    pub(crate) fn push(&mut self, bytes: &[u8], put: &mut impl FnMut(&[u8])) {
        if self.held.is_empty() && !any() {
            return put(bytes);
        }
        self.held.extend_from_slice(bytes);
        registry::with(|known| {
            // The longest spelling of a byte is an escape within an escape; colours may stand between.
            let window = known.longest() * 12 + 1024;
            let is_full = self.held.len() > LONGEST_LINE.max(2 * window);
            if is_full || bytes.contains(&b'\n') {
                self.pass(known, window, is_full, put);
            }
        });
    }

    fn pass(&mut self, known: &Known, window: usize, is_full: bool, put: &mut impl FnMut(&[u8])) {
        let end = self.held.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut end = begun(known, &self.held[..end], window);
        if is_full {
            end = end.max(self.held.len() - window);
        }
        let mut found = ranges(known, &self.held);
        if let Some(across) = found.iter().find(|range| range.start < end && range.end > end) {
            end = if across.start == 0 && is_full { across.end } else { across.start };
        }
        found.retain(|range| range.end <= end);
        mask(&self.held[..end], &found, put);
        self.held.drain(..end);
    }

    /// Hands on what was held back.
    pub(crate) fn finish(&mut self, put: &mut impl FnMut(&[u8])) {
        let rest = std::mem::take(&mut self.held);
        if !rest.is_empty() {
            let found = registry::with(|known| ranges(known, &rest));
            mask(&rest, &found, put);
        }
    }
}

/// Returns the end of the lines that can be handed on: the last ones may be the beginning of a secret.
fn begun(known: &Known, lines: &[u8], window: usize) -> usize {
    let tail = lines.len().saturating_sub(window);
    let last_word = lines.trim_ascii_end().rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
    let least = if last_word.len() >= WRAPPED_WORD { 1 } else { CLEAR_BEGINNING };
    let mut first = lines.len();
    views(&lines[tail..], &mut |view| {
        let bytes = &*view.bytes;
        let begins = |start: &usize| {
            let text = &bytes[*start..];
            known.begins(text, |pattern| text.len() >= least || pattern.spans)
        };
        let longest = bytes.len().saturating_sub(known.longest());
        // Patterns have no line ends: a view that ends with one has no part of a pattern there.
        let at = (longest..bytes.len()).find(begins).filter(|_| bytes.last() != Some(&b'\n'));
        if let Some(at) = at {
            first = first.min(tail + view.place(at, bytes.len()).0);
        }
        false
    });
    // Lines are handed on whole: other streams write to the same log.
    if first == lines.len() {
        first
    } else {
        lines[..first].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
