//! Calls of the controller, and their answers.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::codec::bounded;
use super::difference::Difference;
use super::failure::{Exit, Failure};
use super::ids::{Hash, ResourceId};

/// A call of the controller. It ends with one [`Answer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Call {
    /// Observes resources and changes nothing. The agent sends [`ToController::Observed`](super::ToController::Observed) for each, in
    /// the order of the list, then [`Answer::Done`]. A resource that cannot be observed does not fail the call.
    Observe {
        /// The resources.
        #[serde(deserialize_with = "bounded")]
        resources: Vec<ResourceId>,
    },
    /// Applies resources or takes them away. See [`Apply`].
    Apply(Apply),
    /// Confirms a guarded change, over another connection than the one that made it. Fails with [`Cause::TakenBack`](super::Cause::TakenBack) if it was too late.
    Confirm {
        /// The id of the guard.
        guard: String,
    },
    /// Runs a program, and ends with [`Answer::Ended`]. The agent sends its output as
    /// [`ToController::Output`](super::ToController::Output). Its input comes as data.
    Run(CommandSpec),
    /// Transfers content that a resource needs. The content follows as data, up to its end. If the agent has the content already, it
    /// answers at once. The agent keeps it until the end of the connection.
    PutBlob {
        /// The hash of the content, by which resources name it.
        hash: Hash,
        /// Its length in bytes.
        size: u64,
    },
    /// Writes a file, whole or not at all, and ends with [`Answer::Changed`]. The content follows as data, up to its end. If the file
    /// is already as it should be, the agent answers at once.
    Put(PutFile),
    /// Reads a file. Its content comes as [`ToController::Data`](super::ToController::Data), then [`Answer::Stat`]. If there is no
    /// file, the answer is `Stat(None)`. Anything other than a file is a failure, and is never opened.
    Get(FileTarget),
    /// Returns the attributes of a file, as [`Answer::Stat`], or `Stat(None)` if there is none. A symbolic link at the end of the path is not followed.
    Stat {
        /// The file.
        target: FileTarget,
        /// Whether to add the hash of the content of a regular file.
        hash: bool,
    },
    /// Returns the names in a directory, sorted, as [`Answer::Names`].
    List(FileTarget),
    /// Removes a file, a symbolic link, or a directory with its content, and ends with [`Answer::Changed`].
    Remove(FileTarget),
    /// Creates a directory with its parents, and ends with [`Answer::Changed`]. An existing one gets mode and owner.
    MakeDirectory {
        /// The directory.
        target: FileTarget,
        /// Its permissions. The default for a new one is 0755.
        mode: Option<u32>,
        /// Its owner.
        owner: Option<String>,
        /// Its group.
        group: Option<String>,
    },
    /// Creates a symbolic link or replaces one, and ends with [`Answer::Changed`]. Anything else at the path is a failure.
    Symlink {
        /// The path of the link.
        target: FileTarget,
        /// The path that the link contains.
        to: ByteBuf,
    },
}

/// A change of resources.
///
/// The agent holds the lock of the machine, which other controllers respect, from the beginning to the end of the change. For each resource
/// in turn, it observes it, removes the differences, observes it again, and sends [`ToController::Applied`](super::ToController::Applied).
/// The first failure ends the call. The output of programs is sent as for [`Call::Run`]. After the last resource, also after a failure,
/// the agent observes the resources of `then_observe`, as for [`Call::Observe`], and answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apply {
    /// The resources.
    #[serde(deserialize_with = "bounded")]
    pub resources: Vec<ResourceId>,
    /// The direction of the change.
    pub change: Change,
    /// The resources to observe afterwards.
    #[serde(deserialize_with = "bounded")]
    pub then_observe: Vec<ResourceId>,
    /// The guard of the change, if it can lock the controller out.
    pub guard: Option<Guard>,
}

/// The direction of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// The resources are brought into their state.
    Apply,
    /// The resources are taken away.
    Undo,
}

/// A guard of a change that can lock the controller out. The change is taken back unless a fresh connection sends
/// [`Call::Confirm`] in time, also if the connection that made the change is cut. If no resource differed, there is nothing to confirm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// A name that the controller chooses at random: 1 to 64 letters, digits and hyphens.
    pub id: String,
    /// The time for the confirmation, counted from the end of the change.
    pub seconds: u32,
}

/// The outcome of the change of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Nothing differed.
    Unchanged,
    /// These differences were removed. The list is empty after an undo.
    Changed(#[serde(deserialize_with = "bounded")] Vec<Difference>),
    /// An action ran. It has no state.
    Done,
}

/// A program to run in a process group of its own. The group is ended on cancellation, after the timeout, and with the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// The program, searched for in `PATH`.
    pub program: ByteBuf,
    /// Its arguments.
    pub args: Vec<ByteBuf>,
    /// Environment variables to set, in addition to those of the agent.
    pub env: Vec<(ByteBuf, ByteBuf)>,
    /// Whether to begin with an empty environment.
    pub clear_env: bool,
    /// The working directory. The default is the home directory of the agent's user.
    pub directory: Option<ByteBuf>,
    /// The input of the program.
    pub input: CommandInput,
    /// The time after which the process group is ended, in milliseconds.
    pub timeout: Option<u64>,
    /// The time between the signals TERM and KILL, in milliseconds.
    pub grace: u64,
}

/// The standard input of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandInput {
    /// An empty input.
    #[default]
    Empty,
    /// It follows as data of the call, up to its end.
    Data,
}

/// The stream of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// The end of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its exit code or signal.
    pub exit: Exit,
    /// The cause.
    pub end: End,
}

/// The cause of the end of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// It ended by itself.
    Own,
    /// The controller cancelled the call.
    Cancelled,
    /// It reached the timeout.
    TimedOut,
}

/// A path on the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTarget {
    /// The directory that no link on the path may lead out of. Without one, the path is absolute.
    pub root: Option<ByteBuf>,
    /// The path, relative to the root.
    pub path: ByteBuf,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutFile {
    /// The file. Its directories are created.
    pub target: FileTarget,
    /// The hash of the content.
    pub hash: Hash,
    /// The length of the content.
    pub size: u64,
    /// The permissions. Without them, an existing file keeps its own, and a new one gets 0644.
    pub mode: Option<u32>,
    /// The owner. Without one, an existing file keeps its own.
    pub owner: Option<String>,
    /// The group. Without one, an existing file keeps its own.
    pub group: Option<String>,
}

/// The attributes of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStat {
    /// The kind of the file.
    pub kind: FileKind,
    /// The permissions, with the bits of `chmod`.
    pub mode: u32,
    /// The number of the owner.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
    /// The name of the owner, or its number in digits if the machine has no name for it.
    pub owner: String,
    /// The name of the group, or its number in digits if the machine has no name for it.
    pub group: String,
    /// The length in bytes.
    pub size: u64,
    /// The time of modification, in nanoseconds since 1970.
    pub modified: i64,
    /// The hash of the content, if it was requested and the file is a regular one.
    pub hash: Option<Hash>,
}

/// The kind of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link that contains this path.
    Symlink(ByteBuf),
    /// A device, a socket or a pipe.
    Other,
}

/// The answer to a call, and its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It was done.
    Done,
    /// It was done; the flag is whether anything changed.
    Changed(bool),
    /// The program ended.
    Ended(Ended),
    /// The attributes of the file, or `None` if there is none.
    Stat(Option<FileStat>),
    /// The names in the directory.
    Names(#[serde(deserialize_with = "bounded")] Vec<ByteBuf>),
    /// It failed.
    Failed(Failure),
}
