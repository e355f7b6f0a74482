//! Programs that the controller runs.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::call::OpenCall;
use crate::Result;
use crate::far::{Invocation, Running, path_variable};
use crate::process::{self, Limits};
use crate::protocol::{Answer, Cause, CommandInput, CommandSpec, End, Ended, Failure, Stream};

/// Runs a program to its end.
pub(super) fn run(open: &OpenCall, spec: CommandSpec) -> Result<Answer> {
    let program = String::from_utf8_lossy(&spec.program).into_owned();
    let tried = format!("run `{program}`");
    let words =
        || [&spec.program].into_iter().chain(&spec.args).chain(spec.env.iter().flat_map(|(name, value)| [name, value]));
    if words().any(|word| word.contains(&0)) || spec.env.iter().any(|(name, _)| name.is_empty() || name.contains(&b'='))
    {
        return Err(Failure::new(
            tried,
            Cause::Refused(
                "a word of the command contains a NUL, or the name of a variable is empty or contains `=`".into(),
            ),
        ));
    }
    let directory = spec.directory.as_ref().map(|directory| PathBuf::from(OsStr::from_bytes(directory)));
    if let Some(directory) =
        directory.as_ref().filter(|_| open.base.programs().is_system()).filter(|directory| !directory.is_dir())
    {
        return Err(Failure::new(tried, Cause::Refused(format!("there is no directory `{}`", directory.display()))));
    }
    let ended = if open.base.programs().is_system() {
        on_system(open, &spec, directory)
    } else {
        replaced(open, &spec, directory)
    };
    ended.map(Answer::Ended).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::new(tried, Cause::NoProgram { program }),
        io::ErrorKind::Interrupted => Failure::new(tried, Cause::Cancelled),
        _ => Failure::new(tried, error),
    })
}

fn on_system(open: &OpenCall, spec: &CommandSpec, directory: Option<PathBuf>) -> io::Result<Ended> {
    let mut command = Command::new(OsStr::from_bytes(&spec.program));
    if spec.clear_env {
        command.env_clear();
    }
    command.args(spec.args.iter().map(|arg| OsStr::from_bytes(arg))).env("PATH", path_variable());
    command.envs(spec.env.iter().map(|(name, value)| (OsStr::from_bytes(name), OsStr::from_bytes(value))));
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_dir());
    command.current_dir(directory.or(home).unwrap_or_else(|| Path::new("/").to_owned()));
    let limits = Limits {
        timeout: spec.timeout.map(Duration::from_millis),
        grace: Duration::from_millis(spec.grace.min(600_000)),
        cancel: open.cancel.clone(),
    };
    let (feeder, sender) = (open.clone(), open.clone());
    let wants_input = spec.input == CommandInput::Data;
    process::run(
        command,
        &limits,
        move |mut stdin| {
            if wants_input {
                // The program may close its input, or end, before it has read all.
                let _ = feeder.receive(|bytes| stdin.write_all(bytes));
                drop(stdin);
                feeder.refuse_input();
            }
        },
        move |stream, bytes: &[u8]| sender.send_output(stream, bytes),
    )
}

/// Runs a program of a machine whose programs are functions.
fn replaced(open: &OpenCall, spec: &CommandSpec, directory: Option<PathBuf>) -> io::Result<Ended> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut input = Vec::new();
    if spec.input == CommandInput::Data {
        open.receive(|bytes| {
            input.extend_from_slice(bytes);
            Ok(())
        })?;
    }
    let invocation = Invocation {
        program: text(&spec.program),
        args: spec.args.iter().map(|arg| text(arg)).collect(),
        env: spec.env.iter().map(|(name, value)| (text(name), text(value))).collect(),
        directory,
        input,
    };
    let running =
        Running { cancel: open.cancel.clone(), output: None, timeout: spec.timeout.map(Duration::from_millis) };
    let output = open.base.programs().run(&invocation, &running)?;
    open.send_output(Stream::Output, &output.output);
    open.send_output(Stream::Error, &output.error);
    Ok(Ended { exit: output.exit, end: End::Own })
}
