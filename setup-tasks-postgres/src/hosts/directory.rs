//! The directory of hosts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use setup_tasks::dispatch::{
    Answer, Dispatch, EndState, Hosts, NewRun, Question, RunEntry, RunEvent, RunProgress, RunResult, RunningObject,
    StopRequest, Version, WorkerEntry,
};
use setup_tasks::stamp::MaybeReady;
use tokio_postgres::Row;

use super::alive::{Membership, join};
use super::queue::Queue;
use super::{change, look, nudge, sql};
use crate::Postgres;
use crate::core::Core;
use crate::error::PostgresError;
use crate::link::{Connected, Purpose};
use crate::process::{plain, random};

/// The longest time between two looks, if no nudge arrives.
const LOOK: Duration = Duration::from_secs(1);

/// The time for which a question waits for its answer.
const PATIENCE: Duration = Duration::from_mins(1);

impl Hosts for Postgres {
    fn here(&self) -> String {
        self.0.core.process.host().to_owned()
    }

    fn workers(&self) -> Answer<'_, Vec<WorkerEntry>> {
        self.on_service(|core| async move {
            let workers = look(&core, "list the workers", sql::WORKERS, &[]).await?;
            if workers.is_empty() {
                return Ok(Vec::new());
            }
            let running = look(&core, "list the running objects", sql::RUNNING, &[]).await?;
            Ok(workers.iter().map(|row| worker(row, &running)).collect())
        })
    }

    fn join<'a>(&'a self, version: &'a Version, jobs: usize) -> Answer<'a, ()> {
        let worker = Membership { version: version.clone(), jobs };
        self.0.alive.set_jobs(Some(jobs));
        let store = self.clone();
        self.on_service(move |core| async move {
            join(&core, &worker).await?;
            for (action, statement) in [
                ("forget workers", sql::FORGET_WORKERS),
                ("end old runs", sql::END_OLD),
                ("forget runs", sql::FORGET_RUNS),
                ("forget runs", sql::FORGET_OBJECTS),
                ("forget runs", sql::FORGET_EVENTS),
                ("forget questions", sql::FORGET_QUESTIONS),
            ] {
                change(&core, action, statement, &[]).await?;
            }
            store.0.alive.start(core.clone(), Some(worker));
            nudge(&core, &core.nudges.about_news).await;
            Ok(())
        })
    }

    fn leave(&self) -> Answer<'_, ()> {
        let store = self.clone();
        self.on_service(move |core| async move {
            store.0.alive.end();
            change(&core, "remove the worker", sql::LEAVE, &[&core.process.id]).await?;
            Ok(())
        })
    }

    fn begin(&self, run: NewRun) -> Answer<'_, u64> {
        let store = self.clone();
        self.on_service(move |core| async move {
            if run.takes_part {
                store.0.alive.start(core.clone(), None);
            }
            begin(&core, &run).await
        })
    }

    fn runs(&self) -> Answer<'_, Vec<RunEntry>> {
        self.on_service(|core| async move {
            Ok(look(&core, "list the runs", sql::RUNS, &[]).await?.iter().map(entry).collect())
        })
    }

    fn queue(&self, run: u64, subdirs: Vec<String>, only_here: bool) -> Answer<'_, Arc<dyn Dispatch>> {
        let store = self.clone();
        self.on_service(move |core| async move {
            store.0.alive.start(core.clone(), None);
            let jobs = store.0.alive.jobs();
            let (queue, handle) = Queue::new(store, core, number(run), (subdirs, only_here), jobs);
            tokio::spawn(queue.run());
            let handle: Arc<dyn Dispatch> = Arc::new(handle);
            Ok(handle)
        })
    }

    fn stop(&self, run: u64, at_once: bool) -> Answer<'_, ()> {
        self.on_service(move |core| async move {
            let level: i16 = if at_once { 2 } else { 1 };
            change(&core, "stop a run", sql::STOP, &[&number(run), &level]).await?;
            change(&core, "end a run", sql::FINISH, &[&number(run)]).await?;
            nudge(&core, &core.nudges.about_queue).await;
            nudge(&core, &core.nudges.about_news).await;
            Ok(())
        })
    }

    fn publish(&self, run: u64, events: Vec<String>) -> Answer<'_, ()> {
        self.on_service(move |core| async move {
            let events: Vec<_> = events.iter().map(|event| plain(event)).collect();
            change(&core, "publish events", sql::PUBLISH, &[&number(run), &core.process.host(), &events]).await?;
            nudge(&core, &core.nudges.about_news).await;
            Ok(())
        })
    }

    fn progress(&self, run: u64, after: u64) -> Answer<'_, Option<RunProgress>> {
        self.on_service(move |core| async move {
            // The state is read first, so that no event is missing once the run has ended.
            let rows = look(&core, "read a run", sql::RUN, &[&number(run)]).await?;
            let Some(row) = rows.first() else { return Ok(None) };
            let rows = look(&core, "read events", sql::EVENTS, &[&number(run), &number(after)]).await?;
            let mut progress = RunProgress::default();
            progress.run = entry(row);
            progress.events = rows.iter().map(event).collect();
            Ok(Some(progress))
        })
    }

    fn results(&self, run: u64) -> Answer<'_, Vec<RunResult>> {
        self.on_service(move |core| async move {
            Ok(look(&core, "read results", sql::RESULTS, &[&number(run)]).await?.iter().map(result).collect())
        })
    }

    fn bindings(&self) -> Answer<'_, HashMap<String, String>> {
        self.on_service(|core| async move {
            let rows = look(&core, "read the places of objects", sql::BINDINGS, &[]).await?;
            Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
        })
    }

    fn bind<'a>(&'a self, subdir: &'a str) -> Answer<'a, ()> {
        let subdir = subdir.to_owned();
        self.on_service(move |core| async move {
            change(&core, "bind an object to this host", sql::BIND, &[&subdir, &core.process.host()]).await?;
            Ok(())
        })
    }

    fn ask<'a>(&'a self, host: &'a str, question: String) -> Answer<'a, Option<String>> {
        let host = host.to_owned();
        self.on_service(move |core| async move { Ok(ask(&core, &host, &question).await?) })
    }

    fn questions(&self) -> Answer<'_, Vec<Question>> {
        self.on_service(|core| async move {
            let (process, host) = (core.process.id, core.process.host());
            let rows = change(&core, "read questions", sql::TAKE_QUESTIONS, &[&process, &host]).await?;
            let question = |row: &Row| {
                let mut question = Question::default();
                question.number = row.get::<_, i64>(0).unsigned_abs();
                question.question = row.get(1);
                question
            };
            Ok(rows.iter().map(question).collect())
        })
    }

    fn answer(&self, question: u64, answer: String) -> Answer<'_, ()> {
        self.on_service(move |core| async move {
            change(&core, "answer a question", sql::ANSWER, &[&number(question), &plain(&answer)]).await?;
            nudge(&core, &core.nudges.about_news).await;
            Ok(())
        })
    }

    fn changed(&self) -> Answer<'_, ()> {
        MaybeReady::pending(async move {
            let mut news = self.0.news.lock().await;
            self.on_service::<_, PostgresError, _>(|core| async move {
                // The connection listens from now on.
                let nothing = |_: Arc<Connected>| async { Ok(()) };
                core.queue.ask((Purpose::Read, "listen"), nothing).await
            })
            .await?;
            // The sender lives as long as the store.
            let _ = tokio::time::timeout(LOOK, news.changed()).await;
            Ok(())
        })
    }
}

