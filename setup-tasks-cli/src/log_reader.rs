//! A reader of a log that grows.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

use setup_tasks::log::LogFile;
use setup_tasks::secret::redact;

use crate::output::printable;

/// A log that is being read.
#[derive(Debug)]
pub struct LogReader {
    /// The log.
    pub log: LogFile,
    file: File,
    /// The last line until its end has been read.
    rest: Vec<u8>,
}

impl LogReader {
    /// Opens a log at its beginning.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn open(log: &LogFile) -> Result<Self> {
        Ok(Self { log: log.clone(), file: File::open(&log.path)?, rest: Vec::new() })
    }

    /// Returns the new lines in a form that is safe to print.
    ///
    /// # Errors
    ///
    /// If the log cannot be read.
    pub fn lines(&mut self) -> Result<Vec<String>> {
        let mut lines = self.skip_what_was_left_out()?;
        self.file.read_to_end(&mut self.rest)?;
        if let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') {
            let whole: Vec<_> = self.rest.drain(..=end).collect();
            lines.extend(shown(&whole));
        }
        Ok(lines)
    }

    /// Continues at the end of a log that became shorter. A log that reaches its limit drops its middle.
    fn skip_what_was_left_out(&mut self) -> Result<Vec<String>> {
        let (at, length) = (self.file.stream_position()?, self.file.metadata()?.len());
        if at <= length {
            return Ok(Vec::new());
        }
        self.rest.clear();
        self.file.seek(SeekFrom::End(0))?;
        Ok(vec!["… the log has reached its limit; its end follows …".to_owned()])
    }

    /// Returns a last line without a line end.
    pub fn rest(&mut self) -> Vec<String> {
        shown(&std::mem::take(&mut self.rest))
    }
}

/// Returns the lines of a text. The log of a detached command may contain secrets. They may span lines, so they are replaced before
/// the text is split.
fn shown(bytes: &[u8]) -> Vec<String> {
    redact(&String::from_utf8_lossy(bytes)).lines().map(|line| printable(line).into_owned()).collect()
}
