//! The gate that text passes on its way to a person: a log, a terminal, a page.

use std::borrow::Cow;
use std::fmt::Write;

use crate::secret::{redact, redact_json};

/// Returns a text that can be shown: [secrets](crate::Secret) are replaced, and characters that would steer a terminal or change
/// how the rest is read are spelled out. Line ends and tabs stay.
///
/// Spelled out are control characters (C0, DEL and C1), directional marks and overrides, zero-width characters, and the separators
/// of lines and paragraphs.
///
/// ```
/// assert_eq!(setup_tasks::text::printable("a\x1b]0;b\u{85}c\u{202e}d"), "a\\x1b]0;b\\u{85}c\\u{202e}d");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    match redact(text) {
        Cow::Borrowed(text) => spell_out(text),
        Cow::Owned(text) => Cow::Owned(spell_out(&text).into_owned()),
    }
}

/// Returns a text on one line: as [`printable`], with line ends spelled out, too.
pub fn one_line(text: &str) -> Cow<'_, str> {
    let text = printable(text);
    if text.contains('\n') { Cow::Owned(text.replace('\n', "\\n")) } else { text }
}

/// Returns a JSON text that can be shown: secrets are replaced in its strings, and characters that would steer a terminal are written
/// as the escapes of JSON that mean the same.
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

/// Spells out what steers a terminal.
pub(crate) fn spell_out(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_plain) || !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers(c) { spell(c, &mut out) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Writes the spelling of a character.
fn spell(c: char, out: &mut String) {
    // Writing to a string does not fail.
    let _ = match c {
        '\r' => write!(out, "\\r"),
        c if c.is_ascii() => write!(out, "\\x{:02x}", u32::from(c)),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    };
}

/// Returns whether a byte is a visible ASCII character, a blank, a tab or a line end.
pub(crate) fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\t')
}

/// Returns whether a character steers a terminal, or changes how its neighbours are read.
fn steers(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        c if c.is_control() => true,
        // Marks, embeddings, overrides and isolates of direction; joiners; separators; invisible operators; tags.
        '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// Spells out bytes that come in parts, which may end within a character.
#[derive(Debug, Default)]
pub(crate) struct Speller {
    /// The beginning of a character, or a carriage return that a line feed may follow.
    rest: Vec<u8>,
}

impl Speller {
    /// Hands on what can be decided now.
    pub(crate) fn push<E>(
        &mut self,
        bytes: &[u8],
        put: &mut (impl FnMut(&[u8]) -> Result<(), E> + ?Sized),
    ) -> Result<(), E> {
        if self.rest.is_empty() && bytes.iter().copied().all(is_plain) {
            return put(bytes);
        }
        let mut bytes = Cow::Borrowed(bytes);
        if !self.rest.is_empty() {
            bytes = Cow::Owned([&*std::mem::take(&mut self.rest), &*bytes].concat());
        }
        let whole = bytes.len() - undecided(&bytes);
        self.rest = bytes[whole..].to_vec();
        put(spell_bytes(&bytes[..whole]).as_bytes())
    }

    /// Hands on what is left at the end.
    pub(crate) fn finish<E>(&mut self, put: &mut (impl FnMut(&[u8]) -> Result<(), E> + ?Sized)) -> Result<(), E> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() { Ok(()) } else { put(spell_bytes(&rest).as_bytes()) }
    }
}

/// Returns how many bytes at the end wait for what follows.
fn undecided(bytes: &[u8]) -> usize {
    if bytes.last() == Some(&b'\r') {
        return 1;
    }
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    match std::str::from_utf8(tail) {
        // The tail may begin within a character; only its end matters.
        _ if tail.iter().all(u8::is_ascii) => 0,
        _ => (1..=tail.len())
            .find(|&n| tail[tail.len() - n] >= 0xc0)
            .filter(|&n| std::str::from_utf8(&tail[tail.len() - n..]).is_err_and(|error| error.error_len().is_none()))
            .unwrap_or(0),
    }
}

/// Spells out what steers a terminal, and bytes that are no text. `\r\n` is a line end.
fn spell_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut valid = chunk.valid().chars().peekable();
        while let Some(c) = valid.next() {
            match c {
                '\r' if valid.peek() == Some(&'\n') => {}
                c if steers(c) => spell(c, &mut out),
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_spelled_out_and_all_else_stays() {
        assert_eq!(spell_out("plain\tü\n"), "plain\tü\n");
        assert_eq!(spell_out("\x1b[2J\x07\r\x7f"), "\\x1b[2J\\x07\\r\\x7f");
        let hostile =
            "\u{80}\u{9b}31m\u{9f}\u{61c}\u{200b}\u{200d}\u{200e}\u{2028}\u{2029}\u{202e}\u{2066}\u{feff}\u{e0041}";
        assert!(spell_out(hostile).chars().all(|c| c.is_ascii_graphic()), "{}", spell_out(hostile));
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

    #[test]
    fn parts_may_end_anywhere() {
        let text = "ä\u{85}b\r\nc\u{202e}d\u{1f600}\re".as_bytes();
        let text = [text, b"\x9b\xff\xe2\x80"].concat();
        for size in 1..text.len() {
            let mut speller = Speller::default();
            let mut out = Vec::new();
            let mut put = |bytes: &[u8]| -> Result<(), ()> {
                out.extend_from_slice(bytes);
                Ok(())
            };
            text.chunks(size).for_each(|part| speller.push(part, &mut put).unwrap());
            speller.finish(&mut put).unwrap();
            let out = String::from_utf8(out).unwrap();
            assert_eq!(out, "ä\\u{85}b\nc\\u{202e}d\u{1f600}\\re\\x9b\\xff\\xe2\\x80", "in parts of {size}");
        }
    }
}
