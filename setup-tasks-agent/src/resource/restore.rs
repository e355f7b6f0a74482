//! The steps that restore the former state of a guarded change.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::registry::decode;
use crate::Result;
use crate::far::{Attributes, Far, Kind};
use crate::protocol::{Cause, Failure, ResourceData};

/// A step that restores a part of the former state of a guarded change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Restore {
    /// A file gets its former content and attributes.
    File {
        /// Its path.
        path: String,
        /// Its former state.
        state: KeptFile,
    },
    /// A file of the kernel gets its former value.
    InPlace {
        /// Its path.
        path: String,
        /// Its former value.
        content: String,
    },
    /// A resource is applied, such as the former state of a service.
    Apply(ResourceData),
    /// A resource is applied after all other steps, such as a reload.
    Finally(ResourceData),
}

/// The former state of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeptFile {
    /// It did not exist.
    Absent,
    /// It was a regular file.
    File {
        /// Its content.
        content: ByteBuf,
        /// Its permissions.
        mode: u32,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// It was a symbolic link with this target.
    Symlink(ByteBuf),
}

impl Restore {
    /// Returns the step that restores a file as it is now.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is neither a regular file nor a symbolic link.
    pub fn file(far: &Far, path: &str) -> Result<Self> {
        Ok(Self::File { path: path.to_owned(), state: KeptFile::of(far, path)? })
    }

    /// Returns whether the step comes after all others.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self, Self::Finally(_))
    }

    /// Restores the state.
    pub(crate) fn run(&self, far: &mut Far) -> Result<()> {
        far.forget_shared();
        match self {
            Self::File { path, state } => state.put_back(far, path),
            Self::InPlace { path, content } => far.write_in_place(path, content.as_bytes()),
            Self::Apply(data) | Self::Finally(data) => {
                let resource = decode(data)?;
                let differences = if resource.is_action() { Vec::new() } else { resource.observe(far)? };
                if resource.is_action() || !differences.is_empty() { resource.apply(far, &differences) } else { Ok(()) }
            }
        }
    }
}

impl KeptFile {
    /// Returns the current state of a file.
    pub(crate) fn of(far: &Far, path: &str) -> Result<Self> {
        match far.stat(path)? {
            None => Ok(Self::Absent),
            Some(stat) if stat.kind == Kind::File => {
                let content = ByteBuf::from(far.read(path)?.unwrap_or_default());
                Ok(Self::File { content, mode: stat.mode, uid: stat.uid, gid: stat.gid })
            }
            Some(stat) if stat.kind == Kind::Symlink => {
                Ok(Self::Symlink(ByteBuf::from(far.read_link(path)?.unwrap_or_default().as_bytes())))
            }
            Some(stat) => {
                let reason = format!("`{path}` is {}, which cannot be kept", stat.kind.words());
                Err(Failure::new("keep the former state", Cause::Refused(reason)))
            }
        }
    }

    /// Puts the file back.
    pub(crate) fn put_back(&self, far: &Far, path: &str) -> Result<()> {
        match self {
            Self::Absent => far.remove(path).map(drop),
            Self::Symlink(target) => far.link(path, OsStr::from_bytes(target)),
            Self::File { content, mode, uid, gid } => {
                let attributes = Attributes { mode: Some(*mode), uid: Some(*uid), gid: Some(*gid) };
                far.write(path, &content[..], attributes)
            }
        }
    }
}
