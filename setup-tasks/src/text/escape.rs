//! Escapes of characters that would steer a terminal or change how a text is read.

use std::borrow::Cow;
use std::fmt::Write;

/// Escapes the characters that steer a terminal.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_plain) || !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers(c) { push_escaped(c, &mut out) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Appends the escape of a character.
fn push_escaped(c: char, out: &mut String) {
    // Writing to a string does not fail.
    let _ = match c {
        '\r' => write!(out, "\\r"),
        c if c.is_ascii() => write!(out, "\\x{:02x}", u32::from(c)),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    };
}

/// Returns whether a byte is a visible ASCII character, a space, a tab or a line end.
pub(crate) fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\t')
}

/// Returns whether a character steers a terminal or changes how its neighbours are read.
pub(super) fn steers(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        c if c.is_control() => true,
        // Directional marks, embeddings, overrides and isolates; joiners; separators; invisible
        // operators; tags.
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

/// An escaper of bytes that arrive in parts. A part may end within a character.
#[derive(Debug, Default)]
pub(crate) struct Escaper {
    /// The start of a character, or a carriage return that a line feed may follow.
    rest: Vec<u8>,
}

impl Escaper {
    /// Passes on all bytes that can be decided now.
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
        put(escape_bytes(&bytes[..whole]).as_bytes())
    }

    /// Passes on the remaining bytes at the end.
    pub(crate) fn finish<E>(&mut self, put: &mut (impl FnMut(&[u8]) -> Result<(), E> + ?Sized)) -> Result<(), E> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() { Ok(()) } else { put(escape_bytes(&rest).as_bytes()) }
    }
}

/// Returns the number of bytes at the end that depend on the next part.
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

/// Escapes the characters that steer a terminal and bytes that are not UTF-8. `\r\n` becomes a line
/// end.
fn escape_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut valid = chunk.valid().chars().peekable();
        while let Some(c) = valid.next() {
            match c {
                '\r' if valid.peek() == Some(&'\n') => {}
                c if steers(c) => push_escaped(c, &mut out),
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
    fn only_characters_that_steer_are_escaped() {
        assert_eq!(escape("plain\tü\n"), "plain\tü\n");
        assert_eq!(escape("\x1b[2J\x07\r\x7f"), "\\x1b[2J\\x07\\r\\x7f");
        let hostile =
            "\u{80}\u{9b}31m\u{9f}\u{61c}\u{200b}\u{200d}\u{200e}\u{2028}\u{2029}\u{202e}\u{2066}\u{feff}\u{e0041}";
        assert!(escape(hostile).chars().all(|c| c.is_ascii_graphic()), "{}", escape(hostile));
    }

    #[test]
    fn parts_may_end_anywhere() {
        let text = "ä\u{85}b\r\nc\u{202e}d\u{1f600}\re".as_bytes();
        let text = [text, b"\x9b\xff\xe2\x80"].concat();
        for size in 1..text.len() {
            let mut escaper = Escaper::default();
            let mut out = Vec::new();
            let mut put = |bytes: &[u8]| -> Result<(), ()> {
                out.extend_from_slice(bytes);
                Ok(())
            };
            text.chunks(size).for_each(|part| escaper.push(part, &mut put).unwrap());
            escaper.finish(&mut put).unwrap();
            let out = String::from_utf8(out).unwrap();
            assert_eq!(out, "ä\\u{85}b\nc\\u{202e}d\u{1f600}\\re\\x9b\\xff\\xe2\\x80", "in parts of {size}");
        }
    }
}
