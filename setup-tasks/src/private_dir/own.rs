//! Looks at a directory that contains directories of other objects.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::PrivateDir;

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
}

/// Returns the paths of `keep` that are below `name`, relative to it.
pub(super) fn kept_within<'k>(keep: &[&'k Path], name: &OsStr) -> Vec<&'k Path> {
    keep.iter().filter_map(|kept| kept.strip_prefix(name).ok()).collect()
}
