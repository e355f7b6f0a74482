//! The task that writes: changes, acquisitions and releases, in groups.
//!
//! While one group is on its way, further jobs gather for the next one. The statements of a group are sent together, so a group
//! takes one round trip. Groups have increasing numbers, and the database applies each number once. A group whose answer was lost is
//! sent again with its number. A group that arrives late has no effect. Acquisitions have numbers of their own, a new one per attempt.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use setup_tasks::stamp::{Fence, Records, StampError, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use crate::core::Core;
use crate::error::{PostgresError, is_transient};
use crate::group::{Columns, Group, Write, signed};
use crate::link::{Attempts, Connected, Purpose, Trouble};
use crate::process::millis;
use crate::reads;
use crate::statements::{ACQUIRE, FENCES, HOLDERS, NUMBER, RELEASE, WRITE, WRITE_AND_REMOVE};

/// A job of the writer.
#[derive(Debug)]
pub(crate) enum Job {
    Write(Write),
    Acquire(Acquire),
    Release(Release),
}

/// An attempt to take the lease of an object.
#[derive(Debug)]
pub(crate) struct Acquire {
    pub(crate) object: String,
    pub(crate) answer: oneshot::Sender<Result<Taken, PostgresError>>,
}

/// The result of an attempt to take a lease.
#[derive(Debug)]
pub(crate) enum Taken {
    Lease { fence: Fence, records: Result<Records, StampError>, latest: Option<Timestamp> },
    Held(Other),
}

/// Another process that holds a lease.
#[derive(Debug)]
pub(crate) struct Other {
    pub(crate) id: i64,
    pub(crate) fence: i64,
    pub(crate) name: String,
    pub(crate) task: Option<String>,
    /// The record of the process, if its row exists.
    pub(crate) record: Option<String>,
}

/// The end of a lease.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) object: String,
    /// The fence of the lease, or `None` for every lease of this process.
    pub(crate) fence: Option<Fence>,
}

/// The jobs of one round trip.
#[derive(Default)]
struct Batch {
    writes: Group,
    acquires: Vec<Acquire>,
    releases: Vec<Release>,
}

/// The task that writes.
pub(crate) struct Writer {
    core: Arc<Core>,
    jobs: mpsc::UnboundedReceiver<Job>,
    /// The numbers of the last group of changes and of the last acquisition.
    numbers: Numbers,
    /// The objects whose leases this process may have without knowing it, because an acquisition failed.
    doubtful: Vec<String>,
}

type Answer<T> = Option<Result<T, tokio_postgres::Error>>;

/// The answers to the statements of one round trip, each if it was sent.
#[derive(Default)]
struct Answers {
    written: Answer<Vec<Row>>,
    released: Answer<u64>,
    acquired: Answer<Acquired>,
}

/// The rows after an acquisition.
struct Acquired {
    holders: Vec<Row>,
    entries: Vec<Row>,
    latest: Option<Timestamp>,
    sent: Instant,
}

/// The numbers of statements.
#[derive(Clone, Copy, Default)]
struct Numbers {
    write: i64,
    acquire: i64,
}

impl Other {
    /// Returns the holder in a row of [`HOLDERS`].
    pub(crate) fn of(row: &Row) -> Self {
        let name: Option<String> = row.get(3);
        let name = name.unwrap_or_else(|| "a process that is unknown".to_owned());
        Self { id: row.get(6), fence: row.get(1), name, task: row.get(4), record: row.get(5) }
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.acquires.is_empty() && self.releases.is_empty()
    }

    /// Adds a job. Returns it if it needs another batch.
    fn add(&mut self, job: Job) -> Option<Job> {
        match job {
            Job::Write(write) => return self.writes.add(write).map(Job::Write),
            Job::Acquire(acquire) => {
                if self.acquires.iter().any(|other| other.object == acquire.object) {
                    return Some(Job::Acquire(acquire));
                }
                self.acquires.push(acquire);
            }
            Job::Release(release) => self.releases.push(release),
        }
        None
    }

