//! The options of every command.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;

use clap::{ArgAction, Args, ColorChoice, ValueEnum, ValueHint};
use setup_tasks::Result;

use crate::exit::UsageError;

/// The options of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Work in this directory, and do not search the directories above it
    #[arg(short = 'C', value_name = "DIR", global = true, value_hint = ValueHint::DirPath)]
    directory: Option<PathBuf>,
    /// Use the shared store with this address, such as `postgres://site@db/site`
    #[arg(long, value_name = "STORE", global = true, value_hint = ValueHint::Url)]
    on: Option<String>,
    /// Print only errors, warnings and results
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Also print reasons and the output of tasks; with `-vv`, debug messages, too
    #[arg(long, short, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Use colors
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", hide_default_value = true)]
    color: ColorChoice,
}

/// How much a command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    /// Errors, warnings, and results.
    Quiet,
    #[default]
    Normal,
    /// Reasons, tasks that are up to date, and the output of commands, too.
    Verbose,
    /// Messages for debugging, too.
    Debug,
}

static VERBOSITY: OnceLock<Verbosity> = OnceLock::new();

/// Returns how much this process prints.
pub(crate) fn verbosity() -> Verbosity {
    VERBOSITY.get().copied().unwrap_or_default()
}

/// Returns the value of `--color` in a command line that is not parsed yet. The help and the errors of the parser obey it, too.
pub(crate) fn color(line: &[OsString]) -> ColorChoice {
    const OPTION: &str = "--color";
    let words: Vec<_> = line.iter().take_while(|word| *word != "--").filter_map(|word| word.to_str()).collect();
    let joined = words.iter().rev().find_map(|word| word.strip_prefix(OPTION)?.strip_prefix('='));
    let apart = words.iter().position(|word| *word == OPTION).and_then(|at| words.get(at + 1).copied());
    // The parser reports a value that does not exist.
    joined.or(apart).and_then(|value| ColorChoice::from_str(value, false).ok()).unwrap_or_default()
}

impl GlobalArgs {
    /// Applies the options to this process.
    ///
    /// # Errors
    ///
    /// If the directory cannot be entered.
    pub(crate) fn apply(&self) -> Result<()> {
        self.apply_color();
        // A second command line of the same process keeps the verbosity of the first.
        VERBOSITY.get_or_init(|| self.verbosity());
        if let Some(address) = &self.on {
            setup_tasks::config::use_store(address);
        }
        self.enter_directory()
    }

    /// Enters the directory, as `git -C` does.
    pub(crate) fn enter_directory(&self) -> Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let entered = setup_tasks::config::work_in(directory);
        entered.map_err(|error| {
            let text = format!("cannot work in `{}`: {error}", directory.display());
            UsageError::new(text, "give `-C` the path of an existing directory").into()
        })
    }

    fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, 1) => Verbosity::Verbose,
            (false, _) => Verbosity::Debug,
        }
    }

    fn apply_color(&self) {
        let (choice, bars) = match self.color {
            ColorChoice::Auto => return,
            ColorChoice::Always => (anstream::ColorChoice::Always, true),
            ColorChoice::Never => (anstream::ColorChoice::Never, false),
        };
        choice.write_global();
        console::set_colors_enabled_stderr(bars);
    }
}
