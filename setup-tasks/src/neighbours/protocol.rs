//! The protocol of the sockets. A query is one line of JSON, and an answer is one JSON document.
//! Both have a version.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::stamp::RunId;
use crate::wait::ProcessWaits;

/// The version of queries. Version 1 had no queries and sent a snapshot to each client.
pub(super) const VERSION: u32 = 2;

/// The directory of the sockets within the cache directory.
pub(super) const RUNS: &str = ".setup-tasks/runs";

/// The maximum length of a query, which contains a subdir.
pub(super) const MAX_QUERY: usize = 64 * 1024;

/// A query with its version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct QueryLine {
    pub(super) version: u32,
    #[serde(flatten)]
    pub(super) query: Query,
}

/// The kind of query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(crate) enum Query {
    /// Queries a snapshot of the activities.
    Snapshot,
    /// Queries the objects that the process holds, with the waits of their runs.
    Waits,
    /// Queries one byte whenever the run of an object that the process holds makes progress. The
    /// connection is closed when the process no longer holds the object.
    Watch {
        /// The object's subdir.
        object: String,
    },
}

/// An answer document.
pub(crate) trait Answer: DeserializeOwned {
    /// The version of the document.
    const VERSION: u32;
}

impl Answer for ProcessWaits {
    const VERSION: u32 = Self::VERSION;
}

/// The answer to an unknown query.
#[derive(Serialize)]
pub(super) struct Rejection {
    pub(super) version: u32,
    pub(super) refusal: String,
}

impl Query {
    /// Returns the query as a line.
    pub(super) fn line(self) -> Vec<u8> {
        let question = QueryLine { version: VERSION, query: self };
        // The query consists of strings and numbers, so its serialization does not fail.
        let mut line = serde_json::to_vec(&question).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// Returns the directory of the sockets.
pub(crate) fn directory(config: &Config) -> PathBuf {
    config.cache_dir().join(RUNS)
}

/// Returns the name of a run's socket. The name is unique, also for processes in containers with
/// process ids of their own.
pub(super) fn socket_name(run: RunId) -> String {
    format!("{run}.sock")
}

/// Returns the id of the process that owns a socket, or `None` for other files.
pub(super) fn pid_of(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?.strip_suffix(".sock")?;
    name.rsplit('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_as_they_were_asked() {
        for query in [Query::Snapshot, Query::Waits, Query::Watch { object: "hosts/a\nb".to_owned() }] {
            let line = query.clone().line();
            assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
            let question: QueryLine = serde_json::from_slice(&line).unwrap();
            assert_eq!(question, QueryLine { version: VERSION, query });
        }
    }

    #[test]
    fn a_socket_says_whose_it_is() {
        let run = RunId { began: 0x18eb_1f36, pid: 4711 };
        assert_eq!(pid_of(Path::new(&socket_name(run))), Some(4711));
        assert_eq!(pid_of(Path::new("4711.sock")), Some(4711));
        assert_eq!(pid_of(Path::new("18eb1f36-4711.new")), None);
    }
}
