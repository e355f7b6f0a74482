//! Files that are written whole or not at all.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};

/// Writes a file with a mode, through a draft beside it that only its owner can read.
pub fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(directory)?;
        let mut draft = tempfile::NamedTempFile::new_in(directory)?;
        draft.write_all(text.as_bytes())?;
        draft.as_file().set_permissions(Permissions::from_mode(mode))?;
        // The clock of a file system ticks every few milliseconds, and a completion check compares this time with exact ones.
        draft.as_file().set_modified(SystemTime::now())?;
        draft.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

/// Reads a text file.
pub fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}
