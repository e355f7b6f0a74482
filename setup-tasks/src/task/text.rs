//! Strings in const evaluation: comparison, a message of fixed size, and the distance of names.

/// Returns whether two strings are equal, in const evaluation.
pub const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    // The comparison begins at the end because many names share their beginning, and each step
    // costs compile time.
    let mut i = a.len();
    while i > 0 {
        i -= 1;
        if a[i] != b[i] {
            return false;
        }
    }
    true
}

/// Returns whether `list` contains `name`.
pub const fn holds(list: &[&str], name: &str) -> bool {
    let mut i = 0;
    while i < list.len() {
        if same(list[i], name) {
            return true;
        }
        i += 1;
    }
    false
}

const MESSAGE: usize = 2048;

/// The message of a compile error, written in const evaluation. A piece that does not fit is left out.
pub struct Message {
    bytes: [u8; MESSAGE],
    len: usize,
}

impl Message {
    /// Creates an empty message.
    pub const fn new() -> Self {
        Self { bytes: [0; MESSAGE], len: 0 }
    }

    /// Appends the text if all of it fits. The message therefore remains valid UTF-8.
    pub const fn push(&mut self, text: &str) {
        let text = text.as_bytes();
        if self.len + text.len() > MESSAGE {
            return;
        }
        let mut i = 0;
        while i < text.len() {
            self.bytes[self.len] = text[i];
            self.len += 1;
            i += 1;
        }
    }

    /// Appends a number.
    pub const fn push_number(&mut self, number: usize) {
        if number >= 10 {
            self.push_number(number / 10);
        }
        let (_, digits) = "0123456789".split_at(number % 10);
        let (digit, _) = digits.split_at(1);
        self.push(digit);
    }

    /// Appends a name in backticks.
    pub const fn push_name(&mut self, name: &str) {
        self.push("`");
        self.push(name);
        self.push("`");
    }

    /// Returns the message.
    pub const fn as_str(&self) -> &str {
        let (used, _) = self.bytes.split_at(self.len);
        match core::str::from_utf8(used) {
            Ok(text) => text,
            Err(_) => "setup-tasks: a message is not UTF-8",
        }
    }
}

const LONGEST: usize = 64;

/// Returns the Levenshtein distance of two names, or the largest number if a name is longer than 64 bytes.
/// Source: the two-row form of Wagner and Fischer, *The String-to-String Correction Problem*, 1974.
pub const fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() > LONGEST || b.len() > LONGEST {
        return usize::MAX;
    }
    let mut previous = [0; LONGEST + 1];
    let mut j = 0;
    while j <= b.len() {
        previous[j] = j;
        j += 1;
    }
    let mut i = 0;
    while i < a.len() {
        let mut current = [0; LONGEST + 1];
        current[0] = i + 1;
        let mut j = 0;
        while j < b.len() {
            let swap = previous[j] + if a[i] == b[j] { 0 } else { 1 };
            let remove = previous[j + 1] + 1;
            let insert = current[j] + 1;
            let mut best = if remove < insert { remove } else { insert };
            if swap < best {
                best = swap;
            }
            current[j + 1] = best;
            j += 1;
        }
        previous = current;
        i += 1;
    }
    previous[b.len()]
}

/// Returns whether a name at that distance from `wanted` is near enough for a "did you mean".
pub const fn is_near(wanted: &str, distance: usize) -> bool {
    distance <= 1 + wanted.len() / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (a, b, edits) in [("", "", 0), ("mount", "mount", 0), ("mont", "mount", 1), ("kitten", "sitting", 3)] {
            assert_eq!((distance(a, b), distance(b, a)), (edits, edits), "{a} {b}");
        }
    }

    #[test]
    fn numbers_are_decimal() {
        let mut message = Message::new();
        for number in [0, 7, 10, 257, 1_000_000] {
            message.push_number(number);
            message.push(" ");
        }
        assert_eq!(message.as_str(), "0 7 10 257 1000000 ");
    }

    #[test]
    fn a_message_that_is_full_is_cut_between_pieces() {
        let mut message = Message::new();
        for _ in 0..1000 {
            message.push("äöü");
        }
        assert!(message.as_str().len() <= MESSAGE && message.as_str().ends_with("äöü"));
    }
}
