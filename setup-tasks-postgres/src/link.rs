//! A connection that is established anew when it is lost.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as AsyncMutex;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row, Statement};

use crate::address::Address;
use crate::error::{PostgresError, is_transient};
use crate::nudges::{self, Nudges};
use crate::process::Process;
use crate::schema::{self, Tables};
use crate::tls;

/// The time for which a lost connection is tried again.
const PATIENCE: Duration = Duration::from_mins(1);

/// The time for which the first connection is tried again, if the server accepts connections and then closes them.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);

/// The time within which a connection must be established.
const CONNECT: Duration = Duration::from_secs(10);

/// The pauses between two attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The time for which the server works on a statement, and waits for a lock. A process that is stopped in the middle of a
/// transaction does not hold up the others for longer.
const SETTINGS: &str = "SET statement_timeout = '60s'; SET lock_timeout = '4s'; SET client_min_messages = warning; ";

/// Identifies a session of a server, also after a restart of the server.
const SESSION: &str = "SELECT pg_backend_pid() || ' ' || pg_postmaster_start_time()";

/// The sessions of the server that serve the connections of a process.
#[derive(Default)]
struct Sessions(Mutex<[String; 2]>);

impl Sessions {
    /// Notes the session of one of both connections. Returns false if the other one has the same.
    fn note(&self, is_second: bool, session: String) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_other = known[usize::from(!is_second)] != session;
        known[usize::from(is_second)] = session;
        is_other
    }

    /// Returns whether both connections have the same session.
    fn are_mixed_up(&self) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !known[0].is_empty() && known[0] == known[1]
    }
}

/// The purpose of a connection. Reading creates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Read,
    Write,
}

/// A connection to the database, which is established when it is first used.
pub(crate) struct Link {
    address: Arc<Address>,
    process: Arc<Process>,
    state: AsyncMutex<Option<Arc<Connected>>>,
    /// Whether this process has reached the server before, on this connection or another one. A lost server is tried again for longer;
    /// a server that was never reached fails at once.
    was_reached: Arc<AtomicBool>,
    /// The time for which the server may take for an answer.
    pub(crate) answer: Duration,
    /// The sessions of the server that serve the connections of this process.
    sessions: Arc<Sessions>,
    /// The receiver of nudges, if the connection listens to them.
    nudges: Option<Arc<Nudges>>,
}

/// An established connection.
pub(crate) struct Connected {
    client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
    /// Whether the tables exist.
    tables: Tables,
    /// Whether this process is registered as a writer.
    is_writer: bool,
}

/// The reason why a statement has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Statement(tokio_postgres::Error),
    #[error("the server did not answer within {} s", .0.as_secs_f32())]
    Silence(Duration),
}

impl Trouble {
    /// Returns whether no other statement can succeed on the connection.
    pub(crate) fn ends_connection(&self) -> bool {
        match self {
            Self::Statement(error) => error.as_db_error().is_none(),
            Self::Silence(_) => true,
        }
    }

    /// Returns whether a server has accepted the connection that failed.
    fn is_there(&self) -> bool {
        match self {
            Self::Statement(error) => error.is_closed() || (error.as_db_error().is_some() && is_transient(error)),
            Self::Silence(_) => false,
        }
    }

    /// Converts the error of a server that was never reached.
    fn of_connection(self, place: &str, user: &str) -> PostgresError {
        match self {
            Self::Statement(error) => PostgresError::of_connection(place, user, error),
            Self::Silence(_) => PostgresError::Connect { place: place.to_owned(), source: Arc::new(self) },
        }
    }
}

/// The attempts of one operation.
pub(crate) struct Attempts {
    since: Instant,
    pause: Duration,
    action: &'static str,
}

impl Attempts {
    pub(crate) fn new(action: &'static str) -> Self {
        Self { since: Instant::now(), pause: FIRST_PAUSE, action }
    }