async fn begin(core: &Core, run: &NewRun) -> Result<u64, setup_tasks::dispatch::DispatchError> {
    let small = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let ids: Vec<_> = run.objects.iter().map(|object| plain(&object.id)).collect();
    let subdirs: Vec<_> = run.objects.iter().map(|object| plain(&object.subdir)).collect();
    let waits: Vec<_> = run.objects.iter().map(|object| small(object.waits_for)).collect();
    let dependents: Vec<_> = run
        .objects
        .iter()
        .map(|object| format!("{{{}}}", object.dependents.iter().map(usize::to_string).collect::<Vec<_>>().join(",")))
        .collect();
    let hosts: Vec<_> = run.objects.iter().map(|object| object.host.as_deref().map(plain)).collect();
    let Version { program, binary, layout, .. } = &run.version;
    let (batch, failures) = run.batch.map_or((None, None), |(size, most)| (Some(small(size)), Some(small(most))));
    let (token, options) = (random(), plain(&run.options));
    let process = &core.process;
    let insert = |connected: Arc<Connected>| {
        let (ids, subdirs, waits, dependents, hosts) = (&ids, &subdirs, &waits, &dependents, &hosts);
        let (batch, failures, options) = (&batch, &failures, &options);
        async move {
            connected
                .query(
                    sql::BEGIN,
                    &[
                        &token,
                        &process.id,
                        &process.name,
                        &process.host(),
                        &run.takes_part,
                        program,
                        binary,
                        layout,
                        options,
                        &run.fail_fast,
                        batch,
                        failures,
                        ids,
                        subdirs,
                        waits,
                        dependents,
                        hosts,
                    ],
                )
                .await
        }
    };
    // The connection of the stamps syncs what it writes: a run that began is not lost.
    let rows = core.work.ask((Purpose::Write, "begin a run"), insert).await?;
    let run: i64 = rows.first().map_or(0, |row| row.get(0));
    let ttl = crate::process::millis(core.address.ttl);
    change(core, "look for missing hosts", sql::MISSING, &[&run, &ttl]).await?;
    change(core, "end a run", sql::FINISH, &[&run]).await?;
    nudge(core, &core.nudges.about_news).await;
    Ok(run.unsigned_abs())
}

