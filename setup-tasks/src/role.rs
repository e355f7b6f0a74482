//! Roles of a program besides its command line, such as the agent on a machine.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// A role of a program besides its command line. A crate registers it with `inventory`.
#[derive(Debug)]
pub struct Role {
    argument: &'static str,
    run: fn(&[OsString]) -> ExitCode,
}

inventory::collect!(Role);

/// Whether the main function of this program plays roles.
static IS_OFFERED: AtomicBool = AtomicBool::new(false);

impl Role {
    /// Creates a role that the program plays if its first argument is this one. The function receives the other arguments.
    pub const fn new(argument: &'static str, run: fn(&[OsString]) -> ExitCode) -> Self {
        Self { argument, run }
    }

    /// Plays the role that a command line requests, if it requests one. The first word of the command line is the name of the
    /// program. A main function calls this before anything else.
    pub fn play(line: &[OsString]) -> Option<ExitCode> {
        IS_OFFERED.store(true, Ordering::Relaxed);
        let argument: &OsStr = line.get(1)?;
        let role = inventory::iter::<Self>().find(|role| argument == role.argument)?;
        Some((role.run)(&line[2..]))
    }

    /// Returns whether the main function of this program plays roles.
    pub fn is_offered() -> bool {
        IS_OFFERED.load(Ordering::Relaxed)
    }
}
