//! The errors of the database.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use setup_tasks::lease::LeaseError;
use setup_tasks::stamp::StampError;
use tokio_postgres::error::{DbError, SqlState};

/// An error of the shared store. No error loses a stamp that was written, or invents a stamp.
///
/// A [`StampError::Other`] and a [`LeaseError::Service`] of this crate have it as their source.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The address of the store cannot be used.
    #[error("`{url}` cannot be used as a store: {problem}")]
    Address {
        /// The address, without its password.
        url: String,
        /// The problem.
        problem: String,
        /// Advice for the user.
        help: String,
    },
    /// The server cannot be reached.
    #[error("cannot connect to {place}")]
    Connect {
        /// The address of the database.
        place: String,
        /// The error of the connection.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The server does not accept the user or the password, or has no such database.
    #[error("{place} does not let the user `{user}` in: {detail}")]
    Login {
        /// The address of the database.
        place: String,
        /// The name of the user.
        user: String,
        /// The message of the server.
        detail: String,
    },
    /// A newer version of setup-tasks has changed the tables.
    #[error("the tables in {place} have version {found}, newer than version {known} which this program knows")]
    Newer {
        /// The address of the database.
        place: String,
        /// The version of the tables.
        found: i32,
        /// The newest version that this program knows.
        known: i32,
    },
    /// The user may not do this, or the database is read-only.
    #[error("{place} does not permit to {action}: {detail}")]
    Denied {
        /// The address of the database.
        place: String,
        /// The operation, as a verb.
        action: &'static str,
        /// The message of the server.
        detail: String,
    },
    /// The server's disk is full, or another of its resources is used up.
    #[error("{place} has no room to {action}: {detail}")]
    Full {
        /// The address of the database.
        place: String,
        /// The operation, as a verb.
        action: &'static str,
        /// The message of the server.
        detail: String,
    },
    /// A connection pooler gives each transaction another session, so prepared statements are missing or of another process.
    #[error("{place} does not keep one session per connection, so it cannot {action}: {detail}")]
    Pooled {
        /// The address of the database.
        place: String,
        /// The operation, as a verb.
        action: &'static str,
        /// The message of the server.
        detail: String,
    },
    /// The connection was lost, and no new one was established in time.
    #[error("{place} has not answered for {} s, while this process tried to {action}", waited.as_secs())]
    Away {
        /// The address of the database.
        place: String,
        /// The operation, as a verb.
        action: &'static str,
        /// The time for which this process has tried.
        waited: Duration,
        /// The last error.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// A name contains a character that `PostgreSQL` cannot store.
    #[error("the name {name:?} cannot be stored in PostgreSQL: it contains a NUL")]
    Name {
        /// The name.
        name: String,
    },
    /// The server returned another error.
    #[error("{place} refused to {action}: {detail}")]
    Refused {
        /// The address of the database.
        place: String,
        /// The operation, as a verb.
        action: &'static str,
        /// The message of the server.
        detail: String,
    },
    /// The store's thread cannot be started, or has ended.
    #[error("the thread that communicates with {place} does not run: {detail}")]
    Thread {
        /// The address of the database.
        place: String,
        /// A description of the problem.
        detail: String,
    },
}

setup_tasks::error_help!(PostgresError);

impl PostgresError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Address { help, .. } => help.into(),
            Self::Connect { .. } => "compare host and port with those of the server, and see whether it runs".into(),
            Self::Login { .. } => "check user, password (`PGPASSWORD`, or the file `~/.pgpass`) and the name of the \
                                   database; `createdb` creates one"
                .into(),
            Self::Newer { .. } => {
                "update this program, or use tables of its own with `?schema=NAME` in the address".into()
            }
            Self::Denied { .. } => {
                "use a role that may write; `plan`, `status` and `history` need only a role that may \
                                    read"
                    .into()
            }
            Self::Full { .. } => "make room on the server and run again; no stamp was lost".into(),
            Self::Away { .. } => "see whether the server runs, and run again; no stamp was lost".into(),
            Self::Pooled { .. } => {
                "use the address of the server itself, or a pooler in session mode (`pool_mode = session` of \
                                    PgBouncer); no stamp was lost"
                    .into()
            }
            Self::Name { .. } | Self::Refused { .. } => return None,
            Self::Thread { .. } => "compare the number of threads of this user with the limit (`ulimit -u`)".into(),
        })
    }

    /// Converts an error of a statement. `action` completes "cannot".
    pub(crate) fn of_statement(place: &str, action: &'static str, error: &tokio_postgres::Error) -> Self {
        let place = place.to_owned();
        let Some(found) = error.as_db_error() else {
            return Self::Refused { place, action, detail: chain(error) };
        };
        let (code, detail) = (found.code(), describe(found));
        if [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::READ_ONLY_SQL_TRANSACTION].contains(code) {
            Self::Denied { place, action, detail }
        } else if code.code().starts_with("53") {
            Self::Full { place, action, detail }
        } else if [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT].contains(code) {
            Self::Pooled { place, action, detail }
        } else {
            Self::Refused { place, action, detail }
        }
    }

    /// Converts an error of a connection that was never established.
    pub(crate) fn of_connection(place: &str, user: &str, error: tokio_postgres::Error) -> Self {
        let place = place.to_owned();
        match error.as_db_error() {
            Some(found) if found.code().code().starts_with("28") || *found.code() == SqlState::INVALID_CATALOG_NAME => {
                Self::Login { place, user: user.to_owned(), detail: describe(found) }
            }
            Some(found) => Self::Refused { place, action: "connect", detail: describe(found) },
            None if chain(&error).contains("password") => {
                Self::Login { place, user: user.to_owned(), detail: chain(&error) }
            }
            None => Self::Connect { place, source: Arc::new(error) },
        }
    }
}

impl From<PostgresError> for StampError {
    fn from(error: PostgresError) -> Self {
        Self::Other { source: Arc::new(error) }
    }
}

impl From<PostgresError> for LeaseError {
    fn from(error: PostgresError) -> Self {
        Self::Service { source: Box::new(error) }
    }
}

/// Returns whether the same statement can succeed on another connection, or a little later.
pub(crate) fn is_transient(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error().map(DbError::code) {
        Some(code) => {
            let retried = [
                SqlState::ADMIN_SHUTDOWN,
                SqlState::CRASH_SHUTDOWN,
                SqlState::CANNOT_CONNECT_NOW,
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                SqlState::LOCK_NOT_AVAILABLE,
                SqlState::QUERY_CANCELED,
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::TOO_MANY_CONNECTIONS,
            ];
            retried.contains(code) || code.code().starts_with("08")
        }
        // The connection was closed, or the answer was cut off.
        None => error.is_closed() || error.source().is_some_and(<dyn Error>::is::<std::io::Error>),
    }
}

fn describe(error: &DbError) -> String {
    let detail = error.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
    format!("{}{detail} [{}]", error.message(), error.code().code())
}

/// Returns an error with its sources as one text.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let (mut text, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
