//! The command `exec`, which runs a command on the machines of objects.

mod lines;
mod place;
mod stdin;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::time::Instant;

use clap_complete::ArgValueCompleter;
use futures_util::StreamExt;
use futures_util::stream;
use setup_tasks::command::{OneOffCommand, quote_all};
use setup_tasks::fleet::FleetRun;
use setup_tasks::text::duration;
use setup_tasks::{AnyObject, Layout, Result};

use super::target;
use crate::complete;
use crate::exit::{Exit, UsageError};
use crate::global::{Verbosity, verbosity};
use crate::interrupt;
use crate::output::{self, BAD, FAINT, GOOD, WOULD, note, printable, report};
use lines::Lines;
use place::{End, Place, places};

/// The version of the lines of JSON.
const VERSION: u32 = 1;
/// The default number of machines per processor on which the command runs at the same time.
const MACHINES_PER_PROCESSOR: usize = 8;

/// The command line.
#[derive(clap::Args, Debug)]
pub(crate) struct OneOffArgs {
    /// Run on the machines of these objects (`*` and `?` stand for any text)
    #[arg(value_name = "OBJECT", add = ArgValueCompleter::new(complete::objects))]
    objects: Vec<String>,
    /// Leave these objects out
    #[arg(long, short = 'x', value_name = "OBJECT", add = ArgValueCompleter::new(complete::objects))]
    exclude: Vec<String>,
    /// Select objects of these types
    #[arg(long = "type", value_name = "TYPE", add = ArgValueCompleter::new(complete::types))]
    types: Vec<String>,
    /// Select objects of these groups
    #[arg(long = "group", short, value_name = "GROUP", add = ArgValueCompleter::new(complete::groups))]
    groups: Vec<String>,
    /// Select objects that have tasks with these tags
    #[arg(long = "tag", short, value_name = "TAG", add = ArgValueCompleter::new(complete::tags))]
    tags: Vec<String>,
    /// Run on this many machines at once
    #[arg(long, short, value_name = "N", conflicts_with = "stdin")]
    jobs: Option<NonZeroUsize>,
    /// Give the standard input to the command, on each machine a copy
    #[arg(long)]
    stdin: bool,
    /// Print each line and each end as JSON
    #[arg(long)]
    json: bool,
    /// The program and its arguments; for a line of the shell, write `-- sh -c 'LINE'`
    #[arg(value_name = "COMMAND", last = true, required = true)]
    command: Vec<OsString>,
}

/// Runs the command on each machine once.
pub(crate) async fn exec(layout: &Layout, args: &OneOffArgs) -> Result<Exit> {
    let objects = args.selected(layout)?;
    let places = places(layout, &objects, &args.objects)?;
    if layout.is_dry_run() {
        let command = quote_all(args.command.iter().map(|word| word.to_string_lossy()))?;
        for place in &places {
            let command = printable(&command);
            report(format!("{WOULD}would run{WOULD:#}: {command} on {}; this is a dry run", place.machine()));
        }
        return Ok(Exit::Done);
    }
    if !args.json && verbosity() > Verbosity::Quiet {
        places.iter().filter_map(Place::shared).for_each(note);
    }
    let began = Instant::now();
    let ends = args.run(layout, &places).await;
    if args.json {
        return Ok(exit(layout, &ends));
    }
    Ok(tell(layout, &ends, &args.command, began))
}

impl OneOffArgs {
    /// Returns the selected objects.
    fn selected(&self, layout: &Layout) -> Result<Vec<AnyObject>> {
        let Self { objects, exclude, types, groups, tags, .. } = self;
        if [objects, types, groups, tags].iter().all(|names| names.is_empty()) {
            let help = "name objects, write `'*'` for all, or use `--type`, `--group` or `--tag`";
            return Err(UsageError::new("`exec` needs objects", help).into());
        }
        target::check_objects(layout, objects)?;
        let mut fleet = objects.iter().fold(layout.run(), FleetRun::include);
        fleet = exclude.iter().fold(fleet, FleetRun::exclude);
        fleet = types.iter().fold(fleet, FleetRun::of_type_named);
        fleet = groups.iter().fold(fleet, FleetRun::group);
        Ok(tags.iter().fold(fleet, FleetRun::tag).objects()?)
    }

    /// Runs the command, and reports each end as it comes.
    async fn run(&self, layout: &Layout, places: &[Place<'_>]) -> Vec<End> {
        let stop = layout.stop();
        let _guard = interrupt::stop_wait_on_interrupt(stop);
        let mut inputs = if self.stdin { stdin::copies(places.len()) } else { Vec::new() };
        let width = places.iter().map(Place::width).max().unwrap_or_default();
        let run = async |place: &Place<'_>, input| {
            if stop.is_requested() {
                return End::NotStarted;
            }
            let began = Instant::now();
            let mut lines = Lines::new(place.name(), width, self.json, stop.clone());
            let output = Box::new(move |stream, bytes: &[u8]| lines.push(stream, bytes));
            let mut command = OneOffCommand::new(self.command.clone(), stop.clone(), output);
            command.input = input;
            let end = place.run(command, stop).await;
            if self.json {
                place.print_json(&end);
            } else {
                place.tell(&end, width, began.elapsed());
            }
            end
        };
        let by_default = || MACHINES_PER_PROCESSOR * std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = if self.stdin { places.len() } else { self.jobs.map_or_else(by_default, NonZeroUsize::get) };
        let runs = places.iter().map(|place| run(place, inputs.pop()));
        let mut all = pin!(stream::iter(runs).buffer_unordered(jobs).collect());
        let mut is_told = false;
        loop {
            tokio::select! {
                ends = &mut all => return ends,
                () = stop.requested(), if !is_told => {
                    is_told = true;
                    if !self.json && !output::has_no_reader() {
                        note(format!("{WOULD}stopping{WOULD:#}: ending the command; press Ctrl-C again to stop at once"));
                    }
                }
            }
        }
    }
}

/// Prints a line that summarizes the run.
fn tell(layout: &Layout, ends: &[End], command: &[OsString], began: Instant) -> Exit {
    let failed = ends.iter().filter(|end| !end.is_success()).count();
    let (all, exit) = (ends.len(), exit(layout, ends));
    if ends.iter().any(|end| matches!(end, End::Failed(_)))
        && let [line] = command
        && line.as_encoded_bytes().contains(&b' ')
    {
        note("  help: no shell splits the words of the command; write `-- sh -c 'LINE'` for a line of the shell");
    }
    let machines = if all == 1 { "machine" } else { "machines" };
    let (style, text) = match exit {
        Exit::Done => (GOOD, format!("done{GOOD:#}: ran on {all} {machines}")),
        Exit::Interrupted => {
            (WOULD, format!("stopped{WOULD:#}: {failed} of {all} {machines} did not end by themselves"))
        }
        _ => (BAD, format!("failed{BAD:#}: on {failed} of {all} {machines}")),
    };
    if exit != Exit::Done || verbosity() > Verbosity::Quiet {
        note(format!("{style}{text} {FAINT}in {}{FAINT:#}", duration(began.elapsed())));
    }
    exit
}

fn exit(layout: &Layout, ends: &[End]) -> Exit {
    // A reader that closes the output ends the command, too, and is no failure.
    match ends.iter().all(End::is_success) || output::has_no_reader() {
        true => Exit::Done,
        false if layout.stop().is_requested() => Exit::Interrupted,
        false => Exit::Failed,
    }
}
