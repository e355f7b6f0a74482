//! The patterns under which a secret is searched for.
//!
//! Escapes (shell quotes, `{:?}`, JSON, XML, URLs, colours, line breaks) are decoded in the
//! searched text, see [`view`](super::view). Each encoding that changes every byte has a pattern of
//! its own: base64, hexadecimal and decimal numbers.

use std::fmt::Write;

/// The minimum number of characters of a pattern.
pub(super) const SHORTEST: usize = 4;
/// The minimum number of bytes of a line of a secret that is searched for alone.
pub(super) const SHORTEST_LINE: usize = 8;

/// A spelling of a secret.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pattern {
    pub(super) text: Box<[u8]>,
    /// Whether the characters next to a match also contain bits of the secret, as in base64.
    pub(super) spills: bool,
    /// Whether the secret has several lines, so that a match may begin in one line and end in a
    /// later one.
    pub(super) spans: bool,
}

/// Returns all patterns of a secret. A secret that is too short has none.
pub(super) fn patterns(secret: &str) -> Vec<Pattern> {
    let secret = secret.trim();
    if secret.chars().count() < SHORTEST {
        return Vec::new();
    }
    let lines: Vec<_> = secret.lines().map(str::trim).collect();
    let spans = lines.len() > 1;
    let mut texts = vec![lines.join(" ")];
    texts.extend(
        lines.iter().filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("-----")).map(|&l| l.into()),
    );
    // The spelling that remains when line breaks and blanks are removed.
    let squeezed = texts.iter().map(|text| text.split([' ', '\t']).collect::<String>());
    texts.extend(squeezed.collect::<Vec<_>>());
    // Web forms encode a blank as a plus.
    texts.extend(texts.clone().iter().filter(|text| text.contains(' ')).map(|text| text.replace(' ', "+")));
    texts.retain(|text| text.chars().count() >= SHORTEST);
    let numbers = [hex(secret, false), hex(secret, true), decimal(secret, ", "), decimal(secret, ",")];
    texts.extend(numbers);
    let plain = texts.into_iter().map(|text| Pattern { text: text.into_bytes().into(), spills: false, spans });
    let base64 = base64(secret.as_bytes()).into_iter();
    let mut patterns: Vec<_> =
        plain.chain(base64.map(|text| Pattern { text: text.into(), spills: true, spans })).collect();
    patterns.sort();
    patterns.dedup();
    patterns
}

fn hex(text: &str, upper: bool) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        // Writing to a string does not fail.
        let _ = if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
        out
    })
}

fn decimal(text: &str, between: &str) -> String {
    text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(between)
}

/// Returns the base64 characters that depend only on the given bytes, whatever stands before and
/// after them. They are computed for each of the three alignments and both alphabets.
fn base64(bytes: &[u8]) -> Vec<Vec<u8>> {
    const ALPHABETS: [&[u8; 64]; 2] = [
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    ];
    let mut all = Vec::new();
    for before in 0..3 {
        // The bits before the first character that lies within the bytes.
        let skipped = (6 - before * 8 % 6) % 6;
        let bit = |at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
        let count = (bytes.len() * 8 - skipped) / 6;
        let value = |i: usize| (0..6).fold(0, |value, n| value << 1 | usize::from(bit(skipped + i * 6 + n)));
        for alphabet in ALPHABETS {
            all.push((0..count).map(|i| alphabet[value(i)]).collect());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(secret: &str, text: &str) -> bool {
        patterns(secret).iter().any(|pattern| &*pattern.text == text.as_bytes())
    }

    #[test]
    fn base64_is_known_at_each_alignment() {
        // `hunter2!`, `xhunter2!` and `xxhunter2!` are aHVudGVyMiE=, eGh1bnRlcjIh and
        // eHhodW50ZXIyIQ==.
        for core in ["aHVudGVyMi", "h1bnRlcjIh", "odW50ZXIyI"] {
            assert!(has("hunter2!", core), "{core}: {:?}", patterns("hunter2!"));
        }
    }

    #[test]
    fn a_secret_of_several_lines_is_known_as_a_whole_and_by_its_long_lines() {
        let key = "-----BEGIN-----\n  abcdefgh\nxy\n";
        assert!(
            has(key, "-----BEGIN-----abcdefghxy") && has(key, "-----BEGIN----- abcdefgh xy") && has(key, "abcdefgh")
        );
        assert!(!has(key, "xy") && !has(key, "-----BEGIN-----"));
    }

    #[test]
    fn numbers_and_forms_are_spellings() {
        assert!(has("p w1!", "7020773121") && has("p w1!", "112, 32, 119, 49, 33") && has("p w1!", "p+w1!"));
        assert!(patterns("abc").is_empty());
    }
}
