//! The file of a log while an attempt runs, and the streams that write to it.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::TaskLog;
use super::bounded::BoundedFile;
use crate::secret::SecretFilter;
use crate::text::escape::Escaper;

/// A filter that replaces secrets and escapes control characters before a text is written to a log.
#[derive(Debug, Default)]
pub(super) struct LogFilter {
    secrets: SecretFilter,
    escaper: Escaper,
}

impl LogFilter {
    /// Adds bytes, and passes on those that can be written now.
    pub(super) fn push(&mut self, bytes: &[u8], put: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut result = Ok(());
        let Self { secrets, escaper } = self;
        secrets.push(bytes, &mut |bytes| {
            result = std::mem::replace(&mut result, Ok(())).and_then(|()| escaper.push(bytes, put));
        });
        result
    }

    /// Passes on the bytes that are held back.
    pub(super) fn finish(&mut self, put: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut result = Ok(());
        let Self { secrets, escaper } = self;
        secrets.finish(&mut |bytes| {
            result = std::mem::replace(&mut result, Ok(())).and_then(|()| escaper.push(bytes, put));
        });
        result.and_then(|()| escaper.finish(put))
    }
}

/// The open file of a log.
#[derive(Debug)]
pub(super) struct LogWriter {
    pub(super) path: PathBuf,
    file: BoundedFile,
    /// The filter for [`TaskLog::write`].
    filter: LogFilter,
}

impl LogWriter {
    pub(super) fn new(path: PathBuf, file: BoundedFile) -> Self {
        Self { path, file, filter: LogFilter::default() }
    }

    /// Writes bytes of [`TaskLog::write`], the only source that uses the filter.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.filter.push(bytes, &mut |bytes| self.file.write(bytes))
    }

    /// Writes bytes that have passed a filter already.
    pub(super) fn write_filtered(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write(bytes)
    }

    /// Writes the bytes that are held back and ends the last line.
    pub(super) fn end_line(&mut self) -> io::Result<()> {
        self.filter.finish(&mut |bytes| self.file.write(bytes))?;
        if self.file.ends_line() { Ok(()) } else { self.file.write(b"\n") }
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        // The log of a cancelled attempt keeps the bytes that are held back.
        let _ = self.filter.finish(&mut |bytes| self.file.write(bytes));
    }
}

/// An output stream of a command, which writes to a log.
#[derive(Debug)]
pub(crate) struct LogStream {
    log: Option<Arc<TaskLog>>,
    secrets: SecretFilter,
    escaper: Escaper,
}

impl LogStream {
    /// Creates the stream of one source. Without a log, the bytes go only to the `on_text`
    /// functions.
    pub(crate) fn new(log: Option<Arc<TaskLog>>) -> Self {
        Self { log, secrets: SecretFilter::default(), escaper: Escaper::default() }
    }

    /// Adds bytes. `on_text` receives the bytes that can be shown, before control characters are
    /// escaped.
    pub(crate) fn push(&mut self, bytes: &[u8], on_text: &mut impl FnMut(&[u8])) {
        let Self { log, secrets, escaper } = self;
        secrets.push(bytes, &mut |bytes| {
            on_text(bytes);
            write(log.as_deref(), |put| escaper.push(bytes, put));
        });
    }

    /// Passes on the bytes that are held back.
    pub(crate) fn finish(&mut self, on_text: &mut impl FnMut(&[u8])) {
        let Self { log, secrets, escaper } = self;
        secrets.finish(&mut |bytes| {
            on_text(bytes);
            write(log.as_deref(), |put| escaper.push(bytes, put));
        });
        write(log.as_deref(), |put| escaper.finish(put));
    }
}

impl Drop for LogStream {
    fn drop(&mut self) {
        self.finish(&mut |_| ());
    }
}

/// Calls `write_escaped` with a function that writes to the log. The log reports its own write
/// errors.
fn write(
    log: Option<&TaskLog>,
    write_escaped: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), Infallible>) -> Result<(), Infallible>,
) {
    if let Some(log) = log {
        let _ = write_escaped(&mut |bytes| {
            log.write_filtered(bytes);
            Ok(())
        });
    }
}
