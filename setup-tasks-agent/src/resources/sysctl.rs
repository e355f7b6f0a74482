//! A setting of the kernel.

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::edit::has_line_break;
use super::file::File;
use super::ownership::Ownership;
use crate::Result;
use crate::far::Far;
use crate::protocol::{Cause, Difference, Failure};
use crate::resource::{Resource, Restore};

/// A setting of the kernel, now and after the next start. An undo removes the latter; the running kernel keeps the value.
///
/// ```
/// use setup_tasks_agent::resources::Sysctl;
///
/// Sysctl::set("net.ipv4.ip_forward", "1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sysctl {
    key: String,
    value: String,
}

impl Sysctl {
    /// Creates a setting. In a key with slashes, such as `net/ipv4/conf/eth0.7/forwarding`, dots are part of the names.
    pub fn set(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }

    fn check(&self) -> Result<()> {
        let plain = self.key.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:@".contains(c));
        let names_are_good =
            self.path().trim_start_matches("/proc/sys/").split('/').all(|name| !matches!(name, "" | "." | ".."));
        if !plain || !names_are_good || has_line_break(&self.value) {
            let reason = format!("`{} = {}` is not a setting", self.key, self.value);
            return Err(Failure::new("set it", Cause::Refused(reason)));
        }
        Ok(())
    }

    /// Returns the file of the running kernel.
    fn path(&self) -> String {
        let names = if self.key.contains('/') { self.key.clone() } else { self.key.replace('.', "/") };
        format!("/proc/sys/{names}")
    }

    fn file(&self) -> File {
        let name = self.key.replace('/', ".");
        let path = format!("/etc/sysctl.d/90-setup-tasks-{name}.conf");
        let text = Content::from(format!("{} = {}\n", self.key, self.value));
        File::with(path, text, Ownership { mode: Some(0o644), ..Ownership::default() })
    }

    /// Returns the value of the running kernel. A machine in a directory has none.
    fn value(&self, far: &Far) -> Result<Option<String>> {
        let value = far.read_text(self.path())?;
        if value.is_none() && far.is_whole() {
            let reason = "the kernel of the machine has no such setting";
            return Err(Failure::new(format!("find `{}`", self.key), Cause::Refused(reason.into())));
        }
        Ok(value.map(|value| words(&value)))
    }
}

/// Returns a value with single spaces, since the kernel writes tabs.
fn words(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Resource for Sysctl {
    const KIND: &str = "sysctl";

    fn name(&self) -> String {
        format!("sysctl {}", self.key)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        self.check()?;
        let mut differences = Vec::new();
        if let Some(value) = self.value(far)?.filter(|value| *value != words(&self.value)) {
            differences.push(Difference::new(&self.key, value).instead_of(&self.value));
        }
        differences.extend(self.file().observe(far)?);
        Ok(differences)
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        self.check()?;
        // The kernel checks the value. A bad one does not get into the file.
        if self.value(far)?.is_some_and(|value| value != words(&self.value)) {
            far.write_in_place(self.path(), self.value.as_bytes())?;
        }
        far.make_parents("/etc/sysctl.d/file")?;
        self.file().apply(far, &[])
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        self.check()?;
        self.file().undo(far)
    }

    fn keep(&self, far: &mut Far) -> Result<Vec<Restore>> {
        self.check()?;
        let former = self.value(far)?.map(|value| Restore::InPlace { path: self.path(), content: value });
        Ok(self.file().keep(far)?.into_iter().chain(former).collect())
    }
}
