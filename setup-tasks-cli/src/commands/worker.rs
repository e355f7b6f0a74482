//! The command `worker`, which works on the runs of other processes.

use std::num::NonZeroUsize;

use setup_tasks::fleet::{Worker, WorkerNews};
use setup_tasks::{Layout, Result};

use crate::exit::{Exit, UsageError};
use crate::interrupt;
use crate::output::{BAD, FAINT, GOOD, NAME, WOULD, error, note, printable};
use crate::progress::Progress;

/// Works until Ctrl-C: the first one finishes the running tasks, and the second one ends at once.
pub(crate) async fn worker(layout: &Layout, jobs: Option<NonZeroUsize>, program: &str) -> Result<Exit> {
    if layout.is_dry_run() {
        let help = "remove `dry_run = true` from the configuration of this host";
        return Err(UsageError::new("a worker cannot be a dry run", help).into());
    }
    let worker = Worker::new(layout, program);
    let worker = jobs.into_iter().fold(worker, |worker, jobs| worker.jobs(jobs.get()));
    let progress = Progress::begin_worker(layout);
    #[cfg(unix)]
    let _published = layout.publish_activities().inspect_err(|error| tracing::debug!("{error}")).ok();
    let guard = interrupt::stop_run_on_interrupt(layout.stop());
    let ended = tokio::select! {
        ended = worker.run(tell) => Some(ended),
        () = interrupt::run_ended() => None,
    };
    progress.end(None).await?;
    match ended {
        Some(ended) => ended?,
        None => return Ok(Exit::Interrupted),
    }
    Ok(if guard.is_requested() { Exit::Done } else { Exit::Failed })
}

fn tell(news: WorkerNews<'_>) {
    match news {
        WorkerNews::Ready { host, version } => {
            note(format!("{GOOD}ready{GOOD:#}: worker on {NAME}{}{NAME:#}, {version}", printable(&host)));
        }
        WorkerNews::Began { run, what } => {
            let (number, starter) = (run.number, printable(&run.starter));
            note(format!(
                "run {NAME}{number}{NAME:#} of {starter}: {} {FAINT}({} objects){FAINT:#}",
                printable(&what),
                run.objects
            ));
        }
        WorkerNews::Refused { run, own } => {
            let number = run.number;
            note(format!(
                "{BAD}refused{BAD:#}: run {NAME}{number}{NAME:#} has another version: {}; this is {own}",
                printable(&run.version.to_string())
            ));
        }
        WorkerNews::Ended { number, result: Ok(report) } => {
            note(format!("run {NAME}{number}{NAME:#}: {}", printable(&report.summary())));
        }
        WorkerNews::Ended { number, result: Err(failure) } => {
            note(format!("run {NAME}{number}{NAME:#} {WOULD}ended early here{WOULD:#}"));
            error(&failure.into());
        }
        _ => {}
    }
}
