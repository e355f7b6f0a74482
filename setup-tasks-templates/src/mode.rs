//! Modes of files, and the calls that differ between operating systems.

use std::fs;
use std::io;

use cap_std::fs::{Dir, Metadata, OpenOptions};

/// The mode of a new file for which none was given.
pub(crate) const DEFAULT_MODE: u32 = 0o644;

/// Returns whether a file of that mode is readable by its owner alone.
pub(crate) fn is_private(mode: u32) -> bool {
    (mode & 0o077).count_ones() == 0
}

#[cfg(unix)]
mod system {
    use super::{Dir, Metadata, OpenOptions, fs, io};

    /// Opens without blocking, since a FIFO may have replaced the file just now.
    pub(crate) fn reading() -> OpenOptions {
        use cap_std::fs::OpenOptionsExt;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        options
    }

    pub(crate) fn with_mode(options: &mut OpenOptions, mode: u32) {
        use cap_std::fs::OpenOptionsExt;
        options.mode(mode);
    }

    pub(crate) fn sync(directory: &Dir) -> io::Result<()> {
        directory.open(".")?.sync_all()
    }

    pub(crate) fn has_mode(meta: &Metadata, mode: u32) -> bool {
        use cap_std::fs::PermissionsExt;
        meta.permissions().mode() & 0o7777 == mode
    }

    #[expect(clippy::unnecessary_wraps, reason = "other systems have no modes")]
    pub(crate) fn mode_of(meta: &fs::Metadata) -> Option<u32> {
        use std::os::unix::fs::PermissionsExt;
        Some(meta.permissions().mode() & 0o7777)
    }

    pub(crate) fn file_type(meta: &Metadata) -> &'static str {
        use cap_std::fs::FileTypeExt;
        let kind = meta.file_type();
        if kind.is_dir() {
            "a directory"
        } else if kind.is_fifo() {
            "a FIFO"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::{Dir, Metadata, OpenOptions, fs, io};

    pub(crate) fn reading() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true);
        options
    }

    pub(crate) fn with_mode(_: &mut OpenOptions, _: u32) {}

    pub(crate) fn sync(_: &Dir) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn has_mode(_: &Metadata, _: u32) -> bool {
        true
    }

    pub(crate) fn mode_of(_: &fs::Metadata) -> Option<u32> {
        None
    }

    pub(crate) fn file_type(_: &Metadata) -> &'static str {
        "no file"
    }
}

pub(crate) use system::{file_type, has_mode, mode_of, reading, sync, with_mode};
