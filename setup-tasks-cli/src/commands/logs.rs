//! The command `logs`, which prints the output of tasks and of their commands.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use setup_tasks::fleet::{RemoteLog, Stop};
use setup_tasks::log::{LogFile, logs_of};
use setup_tasks::{Layout, Result};

use super::target::{self, Target};
use crate::args::LogsArgs;
use crate::exit::Exit;
use crate::interrupt;
use crate::log_reader::LogReader;
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
            () = stop.requested() => {}
        }
        return Ok(Exit::Done);
    }
    let mut logs: Vec<_> = list(&target)?.into_iter().map(Log::Here).collect();
    let elsewhere = layout.remote_logs(target.object.id(), target.task.as_deref()).await?;
    logs.extend(elsewhere.into_iter().map(Log::Elsewhere));
    logs.sort_by_key(Log::began);
    if !what.all {
        logs = latest(logs);
    }
    if logs.is_empty() {
        output::line("there are no logs: a log is created with its first line");
    }
    for log in &logs {
        match log {
            Log::Here(log) => {
                let mut reader = open(log)?;
                print(&mut reader)?;
                end(&mut reader);
            }
            Log::Elsewhere(log) => print_remote(log),
        }
    }
    Ok(Exit::Done)
}

/// A log of this host or of a worker's.
enum Log {
    Here(LogFile),
    Elsewhere(RemoteLog),
}

impl Log {
    fn began(&self) -> SystemTime {
        match self {
            Self::Here(log) => log.began,
            Self::Elsewhere(log) => log.began,
        }
    }

    /// Returns the task, and whether a detached command has written the log.
    fn kind(&self) -> (&str, bool) {
        match self {
            Self::Here(log) => (&log.task, log.detached),
            Self::Elsewhere(log) => (&log.task, log.detached),
        }
    }
}

/// Prints the log of a worker.
fn print_remote(log: &RemoteLog) {
    let (began, host, path) = (clock_time(log.began), printable(&log.host), printable(&log.path));
    output::line(format!("{FAINT}==> {began} {host}:{path}{FAINT:#}"));
    if log.left_out > 0 {
        output::line(format!("{FAINT}… {} bytes before are on {host} …{FAINT:#}", log.left_out));
    }
    log.text.lines().for_each(|text| output::line(printable(text)));
}

fn list(target: &Target) -> Result<Vec<LogFile>> {
    let logs = logs_of(&target.object, target.task.as_deref());
    logs.with_context(|| format!("cannot read the logs of `{}`", target.object.id()))
}

/// Returns the latest log of each task, the oldest first.
fn latest(logs: Vec<Log>) -> Vec<Log> {
    let kind = |log: &Log| (log.kind().0.to_owned(), log.kind().1);
    let last: HashMap<_, _> = logs.iter().enumerate().map(|(at, log)| (kind(log), at)).collect();
    logs.into_iter().enumerate().filter(|(at, log)| last.get(&kind(log)) == Some(at)).map(|(_, log)| log).collect()
}

/// Prints the newest log as it grows, and continues with newer logs.
async fn follow(target: &Target) -> Result<()> {
    let mut current: Option<LogReader> = None;
    loop {
        let logs = list(target)?;
        if let Some(reader) = &mut current {
            print(reader)?;
        }
        let newer: Vec<_> = match &current {
            None => logs.last().into_iter().collect(),
            Some(reader) => logs.iter().filter(|log| log.path > reader.log.path).collect(),
        };
        for log in newer {
            if let Some(old) = &mut current {
                // The log may have grown since the last look.
                print(old)?;
                end(old);
            }
            let mut reader = open(log)?;
            print(&mut reader)?;
            current = Some(reader);
        }
        if output::has_no_reader() {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Opens a log and prints its heading.
fn open(log: &LogFile) -> Result<LogReader> {
    let reader = LogReader::open(log).with_context(|| format!("cannot read `{}`", log.path.display()))?;
    output::line(format!("{FAINT}==> {} {}{FAINT:#}", clock_time(log.began), shown(output::near(&log.path))));
    Ok(reader)
}

/// Prints the new lines.
fn print(reader: &mut LogReader) -> Result<()> {
    let lines = reader.lines().with_context(|| format!("cannot read `{}`", reader.log.path.display()))?;
    lines.into_iter().for_each(output::line);
    Ok(())
}

/// Prints a last line without a line end.
fn end(reader: &mut LogReader) {
    reader.rest().into_iter().for_each(output::line);
}
