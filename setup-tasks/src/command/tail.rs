//! The last lines of what goes by.

/// How many lines are kept, and of how many bytes at the most.
const LINES: usize = 10;
const BYTES: usize = 4096;

#[derive(Default)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    /// The bytes of which the last lines are kept.
    pub(super) const MOST: u64 = 2 * BYTES as u64;

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        // Seldom, so that each byte is moved once or twice at the most.
        if self.0.len() > 2 * BYTES {
            self.0.drain(..self.0.len() - BYTES);
        }
    }

    pub(super) fn text(&self) -> String {
        let bytes = &self.0[self.0.len().saturating_sub(BYTES)..];
        let text = String::from_utf8_lossy(bytes);
        let lines: Vec<_> = text.trim_end().lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_much_are_kept() {
        let mut tail = Tail::default();
        for i in 0..10_000 {
            tail.push(format!("line {i}\n").as_bytes());
        }
        let text = tail.text();
        assert_eq!((text.lines().count(), text.lines().last()), (LINES, Some("line 9999")));
        assert!(tail.0.len() <= 2 * BYTES);
    }
}
