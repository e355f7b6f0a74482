//! The states of units of systemd.

use std::collections::BTreeMap;

use crate::Result;
use crate::far::Far;
use crate::protocol::{Cause, Failure};

/// The name under which units are announced.
const UNIT: &str = "unit";
const SUFFIXES: &[&str] =
    &["service", "socket", "timer", "mount", "automount", "path", "target", "slice", "swap", "device", "scope"];

/// The state of a unit, as `systemctl show` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UnitState {
    /// Whether systemd could read it, such as `loaded`, `not-found` or `bad-setting`.
    pub(super) load: String,
    /// The reason why it could not.
    pub(super) load_error: String,
    /// Whether it is active, such as `active`, `inactive` or `failed`.
    pub(super) active: String,
    /// Whether it starts with the machine, such as `enabled`, `disabled` or `static`.
    pub(super) file: String,
    /// Whether its file changed after systemd read it.
    pub(super) is_outdated: bool,
}

struct UnitStates(BTreeMap<String, UnitState>);

/// Returns the full name of a unit. A name without a kind is that of a service.
pub(super) fn full_name(name: &str) -> String {
    let has_kind = name.rsplit_once('.').is_some_and(|(_, suffix)| SUFFIXES.contains(&suffix));
    if has_kind { name.to_owned() } else { format!("{name}.service") }
}

/// Refuses names that systemctl would take for something else.
pub(super) fn check_name(name: &str) -> Result<()> {
    let plain = !name.is_empty()
        && !name.starts_with('-')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c));
    if plain {
        Ok(())
    } else {
        Err(Failure::new("use the unit", Cause::Refused(format!("`{name}` is not a name of a unit"))))
    }
}

/// Announces a unit, so that one query serves all resources of a request.
pub(super) fn announce(far: &mut Far, name: &str) {
    if check_name(name).is_ok() {
        far.announce(UNIT, &full_name(name));
    }
}

/// Returns the state of a unit.
pub(super) fn state(far: &mut Far, name: &str) -> Result<UnitState> {
    check_name(name)?;
    let name = full_name(name);
    let states = far.shared(|far| {
        let mut names = far.announced(UNIT);
        names.insert(name.clone());
        query(far, &names.into_iter().collect::<Vec<_>>()).map(UnitStates)
    })?;
    match states.0.get(&name) {
        Some(state) => Ok(state.clone()),
        None => Ok(query(far, std::slice::from_ref(&name))?.remove(&name).unwrap_or_default()),
    }
}

fn query(far: &Far, names: &[String]) -> Result<BTreeMap<String, UnitState>> {
    let show = far.query("systemctl").args([
        "show",
        "--property=LoadState,LoadError,ActiveState,UnitFileState,NeedDaemonReload",
        "--",
    ]);
    let output = show.args(names).output("look at the units")?.text();
    let states = output.split("\n\n").map(|text| {
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default().to_owned()
        };
        UnitState {
            load: field("LoadState"),
            load_error: field("LoadError"),
            active: field("ActiveState"),
            file: field("UnitFileState"),
            is_outdated: field("NeedDaemonReload") == "yes",
        }
    });
    Ok(names.iter().cloned().zip(states).collect())
}

/// Runs systemctl. If it fails, the last lines of the unit's journal follow its own words.
pub(super) fn systemctl(far: &Far, verb: &str, name: &str, tried: &str) -> Result<()> {
    let done = far.command("systemctl").args(["--no-ask-password", verb, "--", name]).output(tried);
    let Err(mut failure) = done else { return Ok(()) };
    if let Cause::Program { output, .. } = &mut failure.cause {
        let journal =
            far.query("journalctl").args(["--no-pager", "--quiet", "--output=cat", "--lines=10", "--unit", name]);
        // Without a journal, systemctl's own words must do.
        let lines = journal.output("read the journal").map(|lines| lines.text()).unwrap_or_default();
        let all = format!("{output}\n{lines}");
        all.trim().clone_into(output);
    }
    Err(failure)
}

/// Lets systemd read the files of all units again.
pub(super) fn reload(far: &Far) -> Result<()> {
    far.command("systemctl").args(["--no-ask-password", "daemon-reload"]).output("let systemd read its units").map(drop)
}