async fn ask(core: &Core, host: &str, question: &str) -> Result<Option<String>, PostgresError> {
    let token = random();
    let mut news = core.nudges.news();
    match change(core, "ask a worker", sql::ASK, &[&token, &host, &question]).await {
        // A role that only reads cannot ask.
        Err(PostgresError::Denied { .. }) => return Ok(None),
        asked => drop(asked?),
    }
    nudge(core, &core.nudges.about_news).await;
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        let rows = look(core, "read an answer", sql::ASKED, &[&token]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        if let Some(answer) = row.get::<_, Option<String>>(0) {
            change(core, "forget a question", sql::FORGET_QUESTION, &[&token]).await?;
            return Ok(Some(answer));
        }
        // The sender lives as long as the store.
        let _ = tokio::time::timeout(LOOK, news.changed()).await;
    }
    change(core, "forget a question", sql::FORGET_QUESTION, &[&token]).await?;
    Ok(None)
}

fn worker(row: &Row, running: &[Row]) -> WorkerEntry {
    let process: i64 = row.get(0);
    let mut worker = WorkerEntry::default();
    worker.host = row.get(1);
    worker.process = row.get(2);
    worker.version = Version::new(row.get::<_, String>(3), row.get::<_, String>(4), row.get::<_, String>(5));
    worker.jobs = usize::try_from(row.get::<_, i32>(6)).unwrap_or_default();
    worker.since = Some(row.get(7));
    let own = running.iter().filter(|row| row.get::<_, Option<i64>>(0) == Some(process));
    worker.runs = own
        .map(|row| {
            let mut object = RunningObject::default();
            object.run = row.get::<_, i64>(1).unsigned_abs();
            object.object = row.get(2);
            object.task = row.get(3);
            object.waits_for = row.get(4);
            object
        })
        .collect();
    worker
}

fn entry(row: &Row) -> RunEntry {
    let count = |at: usize| usize::try_from(row.get::<_, i32>(at)).unwrap_or_default();
    let mut run = RunEntry::default();
    run.number = row.get::<_, i64>(0).unsigned_abs();
    run.began = Some(row.get::<_, SystemTime>(1));
    run.ended = row.get(2);
    run.starter = row.get(3);
    run.version = Version::new(row.get::<_, String>(4), row.get::<_, String>(5), row.get::<_, String>(6));
    run.options = row.get(7);
    (run.objects, run.finished, run.failed) = (count(8), count(9), count(10));
    run.stop = match row.get::<_, i16>(11) {
        0 => StopRequest::None,
        1 => StopRequest::AfterTasks,
        _ => StopRequest::AtOnce,
    };
    run.running = usize::try_from(row.get::<_, i64>(12)).unwrap_or_default();
    run
}

fn event(row: &Row) -> RunEvent {
    let mut event = RunEvent::default();
    event.number = row.get::<_, i64>(0).unsigned_abs();
    event.worker = row.get(1);
    event.event = row.get(2);
    event
}

fn result(row: &Row) -> RunResult {
    let mut result = RunResult::default();
    result.object = row.get(0);
    result.state = match row.get::<_, i16>(1) {
        2 => Some(EndState::Done),
        3 => Some(EndState::Failed),
        4 => Some(EndState::Stopped),
        _ => None,
    };
    result.host = row.get(2);
    result.worker = row.get(3);
    result.result = row.get(4);
    result
}

/// Converts a number of a run or a question.
pub(super) fn number(number: u64) -> i64 {
    crate::group::number(number)
}
