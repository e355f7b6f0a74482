//! A unit file of systemd.

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::file::File;
use super::ownership::Ownership;
use super::systemd::{self, check_name, full_name};
use crate::Result;
use crate::far::Far;
use crate::protocol::{Cause, Difference, Failure};
use crate::resource::{KeptFile, Resource};

/// A unit file of systemd, which is read at once. If systemd cannot load the unit, the former file comes back.
///
/// [`Service`](super::Service) enables and starts the unit.
///
/// ```
/// use setup_tasks_agent::resources::Unit;
///
/// Unit::named("worker.service").content("[Service]\nExecStart=/usr/local/bin/worker\n");
/// Unit::drop_in("nginx", "limits").content("[Service]\nLimitNOFILE=65536\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    name: String,
    drop_in: Option<String>,
    content: Content,
}

impl Unit {
    /// Creates a unit file in `/etc/systemd/system`.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: full_name(&name.into()), drop_in: None, content: Content::from("") }
    }

    /// Creates a file with further settings of a unit.
    pub fn drop_in(unit: impl Into<String>, name: impl Into<String>) -> Self {
        Self { drop_in: Some(name.into()), ..Self::named(unit) }
    }

    /// Sets the text.
    #[must_use]
    pub fn content(mut self, content: impl Into<Content>) -> Self {
        self.content = content.into();
        self
    }

    fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        self.drop_in.iter().try_for_each(|name| check_name(name))
    }

    fn path(&self) -> String {
        match &self.drop_in {
            None => format!("/etc/systemd/system/{}", self.name),
            Some(name) => format!("/etc/systemd/system/{}.d/{}.conf", self.name, name.trim_end_matches(".conf")),
        }
    }

    fn file(&self) -> File {
        let mode = if self.content.is_secret() { 0o600 } else { 0o644 };
        File::with(self.path(), self.content.clone(), Ownership { mode: Some(mode), ..Ownership::default() })
    }

    /// Lets systemd read the unit, and checks that it could.
    fn load(&self, far: &mut Far) -> Result<()> {
        systemd::reload(far)?;
        far.forget_shared();
        let state = systemd::state(far, &self.name)?;
        // A file with further settings can precede its unit.
        let is_good =
            ["loaded", "masked"].contains(&&*state.load) || self.drop_in.is_some() && state.load == "not-found";
        if is_good {
            return Ok(());
        }
        let reason = if state.load_error.is_empty() {
            self.words(far)
        } else {
            format!("{}\n{}", state.load_error, self.words(far))
        };
        Err(Failure::new("load the unit", Cause::Refused(format!("systemd reports {}: {}", state.load, reason.trim()))))
    }

    /// Returns the words of systemd about the unit.
    fn words(&self, far: &Far) -> String {
        let verify = far.query("systemd-analyze").args(["verify", &self.name]).finish("verify the unit");
        verify.map(|output| output.words()).unwrap_or_default()
    }
}

impl Resource for Unit {
    const KIND: &str = "unit";

    fn name(&self) -> String {
        match &self.drop_in {
            None => format!("unit {}", self.name),
            Some(name) => format!("settings {name} of unit {}", self.name),
        }
    }

    fn prepare(&self, far: &mut Far) {
        systemd::announce(far, &self.name);
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        self.check()?;
        let mut differences = self.file().observe(far)?;
        if differences.is_empty() && systemd::state(far, &self.name)?.is_outdated {
            differences.push(Difference::new(&self.name, "systemd has not read the file since it changed"));
        }
        Ok(differences)
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        self.check()?;
        let path = self.path();
        let before = KeptFile::of(far, &path)?;
        far.make_parents(&path)?;
        self.file().apply(far, &[])?;
        let loaded = self.load(far);
        if loaded.is_err() {
            before.put_back(far, &path)?;
            systemd::reload(far)?;
        }
        loaded
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        self.check()?;
        if far.stat(self.path())?.is_none() {
            return Ok(());
        }
        if self.drop_in.is_none() {
            let disable = far.command("systemctl").args(["--no-ask-password", "disable", "--now", "--", &self.name]);
            disable.output("stop the unit")?;
        }
        far.remove(self.path())?;
        // The directory of the settings stays if it has others.
        if let (Some(_), Some((directory, _))) = (&self.drop_in, self.path().rsplit_once('/'))
            && far.list(directory)?.is_empty()
        {
            far.remove_empty_directory(directory)?;
        }
        systemd::reload(far)
    }

    fn contents(&self) -> Vec<(String, Content)> {
        vec![(self.path(), self.content.clone())]
    }
}
