//! A service of systemd, or another unit that runs.

use serde::{Deserialize, Serialize};

use super::systemd::{self, UnitState, check_name, full_name, systemctl};
use crate::Result;
use crate::far::Far;
use crate::protocol::{Cause, Difference, Failure, ResourceData};
use crate::resource::{Resource, Restore, no_undo};

/// A service of systemd: its state, or an action such as a restart. The names of other units, such as `backup.timer`, are accepted, too.
///
/// ```
/// use setup_tasks_agent::resources::Service;
///
/// Service::enabled("nginx");
/// Service::disabled("bluetooth");
/// Service::reload("nginx");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    name: String,
    wish: Wish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Wish {
    State { boot: Option<Boot>, running: Option<bool> },
    Reload,
    Restart,
}

/// Whether a unit starts with the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Boot {
    Enabled,
    Disabled,
    Masked,
}

impl Service {
    fn state(name: impl Into<String>, boot: Option<Boot>, running: Option<bool>) -> Self {
        Self { name: full_name(&name.into()), wish: Wish::State { boot, running } }
    }

    /// Creates a service that runs, and starts with the machine.
    pub fn enabled(name: impl Into<String>) -> Self {
        Self::state(name, Some(Boot::Enabled), Some(true))
    }

    /// Creates a service that neither runs nor starts with the machine.
    pub fn disabled(name: impl Into<String>) -> Self {
        Self::state(name, Some(Boot::Disabled), Some(false))
    }

    /// Creates a service that nothing can start.
    pub fn masked(name: impl Into<String>) -> Self {
        Self::state(name, Some(Boot::Masked), Some(false))
    }

    /// Creates a service that runs, whether or not it starts with the machine.
    pub fn running(name: impl Into<String>) -> Self {
        Self::state(name, None, Some(true))
    }

    /// Creates a service that does not run, whether or not it starts with the machine.
    pub fn stopped(name: impl Into<String>) -> Self {
        Self::state(name, None, Some(false))
    }

    /// Creates an action: a running service reads its configuration again. One that cannot is restarted.
    pub fn reload(name: impl Into<String>) -> Self {
        Self { name: full_name(&name.into()), wish: Wish::Reload }
    }

    /// Creates an action: the service is restarted, or started if it does not run.
    pub fn restart(name: impl Into<String>) -> Self {
        Self { name: full_name(&name.into()), wish: Wish::Restart }
    }

    fn boot_difference(&self, boot: Boot, state: &UnitState) -> Option<Difference> {
        // Other states, such as `static`, are those of units that need not be enabled.
        let (differs, should_be) = match boot {
            Boot::Enabled => (["disabled", "masked", "masked-runtime"].contains(&&*state.file), "enabled"),
            Boot::Disabled => (["enabled", "enabled-runtime"].contains(&&*state.file), "disabled"),
            Boot::Masked => (state.file != "masked", "masked"),
        };
        let is = if state.file.is_empty() { "not masked" } else { &state.file };
        differs.then(|| Difference::new(&self.name, is).instead_of(should_be))
    }

    fn apply_state(&self, far: &mut Far, boot: Option<Boot>, running: Option<bool>) -> Result<()> {
        let state = systemd::state(far, &self.name)?;
        let run = |verb: &str, tried: &str| systemctl(far, verb, &self.name, tried);
        if let Some(boot) = boot.filter(|boot| self.boot_difference(*boot, &state).is_some()) {
            match boot {
                Boot::Enabled => {
                    if state.file.starts_with("masked") {
                        run("unmask", "unmask the service")?;
                    }
                    run("enable", "enable the service")?;
                }
                Boot::Disabled => run("disable", "disable the service")?,
                Boot::Masked => {
                    run("stop", "stop the service")?;
                    run("mask", "mask the service")?;
                }
            }
        }
        match running {
            Some(true) if !is_running(&state) => run("start", "start the service"),
            Some(false) if is_running(&state) && boot != Some(Boot::Masked) => run("stop", "stop the service"),
            _ => Ok(()),
        }
    }
}

fn is_running(state: &UnitState) -> bool {
    ["active", "activating", "reloading"].contains(&&*state.active)
}

impl Resource for Service {
    const KIND: &str = "service";

    fn is_action(&self) -> bool {
        matches!(self.wish, Wish::Reload | Wish::Restart)
    }

    fn name(&self) -> String {
        let verb = match self.wish {
            Wish::State { .. } => "",
            Wish::Reload => "reload of ",
            Wish::Restart => "restart of ",
        };
        format!("{verb}service {}", self.name)
    }

    fn prepare(&self, far: &mut Far) {
        if !self.is_action() {
            systemd::announce(far, &self.name);
        }
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        let Wish::State { boot, running } = self.wish else { return Ok(Vec::new()) };
        let state = systemd::state(far, &self.name)?;
        let wants_it = boot == Some(Boot::Enabled) || running == Some(true);
        match &*state.load {
            "not-found" if wants_it => return Ok(vec![Difference::new(&self.name, "absent")]),
            "not-found" if boot != Some(Boot::Masked) => return Ok(Vec::new()),
            "error" | "bad-setting" => {
                let reason = format!("systemd cannot load it: {}", state.load_error);
                return Err(Failure::new("use the service", Cause::Refused(reason)));
            }
            _ => {}
        }
        let mut differences: Vec<_> = boot.and_then(|boot| self.boot_difference(boot, &state)).into_iter().collect();
        if let Some(running) = running.filter(|running| *running != is_running(&state)) {
            let should_be = if running { "active" } else { "inactive" };
            differences.push(Difference::new(&self.name, &state.active).instead_of(should_be));
        }
        Ok(differences)
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        check_name(&self.name)?;
        match self.wish {
            Wish::State { boot, running } => self.apply_state(far, boot, running),
            Wish::Reload => systemctl(far, "try-reload-or-restart", &self.name, "reload the service"),
            Wish::Restart => systemctl(far, "restart", &self.name, "restart the service"),
        }
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        let opposite = match self.wish {
            Wish::State { boot: Some(Boot::Enabled), .. } => Self::disabled(&*self.name),
            Wish::State { boot: None, running: Some(true) } => Self::stopped(&*self.name),
            Wish::State { boot: Some(Boot::Masked), .. } => {
                return systemctl(far, "unmask", &self.name, "unmask the service");
            }
            _ => return Err(no_undo("its former state is not known")),
        };
        if opposite.observe(far)?.is_empty() { Ok(()) } else { opposite.apply(far, &[]) }
    }

    fn keep(&self, far: &mut Far) -> Result<Vec<Restore>> {
        if self.is_action() {
            return Ok(vec![Restore::Finally(ResourceData::of(self))]);
        }
        let state = systemd::state(far, &self.name)?;
        let boot = match &*state.file {
            "enabled" | "enabled-runtime" => Some(Boot::Enabled),
            "disabled" => Some(Boot::Disabled),
            "masked" | "masked-runtime" => Some(Boot::Masked),
            _ => None,
        };
        let former = Self::state(&*self.name, boot, Some(is_running(&state)));
        Ok(vec![Restore::Apply(ResourceData::of(&former))])
    }
}
