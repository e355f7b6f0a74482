//! What is kept beside a stamp about the files that a task left: described in docs/src/formats.md.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use setup_tasks::stamp::FileStamp;
use setup_tasks::{Result, TaskContext};

const VERSION: u8 = 1;

/// A file that a task left.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptFile {
    /// Its path, relative to the root that it was written under.
    pub(crate) path: String,
    /// Whether its text depends on a secret.
    pub(crate) is_secret: bool,
    pub(crate) mode: Option<u32>,
    /// `None` if the filesystem does not tell.
    pub(crate) stamp: Option<FileStamp>,
}

impl KeptFile {
    /// Records a file that a task left. Of a text that depends on a secret, only a keyed hash is kept.
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

    /// Returns whether the file held this when it was left.
    pub(crate) fn held(&self, content: &[u8], cx: &TaskContext) -> Result<bool> {
        let Some(stamp) = &self.stamp else { return Ok(false) };
        if self.is_secret {
            return Ok(stamp.held_keyed(content, |hash| cx.keyed_hash(hash))?);
        }
        Ok(stamp.held(content))
    }
}

pub(crate) fn encode(files: &[KeptFile]) -> Result<Vec<u8>> {
    let mut bytes = vec![VERSION];
    bytes.extend(postcard::to_stdvec(files).context("what a task left cannot be kept")?);
    Ok(bytes)
}

/// Returns the files that were kept; none if nothing was.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<KeptFile>> {
    match bytes.split_first() {
        None => Ok(Vec::new()),
        Some((&VERSION, files)) => {
            postcard::from_bytes(files).context("what is kept about the files of a task is damaged")
        }
        Some((version, _)) => {
            anyhow::bail!("what is kept about the files of a task has version {version}, not {VERSION}")
        }
    }
}

/// Returns whether a file depended on a secret, by what several tasks kept; `None` if none of them knows the file.
pub(crate) fn was_secret(kept: &[&[u8]], path: &str) -> Option<bool> {
    let known = kept.iter().filter_map(|bytes| decode(bytes).ok()?.into_iter().find(|file| file.path == path));
    known.map(|file| file.is_secret).reduce(|one, other| one || other)
}
