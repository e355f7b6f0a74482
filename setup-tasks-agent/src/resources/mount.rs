//! A mounted file system.

use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::edit::Edit;
use crate::Result;
use crate::far::Far;
use crate::protocol::{Cause, Difference, Failure};
use crate::resource::Resource;

const FSTAB: &str = "/etc/fstab";

/// A file system that is mounted, now and with each start, by `/etc/fstab`. Its directory is created.
///
/// ```
/// use setup_tasks_agent::resources::Mount;
///
/// Mount::at("/data").source("UUID=0a3407de-014b-458b-b5c1-848e92a327a3").kind("ext4").options("noatime");
/// Mount::at("/scratch").source("tmpfs").kind("tmpfs").options("size=1g");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    path: String,
    source: String,
    kind: String,
    options: String,
}

impl Mount {
    /// Creates a mount at a directory.
    pub fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), source: String::new(), kind: "auto".into(), options: "defaults".into() }
    }

    /// Sets the device or another source.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// Sets the kind of the file system. The default is `auto`.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }

    /// Sets the options, separated by commas. The default is `defaults`.
    #[must_use]
    pub fn options(mut self, options: impl Into<String>) -> Self {
        self.options = options.into();
        self
    }

    fn check(&self) -> Result<()> {
        let fields = [&self.path, &self.source, &self.kind, &self.options];
        let good = self.path.starts_with('/') && self.path.len() > 1 && !self.source.starts_with('-');
        if good && fields.iter().all(|field| !field.is_empty() && !field.contains('\n')) {
            return Ok(());
        }
        Err(Failure::new(
            "mount it",
            Cause::Refused("it needs an absolute path below `/`, a source, a kind and options".into()),
        ))
    }

    fn line(&self) -> String {
        // The last fields are for the programs dump and fsck.
        [&self.source, &self.path, &self.kind, &self.options].map(|field| escaped(field)).join(" ") + " 0 0"
    }

    fn is_own(&self, line: &str) -> bool {
        !line.trim_start().starts_with('#') && line.split_whitespace().nth(1) == Some(&*escaped(&self.path))
    }

    /// Returns the new text of `/etc/fstab`. A line whose first four fields are right is kept.
    fn edited(&self, old: &str, present: bool) -> String {
        let wanted = self.line();
        let fields = |line: &str| line.split_whitespace().take(4).map(str::to_owned).collect::<Vec<_>>();
        let (mut lines, mut placed) = (Vec::new(), !present);
        for line in old.lines() {
            if !self.is_own(line) {
                lines.push(line);
            } else if !placed {
                lines.push(if fields(line) == fields(&wanted) { line } else { &wanted });
                placed = true;
            }
        }
        lines.extend((!placed).then_some(&*wanted));
        if old.lines().eq(lines.iter().copied()) {
            old.to_owned()
        } else {
            lines.into_iter().flat_map(|line| [line, "\n"]).collect()
        }
    }

    /// Returns whether something is mounted at the path. Nothing is on a machine in a directory.
    fn is_mounted(&self, far: &Far) -> Result<bool> {
        let mounts = far.read_text("/proc/self/mountinfo")?.unwrap_or_default();
        Ok(mounts.lines().any(|line| line.split(' ').nth(4) == Some(&*escaped(self.path.trim_end_matches('/')))))
    }
}

/// Returns a field with its spaces written as the kernel writes them.
fn escaped(field: &str) -> String {
    field.replace('\\', r"\134").replace(' ', r"\040").replace('\t', r"\011")
}

impl Resource for Mount {
    const KIND: &str = "mount";

    fn name(&self) -> String {
        format!("mount {}", self.path)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        self.check()?;
        let edit = Edit::of(far, FSTAB, false)?;
        let mut differences =
            edit.difference(FSTAB, &format!("line of {} differs", self.path), &self.edited(edit.text(), true));
        if far.is_whole() && !self.is_mounted(far)? {
            differences.push(Difference::new(&self.path, "not mounted"));
        }
        Ok(differences)
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        self.check()?;
        let directory = Directory::at(&*self.path);
        if !directory.observe(far)?.is_empty() {
            directory.apply(far, &[])?;
        }
        let edit = Edit::of(far, FSTAB, false)?;
        let was_mounted = self.is_mounted(far)?;
        edit.write_if_different(far, &self.edited(edit.text(), true))?;
        let args: &[&str] = if was_mounted { &["-o", "remount", &self.path] } else { &[&self.path] };
        let mounted = far.command("mount").args(args.iter().copied()).output("mount it");
        if mounted.is_err() {
            // The next start of the machine would fail, too.
            edit.write(far, edit.text())?;
        }
        mounted.map(drop)
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        self.check()?;
        if self.is_mounted(far)? {
            far.command("umount").arg(&*self.path).output("unmount it")?;
        }
        let edit = Edit::of(far, FSTAB, false)?;
        edit.write_if_different(far, &self.edited(edit.text(), false))
    }
}