    fn fail(self, error: &PostgresError) {
        self.writes.answer(|_| Err(error.clone().into()));
        for acquire in self.acquires {
            let _ = acquire.answer.send(Err(error.clone()));
        }
        if !self.releases.is_empty() {
            tracing::warn!(
                "{} leases were not released, and end with their time to live: {error}",
                self.releases.len()
            );
        }
    }
}

impl Writer {
    pub(crate) fn new(core: Arc<Core>, jobs: mpsc::UnboundedReceiver<Job>) -> Self {
        Self { core, jobs, numbers: Numbers::default(), doubtful: Vec::new() }
    }

    /// Works until all senders of jobs are dropped and no job is left.
    pub(crate) async fn run(mut self) {
        let mut next = None;
        loop {
            let first = match next.take() {
                Some(job) => job,
                None => match self.jobs.recv().await {
                    Some(job) => job,
                    None => return,
                },
            };
            // Neighbours that are about to write join the group.
            tokio::task::yield_now().await;
            let mut batch = Batch::default();
            next = batch.add(first);
            while next.is_none()
                && let Ok(job) = self.jobs.try_recv()
            {
                next = batch.add(job);
            }
            if !batch.is_empty() {
                self.send(batch).await;
            }
        }
    }

    /// Sends a batch until each of its statements has an answer.
    async fn send(&mut self, mut batch: Batch) {
        self.numbers.write += 1;
        let doubtful = std::mem::take(&mut self.doubtful);
        batch.releases.extend(doubtful.into_iter().map(|object| Release { object, fence: None }));
        let core = self.core.clone();
        let mut attempts = Attempts::new("write stamps and leases");
        while !batch.is_empty() {
            let connected = match core.work.get(Purpose::Write, &mut attempts).await {
                Ok(connected) => connected,
                Err(error) => return self.give_up(batch, &error),
            };
            self.numbers.acquire += 1;
            let answers = tokio::time::timeout(core.work.answer, self.round_trip(&connected, &batch)).await;
            let trouble = match answers {
                Ok(Ok(answers)) => self.settle(&connected, &mut batch, answers).await,
                Ok(Err(error)) => Some(Trouble::Statement(error)),
                Err(_) => Some(Trouble::Silence(core.work.answer)),
            };
            let Some(trouble) = trouble else { continue };
            if trouble.ends_connection() {
                core.work.forget(&connected).await;
            }
            if let Err(error) = attempts.again(core.work.place(), trouble).await {
                return self.give_up(batch, &error);
            }
        }
    }

    fn give_up(&mut self, batch: Batch, error: &PostgresError) {
        self.doubtful.extend(batch.acquires.iter().map(|acquire| acquire.object.clone()));
        batch.fail(error);
    }

    /// Sends all statements of a batch at once.
    async fn round_trip(&self, connected: &Connected, batch: &Batch) -> Result<Answers, tokio_postgres::Error> {
        // Statements are prepared first, so that nothing interrupts their order.
        let columns = batch.writes.columns();
        let removes = !columns.cleared.is_empty() || !columns.removed.0.is_empty();
        let write = connected.statement(if removes { WRITE_AND_REMOVE } else { WRITE }).await?;
        let release = connected.statement(RELEASE).await?;
        let acquire = [ACQUIRE, HOLDERS, reads::ENTRIES, reads::LATEST].map(|sql| connected.statement(sql));
        let acquire = futures_util::future::try_join_all(acquire).await?;
        let written = self.write(connected, &write, &columns, self.numbers.write);
        let released = self.release(connected, &release, &batch.releases);
        let acquired = self.acquire(connected, &acquire, &batch.acquires, self.numbers.acquire);
        let (written, released, acquired) = tokio::join!(biased; written, released, acquired);
        Ok(Answers { written, released, acquired })
    }

