//! The metadata of a file. While it stays the same, the content need not be read.

use std::fs::{self, File, FileType, Metadata};
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// The time within which a file that changes again can get the same time, on file systems that keep
/// whole seconds (FAT: every other second).
const WHOLE_SECONDS: Duration = Duration::from_secs(2);

/// The record of a regular file: a hash of its content, and the metadata that spares another read
/// of the content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    digest: [u8; 32],
    look: Look,
    recorded: Timestamp,
}

/// The state of a file in the metadata of the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Look {
    pub(super) size: u64,
    pub(super) modified: Timestamp,
    /// The time when the content, the name or the permissions last changed; zero if the system does
    /// not provide it.
    pub(super) changed: Timestamp,
    pub(super) inode: u64,
}

impl FileStamp {
    /// Records a file with its content. The metadata must have been read just now, after the
    /// content was written.
    pub fn new(meta: &Metadata, content: &[u8]) -> Self {
        Self { recorded: settled_by(), ..Self::unsure(meta, content) }
    }

    /// Records a file whose modification time the caller has set to a time that no other change
    /// gives it. From then on, the metadata alone decides. For any other file, the clock of the
    /// file system has to tick first. Only a change that sets the same modification time within the
    /// same tick (1 to 10 ms) is not detected.
    pub fn exact(meta: &Metadata, content: &[u8]) -> Self {
        Self { recorded: Timestamp::FUTURE, ..Self::unsure(meta, content) }
    }

    /// Records a file that may have changed since it had this content. The next check reads its
    /// content.
    pub fn unsure(meta: &Metadata, content: &[u8]) -> Self {
        Self { digest: *blake3::hash(content).as_bytes(), look: Look::of(meta), recorded: Timestamp(0) }
    }

    /// Returns whether the metadata proves that the file is unchanged. If not, its content decides.
    pub fn vouches_for(&self, meta: &Metadata) -> bool {
        self.look.vouches_for(&Look::of(meta), self.recorded)
    }

    /// Records a file of another machine, whose metadata this system does not know. Each check compares
    /// the content.
    pub fn of_content(content: &[u8]) -> Self {
        let size = content.len() as u64;
        let look = Look { size, modified: Timestamp(0), changed: Timestamp(0), inode: 0 };
        Self { digest: *blake3::hash(content).as_bytes(), look, recorded: Timestamp(0) }
    }

    /// Returns the BLAKE3 hash of the content that the file had when it was recorded, or the hash under
    /// a private key for a stamp that is [`keyed`](Self::keyed).
    pub fn hash(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Replaces the hash of the content with a hash under a private key, for a content that depends
    /// on a secret. A reader of the stamp then cannot test likely secrets. `hash` is
    /// [`TaskContext::keyed_hash`](crate::TaskContext::keyed_hash).
    ///
    /// # Errors
    ///
    /// Returns the error of `hash`.
    pub fn keyed<E>(mut self, hash: impl FnOnce(&[u8]) -> Result<[u8; 32], E>) -> Result<Self, E> {
        self.digest = hash(&self.digest)?;
        Ok(self)
    }

    /// Returns the size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.look.size
    }
}

impl Look {
    pub(crate) fn of(meta: &Metadata) -> Self {
        let modified = meta.modified().map_or(Timestamp(0), Timestamp::from);
        let (changed, inode) = unix(meta);
        // The size of a directory is not part of its state.
        let size = if meta.is_dir() { 0 } else { meta.len() };
        Self { size, modified, changed, inode }
    }

    /// Returns whether a file with the metadata `now` is unchanged since it was recorded at
    /// `recorded`, a time from [`settled_by`]. A file that had changed just before may have changed
    /// again and kept its times. Its content is read again, as git does with its index.
    pub(super) fn vouches_for(&self, now: &Self, recorded: Timestamp) -> bool {
        self == now && self.is_settled_by(recorded)
    }

    /// Returns whether every change after `recorded`, a time from [`settled_by`], gives the file
    /// other times than it has now.
    pub(crate) fn is_settled_by(&self, recorded: Timestamp) -> bool {
        let is_whole = |time: Timestamp| time.0.is_multiple_of(1_000_000_000);
        let racy = if is_whole(self.modified) && is_whole(self.changed) { WHOLE_SECONDS } else { Duration::ZERO };
        let racy = u64::try_from(racy.as_nanos()).unwrap_or(u64::MAX);
        self.modified.max(self.changed).0.saturating_add(racy) < recorded.0
    }
}

/// Returns a time such that a file that changes from now on gets that time or a later one. It comes
/// from the clock that file systems use, which ticks every 1 to 10 ms.
pub(crate) fn settled_by() -> Timestamp {
    #[cfg(target_os = "linux")]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        let nanoseconds = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
        Timestamp(u64::try_from(nanoseconds).unwrap_or(0))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let now = Timestamp::from(std::time::SystemTime::now());
        Timestamp(now.0.saturating_sub(20_000_000))
    }
}

#[cfg(unix)]
fn unix(meta: &Metadata) -> (Timestamp, u64) {
    use std::os::unix::fs::MetadataExt;
    let nanoseconds = i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec());
    (Timestamp(u64::try_from(nanoseconds).unwrap_or(0)), meta.ino())
}

#[cfg(not(unix))]
fn unix(_: &Metadata) -> (Timestamp, u64) {
    (Timestamp(0), 0)
}

/// Opens a file for reading. Does not wait for the other end of a FIFO that has just replaced the
/// file.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    options.open(path)
}

/// Returns a description of a file type, for messages.
pub fn kind_of(kind: FileType) -> &'static str {
    if kind.is_dir() {
        return "a directory";
    } else if kind.is_symlink() {
        return "a symbolic link";
    } else if kind.is_file() {
        return "a file";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a FIFO";
        } else if kind.is_socket() {
            return "a socket";
        }
    }
    "a device"
}
