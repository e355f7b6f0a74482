//! Views of a text with escapes decoded, which map each byte back to its place in the text.

use std::borrow::Cow;

/// The number of nested encodings that are decoded, such as JSON in a URL in a `{:?}`, broken over
/// lines.
const DEPTH: usize = 4;

/// A text with some escapes decoded.
pub(super) struct View<'t> {
    pub(super) bytes: Cow<'t, [u8]>,
    /// The range in the text that each byte comes from. The list is empty if nothing was decoded.
    places: Vec<(u32, u32)>,
    /// Whether blanks and line breaks were removed.
    pub(super) is_squeezed: bool,
}

impl<'t> View<'t> {
    /// Returns a view of a text as it is.
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { bytes: Cow::Borrowed(text), places: Vec::new(), is_squeezed: false }
    }

    /// Returns the range in the text that a range of the view comes from.
    pub(super) fn place(&self, start: usize, end: usize) -> (usize, usize) {
        if self.places.is_empty() || start >= end {
            return (start, end);
        }
        (self.places[start].0 as usize, self.places[end - 1].1 as usize)
    }

    /// Decodes one kind of escape. Returns `None` if the view contains none of that kind.
    fn decode(&self, escape: Escape) -> Option<View<'static>> {
        if !escape.may_be_in(&self.bytes) {
            return None;
        }
        let is_squeezed = self.is_squeezed || escape == Escape::Blanks;
        let mut out = View { bytes: Cow::Owned(Vec::new()), places: Vec::new(), is_squeezed };
        let (mut at, mut changed) = (0, false);
        let mut buffer = [0; 4];
        let bytes = out.bytes.to_mut();
        while at < self.bytes.len() {
            let (length, decoded) = escape.decode_first(&self.bytes[at..]);
            let decoded: &[u8] = match decoded {
                Decoded::Itself => &self.bytes[at..=at],
                Decoded::Nothing => &[],
                Decoded::Byte(byte) => {
                    buffer[0] = byte;
                    &buffer[..1]
                }
                Decoded::Char(c) => c.encode_utf8(&mut buffer).as_bytes(),
            };
            changed |= length != 1 || decoded.len() != 1 || decoded[0] != self.bytes[at];
            let place = self.place(at, at + length);
            let place = (u32::try_from(place.0).unwrap_or(u32::MAX), u32::try_from(place.1).unwrap_or(u32::MAX));
            for &byte in decoded {
                bytes.push(byte);
                out.places.push(place);
            }
            at += length;
        }
        changed.then_some(out)
    }
}

/// Calls `f` with each view of a text until `f` returns true. Returns whether it did.
pub(super) fn views(text: &[u8], f: &mut impl FnMut(&View<'_>) -> bool) -> bool {
    with_views(&View::new(text), DEPTH, f)
}

fn with_views(view: &View<'_>, depth: usize, f: &mut impl FnMut(&View<'_>) -> bool) -> bool {
    if f(view) {
        return true;
    }
    let deeper = |escape| depth > 0 && view.decode(escape).is_some_and(|view| with_views(&view, depth - 1, f));
    ESCAPES.into_iter().any(deeper)
}

/// A kind of escape.
#[derive(Clone, Copy, PartialEq)]
enum Escape {
    /// Colours and other control sequences of terminals.
    Terminal,
    /// `'\''` and `'"'"'` within a quoted word of a shell.
    Shell,
    /// `\n`, `\"`, `\u00e9`, `\u{e9}`, `\xe9`, `\303`.
    Backslash,
    /// `&amp;`, `&#38;`, `&#x26;`.
    Xml,
    /// `%26`.
    Percent,
    /// Line breaks together with all blanks. If a line was broken at a blank, the blank may or may
    /// not have belonged to the secret.
    Blanks,
}

const ESCAPES: [Escape; 6] =
    [Escape::Blanks, Escape::Terminal, Escape::Shell, Escape::Backslash, Escape::Xml, Escape::Percent];

/// The bytes that an escape stands for.
enum Decoded {
    Itself,
    Nothing,
    Byte(u8),
    Char(char),
}

impl Escape {
    fn may_be_in(self, text: &[u8]) -> bool {
        let byte = match self {
            Self::Terminal => return text.contains(&0x1b) || text.contains(&0x9b),
            Self::Shell => b'\'',
            Self::Backslash => b'\\',
            Self::Xml => b'&',
            Self::Percent => b'%',
            Self::Blanks => b'\n',
        };
        text.contains(&byte)
    }

