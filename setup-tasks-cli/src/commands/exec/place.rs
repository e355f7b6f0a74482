//! A machine on which the command runs, with the objects that it belongs to.

use std::collections::HashMap;
use std::process::ExitStatus;
use std::time::Duration;

use serde::Serialize;
use setup_tasks::command::{CommandRunner, OneOffCommand};
use setup_tasks::error::explain;
use setup_tasks::fleet::Stop;
use setup_tasks::text::{duration, list};
use setup_tasks::{AnyObject, Layout, Result};

use super::lines::print_json;
use crate::exit::UsageError;
use crate::global::{Verbosity, verbosity};
use crate::output::{BAD, FAINT, GOOD, NAME, WOULD, error, note, printable};

/// A machine, with the selected objects that it belongs to.
pub(super) struct Place<'a> {
    runner: &'a dyn CommandRunner,
    /// The object whose name stands in front of the output.
    first: &'a str,
    others: Vec<&'a str>,
}

/// The end of the command on a machine.
pub(super) enum End {
    Exit(ExitStatus),
    Failed(anyhow::Error),
    /// The run was stopped while the command ran.
    Stopped,
    /// The run was stopped before.
    NotStarted,
}

/// The end as JSON.
#[derive(Serialize)]
struct JsonEnd<'a> {
    version: u32,
    event: &'static str,
    object: &'a str,
    /// Further objects of the machine.
    others: &'a [&'a str],
    machine: &'a str,
    exit_code: Option<i32>,
    signal: Option<i32>,
    error: Option<String>,
}

/// Returns each machine of the objects once, in the order of the objects. An object without a machine is an error if it is named by
/// its id, and is left out if a pattern or a filter selects it.
pub(super) fn places<'a>(layout: &Layout, objects: &'a [AnyObject], named: &[String]) -> Result<Vec<Place<'a>>> {
    let mut places: Vec<Place<'a>> = Vec::new();
    let (mut by_key, mut without) = (HashMap::new(), Vec::new());
    for object in objects {
        let Some(runner) = object.command_runner() else {
            if named.iter().any(|name| name == object.id()) {
                return Err(no_machine(layout, &format!("`{}` has no machine", object.id())));
            }
            without.push(object.id());
            continue;
        };
        let at = *by_key.entry(runner.key()).or_insert(places.len());
        match places.get_mut(at) {
            Some(place) => place.others.push(object.id()),
            None => places.push(Place { runner, first: object.id(), others: Vec::new() }),
        }
    }
    if places.is_empty() {
        return Err(no_machine(layout, "no selected object has a machine"));
    }
    if !without.is_empty() && verbosity() > Verbosity::Quiet {
        let have = if without.len() == 1 { "has" } else { "have" };
        note(format!("{WOULD}left out{WOULD:#}: {} {have} no machine", printable(&list(without))));
    }
    Ok(places)
}

fn no_machine(layout: &Layout, text: &str) -> anyhow::Error {
    let all = layout.all();
    let with: Vec<_> = all.iter().filter(|object| object.command_runner().is_some()).map(AnyObject::id).collect();
    let help = if with.is_empty() {
        "mark the field with the machine of a model by `#[machine]`".to_owned()
    } else {
        format!("the objects with a machine are {}", list(with))
    };
    UsageError::new(text, help).into()
}

impl Place<'_> {
    /// Returns the name for the output: that of the first object.
    pub(super) fn name(&self) -> &str {
        self.first
    }

    /// Returns the machine for a message, with its objects.
    pub(super) fn machine(&self) -> String {
        let objects = list(std::iter::once(self.first).chain(self.others.iter().copied()));
        printable(&format!("{} (for {objects})", self.runner.name())).into_owned()
    }

    /// Returns the width of the name in columns.
    pub(super) fn width(&self) -> usize {
        console::measure_text_width(&printable(self.first))
    }

    /// Returns a line about several objects on the machine.
    pub(super) fn shared(&self) -> Option<String> {
        let (first, others) = (printable(self.first), list(self.others.iter().copied()));
        let is_one = self.others.len() == 1;
        (!self.others.is_empty()).then(|| {
            let are = if is_one { "is" } else { "are" };
            format!("{} {are} on the machine of `{first}`, where the command runs once", printable(&others))
        })
    }

    /// Runs the command.
    pub(super) async fn run(&self, command: OneOffCommand, stop: &Stop) -> End {
        match self.runner.run_one_off(command).await {
            Err(_) if stop.is_requested() => End::Stopped,
            Ok(status) if stop.is_requested() && !status.success() => End::Stopped,
            Ok(status) => End::Exit(status),
            Err(error) => End::Failed(error.context(format!("cannot run the command for `{}`", self.first))),
        }
    }

    /// Prints the end.
    pub(super) fn tell(&self, end: &End, width: usize, took: Duration) {
        let name = printable(self.first);
        let padding = width.saturating_sub(self.width());
        let told = |style: anstyle::Style, text: &str| {
            let took = duration(took);
            note(format!("{NAME}{name}{NAME:#}{:padding$}  {style}{text}{style:#} {FAINT}in {took}{FAINT:#}", ""));
        };
        match end {
            End::Exit(status) if status.success() && verbosity() == Verbosity::Quiet => {}
            End::Exit(status) => told(if status.success() { GOOD } else { BAD }, &described(*status)),
            End::Failed(failure) => error(failure),
            End::Stopped => told(WOULD, "stopped"),
            End::NotStarted => {}
        }
    }

    /// Prints the end as JSON.
    pub(super) fn print_json(&self, end: &End) {
        let (exit_code, signal) = match end {
            End::Exit(status) => (status.code(), signal(*status)),
            _ => (None, None),
        };
        let error = match end {
            End::Exit(_) => None,
            End::Failed(error) => Some(explain(error.as_ref())),
            End::Stopped => Some("it was stopped".to_owned()),
            End::NotStarted => Some("it was not started".to_owned()),
        };
        let (object, others, machine) = (self.first, &*self.others, &*self.runner.name());
        let version = super::VERSION;
        print_json(&JsonEnd { version, event: "end", object, others, machine, exit_code, signal, error });
    }
}

impl End {
    pub(super) fn is_success(&self) -> bool {
        matches!(self, Self::Exit(status) if status.success())
    }
}

/// Returns the end of a program in words.
fn described(status: ExitStatus) -> String {
    match (status.code(), signal(status)) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}
