//! The name of the machine.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::far::{Attributes, Far};
use crate::protocol::{Cause, Difference, Failure};
use crate::resource::{Resource, no_undo};

const PATH: &str = "/etc/hostname";

/// The name of the machine, now and after the next start. It has no undo.
///
/// ```
/// use setup_tasks_agent::resources::Hostname;
///
/// Hostname::set("web1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hostname {
    hostname: String,
}

impl Hostname {
    /// Creates the resource.
    pub fn set(hostname: impl Into<String>) -> Self {
        Self { hostname: hostname.into() }
    }

    fn check(&self) -> Result<()> {
        let label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        if self.hostname.len() <= 64 && self.hostname.split('.').all(label) {
            return Ok(());
        }
        let reason = format!("`{}` is not a name of a host", self.hostname);
        Err(Failure::new("set the name of the host", Cause::Refused(reason)))
    }

    /// Returns the name that the kernel uses. A machine in a directory has none.
    fn current(far: &Far) -> Option<String> {
        far.is_whole().then(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
    }
}

impl Resource for Hostname {
    const KIND: &str = "hostname";
    const HAS_UNDO: bool = false;

    fn name(&self) -> String {
        "hostname".into()
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        self.check()?;
        let mut differences = Vec::new();
        if let Some(current) = Self::current(far).filter(|current| *current != self.hostname) {
            differences.push(Difference::new("hostname", current).instead_of(&self.hostname));
        }
        let kept = far.read_text(PATH)?;
        if kept.as_deref().map(str::trim) != Some(&self.hostname) {
            let is = kept.map_or_else(|| "absent".to_owned(), |kept| kept.trim().to_owned());
            differences.push(Difference::new(PATH, is).instead_of(&self.hostname));
        }
        Ok(differences)
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        self.check()?;
        far.write(PATH, format!("{}\n", self.hostname).as_bytes(), Attributes::default())?;
        if Self::current(far).is_some_and(|current| current != self.hostname) {
            let set = rustix::system::sethostname(self.hostname.as_bytes());
            set.map_err(|error| Failure::new("set the name of the host", std::io::Error::from(error)))?;
        }
        Ok(())
    }

    fn undo(&self, _: &mut Far) -> Result<()> {
        Err(no_undo("the former name is not known"))
    }
}
