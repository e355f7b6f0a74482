//! The command `completions`, which prints a completion script for a shell.

use clap_complete::Shell;

use crate::exit::Exit;
use crate::output;

pub(crate) fn completions(shell: Shell, command: &mut clap::Command) -> Exit {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, command, name, &mut script);
    output::write(&script);
    Exit::Done
}
