//! The last lines of a stream.

/// The maximum number of lines that are kept, and the maximum number of their bytes.
const LINES: usize = 10;
const BYTES: usize = 4096;

/// A buffer that keeps the last lines of a stream.
#[derive(Default)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    /// The maximum number of bytes in the buffer.
    pub(super) const MOST: u64 = 2 * BYTES as u64;

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        // The buffer is shortened seldom, so that each byte is moved at most twice.
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