    async fn write(
        &self,
        connected: &Connected,
        statement: &Statement,
        columns: &Columns<'_>,
        number: i64,
    ) -> Answer<Vec<Row>> {
        if columns.objects.is_empty() {
            return None;
        }
        let Columns { objects, fences, ids, types, gone, cleared, put, removed, lines } = columns;
        let process = self.core.process.id;
        let common: [&(dyn ToSql + Sync); 14] = [
            &process, &number, objects, fences, ids, types, gone, &put.0, &put.1, &put.2, &lines.0, &lines.1, &lines.2,
            &lines.3,
        ];
        let removal: [&(dyn ToSql + Sync); 3] = [cleared, &removed.0, &removed.1];
        let values = common.into_iter().chain(removal).take(statement.params().len()).collect::<Vec<_>>();
        Some(connected.client().query(statement, &values).await)
    }

    async fn release(&self, connected: &Connected, statement: &Statement, releases: &[Release]) -> Answer<u64> {
        if releases.is_empty() {
            return None;
        }
        let objects: Vec<_> = releases.iter().map(|release| release.object.as_str()).collect();
        let fences: Vec<_> = releases.iter().map(|release| release.fence.map_or(-1, signed)).collect();
        Some(connected.client().execute(statement, &[&self.core.process.id, &objects, &fences]).await)
    }

    async fn acquire(
        &self,
        connected: &Connected,
        statements: &[Statement],
        wanted: &[Acquire],
        number: i64,
    ) -> Answer<Acquired> {
        if wanted.is_empty() {
            return None;
        }
        let sent = Instant::now();
        let objects: Vec<_> = wanted.iter().map(|acquire| acquire.object.as_str()).collect();
        let (client, process, ttl) = (connected.client(), self.core.process.id, millis(self.core.address.ttl));
        let (values, holders_of): ([&(dyn ToSql + Sync); 4], [&(dyn ToSql + Sync); 2]) =
            ([&process, &number, &objects, &ttl], [&objects, &process]);
        let entries_of: [&(dyn ToSql + Sync); 1] = [&objects];
        // Each statement has a snapshot of its own. So the entries are at least as new as the lease.
        let acquired = tokio::join!(
            biased;
            client.execute(&statements[0], &values),
            client.query(&statements[1], &holders_of),
            client.query(&statements[2], &entries_of),
            client.query(&statements[3], &[]),
        );
        Some(match acquired {
            (Ok(_), Ok(holders), Ok(entries), Ok(latest)) => {
                Ok(Acquired { holders, entries, latest: reads::latest(&latest), sent })
            }
            (Err(error), ..) | (_, Err(error), ..) | (_, _, Err(error), _) | (.., Err(error)) => Err(error),
        })
    }

    /// Answers the jobs whose statements have an answer, and removes them from the batch. Returns the reason why others must be sent
    /// again.
    async fn settle(&mut self, connected: &Connected, batch: &mut Batch, answers: Answers) -> Option<Trouble> {
        let place = self.core.work.place().to_owned();
        let mut trouble = None;
        let mut refused = |action, error: tokio_postgres::Error| {
            if is_transient(&error) {
                trouble = Some(Trouble::Statement(error));
                return None;
            }
            Some(PostgresError::of_statement(&place, action, &error))
        };
        if let Some(released) = answers.released {
            match released.map_err(|error| refused("release leases", error)) {
                Ok(_) => batch.releases.clear(),
                Err(None) => {}
                Err(Some(error)) => {
                    batch.releases.clear();
                    tracing::warn!("leases were not released, and end with their time to live: {error}");
                }
            }
        }
        if let Some(acquired) = answers.acquired {
            match acquired.map_err(|error| refused("take a lease", error)) {
                Ok(acquired) => self.grant(batch, &acquired),
                Err(None) => {}
                Err(Some(error)) => {
                    for acquire in std::mem::take(&mut batch.acquires) {
                        let _ = acquire.answer.send(Err(error.clone()));
                    }
                }
            }
        }
        if let Some(written) = answers.written {
            let written = match written {
                Ok(rows) => self.written(connected, &batch.writes, self.numbers.write, &rows).await,
                Err(error) => Err(error),
            };
            match written.map_err(|error| refused("write stamps", error)) {
                Ok(Some(seen)) => answer_writes(std::mem::take(&mut batch.writes), &seen),
                // The row of this process was missing.
                Ok(None) | Err(None) => {}
                Err(Some(error)) => std::mem::take(&mut batch.writes).answer(|_| Err(error.clone().into())),
            }
        }
        trouble
    }

