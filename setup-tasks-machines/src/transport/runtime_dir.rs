//! The directory for the sockets of shared connections.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::MachineError;

/// Returns the directory, which only this user can enter. It is in the user's runtime directory, or else in the directory for
/// temporary files.
pub(super) fn runtime_dir() -> Result<PathBuf, MachineError> {
    let uid = rustix::process::geteuid().as_raw();
    let path =
        match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute() && path.is_dir())
        {
            Some(runtime) => runtime.join("setup-tasks-ssh"),
            None => PathBuf::from(format!("/tmp/setup-tasks-ssh-{uid}")),
        };
    let failed = |source| MachineError::RuntimeDirectory { path: path.clone(), source: Arc::new(source) };
    match fs::DirBuilder::new().mode(0o700).create(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    // Anybody can create a name in the directory for temporary files.
    let meta = fs::symlink_metadata(&path).map_err(failed)?;
    if !meta.is_dir() || meta.uid() != uid || meta.mode() & 0o077 != 0 {
        let problem = "it is not a directory that only this user can enter; remove it";
        return Err(failed(io::Error::other(problem)));
    }
    Ok(path)
}
