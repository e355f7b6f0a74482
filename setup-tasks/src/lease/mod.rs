//! Leases: the right to run an object, which one process has at a time.
//!
//! A session takes the lease of its object before its first task and releases it at its end.
//! [`FileLeases`], the default, are based on file locks. A crate outside can implement [`Leases`]
//! for processes that share no file system. Such leases have a time to live and [fences](Fence),
//! because their holders can lose them without noticing.

mod error;
mod files;
mod held;
mod lock_file;
#[cfg(test)]
#[expect(dead_code, reason = "that it compiles, wherever it is needed")]
mod no_range;
mod process;
#[cfg_attr(not(all(target_os = "linux", target_pointer_width = "64")), path = "no_range.rs")]
mod range;
mod renewal;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::stamp::{Fence, MaybeReady, Records, Timestamp};
pub use crate::wait::ProcessWaits;
pub use error::LeaseError;
pub use files::FileLeases;
pub(crate) use held::{HeldLease, acquire};
pub use process::{Life, ProcessRecord};
pub(crate) use process::{shared_clock_id, this_process};
pub(crate) use renewal::Renewals;

/// The answer of leases, which may be ready at once.
pub type Answer<'a, T> = MaybeReady<'a, Result<T, LeaseError>>;

/// The leases of objects, which are identified by their `stamp_subdir`.
///
/// Implementation: [`FileLeases`] (the default). `examples/own-store` of the repository contains
/// another one. [`Layout::with_store_and_leases`](crate::Layout::with_store_and_leases) takes leases.
/// With the feature `conformance`, the function `conformance::check_leases` checks leases of your own.
pub trait Leases: Send + Sync + 'static {
    /// Tries once, without waiting, to take the lease of an object. The runtime repeats this while it waits for the holder.
    fn acquire<'a>(&'a self, object: &'a str) -> Answer<'a, Acquired>;

    /// Returns the holder of an object's lease, or `None` if nobody holds it.
    fn holder<'a>(&'a self, object: &'a str) -> Answer<'a, Option<Holder>>;

    /// Returns the holders of several objects' leases in the order of the objects, each as
    /// [`holder`](Self::holder) does. The default queries each object. Leases that find all held ones
    /// with one query should override this, because a status of many objects calls it.
    fn holders<'a>(&'a self, objects: &'a [&'a str]) -> Answer<'a, Vec<Option<Holder>>> {
        MaybeReady::pending(async move {
            let mut holders = Vec::with_capacity(objects.len());
            for object in objects {
                holders.push(self.holder(object).await?);
            }
            Ok(holders)
        })
    }

    /// Breaks the lease of an object if its holder has ended. `gone` names a host that the user
    /// knows to be gone for good, for the case that nothing else proves it.
    ///
    /// The future fails with [`LeaseError::Alive`] or [`LeaseError::Unknown`] if the holder may
    /// still run.
    fn break_lease<'a>(&'a self, object: &'a str, gone: Option<&'a str>) -> Answer<'a, LeaseBreak>;

    /// Returns the interval at which the runtime renews each lease that it holds, or `None` if a
    /// lease lasts as long as its process. A separate thread renews the leases, because a task may
    /// block the executor. A third of the time to live leaves room for two failures.
    fn renew_every(&self) -> Option<Duration> {
        None
    }

    /// Returns the objects that other processes work on, on all hosts, in the order of the processes.
    ///
    /// Leases that connect only the processes of one machine return none, which is the default.
    fn at_work(&self) -> Answer<'_, Vec<ObjectAtWork>> {
        MaybeReady::ready(Ok(Vec::new()))
    }

    /// Publishes the leases that this process holds and waits for, and returns the statements of
    /// the other processes. The runtime calls this while a run waits for a lease. The statements
    /// show the progress of the holder, and whether the waits form a circle.
    ///
    /// `None`, the default, leaves the exchange to sockets under the cache directory, which connect
    /// the processes of one machine.
    fn exchange<'a>(&'a self, _own: &ProcessWaits) -> Option<Answer<'a, Vec<ProcessWaits>>> {
        None
    }

    /// Calls `nudge` whenever an object that this process [waits for](ProcessWaits::wanted) may have
    /// changed, from any thread. The runtime then looks at once instead of after a pause. A nudge may
    /// be late or missing, which is the default. `nudge` does not block.
    fn on_nudge(&self, _nudge: Box<dyn Fn() + Send + Sync>) {}
}

/// The lease of one object, held by this process.
pub trait Lease: Send + Sync {
    /// Returns the fence that every write of the session carries, or `None` if the lease cannot be
    /// lost while the process lives. In that case no write can be late, and stores have nothing to
    /// compare.
    fn fence(&self) -> Option<Fence>;

    /// Takes the records of the object and the latest time of any stamp, if the acquisition has
    /// read them from the store in the same round trip. `None`, the default, lets the session read
    /// them from the store.
    fn take_records(&self) -> Option<(Records, Option<Timestamp>)> {
        None
    }

    /// Renews the lease. The runtime calls this at the interval of [`Leases::renew_every`], and at
    /// the end of the session.
    ///
    /// The future fails with [`LeaseError::Lost`] if another process may hold the lease by now. The
    /// session then drops the future of its running task, begins no other task and fails. A task that
    /// blocks its thread goes on until it returns, and its stamp is not written. After other errors
    /// the runtime tries again.
    fn renew(&self) -> Answer<'_, ()>;

    /// Notes the task that the session begins now. [`Leases::holder`] can show it to other processes.
    fn note_task(&self, _task: &str) {}

    /// Releases the lease. This is called once, at the end of the session, even if the session's
    /// future is dropped. It must not wait. An implementation that communicates with a server
    /// leaves the request to a thread or a task.
    fn release(&self);
}

/// The result of one attempt to take a lease.
#[non_exhaustive]
pub enum Acquired {
    /// This process now holds the lease.
    Lease(Box<dyn Lease>),
    /// Another process, or another layout of this process, holds the lease.
    Held(Holder),
}

impl fmt::Debug for Acquired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lease(lease) => f.debug_tuple("Lease").field(&lease.fence()).finish(),
            Self::Held(holder) => f.debug_tuple("Held").field(holder).finish(),
        }
    }
}

/// The holder of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The name of the holder in messages, such as `process 4711 on web`.
    pub name: String,
    /// The holder's current work, as the rest of a sentence that begins with "it": ``runs `mount`
    /// ``. It is `None` if the work is unknown.
    pub doing: Option<String>,
}

impl Holder {
    /// Returns a holder whose current work is unknown.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), doing: None }
    }

    /// Adds the current work.
    #[must_use]
    pub fn doing(mut self, doing: impl Into<String>) -> Self {
        self.doing = Some(doing.into());
        self
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// An object that another process works on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ObjectAtWork {
    /// The process, such as `process 4711 on web`.
    pub process: String,
    /// The id of the object, or its subdir if the id is not known yet.
    pub object: String,
    /// The task that runs, if one does.
    pub task: Option<String>,
}

impl ObjectAtWork {
    /// Returns an object that a process works on.
    pub fn new(process: impl Into<String>, object: impl Into<String>, task: Option<String>) -> Self {
        Self { process: process.into(), object: object.into(), task }
    }
}

/// The result of breaking a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseBreak {
    /// No process held the lease.
    NotHeld,
    /// The named process held the lease, which is now free.
    Broken(String),
}
