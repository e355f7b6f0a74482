//! The wait graph: which work waits for which, and the circles that waits would close.
//!
//! A [`WaitNode`] stands for work that can wait and be waited for. An edge leads from a node that
//! waits to the node that it waits for. Edges into other processes are data: each process states
//! which objects it has locked and which waits their runs have entered ([`ProcessWaits`]), so
//! sockets or a shared database can deliver the statements.
//!
//! # Invariants
//!
//! 1. An edge is entered before the search for a circle begins. Of two waits that close one circle
//!    at the same time, at least one finds the other and is refused.
//! 2. Each node has a lock of its own, and no thread holds the locks of two nodes. The graph as a
//!    whole has no lock.
//! 3. An edge ends with the [`Wait`] that entered it. Its [`WaitCondition`] can end it earlier: the
//!    search ignores an edge whose condition holds, even if the waiter has not been polled since.
//! 4. A circle of statements of several processes is a true one if each process states its wait
//!    again after all statements were read: all waits were then in progress at that moment. Each
//!    wait has an identity, so that a later wait for the same task is not taken for it.
//! 5. Work outside of all nodes waits without an edge, since nothing can wait for it in turn.

mod circle;
mod elsewhere;
mod node;
pub(crate) mod sync;

pub use circle::Circle;
pub use elsewhere::ProcessWaits;
pub(crate) use elsewhere::{HeldObject, PassedTask, StatedCircle, find_circle};
pub use node::WorkKind;
pub(crate) use node::{ActiveTask, CommandAtWork, HeldElsewhere, Wait, WaitCondition, WaitNode, Work};
