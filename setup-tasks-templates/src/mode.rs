//! Modes of files, and the calls that differ between operating systems.

use std::fs;
use std::io;
use std::path::Path;

use cap_std::fs::{Dir, Metadata, OpenOptions};

/// The mode of a new file for which none was given.
pub(crate) const DEFAULT_MODE: u32 = 0o644;

/// The numbers of an owner and a group. One that is `None` does not matter.
pub(crate) type Owner = (Option<u32>, Option<u32>);

/// Returns whether a file of that mode is readable by its owner alone.
pub(crate) fn is_private(mode: u32) -> bool {
    (mode & 0o077).count_ones() == 0
}

#[cfg(unix)]
mod system {
    use super::{Dir, Metadata, OpenOptions, Owner, Path, fs, io};

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

    #[expect(clippy::unnecessary_wraps, reason = "other systems have no owners")]
    pub(crate) fn owners_of(meta: &fs::Metadata) -> Option<(u32, u32)> {
        use std::os::unix::fs::MetadataExt;
        Some((meta.uid(), meta.gid()))
    }

    pub(crate) fn has_owner(meta: &Metadata, (owner, group): Owner) -> bool {
        use cap_std::fs::MetadataExt;
        owner.is_none_or(|owner| owner == meta.uid()) && group.is_none_or(|group| group == meta.gid())
    }

    pub(crate) fn set_owner(file: &fs::File, (owner, group): Owner, mode: Option<u32>) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        if owner.is_none() && group.is_none() {
            return Ok(());
        }
        std::os::unix::fs::fchown(file, owner, group)?;
        // A change of the owner clears some bits of the mode.
        mode.map_or(Ok(()), |mode| file.set_permissions(fs::Permissions::from_mode(mode)))
    }

    pub(crate) fn link(directory: &Dir, target: &Path, name: &Path) -> io::Result<()> {
        directory.symlink_contents(target, name)
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
    use super::{Dir, Metadata, OpenOptions, Owner, Path, fs, io};

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

    pub(crate) fn owners_of(_: &fs::Metadata) -> Option<(u32, u32)> {
        None
    }

    pub(crate) fn has_owner(_: &Metadata, _: Owner) -> bool {
        true
    }

    pub(crate) fn set_owner(_: &fs::File, (owner, group): Owner, _: Option<u32>) -> io::Result<()> {
        if owner.is_none() && group.is_none() { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
    }

    pub(crate) fn link(_: &Dir, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn file_type(_: &Metadata) -> &'static str {
        "no file"
    }
}

pub(crate) use system::{
    file_type, has_mode, has_owner, link, mode_of, owners_of, reading, set_owner, sync, with_mode,
};
