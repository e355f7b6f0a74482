//! A log that is there: what is written to it, and how.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::secret;

/// More than this is not held back for the end of its line.
const LONGEST_LINE: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Made {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// A line without its end, held back while secrets are known: one may be in the middle.
    pub(super) held: Vec<u8>,
}

impl Made {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.held.is_empty() && !secret::any() {
            return self.put(bytes);
        }
        self.held.extend_from_slice(bytes);
        let end = match self.held.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => at + 1,
            None if self.held.len() > LONGEST_LINE => self.held.len(),
            None => return Ok(()),
        };
        let lines: Vec<_> = self.held.drain(..end).collect();
        self.put(secret::redact(&String::from_utf8_lossy(&lines)).as_bytes())
    }

    /// Writes what is still held back.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let rest = std::mem::take(&mut self.held);
        self.put(secret::redact(&String::from_utf8_lossy(&rest)).as_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let speaks = |byte: &u8| byte.is_ascii_control() && !b"\n\t\r".contains(byte);
        if !bytes.iter().any(speaks) {
            return self.file.write_all(bytes);
        }
        // Whoever prints the file prints to a terminal.
        let spell = |byte: &u8| if speaks(byte) { format!("\\x{byte:02x}").into_bytes() } else { vec![*byte] };
        self.file.write_all(&bytes.iter().flat_map(spell).collect::<Vec<_>>())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // Of an attempt that was cancelled, as much as there is.
        let _ = self.flush();
    }
}
