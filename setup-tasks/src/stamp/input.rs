//! The input files of a task: the files that its patterns match, and the check whether their
//! contents have changed.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::InputStamp;
use super::input_stamp::kept_name;
use super::look::{Look, kind_of, open, settled_by};
use super::pattern::{PathPattern, Step};
use crate::error_help;
use crate::fs::found;
use crate::secret;

/// The files that a task's declared paths and globs match now, sorted.
pub(crate) struct Inputs {
    base: PathBuf,
    /// Paths relative to the base directory unless they were declared absolute. A directory ends with a slash.
    paths: Vec<OsString>,
}

/// An error during the examination of inputs or outputs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("`{pattern}` is not a valid glob")]
    Pattern { pattern: String, source: glob::PatternError },
    #[error("a declared path holds a secret: `{pattern}`")]
    Secret { pattern: String },
    #[error("a declared path is empty")]
    Empty { pattern: String },
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is {kind}, which is never opened", path.display())]
    Special { path: PathBuf, kind: &'static str },
}

error_help!(InputError);

impl InputError {
    fn help(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Secret { .. } => Some("name the file by something that may be seen; records keep its path".into()),
            Self::Empty { .. } => Some("write `.` for the base directory itself".into()),
            Self::Special { .. } => Some("declare files and directories as inputs, or move it elsewhere".into()),
            Self::Pattern { .. } | Self::Read { .. } => None,
        }
    }
}

impl Look {
    /// Returns the recorded state of a file.
    fn recorded(stamp: &InputStamp) -> Self {
        Self { size: stamp.size, modified: stamp.modified, changed: stamp.changed, inode: stamp.inode }
    }
}

impl Inputs {
    /// Finds the files. A path that does not exist is kept and counts as missing. A walk that
    /// begins above a directory in `skip` does not enter that directory.
    pub(crate) fn find(base: &Path, patterns: &[PathPattern], skip: &[PathBuf]) -> Result<Self, InputError> {
        Ok(Self { base: base.to_owned(), paths: find(base, patterns, skip)? })
    }

    /// Returns the first file whose content differs from the record, or that has appeared or
    /// vanished since.
    pub(crate) fn first_change(&self, recorded: &[InputStamp]) -> Result<Option<String>, InputError> {
        let mut recorded: Vec<_> = recorded.iter().map(|old| (old.name(), old)).collect();
        recorded.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut recorded = recorded.into_iter().peekable();
        let shown = |name: &OsStr| Ok(Some(name.to_string_lossy().trim_end_matches('/').to_owned()));
        for path in &self.paths {
            if let Some((vanished, _)) = recorded.next_if(|(old, _)| **old < **path) {
                return shown(&vanished);
            }
            let is_same = match recorded.next_if(|(old, _)| **old == **path) {
                Some((_, old)) => self.is_same(path, old)?,
                None => metadata(&self.base.join(path))?.is_none(),
            };
            if !is_same {
                return shown(path);
            }
        }
        recorded.next().map_or(Ok(None), |(vanished, _)| shown(&vanished))
    }

    fn is_same(&self, path: &OsStr, old: &InputStamp) -> Result<bool, InputError> {
        let path = self.base.join(path);
        let Some(meta) = metadata(&path)? else { return Ok(false) };
        let look = Look::of(&meta);
        if meta.is_dir() || look.size != old.size {
            return Ok(meta.is_dir() && old.path.ends_with('/'));
        }
        if Look::recorded(old).vouches_for(&look, old.recorded) {
            return Ok(true);
        }
        Ok(digest(&path, &meta)?.is_some_and(|digest| digest == old.digest))
    }

    /// Records the current state of the files. Missing files are omitted.
    pub(crate) fn record(&self) -> Result<Vec<InputStamp>, InputError> {
        let recorded = settled_by();
        let mut stamps = Vec::with_capacity(self.paths.len());
        for name in &self.paths {
            let path = self.base.join(name);
            let Some(meta) = metadata(&path)? else { continue };
            let Some(digest) = digest(&path, &meta)? else { continue };
            let Look { size, modified, changed, inode } = Look::of(&meta);
            stamps.push(InputStamp { path: kept_name(name), digest, size, modified, inode, recorded, changed });
        }
        Ok(stamps)
    }
}

/// Returns the first declared output that is missing: a path that does not exist, or a glob without
/// a match.
pub(crate) fn first_missing(base: &Path, patterns: &[PathPattern]) -> Result<Option<String>, InputError> {
    for pattern in patterns {
        let mut walk = Walk { base, skip: &[], found: Vec::new(), entered: HashSet::new(), into_directories: false };
        walk.pattern(pattern)?;
        let mut is_there = false;
        for path in &walk.found {
            is_there |= there(&base.join(path), fs::symlink_metadata(base.join(path)))?.is_some();
        }
        if !is_there {
            return Ok(Some(pattern.to_string()));
        }
    }
    Ok(None)
}

