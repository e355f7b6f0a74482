//! A directory with its files.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::directory::Directory;
use super::file::File;
use super::ownership::Ownership;
use crate::Result;
use crate::far::{Far, Kind};
use crate::protocol::{Cause, Difference, Failure, ResourceData};
use crate::resource::Resource;

/// A directory with its files and directories, as a copy of another one. Other files in it stay, unless
/// [`purge`](Self::purge) is set.
///
/// ```
/// use setup_tasks_agent::resources::Tree;
///
/// Tree::at("/srv/www/site").file("index.html", "<h1>Hello</h1>", 0o644).directory("images", 0o755).owner("deploy").purge();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    path: String,
    entries: BTreeMap<String, Entry>,
    owner: Option<String>,
    group: Option<String>,
    purge: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Entry {
    File(Content, u32),
    Directory(u32),
}

impl Tree {
    /// Creates an empty directory.
    pub fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), entries: BTreeMap::new(), owner: None, group: None, purge: false }
    }

    /// Adds a file by its path below the directory. The directories on the path are added, with permissions 0755.
    #[must_use]
    pub fn file(mut self, path: impl Into<String>, content: impl Into<Content>, mode: u32) -> Self {
        self.entries.insert(path.into(), Entry::File(content.into(), mode));
        self
    }

    /// Adds a directory by its path below the directory.
    #[must_use]
    pub fn directory(mut self, path: impl Into<String>, mode: u32) -> Self {
        self.entries.insert(path.into(), Entry::Directory(mode));
        self
    }

    /// Sets the owner of all files and directories.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Sets the group of all files and directories.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Removes everything else in the directory.
    #[must_use]
    pub fn purge(mut self) -> Self {
        self.purge = true;
        self
    }

    /// Returns the resources of the tree, directories before their content.
    fn parts(&self) -> Result<Vec<Part>> {
        let mut directories = BTreeMap::from([(String::new(), 0o755)]);
        for (path, entry) in &self.entries {
            let plain = !path.is_empty() && path.split('/').all(|name| !matches!(name, "" | "." | ".."));
            if !plain {
                let reason = format!("`{path}` is not a path below the directory");
                return Err(Failure::new(format!("copy the tree `{}`", self.path), Cause::Refused(reason)));
            }
            for (at, _) in path.match_indices('/') {
                directories.entry(path[..at].to_owned()).or_insert(0o755);
            }
            if let Entry::Directory(mode) = entry {
                directories.insert(path.clone(), *mode);
            }
        }
        let ownership = |mode| Ownership { mode: Some(mode), owner: self.owner.clone(), group: self.group.clone() };
        let place = |path: &str| if path.is_empty() { self.path.clone() } else { format!("{}/{path}", self.path) };
        let directories =
            directories.iter().map(|(path, mode)| Part::Directory(Directory::with(place(path), ownership(*mode))));
        let files = self.entries.iter().filter_map(|(path, entry)| match entry {
            Entry::File(content, mode) => Some(Part::File(File::with(place(path), content.clone(), ownership(*mode)))),
            Entry::Directory(_) => None,
        });
        Ok(directories.chain(files).collect())
    }

    /// Returns the paths of everything in the directory that does not belong to the tree.
    fn surplus(&self, far: &Far) -> Result<Vec<String>> {
        if !self.purge {
            return Ok(Vec::new());
        }
        let mut known = BTreeSet::new();
        for path in self.entries.keys() {
            known.extend(path.match_indices('/').map(|(at, _)| &path[..at]).chain([&**path]));
        }
        let (mut surplus, mut pending) = (Vec::new(), vec![String::new()]);
        while let Some(directory) = pending.pop() {
            let place = format!("{}/{directory}", self.path);
            if far.stat(place.trim_end_matches('/'))?.is_none_or(|stat| stat.kind != Kind::Directory) {
                continue;
            }
            for name in far.list(place.trim_end_matches('/'))? {
                let name = name.into_string().map_err(|name| {
                    let reason = format!("`{}` is not UTF-8", name.display());
                    Failure::new(format!("purge the tree `{}`", self.path), Cause::Refused(reason))
                })?;
                let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
                if known.contains(&*path) { pending.push(path) } else { surplus.push(format!("{}/{path}", self.path)) }
            }
        }
        surplus.sort();
        Ok(surplus)
    }
}

enum Part {
    File(File),
    Directory(Directory),
}

impl Part {
    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        match self {
            Self::File(file) => file.observe(far),
            Self::Directory(directory) => directory.observe(far),
        }
    }

    fn apply(&self, far: &mut Far) -> Result<()> {
        match self {
            Self::File(file) => file.apply(far, &[]),
            Self::Directory(directory) => directory.apply(far, &[]),
        }
    }
}

impl Resource for Tree {
    const KIND: &str = "tree";

    fn name(&self) -> String {
        format!("tree {}", self.path)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        let mut differences = Vec::new();
        for part in self.parts()? {
            differences.extend(part.observe(far)?);
        }
        let surplus = self.surplus(far)?;
        differences.extend(
            surplus.into_iter().map(|path| Difference::new(path, "does not belong to the tree").instead_of("nothing")),
        );
        Ok(differences)
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        for part in self.parts()? {
            far.check_cancelled("copy the tree")?;
            if !part.observe(far)?.is_empty() {
                part.apply(far)?;
            }
        }
        self.surplus(far)?.iter().try_for_each(|path| far.remove(path).map(drop))
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        let parts = self.parts()?;
        parts.iter().rev().try_for_each(|part| match part {
            Part::File(file) => file.undo(far),
            // A directory with other files stays.
            Part::Directory(directory) => match directory.undo(far) {
                Err(Failure { cause: Cause::Refused(_), .. }) => Ok(()),
                done => done,
            },
        })
    }

    fn question(&self) -> ResourceData {
        let brief = |entry: &Entry| match entry {
            Entry::File(content, mode) => Entry::File(content.by_hash(), *mode),
            Entry::Directory(mode) => Entry::Directory(*mode),
        };
        let entries = self.entries.iter().map(|(path, entry)| (path.clone(), brief(entry))).collect();
        ResourceData::of(&Self { entries, ..self.clone() })
    }

    fn contents(&self) -> Vec<(String, Content)> {
        let contents = self.entries.iter().filter_map(|(path, entry)| match entry {
            Entry::File(content, _) => Some((format!("{}/{path}", self.path), content.clone())),
            Entry::Directory(_) => None,
        });
        contents.collect()
    }
}
