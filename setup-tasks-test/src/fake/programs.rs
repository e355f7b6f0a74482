//! The programs of a machine in memory.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use setup_tasks_agent::far::{Invocation, ProgramOutput, Programs, Running};
use setup_tasks_agent::protocol::Exit;

use super::disk::Disk;
use super::script::Script;
use super::services::Services;
use super::{accounts, packages};

/// The programs of a machine in memory: those of the test, and simulated ones.
pub(super) struct FakePrograms {
    machine: String,
    disk: Disk,
    script: Mutex<Script>,
    services: Mutex<Services>,
}

impl FakePrograms {
    pub(super) fn new(machine: &str, disk: Disk) -> Self {
        let services = Mutex::new(Services::new(disk.clone()));
        Self { machine: machine.to_owned(), disk, script: Mutex::default(), services }
    }

    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn services(&self) -> MutexGuard<'_, Services> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Installs a package, with a service of its name that runs.
    pub(super) fn install(&self, package: &str) {
        packages::install(&self.disk, package);
        self.services().install(package.split('=').next().unwrap_or(package));
    }

    /// Returns the output of a simulated program, or `None` for all other programs.
    fn simulated(&self, invocation: &Invocation) -> Option<ProgramOutput> {
        let args: Vec<_> = invocation.args.iter().map(String::as_str).collect();
        let program = invocation.program.rsplit('/').next().unwrap_or_default();
        match program {
            "apt-get" => {
                let request = packages::Request::parse(&args)?;
                request.installs.iter().for_each(|package| self.install(package));
                for package in request.removes {
                    packages::remove(&self.disk, package);
                    self.services().remove(package);
                }
                Some(ProgramOutput::success(""))
            }
            "systemctl" => self.services().systemctl(&args),
            "dpkg" | "journalctl" | "systemd-analyze" => Some(ProgramOutput::success("")),
            _ => accounts::change(&self.disk, program, &args, &invocation.input),
        }
    }
}

impl Programs for FakePrograms {
    fn run(&self, invocation: &Invocation, _: &Running) -> io::Result<ProgramOutput> {
        let line = invocation.to_string();
        let answer = self.script().answer(&line);
        // The answer runs without the lock, since it can use the machine.
        if let Some(answer) = answer {
            return Ok(answer(invocation));
        }
        if let Some(output) = self.simulated(invocation) {
            return Ok(output);
        }
        let script = self.script();
        let advice = match script.nearest(&line) {
            Some(nearest) => format!("the nearest expectation is `{nearest}`"),
            None => "the test gives it one with `on`".to_owned(),
        };
        Err(io::Error::other(format!("the fake machine {} has no answer to `{line}`: {advice}", self.machine)))
    }
}

/// Returns the output of a program that fails.
pub(super) fn failure(code: i32, error: impl Into<String>) -> ProgramOutput {
    ProgramOutput { exit: Exit::Code(code), output: Vec::new(), error: error.into().into_bytes() }
}
