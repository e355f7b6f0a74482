//! The conditions for test machines, and the commands that start them.

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use super::error::{NetnsError, Result};

/// The programs that every network needs, with their Debian packages.
const PROGRAMS: &[(&str, &str)] = &[
    ("gzip", "gzip"),
    ("ip", "iproute2"),
    ("mount", "mount"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("tar", "tar"),
    ("unshare", "util-linux"),
];

/// Checks that this system can run test machines.
pub(super) fn check() -> Result<()> {
    let unavailable = |reason: String| Err(NetnsError::Unavailable { reason });
    if !cfg!(target_os = "linux") {
        return unavailable("they need Linux".to_owned());
    }
    if !rustix::process::geteuid().is_root() {
        return unavailable("they need root, for namespaces and mounts".to_owned());
    }
    match PROGRAMS.iter().find(|(program, _)| !exists(program)) {
        Some((program, package)) => unavailable(format!("the program {program} is missing (Debian package {package})")),
        None => Ok(()),
    }
}

/// Returns whether a program is on the search path of commands.
pub(super) fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|directory| directory.join(program).is_file())
}

/// Returns a command with a known search path, without input.
pub(super) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin:/usr/bin:/bin")).stdin(Stdio::null());
    command
}

/// Runs a command to its end and returns its standard output. The error contains all output.
pub(super) fn run(command: &mut Command, what: impl Into<String>) -> Result<String> {
    let program = Path::new(command.get_program()).display().to_string();
    let output = command.output().map_err(|source| NetnsError::Start { program, source })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let output_text = text(&output.stdout) + &text(&output.stderr);
    Err(NetnsError::Command { what: what.into(), status: output.status.to_string(), output: output_text })
}

/// Runs a command to its end, and calls `progress` with each line of its output. The error contains the last lines.
pub(super) fn run_with(mut command: Command, what: &str, progress: &mut dyn FnMut(&str)) -> Result<()> {
    const LAST: usize = 40;
    let program = Path::new(command.get_program()).display().to_string();
    let start = || -> io::Result<_> {
        let (output, end) = io::pipe()?;
        let child = command.stdout(end.try_clone()?).stderr(end).spawn()?;
        // The output ends when no process has the other end.
        drop(command);
        Ok((child, output))
    };
    let failed = |source| NetnsError::Start { program: program.clone(), source };
    let (mut child, output) = start().map_err(failed)?;
    let mut last = Vec::new();
    for line in BufReader::new(output).split(b'\n').map_while(io::Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        progress(&line);
        last.drain(..(last.len() + 1).saturating_sub(LAST));
        last.push(line);
    }
    let status = child.wait().map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    Err(NetnsError::Command { what: what.to_owned(), status: status.to_string(), output: last.join("\n") })
}
