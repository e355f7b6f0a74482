//! `logs`: what tasks, and the commands that they ran, said.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::time::Duration;

use anyhow::Context;
use setup_tasks::log::{LogFile, logs_of};
use setup_tasks::{Layout, Result};

use super::target::{self, Target};
use crate::args::LogsArgs;
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{self, FAINT, clock_time, printable};

/// How often a followed log is looked at: a file system tells no more reliably, and this costs little.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) async fn logs(layout: &Layout, what: &LogsArgs) -> Result<Exit> {
    let target = target::find(layout, &what.target)?;
    if what.follow {
        tokio::select! {
            ended = follow(&target) => ended?,
            () = interrupt::asked() => {}
        }
        return Ok(Exit::Done);
    }
    let mut logs = list(&target)?;
    if !what.all {
        logs = latest(logs);
    }
    if logs.is_empty() {
        output::line("nothing was said: a log is made with its first line");
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

/// The latest of each task, oldest first.
fn latest(logs: Vec<LogFile>) -> Vec<LogFile> {
    let last: HashMap<_, _> = logs.iter().map(|log| (log.task.clone(), log.path.clone())).collect();
    logs.into_iter().filter(|log| last.get(&log.task) == Some(&log.path)).collect()
}

/// Prints the newest log as it grows, and goes on to newer ones.
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
                // It may have grown between the two looks.
                old.print()?;
                old.end();
            }
            let mut reader = Reader::open(log)?;
            reader.print()?;
            current = Some(reader);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A log that is being printed.
struct Reader {
    log: LogFile,
    file: File,
    /// The last line, as long as its end has not been seen.
    rest: Vec<u8>,
    escapes: bool,
}

impl Reader {
    fn open(log: &LogFile) -> Result<Self> {
        let file = File::open(&log.path).with_context(|| format!("cannot read `{}`", log.path.display()))?;
        output::line(format!("{FAINT}==> {} {}{FAINT:#}", clock_time(log.began), output::near(&log.path).display()));
        // A file gets what was said, a terminal nothing that would steer it.
        Ok(Self { log: log.clone(), file, rest: Vec::new(), escapes: io::stdout().is_terminal() })
    }

    /// Prints what there is and was not printed.
    fn print(&mut self) -> Result<()> {
        let read = self.file.read_to_end(&mut self.rest);
        read.with_context(|| format!("cannot read `{}`", self.log.path.display()))?;
        if let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') {
            let whole: Vec<_> = self.rest.drain(..=end).collect();
            self.write(&whole);
        }
        Ok(())
    }

    /// Prints a last line that has no end.
    fn end(&mut self) {
        if !self.rest.is_empty() {
            let mut rest = std::mem::take(&mut self.rest);
            rest.push(b'\n');
            self.write(&rest);
        }
    }

    fn write(&self, bytes: &[u8]) {
        if !self.escapes {
            // Where nobody reads it any more, it is nobody's loss.
            let _ = io::stdout().lock().write_all(bytes);
            return;
        }
        for text in String::from_utf8_lossy(bytes).lines() {
            output::line(printable(text));
        }
    }
}
