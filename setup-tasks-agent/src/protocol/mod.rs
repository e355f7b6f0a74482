//! The messages that a controller and an agent exchange, and the codec for both sides.
//!
//! The controller is the process that runs a layout. It starts the agent on a machine, for example through `ssh`, and talks to it
//! over the agent's standard input and output. Both sides are of the same version, since the controller copies the agent to the
//! machine. The formats are described in the book, on the page about files on disk.
//!
//! # A connection
//!
//! 1. The controller chooses a [`Nonce`] and starts the agent with it. The agent writes one line, the [`HelloLine`], and from then on
//!    frames. A [`HelloScanner`] skips whatever the login shell wrote before that line.
//! 2. The first message of the agent is [`ToController::Facts`].
//! 3. The first message of the controller is [`ToAgent::Begin`]. It can be sent before the hello arrives, unless something on
//!    the way, such as `sudo`, reads a password from the same input.
//! 4. The controller makes calls ([`ToAgent::Call`]), each with an id of its own. Many calls can be open at a time. A call ends with
//!    exactly one [`ToController::Answer`], after which its id is free again. Messages about an id that is not open are ignored.
//! 5. The connection ends with the end of the agent's standard input. The agent then ends the processes of all commands, completes
//!    or fails the change that it is making, begins no other, and exits.
//!
//! ```
//! use setup_tasks_agent::protocol::{Decoder, ToAgent, encode};
//!
//! let mut bytes = Vec::new();
//! encode(&ToAgent::Ping(7), &mut bytes)?;
//!
//! let mut decoder = Decoder::<ToAgent>::new();
//! let (mut first, mut second) = bytes.split_at(2);
//! assert_eq!(decoder.decode(&mut first)?, None);
//! assert_eq!(decoder.decode(&mut second)?, Some(ToAgent::Ping(7)));
//! # Ok::<(), setup_tasks_agent::protocol::FrameError>(())
//! ```
//!
//! # Signs of life
//!
//! [`Begin::heartbeat`] is an interval. Within it, the controller sends at least one message ([`ToAgent::Ping`] if nothing else), and
//! the agent answers each ping. A side that receives nothing for two intervals regards the other as gone: the agent ends
//! its processes and exits, and the controller reports that the connection was lost.
//!
//! # Credit
//!
//! The data of a call is sent in chunks of at most [`CHUNK`] bytes, and only as far as the receiver has given credit, so that neither
//! side must keep more than [`INITIAL_CREDIT`] bytes per call. Each direction of a call begins with that credit. The receiver
//! gives back what it has consumed. [`Credit`] counts for the sender, and [`Allowance`] for the receiver.
//!
//! # Secrets
//!
//! A [`Text`] can be marked as a secret. The agent keeps it in memory and in the files that it is for. It never writes it into
//! arguments, environment variables, logs or messages, and differences of such texts only report that they differ.

mod call;
mod codec;
mod credit;
mod difference;
mod facts;
mod failure;
mod hello;
mod ids;
mod message;
mod text;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::{cases, messages_to_agent};

pub use call::{
    Answer, Apply, Call, Change, CommandInput, CommandSpec, End, Ended, FileKind, FileStat, FileTarget, Guard, Outcome,
    PutFile, Stream,
};
pub use codec::{Decoder, FrameError, MAX_FRAME, MAX_MESSAGE, MessageReader, encode};
pub use credit::{Allowance, CHUNK, Credit, CreditExceeded, INITIAL_CREDIT};
pub use difference::{Difference, MAX_TEXT, Texts};
pub use facts::{Facts, Init, PackageManager};
pub use failure::{Cause, Exit, Failure};
pub use hello::{HelloError, HelloLine, HelloScanner, MAX_NOISE};
pub use ids::{CallId, Hash, Nonce, ResourceId};
pub use message::{Begin, Declared, ResourceData, ToAgent, ToController};
pub use text::Text;

/// The version of the protocol. An agent of another version is replaced.
pub const VERSION: u32 = 1;
