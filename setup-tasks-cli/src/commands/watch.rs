//! The command `watch`, which runs again whenever an input changes.

use setup_tasks::fleet::Stop;
use setup_tasks::{Layout, Result};

use super::up;
use crate::args::{ReviewArgs, RunArgs};
use crate::exit::Exit;
use crate::global::{Verbosity, verbosity};
use crate::interrupt;
use crate::notifying::NotifyArgs;
use crate::output::{self, FAINT, note, printable, report};
use crate::watched::Watched;

/// Runs whenever an input changes, until Ctrl-C. If the layout cannot be built, prints the error and waits for the next change.
pub(crate) async fn watch(build: &dyn Fn() -> Result<Layout>, args: &RunArgs, notify: &NotifyArgs) -> Result<Exit> {
    let mut layout = build()?;
    let mut watched = Watched::of(&layout)?;
    // The stop covers runs and waits, so a Ctrl-C between a run and a wait counts, too.
    let stop = Stop::new();
    let _guard = interrupt::stop_wait_on_interrupt(&stop);
    // With `--json`, the standard output is for programs.
    let say: fn(String) = match verbosity() {
        Verbosity::Quiet => |_| {},
        _ if args.exec.json => note,
        _ => report,
    };
    loop {
        // The watch starts before the run, so that no change during the run is missed.
        if up::locally(&layout, args, (&ReviewArgs::default(), false), &notify.notifier(&layout)?).await?
            == Exit::Interrupted
        {
            return Ok(Exit::Interrupted);
        }
        say(format!("{FAINT}watching {} for changes; Ctrl-C ends{FAINT:#}", watched.describe()));
        loop {
            let changed = tokio::select! {
                changed = watched.changed() => changed?,
                () = stop.requested() => return Ok(Exit::Done),
            };
            say(format!(
                "{FAINT}{} changed{FAINT:#}",
                changed
                    .iter()
                    .map(|path| printable(&path.to_string_lossy()).into_owned())
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
            // The new layout may have other inputs.
            match build().and_then(|layout| Ok((Watched::of(&layout)?, layout))) {
                Ok((mut now, made)) => {
                    now.inherit(&watched);
                    (watched, layout) = (now, made);
                    break;
                }
                Err(error) => output::error(&error),
            }
        }
    }
}
