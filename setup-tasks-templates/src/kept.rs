//! What is kept beside a stamp about the files that a task left: described in docs/src/formats.md.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use setup_tasks::Result;
use setup_tasks::stamp::FileStamp;

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
