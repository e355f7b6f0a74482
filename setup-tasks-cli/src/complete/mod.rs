//! Completion of command lines in shells.
//!
//! A shell runs the script that `completions` prints, once. For each completion, the script calls the binary with the variable
//! [`VARIABLE`] and the words of the command line. The binary then prints the candidates instead of running a command.

mod bash;
mod names;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use clap_complete::env::{Elvish, EnvCompleter, Fish, Powershell, Shells, Zsh};

pub(crate) use names::{groups, objects, objects_and_tasks, objects_before_tasks, tags, tasks, types, with_layout};

/// The variable that contains the name of the shell that asks for candidates.
const VARIABLE: &str = "SETUP_TASKS_COMPLETE";

const SHELLS: Shells<'_> = Shells(&[&bash::Bash, &Elvish, &Fish, &Powershell, &Zsh]);

/// A request for the candidates of a word.
pub(crate) struct Request {
    shell: &'static dyn EnvCompleter,
    /// The words of the command line, which begin with the name of the binary.
    words: Vec<OsString>,
}

impl Request {
    /// Returns the request that a completion script made, or `None` if this is an ordinary run.
    pub(crate) fn received(line: &[OsString]) -> Option<Self> {
        let shell = SHELLS.completer(std::env::var(VARIABLE).ok()?.as_str())?;
        let at = line.iter().position(|word| word == "--")?;
        Some(Self { shell, words: line[at + 1..].to_vec() })
    }

    /// Returns the words in front of the cursor, without the word that is completed.
    pub(crate) fn finished(&self) -> &[OsString] {
        self.words.split_last().map_or(&[], |(_, finished)| finished)
    }

    /// Returns the candidates in the form that the shell's script reads.
    pub(crate) fn answer(self, mut command: clap::Command) -> io::Result<Vec<u8>> {
        // This adds `--help`, which is hidden like the other options.
        command.build();
        let is_option = self.words.last().is_some_and(|word| word.as_encoded_bytes().starts_with(b"-"));
        let mut command = if is_option { command } else { hide_options(command) };
        let mut candidates = Vec::new();
        let here = std::env::current_dir().ok();
        self.shell.write_complete(&mut command, self.words, here.as_deref(), &mut candidates)?;
        Ok(candidates)
    }
}

/// Hides options, which are then candidates only where there are no others.
fn hide_options(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| {
            let is_hidden = arg.is_hide_set() || !arg.is_positional();
            arg.hide(is_hidden)
        })
        .mut_subcommands(hide_options)
}

/// Returns the completion script of a shell for the binary that was started as `program`.
pub(crate) fn script(shell: Shell, name: &str, program: &Path) -> io::Result<Vec<u8>> {
    let mut script = Vec::new();
    if let Some(shell) = SHELLS.completer(&shell.to_string()) {
        let program = absolute(program);
        shell.write_registration(VARIABLE, name, name, &program.to_string_lossy(), &mut script)?;
    }
    Ok(script)
}

/// Makes the path of a program absolute. A name without a directory stays, because the shell finds it in its `PATH`.
fn absolute(program: &Path) -> PathBuf {
    if program.components().count() > 1 {
        std::path::absolute(program).unwrap_or_else(|_| program.to_owned())
    } else {
        program.to_owned()
    }
}
