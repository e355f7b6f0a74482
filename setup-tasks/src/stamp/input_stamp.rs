//! The record of an input file.

use std::borrow::Cow;
use std::ffi::OsStr;
#[cfg(unix)]
use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// The record of an input file or directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputStamp {
    /// The path in the form that [`kept_name`] returns.
    pub(super) path: String,
    pub(super) digest: [u8; 32],
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    pub(super) inode: u64,
    pub(super) recorded: Timestamp,
    #[serde(default)]
    pub(super) changed: Timestamp,
}

impl InputStamp {
    /// Returns the path, relative to the layout's base directory unless it was declared absolute. A
    /// directory ends with a slash.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(self.name().into_owned())
    }

    /// Returns the path in its kept form, and the digest of the content.
    pub(crate) fn content(&self) -> (&str, &[u8; 32]) {
        (&self.path, &self.digest)
    }

    pub(super) fn name(&self) -> Cow<'_, OsStr> {
        named(&self.path)
    }
}

/// Returns a path as text. A path that is not UTF-8 becomes a NUL and its bytes in hexadecimal.
pub(super) fn kept_name(path: &OsStr) -> String {
    use std::fmt::Write;
    if let Some(text) = path.to_str() {
        return text.to_owned();
    }
    let mut kept = "\0".to_owned();
    for byte in path.as_encoded_bytes() {
        let _ = write!(kept, "{byte:02x}");
    }
    if path.as_encoded_bytes().ends_with(b"/") {
        kept.push('/');
    }
    kept
}

/// Returns the path that [`kept_name`] encoded.
fn named(kept: &str) -> Cow<'_, OsStr> {
    #[cfg(unix)]
    if let Some(digits) = kept.strip_prefix('\0') {
        use std::os::unix::ffi::OsStringExt;
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Vec<u8> = digits.trim_end_matches('/').as_bytes().chunks(2).filter_map(byte).collect();
        return Cow::Owned(OsString::from_vec(bytes));
    }
    Cow::Borrowed(OsStr::new(kept))
}
