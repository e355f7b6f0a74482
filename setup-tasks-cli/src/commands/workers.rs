//! Runs that workers carry out, as `up` begins and shows them.

use setup_tasks::fleet::{FleetRun, MissingHost, SharedRun, Stop};
use setup_tasks::{Layout, Result};

use super::up::{exit, tell};
use crate::args::RunArgs;
use crate::exit::Exit;
use crate::interrupt;
use crate::notifying::Notifier;
use crate::output::{FAINT, NAME, WOULD, note, printable};
use crate::progress::Progress;

/// Returns whether workers take objects of runs.
pub(super) async fn are_there(layout: &Layout) -> Result<bool> {
    match layout.hosts() {
        Some(hosts) => Ok(!hosts.workers().await?.is_empty()),
        None => Ok(false),
    }
}

/// Begins a run on the workers, and shows it to its end.
pub(super) async fn up(
    layout: &Layout,
    fleet: FleetRun,
    args: &RunArgs,
    (program, notifier): (&str, &Notifier),
) -> Result<Exit> {
    let progress = Progress::begin(layout, &fleet, args).await?;
    let run = fleet.begin_on_workers(program).await?;
    if !args.exec.json {
        let number = run.number();
        note(format!(
            "run {NAME}{number}{NAME:#} on the workers {FAINT}(`up --attach {number}` shows it elsewhere){FAINT:#}"
        ));
        run.missing().iter().for_each(tell_missing);
    }
    follow(layout, &run, progress, (args, notifier)).await
}

/// Shows a run that another process has begun.
pub(super) async fn attach(
    layout: &Layout,
    number: u64,
    args: &RunArgs,
    (program, notifier): (&str, &Notifier),
) -> Result<Exit> {
    let run = SharedRun::find(layout, number, program).await?;
    let progress = Progress::begin(layout, &layout.run(), args).await?;
    follow(layout, &run, progress, (args, notifier)).await
}

fn tell_missing(missing: &MissingHost) {
    let (object, host) = (printable(&missing.object), printable(&missing.host));
    let (others, are) = match missing.objects {
        1 => (String::new(), "is"),
        2 => (" and one more object".to_owned(), "are"),
        n => (format!(" and {} more objects", n - 1), "are"),
    };
    note(format!(
        "{NAME}{object}{NAME:#}{others} {are} placed on {NAME}{host}{NAME:#}, {WOULD}where no worker runs{WOULD:#}"
    ));
}

/// Shows a run to its end. The first Ctrl-C stops it everywhere after its running tasks, and a second one at once.
async fn follow(
    layout: &Layout,
    run: &SharedRun,
    progress: Progress,
    (args, notifier): (&RunArgs, &Notifier),
) -> Result<Exit> {
    let stop = Stop::new();
    let _guard = interrupt::stop_followed_on_interrupt(&stop);
    let ended = tokio::select! {
        ended = run.follow(&stop) => Some(ended),
        () = interrupt::ended() => None,
    };
    if ended.is_none() && stop.is_requested() {
        run.stop_at_once().await?;
        note(format!("{WOULD}stopped{WOULD:#}: the workers cancel their tasks, which will run again"));
    } else if ended.is_none() {
        note(format!("run {NAME}{}{NAME:#} goes on; `up --attach {}` shows it again", run.number(), run.number()));
    }
    let report = ended.as_ref().and_then(|ended| ended.as_ref().ok());
    progress.end(report).await?;
    let Some(ended) = ended else { return Ok(Exit::Interrupted) };
    if let (Ok(report), false) = (&ended, args.exec.json) {
        tell(report);
    }
    notifier.tell(layout, &ended).await?;
    Ok(exit(&ended?))
}
