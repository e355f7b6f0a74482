//! The protocol of the socket: one line of JSON asks, and one document of JSON answers, each with a version.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::stamp::RunId;
use crate::wait::ProcessWaits;

/// The version of questions. Version 1 had none, and answered whoever connected with a snapshot.
pub(super) const VERSION: u32 = 2;

/// The directory of the sockets, under the cache directory.
pub(super) const RUNS: &str = ".setup-tasks/runs";

/// The longest question: a subdir and some words around it.
pub(super) const LONGEST_QUESTION: usize = 64 * 1024;

/// A question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) version: u32,
    #[serde(flatten)]
    pub(super) ask: Ask,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(crate) enum Ask {
    /// A snapshot: who is at work, on what.
    Snapshot,
    /// The objects that the process holds, and what they wait for.
    Waits,
    /// One byte each time that the run of an object that the process holds gets on. The connection is closed when the process
    /// does not hold it any more.
    Watch {
        /// The object's subdir.
        object: String,
    },
}

/// A document that answers.
pub(crate) trait Answer: DeserializeOwned {
    /// The version of the document.
    const VERSION: u32;
}

impl Answer for ProcessWaits {
    const VERSION: u32 = Self::VERSION;
}

/// The answer to a question that is not understood.
#[derive(Serialize)]
pub(super) struct Refusal {
    pub(super) version: u32,
    pub(super) refusal: String,
}

impl Ask {
    /// Returns the line that asks.
    pub(super) fn line(self) -> Vec<u8> {
        let question = Question { version: VERSION, ask: self };
        // Texts and numbers alone: there is nothing that JSON cannot say.
        let mut line = serde_json::to_vec(&question).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// Returns the directory of the sockets.
pub(crate) fn directory(config: &Config) -> PathBuf {
    config.cache_dir().join(RUNS)
}

/// Returns the name of a run's socket. No other run has the same one, also not in a container with process numbers of its own.
pub(super) fn socket_name(run: RunId) -> String {
    format!("{run}.sock")
}

/// Returns the process whose socket this is, if it is one.
pub(super) fn pid_of(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?.strip_suffix(".sock")?;
    name.rsplit('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_as_they_were_asked() {
        for ask in [Ask::Snapshot, Ask::Waits, Ask::Watch { object: "hosts/a\nb".to_owned() }] {
            let line = ask.clone().line();
            assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
            let question: Question = serde_json::from_slice(&line).unwrap();
            assert_eq!(question, Question { version: VERSION, ask });
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
