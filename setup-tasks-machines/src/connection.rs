//! The connections of this process: machines with equal settings share one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::runtime;

use crate::error::MachineError;
use crate::machine::{Route, Settings};
use crate::session::Session;
use crate::transport::Sharing;

/// A connection, which is opened when it is first needed, and again after its loss.
#[derive(Default)]
pub(crate) struct Connection(Mutex<Option<Session>>);

/// A session, and whether it was there before.
pub(crate) struct Joined {
    pub(crate) session: Session,
    /// Whether an earlier use opened it. It can be lost without a sign of it so far.
    pub(crate) is_old: bool,
}

/// A connection belongs to the runtime whose tasks serve it.
type Key = (Route, runtime::Id);

/// All connections. Two connections of one process to a machine would wait for each other's lock there.
static CONNECTIONS: Mutex<Option<HashMap<Key, Weak<Connection>>>> = Mutex::new(None);

impl Connection {
    /// Returns the connection of all machines with this route.
    pub(crate) fn of(route: &Route) -> Arc<Self> {
        let key = (route.clone(), runtime::Handle::current().id());
        let mut connections = CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = connections.get_or_insert_default();
        if let Some(connection) = connections.get(&key).and_then(Weak::upgrade) {
            return connection;
        }
        connections.retain(|_, connection| connection.strong_count() > 0);
        let connection = Arc::new(Self::default());
        connections.insert(key, Arc::downgrade(&connection));
        connection
    }

    /// Returns the open session, or opens one. Its calls receive the error if that fails.
    pub(crate) fn session(&self, settings: &Settings) -> Result<Joined, MachineError> {
        let mut open = self.open();
        if let Some(session) = open.as_ref().filter(|session| session.is_open()) {
            return Ok(Joined { session: session.clone(), is_old: true });
        }
        let session = Session::open(settings, Sharing::Shared)?;
        *open = Some(session.clone());
        Ok(Joined { session, is_old: false })
    }

    /// Uses another session from now on, or none until the next use.
    pub(crate) fn replace(&self, session: Option<Session>) {
        *self.open() = session;
    }

    fn open(&self) -> MutexGuard<'_, Option<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
