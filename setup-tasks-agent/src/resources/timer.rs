//! A program that systemd runs at certain times.

use serde::{Deserialize, Serialize};

use super::edit::has_line_break;
use super::service::Service;
use super::systemd;
use super::unit::Unit;
use crate::Result;
use crate::far::Far;
use crate::protocol::{Cause, Difference, Failure};
use crate::resource::Resource;

/// A program that systemd runs at certain times: a service and its timer, which is enabled.
///
/// ```
/// use setup_tasks_agent::resources::Timer;
///
/// Timer::named("backup").runs("/usr/local/bin/backup --all").on_calendar("*-*-* 03:00").user("backup");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    name: String,
    command: String,
    calendar: Vec<String>,
    user: Option<String>,
    persistent: bool,
}

impl Timer {
    /// Creates a timer with the name of its units, without their kind.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), command: String::new(), calendar: Vec::new(), user: None, persistent: true }
    }

    /// Sets the program with its arguments, as systemd's `ExecStart` takes them.
    #[must_use]
    pub fn runs(mut self, command: impl Into<String>) -> Self {
        self.command = command.into();
        self
    }

    /// Adds times, as systemd's `OnCalendar` takes them, such as `daily`.
    #[must_use]
    pub fn on_calendar(mut self, times: impl Into<String>) -> Self {
        self.calendar.push(times.into());
        self
    }

    /// Sets the user that the program runs as.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Skips a run for which the machine was off. By default, it follows when the machine is on again.
    #[must_use]
    pub fn skip_missed(mut self) -> Self {
        self.persistent = false;
        self
    }

    fn units(&self) -> Result<[Unit; 2]> {
        let texts = [&self.name, &self.command].into_iter().chain(&self.calendar).chain(&self.user);
        if texts.into_iter().any(|text| text.is_empty() || has_line_break(text)) || self.calendar.is_empty() {
            let reason = "name, program and times have one line each, and are not empty";
            return Err(Failure::new("write the timer", Cause::Refused(reason.into())));
        }
        let user = self.user.iter().map(|user| format!("User={user}\n")).collect::<String>();
        let calendar = self.calendar.iter().map(|times| format!("OnCalendar={times}\n")).collect::<String>();
        let service =
            format!("[Unit]\nDescription={}\n\n[Service]\nType=oneshot\nExecStart={}\n{user}", self.name, self.command);
        let timer = format!(
            "[Unit]\nDescription=Times of {}\n\n[Timer]\n{calendar}Persistent={}\n\n[Install]\nWantedBy=timers.target\n",
            self.name, self.persistent
        );
        Ok([
            Unit::named(format!("{}.service", self.name)).content(service),
            Unit::named(format!("{}.timer", self.name)).content(timer),
        ])
    }

    fn service(&self) -> Service {
        Service::enabled(format!("{}.timer", self.name))
    }
}

impl Resource for Timer {
    const KIND: &str = "timer";

    fn name(&self) -> String {
        format!("timer {}", self.name)
    }

    fn prepare(&self, far: &mut Far) {
        ["service", "timer"].iter().for_each(|kind| systemd::announce(far, &format!("{}.{kind}", self.name)));
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        let mut differences = Vec::new();
        for unit in self.units()? {
            differences.extend(unit.observe(far)?);
        }
        differences.extend(self.service().observe(far)?);
        Ok(differences)
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        let [service, timer] = self.units()?;
        let timer_differs = !timer.observe(far)?.is_empty();
        for unit in [service, timer] {
            if !unit.observe(far)?.is_empty() {
                unit.apply(far, &[])?;
            }
        }
        far.forget_shared();
        self.service().apply(far, &[])?;
        // A running timer keeps its former times until then.
        if timer_differs { Service::restart(format!("{}.timer", self.name)).apply(far, &[]) } else { Ok(()) }
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        let [service, timer] = self.units()?;
        timer.undo(far)?;
        service.undo(far)
    }
}
