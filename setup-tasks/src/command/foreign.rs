//! The account of a command that another crate runs on behalf of a task, such as one on another machine.

use std::ffi::OsStr;
use std::fmt;

use super::announced::{Announced, Caller};
use super::tail::Tail;
use super::{CommandError, quote};
use crate::error::Excerpt;
use crate::log::LogStream;
use crate::task::context::TaskContext;

/// The account of a command that another crate runs on behalf of a task, such as one on another machine.
///
/// While it exists, the command is shown as running. The pushed bytes go to the task's log as the output of a
/// [`TaskCommand`](super::TaskCommand) does: without secrets, with control characters escaped, and limited in size.
pub struct ForeignCommand {
    text: String,
    announced: Announced,
    stdout: LogStream,
    stderr: LogStream,
    /// The captured output and the greatest number of its bytes.
    captured: Option<(Vec<u8>, usize)>,
    last: Tail,
}

impl ForeignCommand {
    /// Begins the account of a command with these words, which runs at a place with this name. The output is captured if `capture`
    /// is set.
    pub fn begin<'a>(cx: &TaskContext, place: &str, words: impl IntoIterator<Item = &'a OsStr>, capture: bool) -> Self {
        let caller = Caller::new(cx);
        let text = format!("{place}: {}", Line(words.into_iter().collect()));
        let limit = cx.layout().config().output_limit().unwrap_or(usize::MAX);
        Self {
            announced: caller.announce(&text),
            stdout: LogStream::new(caller.log().cloned()),
            stderr: LogStream::new(caller.log().cloned()),
            text,
            captured: capture.then(|| (Vec::new(), limit)),
            last: Tail::default(),
        }
    }

    /// Returns the command as it would be typed, with its place and without secrets.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds a part of the standard output.
    ///
    /// # Errors
    ///
    /// It is longer than may be captured.
    pub fn push_output(&mut self, bytes: &[u8]) -> Result<(), CommandError> {
        self.stdout.push(bytes, &mut |_| ());
        match &mut self.captured {
            Some((captured, limit)) if captured.len() + bytes.len() > *limit => {
                Err(CommandError::TooMuchOutput { command: self.text.clone(), limit: *limit })
            }
            Some((captured, _)) => {
                captured.extend_from_slice(bytes);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Adds a part of the standard error.
    pub fn push_error(&mut self, bytes: &[u8]) {
        let Self { stderr, last, .. } = self;
        stderr.push(bytes, &mut |bytes| last.push(bytes));
    }

    /// Ends both outputs.
    pub fn finish(&mut self) {
        self.stdout.finish(&mut |_| ());
        let Self { stderr, last, .. } = self;
        stderr.finish(&mut |bytes| last.push(bytes));
    }

    /// Records the exit status in the [span](crate::span) of the command.
    pub fn exited(&self, status: impl fmt::Display) {
        self.announced.exited(status);
    }

    /// Returns the captured output and leaves none.
    pub fn captured(&mut self) -> Vec<u8> {
        self.captured.as_mut().map(|(captured, _)| std::mem::take(captured)).unwrap_or_default()
    }

    /// Returns the last lines of standard error, if there are any.
    pub fn last_errors(&self) -> Option<Excerpt> {
        Excerpt::new(self.last.text())
    }
}

impl fmt::Debug for ForeignCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignCommand").field("command", &self.text).finish_non_exhaustive()
    }
}

/// The words of a command as they would be typed.
struct Line<'a>(Vec<&'a OsStr>);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.0.iter().enumerate() {
            f.write_str(if i > 0 { " " } else { "" })?;
            quote::show(f, word)?;
        }
        Ok(())
    }
}