/// Returns the paths that the patterns match, sorted.
pub(super) fn find(base: &Path, patterns: &[PathPattern], skip: &[PathBuf]) -> Result<Vec<OsString>, InputError> {
    let mut found = Vec::new();
    for pattern in patterns {
        let mut walk = Walk { base, skip, found, entered: HashSet::new(), into_directories: true };
        walk.pattern(pattern)?;
        found = walk.found;
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// A walk along one pattern.
struct Walk<'w> {
    base: &'w Path,
    skip: &'w [PathBuf],
    found: Vec<OsString>,
    /// The directories that the walk has entered, each with the number of remaining steps, the
    /// device and the inode. They keep links from leading in circles.
    entered: HashSet<(usize, u64, u64)>,
    /// Whether a directory represents every file in it.
    into_directories: bool,
}

/// The replacement for the number of remaining steps in the walk through a whole directory.
const WHOLE: usize = usize::MAX;

impl Walk<'_> {
    fn pattern(&mut self, pattern: &PathPattern) -> Result<(), InputError> {
        if secret::any() && secret::holds(&pattern.to_string()) {
            return Err(InputError::Secret { pattern: secret::redact(&pattern.to_string()).into_owned() });
        }
        let at = if pattern.is_absolute() { PathBuf::from("/") } else { PathBuf::new() };
        self.steps(at, &pattern.steps()?)
    }

    fn steps(&mut self, at: PathBuf, steps: &[Step]) -> Result<(), InputError> {
        let Some((step, rest)) = steps.split_first() else { return self.add(at) };
        match step {
            Step::Name(name) => self.steps(at.join(name), rest),
            Step::Glob(glob) => {
                for (name, _) in self.entries(&at)? {
                    // Bytes of a name that are not UTF-8 match wildcards.
                    let path = at.join(&name);
                    if glob.matches(&name.to_string_lossy()) && !self.skips(&path) {
                        self.steps(path, rest)?;
                    }
                }
                Ok(())
            }
            Step::AnyDirectories if rest.is_empty() && self.into_directories => self.add(at),
            Step::AnyDirectories => {
                if !self.enter(&at, steps.len())? {
                    return Ok(());
                }
                self.steps(at.clone(), rest)?;
                for (name, kind) in self.entries(&at)? {
                    let path = at.join(&name);
                    let is_directory = kind.is_dir() || (kind.is_symlink() && self.base.join(&path).is_dir());
                    if is_directory && !self.skips(&path) {
                        self.steps(path, steps)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Adds a path. If directories represent their files, a directory also adds every file in it.
    fn add(&mut self, path: PathBuf) -> Result<(), InputError> {
        if !self.into_directories {
            self.found.push(path.into_os_string());
            return Ok(());
        }
        match metadata(&self.base.join(&path))? {
            Some(meta) if meta.is_dir() => {
                let mut name = if path.as_os_str().is_empty() { OsString::from(".") } else { path.clone().into() };
                name.push("/");
                self.found.push(name);
                self.directory(&path)
            }
            Some(_) | None => {
                self.found.push(path.into_os_string());
                Ok(())
            }
        }
    }

    fn directory(&mut self, at: &Path) -> Result<(), InputError> {
        if !self.enter(at, WHOLE)? {
            return Ok(());
        }
        for (name, kind) in self.entries(at)? {
            let path = at.join(name);
            let kind = if kind.is_symlink() {
                metadata(&self.base.join(&path))?.map(|meta| meta.file_type())
            } else {
                Some(kind)
            };
            match kind {
                Some(kind) if kind.is_dir() && self.skips(&path) => {}
                Some(kind) if kind.is_dir() => self.directory(&path)?,
                Some(kind) if !kind.is_file() => {
                    return Err(InputError::Special { path: self.base.join(&path), kind: kind_of(kind) });
                }
                Some(_) | None => self.found.push(path.into_os_string()),
            }
        }
        Ok(())
    }

    /// Returns whether the directory exists and was not entered before.
    fn enter(&mut self, at: &Path, left: usize) -> Result<bool, InputError> {
        let Some(meta) = metadata(&self.base.join(at))? else { return Ok(false) };
        Ok(self.entered.insert(identity(&meta, left)) || cfg!(not(unix)))
    }

    fn skips(&self, path: &Path) -> bool {
        !self.skip.is_empty() && self.skip.contains(&self.base.join(path))
    }

    fn entries(&self, at: &Path) -> Result<Vec<(OsString, fs::FileType)>, InputError> {
        let path = self.base.join(at);
        let read = || {
            fs::read_dir(&path)?
                .map(|entry| entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?))))
                .collect()
        };
        Ok(there(&path, read())?.unwrap_or_default())
    }
}

#[cfg(unix)]
fn identity(meta: &Metadata, left: usize) -> (usize, u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (left, meta.dev(), meta.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata, left: usize) -> (usize, u64, u64) {
    (left, 0, 0)
}

/// Returns the metadata of a path with links followed, or `None` if the path does not exist. A
/// special file is an error.
fn metadata(path: &Path) -> Result<Option<Metadata>, InputError> {
    let meta = there(path, fs::metadata(path))?;
    match meta {
        Some(meta) if !meta.is_file() && !meta.is_dir() => {
            Err(InputError::Special { path: path.to_owned(), kind: kind_of(meta.file_type()) })
        }
        meta => Ok(meta),
    }
}

fn there<A>(path: &Path, result: io::Result<A>) -> Result<Option<A>, InputError> {
    found(result).map_err(|source| InputError::Read { path: path.to_owned(), source })
}

fn digest(path: &Path, meta: &Metadata) -> Result<Option<[u8; 32]>, InputError> {
    let mut hasher = blake3::Hasher::new();
    if meta.is_dir() {
        return Ok(Some(*hasher.finalize().as_bytes()));
    }
    let Some(file) = there(path, open(path))? else { return Ok(None) };
    let read = |source| InputError::Read { path: path.to_owned(), source };
    let meta = file.metadata().map_err(read)?;
    if !meta.is_file() {
        return Err(InputError::Special { path: path.to_owned(), kind: kind_of(meta.file_type()) });
    }
    hasher.update_reader(file).map_err(read)?;
    Ok(Some(*hasher.finalize().as_bytes()))
}
