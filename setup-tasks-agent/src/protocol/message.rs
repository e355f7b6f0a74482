//! The messages of both directions.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::call::{Answer, Call, Outcome, Stream};
use super::codec::{bounded, bounded_result};
use super::difference::Difference;
use super::facts::Facts;
use super::failure::Failure;
use super::ids::{CallId, ResourceId};

/// A message of the controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToAgent {
    /// The settings of the connection. It is the first message, and comes once.
    Begin(Begin),
    /// A sign of life. The agent answers with the same number. If several pings are waiting, it answers the last one.
    Ping(u64),
    /// Resources by name. They are used by calls, so that their data is sent once per connection.
    Declare(#[serde(deserialize_with = "bounded")] Vec<Declared>),
    /// The beginning of a call.
    Call {
        /// Its id, which no open call has.
        id: CallId,
        /// The call.
        call: Call,
    },
    /// Data of a call, at most [`CHUNK`](super::CHUNK) bytes, within the credit.
    Data {
        /// The call.
        id: CallId,
        /// The data.
        bytes: ByteBuf,
    },
    /// The end of the data of a call.
    End {
        /// The call.
        id: CallId,
    },
    /// Credit for further data or output of a call.
    Credit {
        /// The call.
        id: CallId,
        /// The number of bytes.
        bytes: u32,
    },
    /// The cancellation of a call. The agent ends the processes of the call and answers.
    Cancel {
        /// The call.
        id: CallId,
    },
}

/// A message of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToController {
    /// Facts about the machine. It is the first message, and comes once.
    Facts(Box<Facts>),
    /// The answer to a ping.
    Pong(u64),
    /// The observation of one resource.
    Observed {
        /// The call.
        id: CallId,
        /// The resource.
        resource: ResourceId,
        /// Its differences, or the failure of the observation.
        #[serde(deserialize_with = "bounded_result")]
        observation: Result<Vec<Difference>, Failure>,
    },
    /// The change of one resource.
    Applied {
        /// The call.
        id: CallId,
        /// The resource.
        resource: ResourceId,
        /// The outcome, or the failure.
        outcome: Result<Outcome, Failure>,
    },
    /// Another controller holds the lock of the machine, and the call waits for it.
    Waiting {
        /// The call.
        id: CallId,
        /// A description of the other controller.
        holder: String,
    },
    /// Output of a program, within the credit. It ends at the end of a line, unless the line is longer than
    /// [`CHUNK`](super::CHUNK) bytes or the program wrote nothing further for a while.
    Output {
        /// The call.
        id: CallId,
        /// The stream.
        stream: Stream,
        /// The bytes.
        bytes: ByteBuf,
    },
    /// Content of a file, within the credit.
    Data {
        /// The call.
        id: CallId,
        /// The bytes.
        bytes: ByteBuf,
    },
    /// Credit for further data of a call.
    Credit {
        /// The call.
        id: CallId,
        /// The number of bytes.
        bytes: u32,
    },
    /// The end of a call.
    Answer {
        /// The call.
        id: CallId,
        /// The answer.
        answer: Answer,
    },
    /// The reason why the agent ends the connection.
    Bye(String),
}

/// The settings of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// A description of the controller for people at another one, such as `ada@laptop, process 4711`.
    pub controller: String,
    /// The interval of signs of life, in milliseconds. Zero switches the timer off, for connections that cannot be cut.
    pub heartbeat: u32,
    /// The time for which a change waits for another controller, in milliseconds.
    pub lock_wait: u32,
}

/// A resource with its name in the connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Its name.
    pub id: ResourceId,
    /// Its data.
    pub resource: ResourceData,
}

/// The data of a resource. `Debug` shows the kind alone, since the data can contain secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceData {
    /// The kind, by which the agent finds the code.
    pub kind: String,
    /// The fields, in postcard.
    pub fields: ByteBuf,
}

impl fmt::Debug for ResourceData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceData({}, {} bytes)", self.kind, self.fields.len())
    }
}