    /// Waits before the next attempt. Returns the error if the time is over, or if another attempt is of no use.
    pub(crate) async fn again(&mut self, place: &str, error: Trouble) -> Result<(), PostgresError> {
        if let Trouble::Statement(error) = &error
            && !is_transient(error)
        {
            return Err(PostgresError::of_statement(place, self.action, error));
        }
        let waited = self.since.elapsed();
        if waited >= PATIENCE {
            let (place, source) = (place.to_owned(), Arc::new(error));
            return Err(PostgresError::Away { place, action: self.action, waited, source });
        }
        tracing::debug!("{place} is tried again: {error}");
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

impl Link {
    pub(crate) fn new(
        address: Arc<Address>,
        process: Arc<Process>,
        was_reached: Arc<AtomicBool>,
        answer: Duration,
    ) -> Self {
        Self {
            address,
            process,
            state: AsyncMutex::default(),
            was_reached,
            answer,
            sessions: Arc::default(),
            nudges: None,
        }
    }

    /// Lets the connection listen to nudges. Its statements are not synced to the disk before they are answered: what it writes is
    /// found out again after a crash of the server.
    pub(crate) fn listening(mut self, nudges: Arc<Nudges>) -> Self {
        self.nudges = Some(nudges);
        self
    }

    /// Notes another connection, which must not have the same session of the server.
    pub(crate) fn beside(self, other: &Self) -> Self {
        Self { sessions: other.sessions.clone(), ..self }
    }

    /// Returns an error if another connection of this process has the same session of the server. Then a pooler gives sessions to
    /// transactions, and prepared statements are mixed up.
    async fn check_session(&self, client: &Client) -> Result<(), Failed> {
        let row = client.query_one(SESSION, &[]).await?;
        if self.sessions.note(self.nudges.is_some(), row.get(0)) {
            return Ok(());
        }
        Err(Failed::Refused(self.refuse_pooler()))
    }

    fn refuse_pooler(&self) -> PostgresError {
        let detail = "two connections of this process have the same session".to_owned();
        PostgresError::Pooled { place: self.place().to_owned(), action: "keep leases", detail }
    }

    pub(crate) fn place(&self) -> &str {
        &self.address.place
    }

    /// Returns the connection. The first call, and the first one after a loss, establishes it.
    pub(crate) async fn get(&self, purpose: Purpose, attempts: &mut Attempts) -> Result<Arc<Connected>, PostgresError> {
        loop {
            let mut state = self.state.lock().await;
            if self.sessions.are_mixed_up() {
                return Err(self.refuse_pooler());
            }
            if let Some(connected) = state.as_ref().filter(|connected| connected.serves(purpose)) {
                return Ok(connected.clone());
            }
            *state = None;
            let connected = tokio::time::timeout(CONNECT, self.connect(purpose)).await;
            match connected.unwrap_or(Err(Failed::Connecting(Trouble::Silence(CONNECT)))) {
                Ok(connected) => {
                    let connected = Arc::new(connected);
                    *state = Some(connected.clone());
                    self.was_reached.store(true, Ordering::Relaxed);
                    return Ok(connected);
                }
                Err(Failed::Refused(error)) => return Err(error),
                Err(Failed::Connecting(error)) => {
                    drop(state);
                    let is_hopeless = !error.is_there() || attempts.since.elapsed() > FIRST_PATIENCE;
                    if is_hopeless && !self.was_reached.load(Ordering::Relaxed) {
                        return Err(error.of_connection(self.place(), self.address.user()));
                    }
                    attempts.again(self.place(), error).await?;
                }
            }
        }
    }

    /// Calls `ask` with the connection, again if the connection is lost meanwhile.
    pub(crate) async fn ask<T, F>(
        &self,
        (purpose, action): (Purpose, &'static str),
        ask: impl Fn(Arc<Connected>) -> F,
    ) -> Result<T, PostgresError>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>>,
    {
        let mut attempts = Attempts::new(action);
        loop {
            let connected = self.get(purpose, &mut attempts).await?;
            let trouble = match tokio::time::timeout(self.answer, ask(connected.clone())).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => Trouble::Statement(error),
                // The server is cut off, and the system has not noticed it yet.
                Err(_) => Trouble::Silence(self.answer),
            };
            if trouble.ends_connection() {
                self.forget(&connected).await;
            }
            attempts.again(self.place(), trouble).await?;
        }
    }

    /// Forgets a connection that does not answer.
    pub(crate) async fn forget(&self, silent: &Arc<Connected>) {
        let mut state = self.state.lock().await;
        if state.as_ref().is_some_and(|connected| Arc::ptr_eq(connected, silent)) {
            *state = None;
        }
    }

    async fn connect(&self, purpose: Purpose) -> Result<Connected, Failed> {
        let mut client = self.open().await?;
        let schema = &self.address.schema;
        let listen = if self.nudges.is_some() { nudges::LISTEN } else { "" };
        client.batch_execute(&format!("{SETTINGS}{listen}SET search_path = \"{schema}\"")).await?;
        let found = schema::find(&client).await;
        let refuse = |error: tokio_postgres::Error| {
            if is_transient(&error) {
                return error.into();
            }
            Failed::Refused(PostgresError::of_statement(self.place(), "prepare the tables", &error))
        };
        let mut tables = found.map_err(refuse)?;
        if let Tables::Version(found) = tables
            && found > schema::VERSION
        {
            let (place, known) = (self.place().to_owned(), schema::VERSION);
            return Err(Failed::Refused(PostgresError::Newer { place, found, known }));
        }
        if purpose == Purpose::Write {
            self.check_session(&client).await?;
            if tables != Tables::Version(schema::VERSION) {
                tables = schema::prepare(&mut client, schema).await.map_err(refuse)?;
            }
            self.process.register(&client, self.address.ttl).await.map_err(refuse)?;
        }
        let is_writer = purpose == Purpose::Write;
        Ok(Connected { client, statements: Mutex::default(), tables, is_writer })
    }

    async fn open(&self) -> Result<Client, Failed> {
        let config = &self.address.config;
        let Some(roots) = &self.address.tls else {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(nudges::drive(connection, self.nudges.clone()));
            return Ok(client);
        };
        let tls = tls::connector(roots).map_err(|detail| {
            Failed::Refused(PostgresError::Refused { place: self.place().to_owned(), action: "use TLS", detail })
        })?;
        let (client, connection) = config.connect(tls).await?;
        tokio::spawn(nudges::drive(connection, self.nudges.clone()));
        Ok(client)
    }
}

/// The failure of an attempt to connect.
enum Failed {
    /// The server was not reached, or is not ready.
    Connecting(Trouble),
    /// The server was reached, and another attempt is of no use.
    Refused(PostgresError),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Connecting(Trouble::Statement(error))
    }
}

impl Connected {
    /// Returns whether the connection is open and can be used for the purpose.
    fn serves(&self, purpose: Purpose) -> bool {
        let has_tables = self.tables != Tables::Missing;
        !self.client.is_closed() && (self.is_writer || (purpose == Purpose::Read && has_tables))
    }

    pub(crate) fn has_tables(&self) -> bool {
        self.tables != Tables::Missing
    }

    /// Returns whether the tables for runs and workers exist.
    pub(crate) fn has_runs(&self) -> bool {
        matches!(self.tables, Tables::Version(version) if version >= 2)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns a prepared statement, which the connection prepares once.
    pub(crate) async fn statement(&self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        let known = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).insert(sql, statement.clone());
        Ok(statement)
    }

    pub(crate) async fn query(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        self.client.query(&self.statement(sql).await?, values).await
    }
}
