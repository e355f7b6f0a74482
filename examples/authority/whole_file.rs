//! Atomic writes of files.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};
use setup_tasks::fs::WholeFile;

/// Writes a file with a mode, and creates its directory.
pub fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(directory)?;
        // The time is set explicitly because the clock of a file system ticks only every few
        // milliseconds, and a completion check compares this time with exact ones.
        WholeFile::new(text).mode(mode).modified(SystemTime::now()).write(path)
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

/// Reads a text file.
pub fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}
