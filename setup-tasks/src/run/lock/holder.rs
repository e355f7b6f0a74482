//! Who holds a lock, as files say it in JSON.

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

/// A process; `None` where it took the lock and has not signed yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Holder(Option<Record>);

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    version: u32,
    pid: u32,
    host: String,
}

impl Holder {
    pub(super) fn parse(text: &[u8]) -> Self {
        Self(serde_json::from_slice(text).ok())
    }

    /// This process.
    pub(super) fn here() -> Self {
        Self(Some(Record { version: VERSION, pid: std::process::id(), host: host().to_owned() }))
    }

    /// How this process signs.
    pub(super) fn signature() -> std::io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(&Self::here().0)?)
    }

    /// Whether it is a process of another machine, which may be gone for good.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.0.as_ref().is_some_and(|record| record.host != host())
    }
}

/// Returns this process, as errors name it.
pub(crate) fn this_process() -> String {
    Holder::here().to_string()
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(Record { pid, host, .. }) => write!(f, "process {pid} on {host}"),
            None => f.write_str("another process"),
        }
    }
}

/// Asked once: it costs more than a lock.
fn host() -> &'static str {
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(|| gethostname::gethostname().to_string_lossy().into_owned())
}
