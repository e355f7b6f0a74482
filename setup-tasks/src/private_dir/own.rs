//! Looks at a directory that contains directories of other objects.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::{PrivateDir, Refusal};

impl PrivateDir {
    /// Returns whether anything is in this directory besides the directories `keep`, which are
    /// relative to it, and the directories that lead to them.
    pub(crate) fn has_own(&self, keep: &[&Path]) -> io::Result<bool> {
        for name in self.names()? {
            if keep.iter().any(|kept| kept.as_os_str() == name) {
                continue;
            }
            let kept = kept_within(keep, &name);
            let inner = if kept.is_empty() { None } else { self.find(&name)? };
            match inner {
                Some(inner) if !inner.has_own(&kept)? => {}
                _ => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Moves everything in this directory into another one, except the directories `keep`, which
    /// are relative to this one. A name that both have is an error.
    pub(crate) fn move_into(&self, target: &Self, keep: &[&Path]) -> io::Result<()> {
        for name in self.names()? {
            if keep.iter().any(|kept| kept.as_os_str() == name) {
                continue;
            }
            let kept = kept_within(keep, &name);
            match if kept.is_empty() { None } else { self.find(&name)? } {
                Some(inner) if inner.has_own(&kept)? => inner.move_into(&target.make(&name)?, &kept)?,
                Some(_) => {}
                None if target.has(&name)? => return Err(Refusal::Exists(target.path().join(name)).into()),
                None => self.rename_into(&name, target)?,
            }
        }
        Ok(())
    }

    /// Removes the directory `subdir` below this one if it is empty, and then its parents that are
    /// empty and not kept.
    pub(crate) fn remove_empty_upwards(&self, subdir: &str, is_kept: impl Fn(&str) -> bool) -> io::Result<()> {
        let mut at = subdir;
        loop {
            let (parent, name) = at.rsplit_once('/').unwrap_or(("", at));
            let above = if parent.is_empty() { None } else { self.find(parent)? };
            let is_removed = above.as_ref().unwrap_or(self).remove_empty(name)?;
            if !is_removed || parent.is_empty() || is_kept(parent) {
                return Ok(());
            }
            at = parent;
        }
    }
}

/// Returns the paths of `keep` that are below `name`, relative to it.
pub(super) fn kept_within<'k>(keep: &[&'k Path], name: &OsStr) -> Vec<&'k Path> {
    keep.iter().filter_map(|kept| kept.strip_prefix(name).ok()).collect()
}
