//! The binary of the agent, which is copied to machines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use setup_tasks::__private::Role;
use setup_tasks_agent::agent;
use setup_tasks_agent::protocol::Hash;

use crate::error::MachineError;

/// The first argument of a program that is to be the agent.
const ROLE: &str = "__setup-tasks-agent";

inventory::submit! {
    Role::new(ROLE, |args| agent::main(&[ROLE], args.iter().cloned()))
}

/// Runs this program as the agent on a machine, if its first argument requests that, and returns the exit code. Otherwise returns `None`.
///
/// A program whose main function calls this first needs no other binary for machines, and can have resources of its own. The
/// command line of `setup-tasks-cli` does it by itself.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     if let Some(code) = setup_tasks_machines::serve_as_agent() {
///         return code;
///     }
///     // …
///     ExitCode::SUCCESS
/// }
/// ```
pub fn serve_as_agent() -> Option<ExitCode> {
    Role::play(&std::env::args_os().collect::<Vec<_>>())
}

/// The binary of an agent, in memory.
#[derive(Clone)]
pub(crate) struct AgentBinary {
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) hash: Hash,
    /// The argument that selects the role of an agent, for a binary with other roles.
    pub(crate) role: Option<&'static str>,
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
    /// Returns whether the binary is for a system with this name and architecture, as `uname -s -m` prints them.
    pub(crate) fn runs_on(&self, system: &str) -> bool {
        // The number of the architecture in the header of an ELF file.
        let Some((b"\x7fELF", header)) = self.bytes.split_first_chunk() else { return false };
        let machine = header.get(14..16).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
        let architecture = system.strip_prefix("Linux ").unwrap_or_default();
        match machine {
            Some(0x3e) => matches!(architecture, "x86_64" | "amd64"),
            Some(0xb7) => matches!(architecture, "aarch64" | "arm64"),
            Some(0x28) => architecture.starts_with("arm") && architecture != "arm64",
            Some(0xf3) => architecture == "riscv64",
            Some(0x03) => matches!(architecture, "i386" | "i486" | "i586" | "i686" | "x86_64"),
            Some(0x15) => architecture.starts_with("ppc64"),
            Some(0x16) => architecture == "s390x",
            _ => false,
        }
    }

    /// Reads the binary of this program, if its main function plays the role of an agent.
    pub(crate) fn own() -> Option<Result<Self, MachineError>> {
        if !Role::is_offered() {
            return None;
        }
        // This link leads to the running binary even if another one has taken its place.
        let link = Path::new("/proc/self/exe");
        let path = if link.exists() { link.to_owned() } else { std::env::current_exe().ok()? };
        Some(Self::read(&path).map(|binary| Self { role: Some(ROLE), ..binary }))
    }

    /// Reads a binary that is nothing but an agent.
    pub(crate) fn read(path: &Path) -> Result<Self, MachineError> {
        let failed = |source| MachineError::AgentFile { path: path.to_owned(), source: Arc::new(source) };
        let meta = fs::metadata(path).map_err(failed)?;
        let (size, modified) = (meta.len(), meta.modified().ok());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &&Known| known.path == path && known.size == size && known.modified == modified;
        if let Some(known) = known.iter().find(same) {
            return Ok(known.binary.clone());
        }
        let bytes = fs::read(path).map_err(failed)?;
        let binary = Self { hash: Hash::of(&bytes), bytes: bytes.into(), role: None };
        known.retain(|known| known.path != path);
        known.push(Known { path: path.to_owned(), size, modified, binary: binary.clone() });
        Ok(binary)
    }
}
