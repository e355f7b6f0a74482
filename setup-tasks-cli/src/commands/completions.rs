//! `completions`: a script for a shell.

use std::io::Write;

use clap_complete::Shell;

use crate::exit::Exit;

pub(crate) fn completions(shell: Shell, command: &mut clap::Command) -> Exit {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, command, name, &mut script);
    // Where nobody reads it any more, it is nobody's loss.
    let _ = std::io::stdout().lock().write_all(&script);
    Exit::Done
}
