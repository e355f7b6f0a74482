//! The record beside a stamp about the files that a task wrote. docs/src/formats.md describes its format.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use setup_tasks::stamp::FileStamp;
use setup_tasks::{Result, TaskContext};

use crate::filesystem::ExpectedFile;

const VERSION: u8 = 1;

/// The record of one file that a task wrote.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    /// Its path, relative to the root that it was written under.
    pub(crate) path: String,
    /// Whether its text depends on a secret.
    pub(crate) is_secret: bool,
    pub(crate) mode: Option<u32>,
    /// The stamp of the file, or `None` if the filesystem has none.
    pub(crate) stamp: Option<FileStamp>,
}

impl FileRecord {
    /// Returns the record of a file. For a text that depends on a secret, it contains only a keyed hash.
    pub(crate) fn new(
        path: &str,
        is_secret: bool,
        mode: Option<u32>,
        stamp: Option<FileStamp>,
        cx: &TaskContext,
    ) -> Result<Self> {
        let stamp = match stamp {
            Some(stamp) if is_secret => Some(stamp.keyed(|hash| cx.keyed_hash(hash))?),
            stamp => stamp,
        };
        Ok(Self { path: path.to_owned(), is_secret, mode, stamp })
    }

    /// Returns a record of a file about which only the path is known.
    pub(crate) fn unknown(path: &str) -> Self {
        Self { path: path.to_owned(), is_secret: false, mode: None, stamp: None }
    }

    /// Returns whether the file had a content of this hash after the task had written it.
    pub(crate) fn held(&self, hash: Option<&[u8; 32]>, cx: &TaskContext) -> Result<bool> {
        let (Some(stamp), Some(hash)) = (&self.stamp, hash) else { return Ok(false) };
        Ok(if self.is_secret { *stamp.hash() == cx.keyed_hash(hash)? } else { stamp.hash() == hash })
    }

    /// Returns the file as an observer expects it. It gets no hash of a content that depends on a secret.
    pub(crate) fn expected(&self) -> ExpectedFile {
        ExpectedFile::new(&self.path, self.stamp.as_ref().filter(|_| !self.is_secret).map(|stamp| *stamp.hash()))
    }
}

pub(crate) fn encode(files: &[FileRecord]) -> Result<Vec<u8>> {
    let mut bytes = vec![VERSION];
    bytes.extend(postcard::to_stdvec(files).context("cannot record the files of a task")?);
    Ok(bytes)
}

/// Returns the recorded files, or none if there is no record.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<FileRecord>> {
    match bytes.split_first() {
        None => Ok(Vec::new()),
        Some((&VERSION, files)) => postcard::from_bytes(files).context("the record of a task's files is damaged"),
        Some((version, _)) => {
            anyhow::bail!("the record of a task's files has version {version}, not {VERSION}")
        }
    }
}

/// Returns whether a file depended on a secret according to the records of several tasks, or `None` if none of them has the file.
pub(crate) fn was_secret(kept: &[&[u8]], path: &str) -> Option<bool> {
    let known = kept.iter().filter_map(|bytes| decode(bytes).ok()?.into_iter().find(|file| file.path == path));
    known.map(|file| file.is_secret).reduce(|one, other| one || other)
}
