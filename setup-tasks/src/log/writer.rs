//! The log of one attempt on disk, and the ways into it.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::TaskLog;
use super::bounded::BoundedFile;
use crate::secret::Gate;
use crate::text::escape::Escaper;

/// A filter that text passes before it is in a log: secrets are replaced, what steers a terminal is spelled out.
#[derive(Debug, Default)]
pub(super) struct Filter {
    gate: Gate,
    escaper: Escaper,
}

impl Filter {
    /// Hands on what can be shown now.
    pub(super) fn push(&mut self, bytes: &[u8], put: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut result = Ok(());
        let Self { gate, escaper } = self;
        gate.push(bytes, &mut |bytes| {
            result = std::mem::replace(&mut result, Ok(())).and_then(|()| escaper.push(bytes, put));
        });
        result
    }

    /// Hands on all that was held back.
    pub(super) fn finish(&mut self, put: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut result = Ok(());
        let Self { gate, escaper } = self;
        gate.finish(&mut |bytes| {
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
    /// For what comes through [`TaskLog::write`].
    filter: Filter,
}

impl LogWriter {
    pub(super) fn new(path: PathBuf, file: BoundedFile) -> Self {
        Self { path, file, filter: Filter::default() }
    }

    /// Adds bytes from the one source of [`TaskLog::write`].
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.filter.push(bytes, &mut |bytes| self.file.write(bytes))
    }

    /// Adds bytes that have passed a filter.
    pub(super) fn write_filtered(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write(bytes)
    }

    /// Writes what is held back, and ends the last line.
    pub(super) fn end_line(&mut self) -> io::Result<()> {
        self.filter.finish(&mut |bytes| self.file.write(bytes))?;
        if self.file.ends_line() { Ok(()) } else { self.file.write(b"\n") }
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        // Of an attempt that was cancelled, as much as there is.
        let _ = self.filter.finish(&mut |bytes| self.file.write(bytes));
    }
}

/// One output of a command, on its way into a log.
#[derive(Debug)]
pub(crate) struct LogStream {
    log: Option<Arc<TaskLog>>,
    gate: Gate,
    escaper: Escaper,
}

impl LogStream {
    /// Makes the stream of one source. Without a log, only those who look at it see it.
    pub(crate) fn new(log: Option<Arc<TaskLog>>) -> Self {
        Self { log, gate: Gate::default(), escaper: Escaper::default() }
    }

    /// Adds bytes; `see` is handed what can be shown of them, as it is before it is spelled out.
    pub(crate) fn push(&mut self, bytes: &[u8], see: &mut impl FnMut(&[u8])) {
        let Self { log, gate, escaper } = self;
        gate.push(bytes, &mut |bytes| {
            see(bytes);
            write(log.as_deref(), |put| escaper.push(bytes, put));
        });
    }

    /// Writes what was held back.
    pub(crate) fn finish(&mut self, see: &mut impl FnMut(&[u8])) {
        let Self { log, gate, escaper } = self;
        gate.finish(&mut |bytes| {
            see(bytes);
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

/// Hands a log to what spells out; a log that cannot be written has said so itself.
fn write(
    log: Option<&TaskLog>,
    spell: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), Infallible>) -> Result<(), Infallible>,
) {
    if let Some(log) = log {
        let _ = spell(&mut |bytes| {
            log.write_filtered(bytes);
            Ok(())
        });
    }
}
