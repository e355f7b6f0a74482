//! Runs that several workers carry out: their queues, their events and their results.

mod alive;
mod directory;
mod queue;
mod sql;

use std::sync::Arc;

use setup_tasks::dispatch::DispatchError;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

pub(crate) use self::alive::Alive;
use crate::core::Core;
use crate::error::PostgresError;
use crate::link::{Connected, Purpose};

type Values<'v> = [&'v (dyn ToSql + Sync)];

/// Executes a statement about runs that changes something, and returns its rows.
async fn change(
    core: &Core,
    action: &'static str,
    sql: &'static str,
    values: &Values<'_>,
) -> Result<Vec<Row>, PostgresError> {
    let query = |connected: Arc<Connected>| async move { connected.query(sql, values).await };
    core.queue.ask((Purpose::Write, action), query).await
}

/// Reads rows about runs. Returns none before the tables exist.
async fn look(
    core: &Core,
    action: &'static str,
    sql: &'static str,
    values: &Values<'_>,
) -> Result<Vec<Row>, PostgresError> {
    let query = |connected: Arc<Connected>| async move {
        if !connected.has_runs() {
            return Ok(Vec::new());
        }
        connected.query(sql, values).await
    };
    core.work.ask((Purpose::Read, action), query).await
}

/// Sends a nudge. A nudge that is lost costs a moment, so its error is not one of the operation.
async fn nudge(core: &Core, text: &str) {
    if let Err(error) = change(core, "send a nudge", sql::NUDGE, &[&text]).await {
        tracing::debug!("a nudge was not sent: {error}");
    }
}

impl From<PostgresError> for DispatchError {
    fn from(error: PostgresError) -> Self {
        Self::service(error)
    }
}