    /// Returns the length and the decoded form of the first byte or escape of a text.
    fn decode_first(self, text: &[u8]) -> (usize, Decoded) {
        let read = match self {
            Self::Terminal => sequence(text).map(|length| (length, Decoded::Nothing)),
            Self::Shell if text.starts_with(b"'\\''") => Some((4, Decoded::Byte(b'\''))),
            Self::Shell if text.starts_with(b"'\"'\"'") => Some((5, Decoded::Byte(b'\''))),
            Self::Backslash => backslash(text),
            Self::Xml => entity(text),
            Self::Percent if text[0] == b'%' => hex(text.get(1..3)).map(|value| (3, byte(value))),
            Self::Shell | Self::Percent => None,
            Self::Blanks => matches!(text[0], b'\n' | b'\r' | b' ' | b'\t').then_some((1, Decoded::Nothing)),
        };
        read.unwrap_or((1, Decoded::Itself))
    }
}

fn byte(value: u32) -> Decoded {
    u8::try_from(value).map_or(Decoded::Itself, Decoded::Byte)
}

/// Returns the length of a control sequence of a terminal.
fn sequence(text: &[u8]) -> Option<usize> {
    let parameters = |from: usize| {
        let count = text[from..].iter().take_while(|byte| (0x20..0x40).contains(*byte)).count();
        Some(from + count + 1).filter(|end| *end <= text.len())
    };
    match text {
        [0x1b, b'[', ..] | [0xc2, 0x9b, ..] => parameters(2),
        [0x1b, b']' | b'P' | b'X' | b'^' | b'_', rest @ ..] => {
            let end = rest.iter().position(|byte| matches!(byte, 0x07 | 0x1b))?;
            Some(2 + end + if rest[end] == 0x07 { 1 } else { 2 }).filter(|end| *end <= text.len())
        }
        [0x1b, b'(' | b')' | b'#' | b'%', _, ..] => Some(3),
        [0x1b, _, ..] => Some(2),
        _ => None,
    }
}

fn backslash(text: &[u8]) -> Option<(usize, Decoded)> {
    let [b'\\', next, rest @ ..] = text else { return None };
    let simple = |c: char| Some((2, Decoded::Char(c)));
    match next {
        b'n' => simple('\n'),
        b'r' => simple('\r'),
        b't' => simple('\t'),
        b'e' => simple('\x1b'),
        b'x' => Some((4, byte(hex(rest.get(..2))?))),
        b'u' if rest.first() == Some(&b'{') => {
            let digits = rest[1..].iter().take(6).take_while(|byte| byte.is_ascii_hexdigit()).count();
            let c = char::from_u32(hex(rest.get(1..=digits))?)?;
            (rest.get(digits + 1) == Some(&b'}')).then_some((digits + 4, Decoded::Char(c)))
        }
        b'u' => utf16(rest),
        b'U' => Some((10, Decoded::Char(char::from_u32(hex(rest.get(..8))?)?))),
        b'0'..=b'3' if rest.len() >= 2 && rest[..2].iter().all(|digit| (b'0'..=b'7').contains(digit)) => {
            let value = (u32::from(next - b'0') << 6) + (u32::from(rest[0] - b'0') << 3) + u32::from(rest[1] - b'0');
            Some((4, byte(value)))
        }
        b'0' => simple('\0'),
        b'b' => simple('\x08'),
        b'f' => simple('\x0c'),
        next if next.is_ascii_alphanumeric() || !next.is_ascii() => None,
        next => Some((2, Decoded::Byte(*next))),
    }
}

/// Decodes the digits of `\u00e9`, or of a pair of surrogates.
fn utf16(rest: &[u8]) -> Option<(usize, Decoded)> {
    let first = hex(rest.get(..4))?;
    if let Some(c) = char::from_u32(first) {
        return Some((6, Decoded::Char(c)));
    }
    let second = rest.get(4..6).filter(|mark| *mark == b"\\u").and_then(|_| hex(rest.get(6..10)))?;
    let units = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
    let c = char::decode_utf16(units).next()?.ok()?;
    Some((12, Decoded::Char(c)))
}

fn entity(text: &[u8]) -> Option<(usize, Decoded)> {
    const NAMED: [(&[u8], u8); 5] =
        [(b"&amp;", b'&'), (b"&lt;", b'<'), (b"&gt;", b'>'), (b"&quot;", b'"'), (b"&apos;", b'\'')];
    if text[0] != b'&' {
        return None;
    }
    if let Some((name, byte)) = NAMED.iter().find(|(name, _)| text.starts_with(name)) {
        return Some((name.len(), Decoded::Byte(*byte)));
    }
    let end = text.iter().take(12).position(|byte| *byte == b';')?;
    let value = match &text[..end] {
        [b'&', b'#', b'x' | b'X', digits @ ..] => hex(Some(digits))?,
        [b'&', b'#', digits @ ..] => std::str::from_utf8(digits).ok()?.parse().ok()?,
        _ => return None,
    };
    Some((end + 1, Decoded::Char(char::from_u32(value)?)))
}

/// Returns the value of hexadecimal digits, or `None` if there are no digits or other characters.
fn hex(digits: Option<&[u8]>) -> Option<u32> {
    let digits = digits.filter(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
