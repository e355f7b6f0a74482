//! The activities of other processes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::{Snapshot, VERSION};
use crate::config::Config;
use crate::neighbours::{Answer, PublishError, Query, SilentProcess, directory, query_all};

/// The time within which other processes have to answer a user's query.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

impl Answer for Snapshot {
    const VERSION: u32 = VERSION;
}

/// The activities of other processes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OtherProcesses {
    /// The version of the format.
    pub version: u32,
    /// The snapshots of the processes that answered.
    pub processes: Vec<Snapshot>,
    /// The processes that did not answer.
    pub silent: Vec<SilentProcess>,
}

impl OtherProcesses {
    /// Returns whether there is no other process.
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty() && self.silent.is_empty()
    }
}

/// Queries the activities of all other processes that publish them under a configuration's cache
/// directory. A process that does not answer within a second is listed as silent. Sockets of
/// processes that have ended are removed.
///
/// # Errors
///
/// If the directory of the sockets cannot be read.
pub fn of_other_processes(config: &Config) -> Result<OtherProcesses, PublishError> {
    let own = format!("-{}.sock", std::process::id());
    let is_other =
        |path: &Path| path.file_name().is_some_and(|name| !name.as_encoded_bytes().ends_with(own.as_bytes()));
    let (mut processes, silent) = query_all(&directory(config), is_other, &Query::Snapshot, ANSWER_TIMEOUT)?;
    processes.sort_by_key(|(_, snapshot): &(PathBuf, Snapshot)| snapshot.pid);
    let processes = processes.into_iter().map(|(_, snapshot)| snapshot).collect();
    Ok(OtherProcesses { version: VERSION, processes, silent })
}
