//! Stamps, history and leases of [setup-tasks](setup_tasks) in `PostgreSQL`, so that several operators and hosts share one layout.
//!
//! A program gets the store with one line, and the configuration or the command line chooses it:
//!
//! ```
//! use setup_tasks_postgres as _; // adds the addresses `postgres://…`
//! ```
//!
//! ```toml
//! store = "postgres://site@db.example.org/site"
//! ```
//!
//! A layout can also get it in code:
//!
//! ```no_run
//! use setup_tasks::{Config, Layout};
//! use setup_tasks_postgres::Postgres;
//!
//! let store = Postgres::open("postgres://site@db.example.org/site")?;
//! let layout = Layout::with_store_and_leases(Config::new("/srv/lab"), store.clone(), store);
//! # let _ = layout;
//! # Ok::<(), setup_tasks_postgres::PostgresError>(())
//! ```
//!
//! # The address
//!
//! The address is a URL as `psql` takes it. It may have these parameters:
//!
//! | parameter | meaning |
//! |---|---|
//! | `schema` | The schema of the tables. Several sites can share a database. Default: `setup_tasks`. |
//! | `sslrootcert` | A file with the certificate of your own authority. Default: the certificates of the system. |
//! | `sslmode` | TLS is always on, and the certificate is always checked, unless the host is this machine: `localhost`, a loopback address or a Unix socket. There, TLS is off unless the mode is `require`, `verify-ca` or `verify-full`, which all mean `verify-full`. |
//! | `lease_secs` | The time to live of a lease. Default: 30. All processes of a site should have the same. |
//! | `host_name` | The name of this host in messages and for `unlock --gone`. Default: the name of the system. |
//! | others | As for `tokio-postgres`: `connect_timeout`, `target_session_attrs`, `keepalives`, … |
//!
//! The password comes from the URL, from `PGPASSWORD`, or from the password file (`PGPASSFILE`, or `~/.pgpass`).
//!
//! # Leases
//!
//! A lease lasts as long as its process sends a beat every sixth of its time to live. A process without a beat for two thirds of that
//! time stops its tasks, and after the whole time, another process may take the lease over. Each lease has a higher fence than the one
//! before, and the statement that writes a stamp compares it. All times are those of the server, so the clocks of the hosts do not
//! matter. After the server was restarted or replaced, one time to live passes before a lease is taken over.
//!
//! # Workers
//!
//! The database also keeps runs that several [workers](setup_tasks::fleet::Worker) carry out, with the queues of their objects. The
//! statements about queues are not synced to the disk before they are answered. A crash of the server can lose the last of them, and
//! the workers find out again what runs and what has ended. The beginning of a run and all stamps are synced.

mod address;
mod beat;
mod core;
mod error;
mod group;
mod hosts;
mod leases;
mod link;
mod nudges;
mod passfile;
mod process;
mod reads;
mod schema;
mod statements;
mod store;
mod tls;
mod writer;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use setup_tasks::stamp::{MaybeReady, SharedStore, StoreScheme};
use tokio::sync::watch;

use crate::address::Address;
use crate::core::{Core, Service, thread_error};
pub use crate::error::PostgresError;
use crate::hosts::Alive;

setup_tasks::store_scheme!(StoreScheme::new(&["postgres", "postgresql"], |url| {
    let store = Postgres::open(url)?;
    Ok(SharedStore::new(store.clone(), store.clone()).hosts(store))
}));

/// A store and leases in a `PostgreSQL` database. Clones share their connections.
///
/// Opening connects to nothing. The first read or write does.
#[derive(Clone)]
pub struct Postgres(Arc<Opened>);

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Postgres").field(&self.0.core.address.place).finish()
    }
}

/// An opened store.
struct Opened {
    core: Arc<Core>,
    /// The thread that serves the connections. The first use starts it.
    service: OnceLock<Result<Service, PostgresError>>,
    /// The objects whose leases this process holds or is about to take, each with its current task.
    held: Mutex<HashMap<String, CurrentTask>>,
    /// The signs of life of this process as a worker.
    alive: Alive,
    /// The nudges about runs.
    news: tokio::sync::Mutex<watch::Receiver<u64>>,
}

/// The task that a session has begun last.
type CurrentTask = Arc<Mutex<Option<String>>>;

impl Postgres {
    /// Opens the store at an address.
    ///
    /// # Errors
    ///
    /// Returns [`PostgresError::Address`] if the address cannot be used.
    ///
    /// ```
    /// use setup_tasks_postgres::Postgres;
    ///
    /// let error = Postgres::open("postgres://site@db/site?sslmode=disable").unwrap_err();
    /// assert!(error.to_string().contains("without TLS"));
    /// ```
    pub fn open(url: &str) -> Result<Self, PostgresError> {
        let core = Arc::new(Core::new(Address::parse(url)?));
        let (alive, news) = (Alive::default(), tokio::sync::Mutex::new(core.nudges.news()));
        Ok(Self(Arc::new(Opened { core, service: OnceLock::new(), held: Mutex::default(), alive, news })))
    }

    fn service(&self) -> Result<&Service, PostgresError> {
        self.0.service.get_or_init(|| Service::start(&self.0.core)).as_ref().map_err(Clone::clone)
    }

    /// Calls a function on the thread that serves the connections.
    fn on_service<'a, T, E, F>(&'a self, work: impl FnOnce(Arc<Core>) -> F + Send + 'a) -> MaybeReady<'a, Result<T, E>>
    where
        T: Send + 'static,
        E: From<PostgresError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        MaybeReady::pending(async move {
            let service = self.service()?;
            let ended = || thread_error(&self.0.core, "it has ended".to_owned());
            let runtime = service.runtime.as_ref().ok_or_else(ended)?;
            let work = runtime.spawn(work(self.0.core.clone()));
            work.await.unwrap_or_else(|error| Err(thread_error(&self.0.core, error.to_string()).into()))
        })
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<String, CurrentTask>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
