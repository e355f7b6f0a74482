//! The task that sends beats and renews leases, and the exchange of waits between processes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use setup_tasks::lease::ProcessWaits;
use setup_tasks::stamp::Fence;
use tokio::sync::{mpsc, oneshot};

use crate::core::Core;
use crate::error::PostgresError;
use crate::group::signed;
use crate::link::{Connected, Purpose};

/// The time for which the statement of a process counts, and for which an exchange waits for new ones.
const STATED: Duration = Duration::from_secs(2);
const EXCHANGE: Duration = Duration::from_millis(400);
const EXCHANGE_PAUSE: Duration = Duration::from_millis(15);

/// A lease that is to be renewed.
#[derive(Debug)]
pub(crate) struct Renewal {
    pub(crate) object: String,
    pub(crate) fence: Fence,
    /// The task that the lease is used for.
    pub(crate) task: Option<String>,
    /// The channel for the answer: whether this process still holds the lease.
    pub(crate) answer: oneshot::Sender<Result<bool, PostgresError>>,
}

const BEAT: &str = "UPDATE processes SET beat = clock_timestamp() WHERE id = $1";
const NOTE: &str =
    "UPDATE objects o SET task = n.task FROM unnest($2::text[], $3::bigint[], $4::text[]) AS n (subdir, fence, task)
    WHERE o.subdir = n.subdir AND o.fence = n.fence AND o.holder = $1 AND o.task IS DISTINCT FROM n.task";
const HELD: &str = "SELECT subdir, fence FROM objects WHERE subdir = ANY ($2::text[]) AND holder = $1";

const PUBLISH: &str = "UPDATE processes SET waits = $2, waits_number = waits_number + 1, waits_at = clock_timestamp()
    WHERE id = $1";
const STATEMENTS: &str = "SELECT id, waits_number, waits FROM processes
    WHERE id <> $1 AND waits IS NOT NULL AND waits_at + $2 * interval '1 millisecond' > clock_timestamp()";

/// The task that renews leases.
pub(crate) struct Beats {
    core: Arc<Core>,
    renewals: mpsc::UnboundedReceiver<Renewal>,
}

impl Beats {
    pub(crate) fn new(core: Arc<Core>, renewals: mpsc::UnboundedReceiver<Renewal>) -> Self {
        Self { core, renewals }
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
            let is_due = sent.saturating_duration_since(self.core.last_beat()) > self.core.address.ttl / 12;
            let renew = |connected| renew(&self.core, connected, (&objects, &fences, &tasks), is_due);
            let held = self.core.beats.ask((Purpose::Write, "renew leases"), renew).await;
            if held.is_ok() && is_due {
                self.core.note_beat(sent);
            }
            for renewal in renewals {
                let is_held = held.as_ref().map(|held| held.get(&renewal.object) == Some(&signed(renewal.fence)));
                // The run may have ended in the meantime.
                let _ = renewal.answer.send(is_held.map_err(Clone::clone));
            }
        }
    }
}

/// Sends a beat. Returns the fences of the leases that this process holds.
async fn renew(
    core: &Core,
    connected: Arc<Connected>,
    (objects, fences, tasks): (&Vec<&str>, &Vec<i64>, &Vec<Option<&str>>),
    is_due: bool,
) -> Result<HashMap<String, i64>, tokio_postgres::Error> {
    let process = core.process.id;
    if is_due {
        let beat = connected.statement(BEAT).await?;
        if connected.client().execute(&beat, &[&process]).await? == 0 {
            core.process.register(connected.client(), core.address.ttl).await?;
        }
        connected.query(NOTE, &[&process, objects, fences, tasks]).await?;
    }
    let held = connected.query(HELD, &[&process, objects]).await?;
    Ok(held.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Publishes the statement of this process, and returns those of the others. Each of them is newer than the call, so a wait that has
/// ended before is in none of them. A process that waits states so again and again; one that does not is on no circle.
pub(crate) async fn exchange(core: Arc<Core>, own: String) -> Result<Vec<ProcessWaits>, PostgresError> {
    let publish = |connected: Arc<Connected>| {
        let (process, own) = (core.process.id, &own);
        async move { connected.query(PUBLISH, &[&process, own]).await }
    };
    core.beats.ask((Purpose::Write, "publish waits"), publish).await?;
    let (mut before, mut fresh): (Option<HashMap<i64, i64>>, HashMap<i64, String>) = (None, HashMap::new());
    let since = Instant::now();
    loop {
        let read = |connected: Arc<Connected>| {
            let (process, stated) = (core.process.id, STATED.as_secs_f64() * 1000.0);
            async move { connected.query(STATEMENTS, &[&process, &stated]).await }
        };
        let rows = core.beats.ask((Purpose::Write, "read waits"), read).await?;
        let first = before.get_or_insert_with(|| rows.iter().map(|row| (row.get(0), row.get(1))).collect());
        for row in &rows {
            let (id, number): (i64, i64) = (row.get(0), row.get(1));
            if first.get(&id) != Some(&number) {
                fresh.insert(id, row.get(2));
            }
        }
        if first.keys().all(|id| fresh.contains_key(id)) || since.elapsed() >= EXCHANGE {
            break;
        }
        tokio::time::sleep(EXCHANGE_PAUSE).await;
    }
    // A statement of another version is of no use.
    Ok(fresh.values().filter_map(|waits| serde_json::from_str(waits).ok()).collect())
}
