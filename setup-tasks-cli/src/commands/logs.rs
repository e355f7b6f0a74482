//! The command `logs`, which prints the output of tasks and of their commands.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use anyhow::Context;
use setup_tasks::fleet::Stop;
use setup_tasks::log::{LogFile, logs_of};
use setup_tasks::secret::redact;
use setup_tasks::{Layout, Result};

use super::target::{self, Target};
use crate::args::LogsArgs;
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{self, FAINT, clock_time, printable, shown};

/// The interval between two looks at a followed log. Events of file systems are less reliable, and a look is cheap.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) async fn logs(layout: &Layout, what: &LogsArgs) -> Result<Exit> {
    let target = target::find(layout, &what.target)?;
    if what.follow {
        let stop = Stop::new();
        let _guard = interrupt::stop_wait_on_interrupt(&stop);
        tokio::select! {
            ended = follow(&target) => ended?,
            () = stop.asked() => {}
        }
        return Ok(Exit::Done);
    }
    let mut logs = list(&target)?;
    if !what.all {
        logs = latest(logs);
    }
    if logs.is_empty() {
        output::line("there are no logs: a log is created with its first line");
    }
    for log in &logs {
        let mut reader = Reader::open(log)?;
        reader.print()?;
        reader.end();
    }
    Ok(Exit::Done)
}

fn list(target: &Target) -> Result<Vec<LogFile>> {
    let logs = logs_of(&target.object, target.task.as_deref());
    logs.with_context(|| format!("cannot read the logs of `{}`", target.object.id()))
}

/// Returns the latest log of each task, the oldest first.
fn latest(logs: Vec<LogFile>) -> Vec<LogFile> {
    let kind = |log: &LogFile| (log.task.clone(), log.detached);
    let last: HashMap<_, _> = logs.iter().map(|log| (kind(log), log.path.clone())).collect();
    logs.into_iter().filter(|log| last.get(&kind(log)) == Some(&log.path)).collect()
}

/// Prints the newest log as it grows, and continues with newer logs.
async fn follow(target: &Target) -> Result<()> {
    let mut current: Option<Reader> = None;
    loop {
        let logs = list(target)?;
        if let Some(reader) = &mut current {
            reader.print()?;
        }
        let newer: Vec<_> = match &current {
            None => logs.last().into_iter().collect(),
            Some(reader) => logs.iter().filter(|log| log.path > reader.log.path).collect(),
        };
        for log in newer {
            if let Some(old) = &mut current {
                // The log may have grown since the last look.
                old.print()?;
                old.end();
            }
            let mut reader = Reader::open(log)?;
            reader.print()?;
            current = Some(reader);
        }
        if output::has_no_reader() {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A log that is being printed.
struct Reader {
    log: LogFile,
    file: File,
    /// The last line until its end has been read.
    rest: Vec<u8>,
}

impl Reader {
    fn open(log: &LogFile) -> Result<Self> {
        let file = File::open(&log.path).with_context(|| format!("cannot read `{}`", log.path.display()))?;
        output::line(format!("{FAINT}==> {} {}{FAINT:#}", clock_time(log.began), shown(output::near(&log.path))));
        Ok(Self { log: log.clone(), file, rest: Vec::new() })
    }

    /// Prints the new lines.
    fn print(&mut self) -> Result<()> {
        let read = self.skip_what_was_left_out().and_then(|()| self.file.read_to_end(&mut self.rest));
        read.with_context(|| format!("cannot read `{}`", self.log.path.display()))?;
        if let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') {
            let whole: Vec<_> = self.rest.drain(..=end).collect();
            Self::write(&whole);
        }
        Ok(())
    }

    /// Continues at the end of a log that became shorter. A log that reaches its limit drops its middle.
    fn skip_what_was_left_out(&mut self) -> std::io::Result<()> {
        let (at, length) = (self.file.stream_position()?, self.file.metadata()?.len());
        if at > length {
            self.rest.clear();
            self.file.seek(SeekFrom::End(0))?;
            output::line(format!("{FAINT}… the log has reached its limit; its end follows …{FAINT:#}"));
        }
        Ok(())
    }

    /// Prints a last line without a line end.
    fn end(&mut self) {
        if !self.rest.is_empty() {
            let mut rest = std::mem::take(&mut self.rest);
            rest.push(b'\n');
            Self::write(&rest);
        }
    }

    fn write(bytes: &[u8]) {
        // The log of a detached command may contain secrets. They may span lines, so they are replaced before the text is split.
        for text in redact(&String::from_utf8_lossy(bytes)).lines() {
            output::line(printable(text));
        }
    }
}
