//! The owners of files below a root, whose own lists give their names.

use std::path::{Path, PathBuf};

use crate::filesystem::InstallError;
use crate::rooted_directory::RootedDirectory;

/// A list of names with their numbers.
#[derive(Clone, Copy)]
pub(crate) enum OwnerList {
    Users,
    Groups,
}

impl OwnerList {
    fn path(self) -> &'static Path {
        Path::new(match self {
            Self::Users => "etc/passwd",
            Self::Groups => "etc/group",
        })
    }

    /// Returns the number of a name. A name in digits is a number.
    ///
    /// # Errors
    ///
    /// If the root has no such name, or if its list cannot be read.
    pub(crate) fn number(self, root: &RootedDirectory, name: &str) -> Result<u32, InstallError> {
        if let Ok(number) = name.parse() {
            return Ok(number);
        }
        let entries = self.entries(root)?;
        entries.into_iter().find(|(known, _)| known == name).map(|(_, number)| number).ok_or_else(|| {
            let what = match self {
                Self::Users => "user",
                Self::Groups => "group",
            };
            let list: PathBuf = root.path().join(self.path());
            InstallError::Unknown { what, name: name.to_owned(), list }
        })
    }

    /// Returns the name of a number, or the number in digits if the root has no name for it.
    pub(crate) fn name(self, root: &RootedDirectory, number: u32) -> String {
        let entries = self.entries(root).unwrap_or_default();
        entries.into_iter().find(|(_, known)| *known == number).map_or_else(|| number.to_string(), |(name, _)| name)
    }

    /// Returns the names of the list, with their numbers. A root without a list has no names.
    fn entries(self, root: &RootedDirectory) -> Result<Vec<(String, u32)>, InstallError> {
        let text = root.read_now(self.path())?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let entry = |line: &str| {
            let mut fields = line.split(':');
            let (name, number) = (fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?);
            Some((name, number))
        };
        Ok(text.lines().filter_map(entry).collect())
    }
}
