//! What a person sees.

use std::time::Duration;

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};
use setup_tasks::event::{Event, EventKind};
use setup_tasks::run::{ObjectReport, TaskReport};
use setup_tasks::{AnyObject, Layout, Status};
use time::OffsetDateTime;
use time::macros::format_description;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WOULD: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().dimmed();
const NAME: Style = Style::new().bold();

/// Prints a line for everything that happens in a run. What is up to date stays unsaid.
pub fn follow(layout: &Layout) {
    layout.on_event(|event| {
        let line = |style: Style, what: &str, more: String| {
            println!(
                "{NAME}{:<10}{NAME:#} {:<38} {style}{what}{style:#} {FAINT}{more}{FAINT:#}",
                event.object, event.description
            );
        };
        match &event.kind {
            EventKind::TaskRan { duration } => line(GOOD, "done", format!("in {}", length(*duration))),
            EventKind::TaskSkipped => line(FAINT, "skipped", String::new()),
            EventKind::TaskFail { duration, .. } => line(BAD, "failed", format!("after {}", length(*duration))),
            EventKind::TaskRetry { wait, .. } => line(WOULD, "failed", format!("again in {}", length(*wait))),
            EventKind::ChangedWhileRunning => {
                line(WOULD, "its input changed meanwhile", "and it will run again".into());
            }
            EventKind::Waiting { holder } => waiting(event, holder),
            _ => {}
        }
    });
}

fn waiting(event: &Event, holder: &str) {
    eprintln!("{NAME}{:<10}{NAME:#} waits for {holder}, which runs it", event.object);
}

/// One line that sums a run up.
pub fn summary(reports: &[ObjectReport], failed: usize, took: Duration) {
    let count = |status| reports.iter().flat_map(|report| report.with(status)).count();
    let (ran, same, skipped) = (count(Status::Ran), count(Status::UpToDate), count(Status::Skipped));
    let objects = counted(reports.len() + failed, "object");
    let took = length(took);
    let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    if failed > 0 {
        println!(
            "{BAD}failed{BAD:#}: {failed} of {objects}; {} ran, {same} up to date{skipped} in {took}",
            counted(ran, "task")
        );
    } else if ran == 0 {
        println!("{GOOD}up to date{GOOD:#}: {objects}, {}, nothing to do{skipped} ({took})", counted(same, "task"));
    } else {
        println!("{GOOD}done{GOOD:#}: {objects}; {} ran, {same} up to date{skipped} in {took}", counted(ran, "task"));
    }
}

/// What a run would do, and why.
pub fn plan(reports: &[ObjectReport]) {
    for report in reports {
        for task in report.would_run() {
            would(&report.object, task);
        }
    }
    let tasks: usize = reports.iter().map(|report| report.would_run().count()).sum();
    let objects = reports.iter().filter(|report| report.would_run().next().is_some()).count();
    if tasks == 0 {
        println!("{GOOD}up to date{GOOD:#}: {}, nothing would run", counted(reports.len(), "object"));
    } else {
        println!("{WOULD}would run{WOULD:#}: {} of {}", counted(tasks, "task"), counted(objects, "object"));
    }
}

fn would(object: &str, task: &TaskReport) {
    let reason = task.reason.as_ref().map(ToString::to_string).unwrap_or_default();
    println!("{NAME}{object:<10}{NAME:#} {:<38} {WOULD}would run{WOULD:#} {FAINT}{reason}{FAINT:#}", task.description);
}

/// Every task of one object: why it would run, or since when it is up to date.
pub fn why(object: &AnyObject, report: &ObjectReport) {
    if report.readonly {
        println!("{NAME}{}{NAME:#} is readonly: nothing runs on it", report.object);
    }
    for task in &report.tasks {
        if task.status == Status::WouldRun {
            would(&report.object, task);
            continue;
        }
        let since = object.check_stamp(task.task).ok().flatten().map(|stamp| format!("since {}", time(stamp.time)));
        println!(
            "{NAME}{:<10}{NAME:#} {:<38} {GOOD}up to date{GOOD:#} {FAINT}{}{FAINT:#}",
            report.object,
            task.description,
            since.unwrap_or_default()
        );
    }
}

/// An error with all its causes.
pub fn error(error: &anyhow::Error) {
    eprintln!("{BAD}error{BAD:#}: {error}");
    for cause in error.chain().skip(1) {
        for (i, line) in cause.to_string().trim_end().lines().enumerate() {
            eprintln!("  {} {line}", if i == 0 { "because" } else { "       " });
        }
    }
}

/// A line that reports something done.
pub fn done(what: &str) {
    println!("{GOOD}done{GOOD:#}: {what}");
}

fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

fn length(duration: Duration) -> String {
    if duration < Duration::from_millis(10) {
        format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
    } else if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

fn time(moment: setup_tasks::stamp::Moment) -> String {
    let time = OffsetDateTime::from(std::time::SystemTime::from(moment));
    time.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC")).unwrap_or_default()
}
