//! A file with a maximum size, which keeps its head and its tail.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// The smallest allowed limit, which leaves room for a useful head and tail.
const LEAST: u64 = 16 * 1024;
/// The maximum number of bytes in which the end of a line is searched, so that whole lines are
/// removed.
const LINE: usize = 4 * 1024;
const PART: usize = 64 * 1024;

/// A file with a maximum size. The text between its head and its tail is removed, and one line
/// states the number of removed bytes.
///
/// The head takes half of the limit. When the file is full, the older half of the rest is removed
/// by moving the tail within the file. Each byte is moved at most once, and no text is kept in
/// memory.
#[derive(Debug)]
pub(super) struct BoundedFile {
    file: File,
    limit: u64,
    length: u64,
    /// The removed text between head and tail, if any.
    gap: Option<Gap>,
    ends_line: bool,
}

#[derive(Clone, Copy, Debug)]
struct Gap {
    at: u64,
    left_out: u64,
}

impl Gap {
    /// Returns the line that stands in the gap. Its length is constant.
    fn line(self) -> String {
        format!("# … {:>20} bytes are left out here: the log has a limit …\n", self.left_out)
    }
}

impl BoundedFile {
    /// Wraps an empty file that is open for reading and writing. A limit of 0 means no limit.
    pub(super) fn new(file: File, limit: u64) -> Self {
        let limit = if limit == 0 { u64::MAX } else { limit.max(LEAST) };
        Self { file, limit, length: 0, gap: None, ends_line: true }
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.ends_line = bytes.last().map_or(self.ends_line, |byte| *byte == b'\n');
        while !bytes.is_empty() {
            if self.length >= self.limit {
                self.shorten()?;
            }
            let room = usize::try_from(self.limit - self.length).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.file.write_all(now)?;
            self.length += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    /// Returns whether the last byte is a line end.
    pub(super) fn ends_line(&self) -> bool {
        self.ends_line
    }

    /// Removes the older half of the text after the head.
    fn shorten(&mut self) -> io::Result<()> {
        let mut gap = match self.gap {
            Some(gap) => gap,
            None => Gap { at: self.line_before(self.limit / 2)?, left_out: 0 },
        };
        let line = gap.line().len() as u64;
        let old_tail = if self.gap.is_some() { gap.at + line } else { gap.at };
        let new_tail = self.line_behind(self.length - self.limit / 4)?;
        gap.left_out += new_tail - old_tail;
        self.put(gap.at, gap.line().as_bytes())?;
        let (mut from, mut to) = (new_tail, gap.at + line);
        let mut part = vec![0; PART];
        while from < self.length {
            let count = usize::try_from(self.length - from).unwrap_or(PART).min(PART);
            self.get(from, &mut part[..count])?;
            self.put(to, &part[..count])?;
            (from, to) = (from + count as u64, to + count as u64);
        }
        self.file.set_len(to)?;
        self.file.seek(SeekFrom::Start(to))?;
        (self.gap, self.length) = (Some(gap), to);
        Ok(())
    }

    /// Returns the start of the line that contains a position. In a long line, returns the start of
    /// the character.
    fn line_before(&mut self, place: u64) -> io::Result<u64> {
        let from = place.saturating_sub(LINE as u64);
        let mut bytes = vec![0; usize::try_from(place - from).unwrap_or(LINE)];
        self.get(from, &mut bytes)?;
        Ok(match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => from + at as u64 + 1,
            None => from + whole_characters(&bytes) as u64,
        })
    }

    /// Returns the start of the next line. In a long line, returns the start of the next character.
    fn line_behind(&mut self, place: u64) -> io::Result<u64> {
        let mut bytes = vec![0; usize::try_from(self.length - place).unwrap_or(LINE).min(LINE)];
        self.get(place, &mut bytes)?;
        let is_begin = |byte: &u8| !(0x80..0xc0).contains(byte);
        let line = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let at = line.or_else(|| bytes.iter().position(is_begin)).unwrap_or_default();
        Ok(place + at as u64)
    }

    fn get(&mut self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(bytes)
    }

    fn put(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(bytes)
    }
}

/// Returns the number of bytes before a character that is cut off at the end.
fn whole_characters(bytes: &[u8]) -> usize {
    let begin = bytes.iter().rposition(|byte| !(0x80..0xc0).contains(byte)).unwrap_or_default();
    if std::str::from_utf8(&bytes[begin..]).is_ok() { bytes.len() } else { begin }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(limit: u64, lines: impl Iterator<Item = String>) -> String {
        let mut file = BoundedFile::new(tempfile::tempfile().unwrap(), limit);
        lines.for_each(|line| file.write(line.as_bytes()).unwrap());
        let mut text = String::new();
        file.file.rewind().unwrap();
        file.file.read_to_string(&mut text).unwrap();
        assert_eq!(text.len() as u64, file.length);
        text
    }

    #[test]
    fn head_and_tail_are_kept_and_a_line_says_how_much_is_not() {
        let line = |i: u32| format!("line {i}\n");
        let text = write(20_000, (0..100_000).map(line));
        assert!(text.len() <= 20_000, "{}", text.len());
        assert!(text.starts_with("line 0\nline 1\n") && text.ends_with("line 99998\nline 99999\n"));
        let (gap, _) = text.lines().enumerate().find(|(_, line)| line.starts_with("# … ")).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let left_out: usize = lines[gap].split_whitespace().nth(2).unwrap().parse().unwrap();
        let all: usize = (0..100_000).map(|i| line(i).len()).sum();
        assert_eq!(left_out + text.len() - lines[gap].len() - 1, all);
        assert_eq!(lines.iter().filter(|line| line.starts_with('#')).count(), 1);
        assert!(lines.iter().all(|line| line.starts_with("# … ") || line.starts_with("line ")), "lines are whole");
        let numbers: Vec<u32> = lines[gap + 1..].iter().map(|line| line[5..].parse().unwrap()).collect();
        assert!(numbers.windows(2).all(|two| two[0] + 1 == two[1]) && numbers.len() > 300, "the tail is whole");
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        let text = write(LEAST, std::iter::repeat_n("äöü".repeat(1000), 100));
        assert!(text.len() as u64 <= LEAST && text.contains("bytes are left out"), "it is valid UTF-8");
    }

    #[test]
    fn below_the_limit_nothing_is_left_out() {
        let text = write(LEAST, std::iter::repeat_n("x".repeat(1023) + "\n", 16));
        assert_eq!(text.len() as u64, LEAST);
        assert!(!text.contains('#'));
        assert_eq!(write(0, std::iter::repeat_n("y".repeat(1000), 100)).len(), 100_000, "0 is no limit");
    }
}
