//! The replacement for `range.rs` on systems where locks of ranges cannot belong to an open file.
//! No such lock can be created.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::process::ProcessRecord;
use crate::private_dir::{Identity, PrivateDir};

#[derive(Debug)]
pub(super) struct RangeLockFile(Infallible);

#[derive(Debug)]
pub(super) struct RangeLock(Infallible);

impl RangeLockFile {
    #[expect(clippy::unnecessary_wraps, reason = "as where there are ranges")]
    pub(super) fn open(_: &PrivateDir, _: &str) -> io::Result<Option<Self>> {
        Ok(None)
    }

    pub(super) fn take(self: &Arc<Self>, _: &str) -> io::Result<Option<RangeLock>> {
        match self.0 {}
    }

    pub(super) fn holder(&self, _: &str) -> io::Result<Option<ProcessRecord>> {
        match self.0 {}
    }

    pub(super) fn identified(&self) -> (PathBuf, Identity) {
        match self.0 {}
    }

    pub(super) fn is_gone(&self) -> bool {
        match self.0 {}
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as where there are ranges")]
pub(super) fn holders(_: &File) -> io::Result<HashMap<i64, ProcessRecord>> {
    Ok(HashMap::new())
}

pub(super) fn start(_: &str) -> i64 {
    0
}

impl RangeLock {
    pub(super) fn path(&self) -> &Path {
        match self.0 {}
    }

    pub(super) fn is_gone(&self) -> bool {
        match self.0 {}
    }
}
