//! The exchange of a layout with other processes that run the same objects. Each process has a
//! socket on which others query its locks and waits.

#[cfg(unix)]
mod answer;
#[cfg(unix)]
mod connect;
#[cfg(unix)]
mod follow;
#[cfg(unix)]
mod held;
#[cfg(unix)]
mod protocol;
#[cfg(unix)]
mod query;
#[cfg(not(unix))]
mod without_sockets;

#[cfg(unix)]
pub use answer::{PublishError, Published};
#[cfg(unix)]
pub(crate) use follow::{Followed, News};
#[cfg(unix)]
pub(crate) use held::{Holding, shared_clock};
#[cfg(unix)]
pub(crate) use protocol::{Answer, Query, directory};
#[cfg(unix)]
pub use query::SilentProcess;
#[cfg(unix)]
pub(crate) use query::query_all;
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
