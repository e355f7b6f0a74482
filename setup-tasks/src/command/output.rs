//! Runs of commands to their end, and their results.

use std::borrow::Cow;
use std::process::ExitStatus;

use super::child::{Child, within};
use super::running::unless_ending;
use super::{CommandError, TaskCommand};
use crate::error::Excerpt;

/// The exit status and the standard output of a command:
/// [`TaskCommand::output_and_status`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandOutput {
    /// The exit status.
    pub status: ExitStatus,
    /// The standard output.
    pub stdout: Vec<u8>,
}

impl CommandOutput {
    /// Returns the standard output as text. Invalid UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }
}

/// The end of a command, with the last lines of standard error.
struct Ended {
    text: String,
    output: CommandOutput,
    stderr: Option<Excerpt>,
}

impl TaskCommand {
    /// Runs the command. An exit status other than 0 is an error.
    ///
    /// # Errors
    ///
    /// [`CommandError`], with the exit status and the last lines of standard error.
    pub async fn run(self) -> Result<(), CommandError> {
        unless_ending(self.finish(None)).await?.success().map(drop)
    }

    /// Runs the command and returns its standard output, which also goes to the log. Invalid UTF-8
    /// is replaced.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run), and [`CommandError::TooMuchOutput`].
    pub async fn output(self) -> Result<String, CommandError> {
        let bytes = self.output_bytes().await?;
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// Runs the command and returns its standard output as bytes. The log contains it as text.
    ///
    /// # Errors
    ///
    /// As for [`output`](Self::output).
    pub async fn output_bytes(self) -> Result<Vec<u8>, CommandError> {
        let limit = self.output_limit.unwrap_or(usize::MAX);
        let output = unless_ending(self.finish(Some(limit))).await?.success()?;
        Ok(output.stdout)
    }

    /// Runs the command and returns its exit status, also if it is not 0. This suits commands that
    /// answer a question:
    ///
    /// ```
    /// # use setup_tasks::prelude::*;
    /// # async fn ensure_user(cx: &TaskContext) -> Result<()> {
    /// if !cx.command("id").arg("ada").status().await?.success() {
    ///     cx.command("useradd").arg("ada").run().await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// If the command cannot be started, exceeds its timeout, or cannot read its standard input.
    pub async fn status(self) -> Result<ExitStatus, CommandError> {
        Ok(unless_ending(self.finish(None)).await?.output.status)
    }

    /// Runs the command and returns its standard output together with its exit status, also if the
    /// status is not 0. This suits a program such as `diff`, whose status is a part of its result.
    ///
    /// # Errors
    ///
    /// As for [`status`](Self::status), and [`CommandError::TooMuchOutput`].
    pub async fn output_and_status(self) -> Result<CommandOutput, CommandError> {
        let limit = self.output_limit.unwrap_or(usize::MAX);
        Ok(unless_ending(self.finish(Some(limit))).await?.output)
    }

    async fn finish(self, capture: Option<usize>) -> Result<Ended, CommandError> {
        let text = self.text();
        let announced = self.announce(&text);
        let ended = self.carry_out(text, capture).await;
        match &ended {
            Ok(ended) => announced.exited(ended.output.status),
            Err(error) => announced.failed(error),
        }
        ended
    }

    async fn carry_out(mut self, text: String, capture: Option<usize>) -> Result<Ended, CommandError> {
        let timeout = self.timeout;
        let (start, log) = (self.text_of_start(), self.caller.log().cloned());
        let (stdin, feed) = std::mem::take(&mut self.stdin).open(&text)?;
        let mut child = self
            .prepare(stdin)
            .and_then(|command| Child::start(command, feed, log, capture))
            .map_err(|source| CommandError::Start { command: start, source })?;
        match within(timeout, child.wait()).await {
            Ok(status) => {
                let output = CommandOutput { status, stdout: child.captured() };
                Ok(Ended { text, output, stderr: child.stderr() })
            }
            Err(cut) => Err(child.cut(cut, text).await),
        }
    }
}

impl Ended {
    fn success(self) -> Result<CommandOutput, CommandError> {
        let Self { text, output, stderr } = self;
        if output.status.success() {
            return Ok(output);
        }
        Err(CommandError::Failed { command: text, status: output.status, stderr })
    }
}
