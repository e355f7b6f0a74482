//! The binary of an agent, in memory: without symbols, and compressed for the way to a machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use setup_tasks::__private::Role;
use setup_tasks_agent::agent::RELEASE_LINE;
use setup_tasks_agent::protocol::Hash;
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;

use super::ROLE;
use super::architecture::Architecture;
use super::elf::Elf;
use crate::error::MachineError;

/// The part of the line with the release that all releases share.
const RELEASE_PREFIX: &str = "setup-tasks-agent release ";

/// The binary of an agent, in memory.
#[derive(Clone)]
pub(crate) struct AgentBinary {
    /// The bytes that the machine needs.
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) hash: Hash,
    /// The argument that selects the role of an agent, for a binary with other roles.
    pub(crate) role: Option<&'static str>,
    /// The architecture, or `None` if it is not a program for Linux.
    pub(crate) architecture: Option<&'static Architecture>,
    pub(crate) is_static: bool,
    packed: Arc<OnceCell<Option<Arc<[u8]>>>>,
}

/// A binary that was read before, and the state of its file at that time.
struct Known {
    path: PathBuf,
    size: u64,
    modified: Option<SystemTime>,
    binary: AgentBinary,
}

/// The binaries that this process has read. Each is read and hashed once.
static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());

impl AgentBinary {
    /// Creates the binary from the bytes of its file.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let elf = Elf::read(&bytes);
        let bytes = elf.as_ref().map_or_else(|| bytes.clone(), |elf| elf.stripped(&bytes));
        Self {
            hash: Hash::of(&bytes),
            bytes: bytes.into(),
            role: None,
            architecture: elf.as_ref().and_then(|elf| elf.architecture),
            is_static: elf.is_some_and(|elf| elf.is_static),
            packed: Arc::default(),
        }
    }

    /// Returns whether the binary is for a system with this name and architecture, as `uname -s -m` prints them.
    pub(crate) fn runs_on(&self, system: &str) -> bool {
        self.architecture.is_some_and(|one| one.is_of(system))
    }

    /// Reads the binary of this program, if its main function plays the role of an agent.
    pub(super) fn own() -> Option<Result<Self, MachineError>> {
        if !Role::is_offered() {
            return None;
        }
        // This link leads to the running binary even if another one has taken its place.
        let link = Path::new("/proc/self/exe");
        let path = if link.exists() { link.to_owned() } else { std::env::current_exe().ok()? };
        Some(Self::read(&path).map(|binary| Self { role: Some(ROLE), ..binary }))
    }

    /// Reads a binary that is nothing but an agent, of this release.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not an agent of this release.
    pub(super) fn given(path: &Path) -> Result<Self, MachineError> {
        let binary = Self::read(path)?;
        match binary.release() {
            Some(release) if format!("{release}\n") == RELEASE_LINE[RELEASE_PREFIX.len()..] => Ok(binary),
            release => {
                let release = release.map(str::to_owned);
                Err(MachineError::OtherRelease { path: path.to_owned(), release })
            }
        }
    }

    /// Returns the release of the agent, which its binary contains as text. Returns `None` for a binary that is no agent.
    pub(super) fn release(&self) -> Option<&str> {
        let releases = memchr::memmem::find_iter(&self.bytes, RELEASE_PREFIX.as_bytes());
        let text = |at: usize| {
            let rest = &self.bytes[at + RELEASE_PREFIX.len()..];
            let end = rest.iter().take(100).position(|byte| *byte == b'\n')?;
            std::str::from_utf8(&rest[..end]).ok().filter(|text| !text.is_empty() && text.is_ascii())
        };
        releases.into_iter().find_map(text)
    }

    fn read(path: &Path) -> Result<Self, MachineError> {
        let failed = |source| MachineError::AgentFile { path: path.to_owned(), source: Arc::new(source) };
        let meta = fs::metadata(path).map_err(failed)?;
        let (size, modified) = (meta.len(), meta.modified().ok());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &&Known| known.path == path && known.size == size && known.modified == modified;
        if let Some(known) = known.iter().find(same) {
            return Ok(known.binary.clone());
        }
        let binary = Self::new(fs::read(path).map_err(failed)?);
        known.retain(|known| known.path != path);
        known.push(Known { path: path.to_owned(), size, modified, binary: binary.clone() });
        Ok(binary)
    }

    /// Returns the binary as `gzip` compresses it, or `None` if this system has no `gzip`. The library would take ten times as long in a
    /// program without optimizations.
    pub(crate) async fn packed(&self) -> Option<Arc<[u8]>> {
        self.packed.get_or_init(|| gzip(self.bytes.clone())).await.clone()
    }
}

/// Compresses bytes with the system's `gzip`.
async fn gzip(bytes: Arc<[u8]>) -> Option<Arc<[u8]>> {
    let mut command = tokio::process::Command::new("gzip");
    command.arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().ok()?;
    let mut stdin = child.stdin.take()?;
    let feed = async move {
        // An error shows in the exit status.
        let _ = stdin.write_all(&bytes).await;
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), feed);
    output.ok().filter(|output| output.status.success()).map(|output| output.stdout.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_release_is_found_in_its_own_binary() {
        let binary =
            AgentBinary::new([b"before ", RELEASE_PREFIX.as_bytes(), &[0xff, 0], RELEASE_LINE.as_bytes()].concat());
        assert_eq!(
            binary.release().map(|release| format!("{RELEASE_PREFIX}{release}\n")).as_deref(),
            Some(RELEASE_LINE)
        );
        assert_eq!(AgentBinary::new(b"nothing".to_vec()).release(), None);
    }

    #[tokio::test]
    async fn a_packed_binary_is_smaller() {
        let binary = AgentBinary::new(vec![7; 1 << 20]);
        let Some(packed) = binary.packed().await else { return };
        assert!(packed.len() < 10_000 && packed.starts_with(&[0x1f, 0x8b]));
    }
}
