//! The exchange of a layout with other processes that run the same objects. Each process has a
//! socket on which others query its locks and waits.

#[cfg(unix)]
mod answer;
#[cfg(unix)]
mod ask;
#[cfg(unix)]
mod connect;
#[cfg(unix)]
mod follow;
#[cfg(unix)]
mod held;
#[cfg(unix)]
mod protocol;
#[cfg(not(unix))]
mod without_sockets;

#[cfg(unix)]
pub use answer::{PublishError, Published};
#[cfg(unix)]
pub use ask::SilentProcess;
#[cfg(unix)]
pub(crate) use ask::ask_all;
#[cfg(unix)]
pub(crate) use follow::{Followed, News};
#[cfg(unix)]
pub(crate) use held::{Holding, shared_clock};
#[cfg(unix)]
pub(crate) use protocol::{Answer, Ask, directory};
#[cfg(not(unix))]
pub(crate) use without_sockets::{Followed, Holding, Neighbours, News, shared_clock};

/// The exchange of a layout with other processes that run the same objects.
#[cfg(unix)]
#[derive(Default)]
pub(crate) struct Neighbours {
    answering: answer::Answering,
    holdings: held::Holdings,
    following: follow::Following,
}
