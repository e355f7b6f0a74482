//! The connections of this process: machines with equal settings share one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::runtime;
use tokio::sync;

use crate::bootstrap;
use crate::error::MachineError;
use crate::machine::{Route, Settings};
use crate::session::Session;

/// A connection, which is opened when it is first needed, and again after its loss.
#[derive(Default)]
pub(crate) struct Connection(sync::Mutex<State>);

#[derive(Default)]
struct State {
    session: Option<Session>,
    /// The error of the last attempt to connect.
    error: Option<MachineError>,
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

    /// Returns the open session, or opens one.
    pub(crate) async fn session(&self, settings: &Settings) -> Result<Session, MachineError> {
        let waited = self.0.try_lock().is_err();
        let mut state = self.0.lock().await;
        if let Some(session) = state.session.as_ref().filter(|session| session.is_open()) {
            return Ok(session.clone());
        }
        // A caller that waited for the attempt of another one receives its error. It does not wait for a second attempt.
        if waited && let Some(error) = &state.error {
            return Err(error.clone());
        }
        let result = connect(settings).await;
        (state.session, state.error) = (result.clone().ok(), result.clone().err());
        result
    }
}

async fn connect(settings: &Settings) -> Result<Session, MachineError> {
    let greeted = bootstrap::start(settings).await?;
    Session::begin(settings, greeted).await
}
