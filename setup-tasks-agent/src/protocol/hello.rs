//! The line with which the agent begins its output, and the search for it.

use std::fmt;

use super::ids::{Hash, Nonce};

/// The greatest length of the output before the hello, in bytes.
pub const MAX_NOISE: usize = 256 << 10;
/// The part of the output before the hello that is kept for messages, in bytes.
const KEPT_NOISE: usize = 8 << 10;
/// The greatest length of a hello line, in bytes.
const MAX_LINE: usize = 256;
const MARK: &str = "setup-tasks-agent";

/// The line with which the agent begins its output.
///
/// It is written as `setup-tasks-agent VERSION NONCE HASH`, on a line of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelloLine {
    /// The version of the protocol.
    pub version: u32,
    /// The nonce that the controller gave to the agent.
    pub nonce: Nonce,
    /// The hash of the agent's binary.
    pub hash: Hash,
}

/// A search for the hello line in the output of an agent. Other output before it is skipped, such as that of a `.bashrc`.
///
/// ```
/// use setup_tasks_agent::protocol::{Hash, HelloLine, HelloScanner, Nonce, VERSION};
///
/// let hello = HelloLine { version: VERSION, nonce: Nonce([7; 16]), hash: Hash::of(b"binary") };
/// let output = format!("Welcome!\nno newline{hello}frames");
/// let mut input = output.as_bytes();
/// let mut scanner = HelloScanner::new(hello.nonce);
/// assert_eq!(scanner.decode(&mut input)?, Some(hello));
/// assert_eq!(input, b"frames");
/// assert_eq!(scanner.noise(), "Welcome!\nno newline\n");
/// # Ok::<(), setup_tasks_agent::protocol::HelloError>(())
/// ```
#[derive(Debug)]
pub struct HelloScanner {
    nonce: Nonce,
    line: Vec<u8>,
    noise: Vec<u8>,
    skipped: usize,
}

/// The output of an agent has no hello line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HelloError {
    /// There is too much other output.
    #[error("the output has no hello of an agent in its first {} KiB", MAX_NOISE / 1024)]
    TooMuchNoise,
    /// There is a hello line that cannot be read.
    #[error("the hello of the agent cannot be read: `{0}`")]
    Malformed(String),
}

impl fmt::Display for HelloLine {
    /// Writes the line, with a line break before and after it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{MARK} {} {} {}", self.version, self.nonce, self.hash)
    }
}

impl HelloScanner {
    /// Creates a search for the hello of the agent that was started with this nonce.
    pub fn new(nonce: Nonce) -> Self {
        Self { nonce, line: Vec::new(), noise: Vec::new(), skipped: 0 }
    }

    /// Takes bytes from the beginning of `input` up to the end of the hello. Returns `None` if it needs more. The version of
    /// the hello can be another one.
    ///
    /// # Errors
    ///
    /// There is too much other output, or the line cannot be read.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<HelloLine>, HelloError> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            self.skipped += 1;
            if self.skipped > MAX_NOISE {
                return Err(HelloError::TooMuchNoise);
            }
            if byte != b'\n' {
                // The beginning of a longer line suffices, since it is not the hello.
                if self.line.len() < MAX_LINE {
                    self.line.push(byte);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            if let Some(hello) = self.parse(&line)? {
                return Ok(Some(hello));
            }
            self.keep(&line);
        }
        Ok(None)
    }

    /// Returns the end of the output before the hello, and of an unfinished line. Control characters other than line breaks are left out, so that the text can
    /// be shown.
    pub fn noise(&self) -> String {
        let all = [&self.noise[..], &self.line[..]].concat();
        String::from_utf8_lossy(&all).chars().filter(|c| *c == '\n' || !c.is_control()).collect()
    }

    fn keep(&mut self, line: &[u8]) {
        self.noise.extend_from_slice(line);
        self.noise.push(b'\n');
        let surplus = self.noise.len().saturating_sub(KEPT_NOISE);
        self.noise.drain(..surplus);
    }

    fn parse(&self, line: &[u8]) -> Result<Option<HelloLine>, HelloError> {
        let Ok(line) = std::str::from_utf8(line) else { return Ok(None) };
        let mut words = line.trim_end_matches('\r').split(' ');
        if words.next() != Some(MARK) {
            return Ok(None);
        }
        let version = words.next().and_then(|word| word.parse().ok());
        let Some(nonce) = words.next().and_then(|word| word.parse().ok()) else { return Ok(None) };
        if nonce != self.nonce {
            return Ok(None);
        }
        let hash = words.next().and_then(|word| word.parse().ok());
        match (version, hash) {
            (Some(version), Some(hash)) => Ok(Some(HelloLine { version, nonce, hash })),
            _ => Err(HelloError::Malformed(line.chars().filter(|c| !c.is_control()).collect())),
        }
    }
}
