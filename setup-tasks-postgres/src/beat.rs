//! The task that sends beats and renews leases, and the exchange of waits between processes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use setup_tasks::lease::ProcessWaits;
use setup_tasks::stamp::Fence;
use tokio::sync::{mpsc, oneshot};

use crate::core::Core;
use crate::error::PostgresError;
use crate::group::signed;
use crate::link::{Connected, Purpose};

/// The time for which the statement of a process is read. A process that waits states so four times a second.
const STATED: &str = "10s";

/// A lease that is to be renewed.
#[derive(Debug)]
pub(crate) struct Renewal {
    pub(crate) object: String,
    pub(crate) fence: Fence,
    /// The task that the lease is used for.
    pub(crate) task: Option<String>,
    /// The channel for the answer.
    pub(crate) answer: oneshot::Sender<Result<Renewed, PostgresError>>,
}

/// The state of a lease that was to be renewed.
#[derive(Debug, PartialEq)]
pub(crate) enum Renewed {
    Held,
    /// Another process has the lease, or nobody.
    Lost(Option<String>),
}

const BEAT: &str = "UPDATE processes SET beat = clock_timestamp() WHERE id = $1";
const NOTE: &str =
    "UPDATE objects o SET task = n.task FROM unnest($2::text[], $3::bigint[], $4::text[]) AS n (subdir, fence, task)
    WHERE o.subdir = n.subdir AND o.fence = n.fence AND o.holder = $1 AND o.task IS DISTINCT FROM n.task";
const HELD: &str = "SELECT o.subdir, CASE WHEN o.holder = $1 THEN o.fence END, p.name
    FROM objects o LEFT JOIN processes p ON p.id = o.holder WHERE o.subdir = ANY ($2::text[])";

/// Publishes the statement of a process, and reads those of the others. All are read at one moment.
/// A process that is not registered waits for nothing until its next beat.
const EXCHANGE: &str = "WITH own AS (
        UPDATE processes SET waits = $2, waits_at = clock_timestamp() WHERE id = $1 RETURNING id
    ), wanted AS (
        INSERT INTO waits (wanted, process) SELECT w, own.id FROM own, unnest($4::text[]) AS w ON CONFLICT DO NOTHING
    )
    SELECT waits FROM processes WHERE id <> $1 AND waits_at + $3::text::interval > clock_timestamp() ORDER BY id";

/// The task that renews leases.
pub(crate) struct Beats {
    core: Arc<Core>,
    renewals: mpsc::UnboundedReceiver<Renewal>,
    /// The time at which the tasks of leases were last noted. A worker sends signs of life beside these.
    noted: Instant,
}

impl Beats {
    pub(crate) fn new(core: Arc<Core>, renewals: mpsc::UnboundedReceiver<Renewal>) -> Self {
        Self { core, renewals, noted: Instant::now() }
    }

    /// Works until all senders of renewals are dropped.
    pub(crate) async fn run(mut self) {
        while let Some(first) = self.renewals.recv().await {
            tokio::task::yield_now().await;
            let mut renewals = vec![first];
            while let Ok(renewal) = self.renewals.try_recv() {
                renewals.push(renewal);
            }
            let sent = Instant::now();
            let objects: Vec<_> = renewals.iter().map(|renewal| renewal.object.as_str()).collect();
            let fences: Vec<_> = renewals.iter().map(|renewal| signed(renewal.fence)).collect();
            let tasks: Vec<_> = renewals.iter().map(|renewal| renewal.task.as_deref()).collect();
            // The runtime checks each lease once at its end. This needs no beat of its own.
            let is_older = |time| sent.saturating_duration_since(time) > self.core.address.ttl / 12;
            let due = Due { beat: is_older(self.core.last_beat()), note: is_older(self.noted) };
            let renew = |connected| renew(&self.core, connected, (&objects, &fences, &tasks), due);
            let held = self.core.beats.ask((Purpose::Write, "renew leases"), renew).await;
            if held.is_ok() && due.beat {
                self.core.note_beat(sent);
            }
            if held.is_ok() && due.note {
                self.noted = sent;
            }
            for renewal in renewals {
                let renewed = held.as_ref().map(|held| match held.get(&renewal.object) {
                    Some((fence, _)) if *fence == Some(signed(renewal.fence)) => Renewed::Held,
                    other => Renewed::Lost(other.and_then(|(own, holder)| holder.clone().filter(|_| own.is_none()))),
                });
                // The run may have ended in the meantime.
                let _ = renewal.answer.send(renewed.map_err(Clone::clone));
            }
        }
    }
}

/// The statements that a renewal sends besides its question.
#[derive(Clone, Copy)]
struct Due {
    beat: bool,
    note: bool,
}

/// The fence of an object if this process holds its lease, and the name of the holder.
type HeldBy = (Option<i64>, Option<String>);

/// Sends a beat. Returns the holders of the leases.
async fn renew(
    core: &Core,
    connected: Arc<Connected>,
    (objects, fences, tasks): (&Vec<&str>, &Vec<i64>, &Vec<Option<&str>>),
    due: Due,
) -> Result<HashMap<String, HeldBy>, tokio_postgres::Error> {
    let process = core.process.id;
    if due.beat {
        let beat = connected.statement(BEAT).await?;
        if connected.client().execute(&beat, &[&process]).await? == 0 {
            core.process.register(connected.client(), core.address.ttl).await?;
        }
    }
    if due.note {
        connected.query(NOTE, &[&process, objects, fences, tasks]).await?;
    }
    let held = connected.query(HELD, &[&process, objects]).await?;
    Ok(held.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect())
}

/// Publishes the statement of this process, and returns the latest ones of the others.
pub(crate) async fn exchange(
    core: Arc<Core>,
    own: String,
    wanted: Vec<String>,
) -> Result<Vec<ProcessWaits>, PostgresError> {
    let publish = |connected: Arc<Connected>| {
        let (process, own, wanted) = (core.process.id, &own, &wanted);
        async move { connected.query(EXCHANGE, &[&process, own, &STATED, wanted]).await }
    };
    let rows = core.beats.ask((Purpose::Write, "exchange waits"), publish).await?;
    // A statement of another version is of no use.
    Ok(rows.iter().filter_map(|row| serde_json::from_str(row.get(0)).ok()).collect())
}
