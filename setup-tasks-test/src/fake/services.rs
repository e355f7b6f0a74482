//! Simulated services, as `systemctl` shows and changes them.

use std::collections::BTreeMap;

use setup_tasks_agent::far::ProgramOutput;

use super::disk::Disk;
use super::programs::failure;

/// The services of a machine by the full name of their unit.
pub(super) struct Services {
    disk: Disk,
    known: BTreeMap<String, State>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    is_running: bool,
    is_enabled: bool,
    is_masked: bool,
}

/// Returns the full name of a unit.
fn full(name: &str) -> String {
    if name.contains('.') { name.to_owned() } else { format!("{name}.service") }
}

impl Services {
    pub(super) fn new(disk: Disk) -> Self {
        Self { disk, known: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, name: &str) {
        self.known.entry(full(name)).or_default();
    }

    /// Adds the service of an installed package, unless it exists.
    pub(super) fn install(&mut self, name: &str) {
        self.known.entry(full(name)).or_insert(State { is_running: true, is_enabled: true, is_masked: false });
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.known.remove(&full(name));
    }

    pub(super) fn is_running(&self, name: &str) -> bool {
        self.state(&full(name)).is_some_and(|state| state.is_running)
    }

    pub(super) fn is_enabled(&self, name: &str) -> bool {
        self.state(&full(name)).is_some_and(|state| state.is_enabled)
    }

    /// Returns the state of a unit that is known or has a file.
    fn state(&self, unit: &str) -> Option<State> {
        let has_file = || {
            let directories = ["/etc/systemd/system", "/usr/lib/systemd/system"];
            directories.iter().any(|directory| self.disk.at(&format!("{directory}/{unit}")).is_file())
        };
        self.known.get(unit).copied().or_else(|| has_file().then(State::default))
    }

    /// Runs `systemctl`, or returns `None` for a verb that is not simulated.
    pub(super) fn systemctl(&mut self, args: &[&str]) -> Option<ProgramOutput> {
        let is_now = args.contains(&"--now");
        let mut words = args.iter().copied().filter(|arg| !arg.starts_with('-'));
        let verb = words.next()?;
        let units: Vec<_> = words.map(full).collect();
        match verb {
            "daemon-reload" => return Some(ProgramOutput::success("")),
            "show" => {
                let states: Vec<_> = units.iter().map(|unit| self.shown(unit)).collect();
                return Some(ProgramOutput::success(states.join("\n")));
            }
            "is-active" => return Some(self.is(&units, |state| state.is_running, ["active", "inactive"])),
            "is-enabled" => return Some(self.is(&units, |state| state.is_enabled, ["enabled", "disabled"])),
            _ => {}
        }
        let change: fn(&mut State, bool) = match verb {
            "start" | "restart" => |state, _| state.is_running = true,
            "reload" | "try-restart" | "try-reload-or-restart" | "reload-or-restart" => |_, _| (),
            "stop" => |state, _| state.is_running = false,
            "enable" => |state, now| (state.is_enabled, state.is_running) = (true, now || state.is_running),
            "disable" => |state, now| (state.is_enabled, state.is_running) = (false, !now && state.is_running),
            "mask" => |state, _| state.is_masked = true,
            "unmask" => |state, _| state.is_masked = false,
            _ => return None,
        };
        for unit in units {
            let Some(mut state) = self.state(&unit) else {
                return Some(failure(5, format!("Unit {unit} could not be found.\n")));
            };
            if state.is_masked && ["start", "restart", "enable"].contains(&verb) {
                return Some(failure(1, format!("Unit {unit} is masked.\n")));
            }
            change(&mut state, is_now);
            self.known.insert(unit, state);
        }
        Some(ProgramOutput::success(""))
    }

    /// Returns the state of a unit as `systemctl show` prints it.
    fn shown(&self, unit: &str) -> String {
        let state = self.state(unit);
        let load = match state {
            None => "not-found",
            Some(state) if state.is_masked => "masked",
            Some(_) => "loaded",
        };
        let state = state.unwrap_or_default();
        let active = if state.is_running { "active" } else { "inactive" };
        let file = match (load, state.is_enabled) {
            ("not-found", _) => "",
            ("masked", _) => "masked",
            (_, true) => "enabled",
            (_, false) => "disabled",
        };
        format!("LoadState={load}\nLoadError=\nActiveState={active}\nUnitFileState={file}\nNeedDaemonReload=no\n")
    }

    fn is(&self, units: &[String], of: fn(State) -> bool, [yes, no]: [&str; 2]) -> ProgramOutput {
        let are: Vec<_> = units.iter().map(|unit| self.state(unit).is_some_and(of)).collect();
        let text: String = are.iter().map(|is| format!("{}\n", if *is { yes } else { no })).collect();
        let code = if are.iter().all(|is| *is) { 0 } else { 3 };
        ProgramOutput { output: text.into_bytes(), ..failure(code, "") }
    }
}
