//! What a person sees.

use std::time::Duration;

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};
use setup_tasks::event::{Event, EventKind, Listening};
use setup_tasks::run::{FileChange, ObjectReport, TaskReport};
use setup_tasks::waiting::Snapshot;
use setup_tasks::{AnyObject, FleetReport, Layout, ObjectOutcome, Status};
use time::OffsetDateTime;
use time::macros::format_description;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WOULD: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().dimmed();
const NAME: Style = Style::new().bold();

/// Prints a line for everything that happens in a run. What is up to date stays unsaid.
pub fn follow(layout: &Layout) -> Listening {
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
            EventKind::Waiting { holder } => waits(event, holder),
            _ => {}
        }
    })
}

fn waits(event: &Event, holder: &str) {
    eprintln!("{NAME}{:<10}{NAME:#} waits for {holder}, which runs it", event.object);
}

/// What went wrong, and one line that sums a run up.
pub fn report(report: &FleetReport) {
    for result in &report.objects {
        let name = &result.object;
        match (result.outcome, &result.error) {
            (ObjectOutcome::Failed, Some(failure)) => error(failure.get()),
            (ObjectOutcome::DependencyFailed, _) => {
                eprintln!("{BAD}error{BAD:#}: {name} depends on what failed: {}", result.path.join(" -> "));
            }
            (ObjectOutcome::Readonly, _) => println!("{NAME}{name:<10}{NAME:#} {FAINT}is readonly{FAINT:#}"),
            (ObjectOutcome::NotTried, _) => println!("{NAME}{name:<10}{NAME:#} {WOULD}was not tried{WOULD:#}"),
            _ => {}
        }
    }
    let summary = report.summary();
    let (word, rest) = summary.split_once(':').unwrap_or((&summary, ""));
    let style = if !report.is_success() {
        BAD
    } else if report.dry_run {
        WOULD
    } else {
        GOOD
    };
    println!("{style}{word}{style:#}:{rest} {FAINT}in {}{FAINT:#}", length(report.duration));
}

/// What a run would do, and why.
pub fn plan(plan: &FleetReport) {
    for result in &plan.objects {
        for task in result.with(Status::WouldRun) {
            would(&result.object, task);
            task.changes.iter().for_each(diff);
        }
    }
    report(plan);
}

/// What would change in a file.
fn diff(change: &FileChange) {
    for line in change.unified().lines() {
        let style = match line.as_bytes().first() {
            Some(b'+') => GOOD,
            Some(b'-') => BAD,
            _ => FAINT,
        };
        println!("    {style}{line}{style:#}");
    }
}

/// What other processes are doing.
pub fn waiting(snapshots: &[Snapshot], json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(snapshots)?);
        return Ok(());
    }
    if snapshots.is_empty() {
        println!("nobody is at work");
    }
    for snapshot in snapshots {
        println!("{NAME}process {}{NAME:#}", snapshot.pid);
        snapshot.to_string().lines().for_each(|line| println!("  {line}"));
    }
    Ok(())
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