    /// Returns the higher fences that the store has seen for objects of the group. Returns `None` if the group must be sent again.
    async fn written(
        &self,
        connected: &Connected,
        group: &Group,
        number: i64,
        rows: &[Row],
    ) -> Result<Option<HashMap<String, Fence>>, tokio_postgres::Error> {
        let is_new = rows.iter().any(|row| row.get::<_, i64>(0) > 0);
        let accepted: Vec<String> =
            rows.iter().filter_map(|row| row.get::<_, Option<Vec<String>>>(1)).flatten().collect();
        if is_new && accepted.len() == group.fenced().count() {
            return Ok(Some(HashMap::new()));
        }
        if !is_new {
            let last = connected.query(NUMBER, &[&self.core.process.id]).await?;
            if last.first().is_none_or(|row| row.get::<_, i64>(0) < number) {
                self.core.process.register(connected.client(), self.core.address.ttl).await?;
                return Ok(None);
            }
        }
        let objects: Vec<_> = group.fenced().map(|(object, _)| object).collect();
        let found = connected.query(FENCES, &[&objects]).await?;
        let found: HashMap<String, i64> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
        let mut seen = HashMap::new();
        for (object, fence) in group.fenced() {
            let (Some(fence), Some(last)) = (fence, found.get(object)) else { continue };
            // A group that was sent again was accepted the first time, unless the fence is higher now.
            let is_refused =
                if is_new { !accepted.iter().any(|accepted| accepted == object) } else { *last > signed(fence) };
            if is_refused {
                seen.insert(object.to_owned(), Fence(last.unsigned_abs()));
            }
        }
        Ok(Some(seen))
    }

    /// Answers acquisitions. An acquisition whose lease became free in the meantime is tried again.
    fn grant(&self, batch: &mut Batch, acquired: &Acquired) {
        let mut again = Vec::new();
        for acquire in std::mem::take(&mut batch.acquires) {
            let holder = acquired.holders.iter().find(|row| row.get::<_, &str>(0) == acquire.object);
            let Some(row) = holder else {
                again.push(acquire);
                continue;
            };
            let taken = if row.get(2) {
                self.core.note_beat(acquired.sent);
                let records = reads::records(&acquire.object, &acquired.entries);
                let fence = Fence(row.get::<_, i64>(1).unsigned_abs());
                Taken::Lease { fence, records, latest: acquired.latest }
            } else {
                Taken::Held(Other::of(row))
            };
            let object = acquire.object;
            if let Err(Ok(Taken::Lease { fence, .. })) = acquire.answer.send(Ok(taken)) {
                // Nobody waits for the lease any more.
                batch.releases.push(Release { object, fence: Some(fence) });
            }
        }
        batch.acquires = again;
    }
}

fn answer_writes(group: Group, seen: &HashMap<String, Fence>) {
    let fences: HashMap<String, Option<Fence>> =
        group.fenced().map(|(object, fence)| (object.to_owned(), fence)).collect();
    group.answer(|object| match (seen.get(object), fences.get(object).copied().flatten()) {
        (Some(seen), Some(fence)) => Err(StampError::Fenced { object: object.to_owned(), fence, seen: *seen }),
        _ => Ok(()),
    });
}
