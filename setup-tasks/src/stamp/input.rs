//! Input files: which they are, and whether their content is what it was.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::Moment;

/// A file that changed less than this before it was recorded may change again without a new time of modification
/// (FAT keeps two seconds): such a file is read again, as git does with its index.
const RACY: Duration = Duration::from_secs(2);

/// An input file as it was when it was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputStamp {
    /// Its path, relative to the layout's base directory unless it was declared absolute.
    pub path: String,
    /// The BLAKE3 hash of its content.
    pub digest: [u8; 32],
    size: u64,
    modified: Moment,
    inode: u64,
    recorded: Moment,
}

/// The files that a task's declared paths and globs stand for now, sorted.
pub(crate) struct Inputs {
    base: PathBuf,
    files: Vec<String>,
}

/// Why inputs or outputs cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("`{pattern}` is not a valid glob")]
    Pattern { pattern: String, source: glob::PatternError },
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
}

impl Inputs {
    /// Finds the files. A plain path that names no file is kept: it counts as missing.
    pub(crate) fn find(base: &Path, patterns: &[String]) -> Result<Self, InputError> {
        let mut files = Vec::new();
        for pattern in patterns {
            expand(base, pattern, &mut files)?;
        }
        files.sort_unstable();
        files.dedup();
        Ok(Self { base: base.to_owned(), files })
    }

    /// The first file whose content differs from the record, or that appeared or vanished since.
    pub(crate) fn first_change(&self, recorded: &[InputStamp]) -> Result<Option<String>, InputError> {
        for old in recorded {
            if self.files.binary_search(&old.path).is_err() || !self.is_same(old)? {
                return Ok(Some(old.path.clone()));
            }
        }
        for file in &self.files {
            if !recorded.iter().any(|old| old.path == *file) && metadata(&self.base.join(file))?.is_some() {
                return Ok(Some(file.clone()));
            }
        }
        Ok(None)
    }

    fn is_same(&self, old: &InputStamp) -> Result<bool, InputError> {
        let path = self.base.join(&old.path);
        let Some(meta) = metadata(&path)? else { return Ok(false) };
        if size(&meta) != old.size {
            return Ok(false);
        }
        let modified = modified(&meta);
        let settled = modified.0.saturating_add(u64::try_from(RACY.as_nanos()).unwrap_or(u64::MAX)) < old.recorded.0;
        if settled && modified == old.modified && inode(&meta) == old.inode {
            return Ok(true);
        }
        Ok(digest(&path)?.is_some_and(|digest| digest == old.digest))
    }

    /// Records the files as they are now; one that is missing is left out.
    pub(crate) fn record(&self) -> Result<Vec<InputStamp>, InputError> {
        let recorded = Moment::from(SystemTime::now());
        let mut stamps = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let path = self.base.join(file);
            let Some(meta) = metadata(&path)? else { continue };
            let Some(digest) = digest(&path)? else { continue };
            let (size, modified, inode) = (size(&meta), modified(&meta), inode(&meta));
            stamps.push(InputStamp { path: file.clone(), digest, size, modified, inode, recorded });
        }
        Ok(stamps)
    }
}

/// The first declared output that is missing: a path that names nothing, or a glob that matches nothing.
pub(crate) fn first_missing(base: &Path, patterns: &[String]) -> Result<Option<String>, InputError> {
    for pattern in patterns {
        let mut files = Vec::new();
        expand(base, pattern, &mut files)?;
        let mut there = false;
        for file in files {
            there |= metadata(&base.join(file))?.is_some();
        }
        if !there {
            return Ok(Some(pattern.clone()));
        }
    }
    Ok(None)
}

fn expand(base: &Path, pattern: &str, files: &mut Vec<String>) -> Result<(), InputError> {
    if !pattern.contains(['*', '?', '[']) {
        files.push(pattern.to_owned());
        return Ok(());
    }
    // The base directory's own name is no pattern.
    let whole = if Path::new(pattern).is_absolute() {
        pattern.to_owned()
    } else {
        format!("{}/{pattern}", glob::Pattern::escape(&base.to_string_lossy()))
    };
    let found = glob::glob(&whole).map_err(|source| InputError::Pattern { pattern: pattern.to_owned(), source })?;
    for path in found {
        let path = path.map_err(|error| InputError::Read { path: error.path().to_owned(), source: error.into() })?;
        if path.is_dir() {
            continue;
        }
        let path = path.strip_prefix(base).unwrap_or(&path);
        files.push(path.to_string_lossy().into_owned());
    }
    Ok(())
}

fn metadata(path: &Path) -> Result<Option<Metadata>, InputError> {
    match fs::metadata(path) {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(InputError::Read { path: path.to_owned(), source }),
    }
}

fn digest(path: &Path) -> Result<Option<[u8; 32]>, InputError> {
    let mut hasher = blake3::Hasher::new();
    let read = fs::File::open(path).and_then(|mut file| {
        if file.metadata()?.is_dir() {
            // A directory is an input by its presence; its files are named by a glob.
            return Ok(());
        }
        io::copy(&mut file, &mut hasher).map(drop)
    });
    match read {
        Ok(()) => Ok(Some(*hasher.finalize().as_bytes())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(InputError::Read { path: path.to_owned(), source }),
    }
}

/// A directory's own size says nothing about it.
fn size(meta: &Metadata) -> u64 {
    if meta.is_dir() { 0 } else { meta.len() }
}

fn modified(meta: &Metadata) -> Moment {
    meta.modified().map_or(Moment(0), Moment::from)
}

#[cfg(unix)]
fn inode(meta: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
fn inode(_meta: &Metadata) -> u64 {
    0
}
