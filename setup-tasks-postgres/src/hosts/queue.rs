//! The queue of a run, as one process takes objects from it.
//!
//! One task per run gathers the requests of all job slots. The ends of objects and the wish for new ones are sent together. No process
//! drives a run: when an object ends, the same statement counts its dependents down, and each worker finds what is free.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use setup_tasks::dispatch::{Answer, Dispatch, DispatchError, EndState, Ended, Next, Permission};
use setup_tasks::fleet::Stop;
use setup_tasks::secret::redact_json;
use setup_tasks::stamp::MaybeReady;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::{change, look, nudge, sql};
use crate::Postgres;
use crate::core::Core;
use crate::error::PostgresError;
use crate::process::{millis, plain};

/// The longest time between two looks at the queue, if no nudge arrives.
const LOOK: Duration = Duration::from_secs(1);

/// The greatest number of objects that one claim takes.
const LARGEST_SHARE: usize = 64;

/// A request of a job slot.
enum Request {
    Next { ended: Option<Ended>, answer: oneshot::Sender<Result<Next, DispatchError>> },
    End { ended: Ended, answer: oneshot::Sender<Result<(), DispatchError>> },
    Aside { subdir: String, holder: Option<String> },
    Close,
}

/// The handle of a queue for the job slots.
#[derive(Debug)]
pub(super) struct QueueHandle {
    store: Postgres,
    run: i64,
    requests: mpsc::UnboundedSender<Request>,
    stop: Stop,
    at_once: Stop,
}

/// The task that takes objects from the queue of a run.
pub(super) struct Queue {
    core: Arc<Core>,
    run: i64,
    only_here: bool,
    /// The positions in the fleet of this process, by subdir.
    places: HashMap<String, usize>,
    jobs: Option<Arc<Semaphore>>,
    requests: mpsc::UnboundedReceiver<Request>,
    nudges: watch::Receiver<u64>,
    /// The slots that wait for an object.
    waiting: VecDeque<oneshot::Sender<Result<Next, DispatchError>>>,
    /// The objects that this process has taken, by their positions in the fleet.
    taken: HashMap<usize, Taken>,
    /// The objects that were taken and that no slot runs yet.
    ready: VecDeque<usize>,
    phase: Phase,
    /// The number of objects that the next claim takes at most. It grows with each claim that is satisfied, so that the first worker
    /// does not take everything before the others have looked.
    share: usize,
    /// Whether the last claim was satisfied and slots still wait.
    claims_again: bool,
    /// Whether this process takes no more objects, although the run goes on.
    is_closed: bool,
    looked: Option<Instant>,
    stop: Stop,
    at_once: Stop,
}

/// The state of a run, as this process knows it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Nothing begins any more.
    Stopping,
    Ended,
}

/// An object that this process has taken.
struct Taken {
    /// Its position in the queue.
    position: i32,
    subdir: String,
    /// The job slot of the worker, unless the object is put aside.
    permit: Option<OwnedSemaphorePermit>,
}

/// The requests of one round.
#[derive(Default)]
struct Round {
    ended: Vec<Ended>,
    answers: Vec<oneshot::Sender<Result<(), DispatchError>>>,
    aside: Vec<(String, Option<String>)>,
}

impl Dispatch for QueueHandle {
    fn next(&self, ended: Option<Ended>) -> Answer<'_, Next> {
        MaybeReady::pending(async move {
            let (answer, answered) = oneshot::channel();
            // The task lives as long as this handle.
            let _ = self.requests.send(Request::Next { ended, answer });
            answered.await.unwrap_or(Ok(Next::End))
        })
    }

    fn end(&self, ended: Ended) -> Answer<'_, ()> {
        MaybeReady::pending(async move {
            let (answer, answered) = oneshot::channel();
            let _ = self.requests.send(Request::End { ended, answer });
            answered.await.unwrap_or(Ok(()))
        })
    }

    fn put_aside(&self, object: &str, holder: &str) {
        let _ = self.requests.send(Request::Aside { subdir: object.to_owned(), holder: Some(plain(holder)) });
    }

    fn take_up(&self, object: &str) {
        let _ = self.requests.send(Request::Aside { subdir: object.to_owned(), holder: None });
    }

    fn close(&self) {
        let _ = self.requests.send(Request::Close);
    }

    fn permission<'a>(&'a self, object: &'a str) -> Answer<'a, Permission> {
        let (run, object) = (self.run, object.to_owned());
        self.store.on_service(move |core| async move { Ok(permission(&core, run, &object).await?) })
    }

    fn stop(&self) -> Option<Stop> {
        Some(self.stop.clone())
    }

    fn stop_at_once(&self) -> Option<Stop> {
        Some(self.at_once.clone())
    }

    fn wants_results(&self) -> bool {
        true
    }
}

/// Asks whether this process may run an object.
async fn permission(core: &Core, run: i64, object: &str) -> Result<Permission, PostgresError> {
    let rows = look(core, "ask for an object", sql::PERMISSION, &[&run, &object]).await?;
    let Some(row) = rows.first() else { return Ok(Permission::Here) };
    let (state, host): (Option<i16>, Option<String>) = (row.get(0), row.get(1));
    let (worker, worker_host): (Option<i64>, Option<String>) = (row.get(2), row.get(3));
    let is_own = worker == Some(core.process.id);
    let elsewhere = host.filter(|host| host != core.process.host());
    Ok(match (state, elsewhere) {
        _ if is_own => Permission::Here,
        (Some(3), _) if let Some(host) = worker_host => Permission::Failed { host },
        (_, None) => Permission::Here,
        (state, Some(host)) => Permission::Elsewhere { host, is_awaited: matches!(state, Some(0 | 1)) },
    })
}

impl Queue {
    pub(super) fn new(
        store: Postgres,
        core: Arc<Core>,
        run: i64,
        (subdirs, only_here): (Vec<String>, bool),
        jobs: Option<Arc<Semaphore>>,
    ) -> (Self, QueueHandle) {
        let (sender, requests) = mpsc::unbounded_channel();
        let (stop, at_once) = (Stop::new(), Stop::new());
        let handle = QueueHandle { store, run, requests: sender, stop: stop.clone(), at_once: at_once.clone() };
        let places = subdirs.into_iter().enumerate().map(|(at, subdir)| (subdir, at)).collect();
        let nudges = core.nudges.queue();
        let queue = Self {
            core,
            run,
            only_here,
            places,
            jobs,
            requests,
            nudges,
            waiting: VecDeque::new(),
            taken: HashMap::new(),
            ready: VecDeque::new(),
            phase: Phase::Open,
            share: 1,
            claims_again: false,
            is_closed: false,
            looked: None,
            stop,
            at_once,
        };
        (queue, handle)
    }

    /// Works until the handle is dropped. The objects that are taken then are given back.
    pub(super) async fn run(mut self) {
        loop {
            let (mut round, mut is_nudged) = (Round::default(), false);
            tokio::select! {
                biased;
                request = self.requests.recv() => match request {
                    Some(request) => self.gather(request, &mut round),
                    None => return self.give_back().await,
                },
                // The sender lives as long as the store.
                _ = self.nudges.changed() => is_nudged = true,
                () = tokio::time::sleep(if self.claims_again { Duration::ZERO } else { LOOK }) => {}
            }
            tokio::task::yield_now().await;
            while let Ok(request) = self.requests.try_recv() {
                self.gather(request, &mut round);
            }
            if let Err(error) = self.round(round, is_nudged).await {
                let error = DispatchError::from(error);
                self.waiting.drain(..).for_each(|slot| drop(slot.send(Err(error.clone()))));
            }
        }
    }

    fn gather(&mut self, request: Request, round: &mut Round) {
        match request {
            Request::Next { ended, answer } => {
                round.ended.extend(ended);
                self.waiting.push_back(answer);
            }
            Request::End { ended, answer } => {
                round.ended.push(ended);
                round.answers.push(answer);
            }
            Request::Close => self.is_closed = true,
            Request::Aside { subdir, holder } => {
                if let Some(taken) = self.taken.values_mut().find(|taken| taken.subdir == subdir) {
                    // The slot is free for another object until the wait ends. The object then goes on without one.
                    taken.permit = None;
                    round.aside.push((subdir, holder));
                }
            }
        }
    }

    async fn round(&mut self, round: Round, is_nudged: bool) -> Result<(), PostgresError> {
        let ended = self.end(round.ended).await;
        for answer in round.answers {
            // The fleet may have been dropped in the meantime.
            let _ = answer.send(ended.as_ref().map(drop).map_err(|error| error.clone().into()));
        }
        let freed = ended?;
        for (subdir, holder) in &round.aside {
            let process = self.core.process.id;
            change(&self.core, "put an object aside", sql::ASIDE, &[&self.run, &process, subdir, holder]).await?;
        }
        self.waiting.retain(|slot| !slot.is_closed());
        let claimed = self.claim().await?;
        if freed > claimed {
            nudge(&self.core, &self.core.nudges.about_queue).await;
        }
        self.hand_out();
        let is_due = self.looked.is_none_or(|looked| looked.elapsed() >= LOOK);
        if self.phase != Phase::Ended && (!self.waiting.is_empty() || is_due || is_nudged) {
            self.look_after_run(is_due).await?;
        }
        if self.phase != Phase::Open || self.is_closed {
            self.waiting.drain(..).for_each(|slot| drop(slot.send(Ok(Next::End))));
        }
        Ok(())
    }

    /// Records the ends of objects. Returns the number of objects that are free now.
    async fn end(&mut self, ended: Vec<Ended>) -> Result<i64, PostgresError> {
        if ended.is_empty() {
            return Ok(0);
        }
        let (mut positions, mut states, mut results) = (Vec::new(), Vec::<i16>::new(), Vec::new());
        let mut lost = Vec::new();
        for end in &ended {
            let Some(taken) = self.taken.get(&end.object) else { continue };
            let state = match end.state {
                EndState::Done => 2,
                EndState::Stopped if self.stop.is_requested() => 4,
                // This worker ends, or has lost the object. Another one goes on with it.
                EndState::Stopped | EndState::Lost => {
                    lost.push(taken.position);
                    continue;
                }
                _ => 3,
            };
            positions.push(taken.position);
            states.push(state);
            results.push(end.result.as_ref().map(|result| plain(&redact_json(result))));
        }
        let process = self.core.process.id;
        let rows =
            change(&self.core, "end objects", sql::END, &[&self.run, &process, &positions, &states, &results]).await?;
        if !lost.is_empty() {
            change(&self.core, "give objects back", sql::GIVE_BACK, &[&self.run, &process, &lost]).await?;
        }
        ended.iter().for_each(|end| drop(self.taken.remove(&end.object)));
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// Takes objects for the slots that wait. Returns the number of objects that were taken.
    async fn claim(&mut self) -> Result<i64, PostgresError> {
        let mut permits = Vec::new();
        let wanted = self.waiting.len().saturating_sub(self.ready.len());
        match &self.jobs {
            None => permits.resize_with(wanted, || None),
            Some(jobs) => {
                permits.extend((0..wanted).map_while(|_| jobs.clone().try_acquire_owned().ok()).map(Some));
            }
        }
        self.claims_again = false;
        if permits.is_empty() || self.phase != Phase::Open || self.is_closed {
            return Ok(0);
        }
        permits.truncate(self.share);
        let share = permits.len();
        let (process, host) = (self.core.process.id, self.core.process.host());
        let limit = i64::try_from(permits.len()).unwrap_or(i64::MAX);
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&self.run, &process, &host, &limit, &self.only_here];
        change(&self.core, "take objects", sql::CLAIM, &values).await?;
        let known: Vec<_> = self.taken.values().map(|taken| taken.position).collect();
        let rows = change(&self.core, "read objects", sql::MINE, &[&self.run, &process, &known]).await?;
        for row in &rows {
            let (position, subdir): (i32, String) = (row.get(0), row.get(1));
            let Some(&place) = self.places.get(&subdir) else {
                // The version of the layout makes sure that this does not happen.
                tracing::error!("the run has an object at `{subdir}`, which this worker does not know");
                continue;
            };
            self.taken.insert(place, Taken { position, subdir, permit: permits.pop().flatten() });
            self.ready.push_back(place);
        }
        let is_satisfied = rows.len() >= share;
        self.claims_again = is_satisfied && wanted > rows.len();
        self.share = if is_satisfied { (share * 2).min(LARGEST_SHARE) } else { 1 };
        Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
    }

    fn hand_out(&mut self) {
        while let Some(place) = self.ready.pop_front() {
            let Some(slot) = self.waiting.pop_front() else {
                self.ready.push_front(place);
                return;
            };
            if slot.send(Ok(Next::Run(place))).is_err() {
                // The slot does not wait any more.
                self.ready.push_front(place);
            }
        }
    }

    /// Looks whether the run was stopped or has ended, and does what no other process may be there to do.
    async fn look_after_run(&mut self, is_due: bool) -> Result<(), PostgresError> {
        let (core, run) = (self.core.clone(), self.run);
        if is_due {
            let ttl = millis(core.address.ttl);
            change(&core, "look for dead workers", sql::REVIVE, &[&run, &ttl]).await?;
            change(&core, "look for missing hosts", sql::MISSING, &[&run, &ttl]).await?;
            change(&core, "look for circles", sql::UNBLOCK, &[&run]).await?;
            self.looked = Some(Instant::now());
        }
        if self.taken.is_empty() || is_due {
            let before = self.state().await?.1;
            change(&core, "end a run", sql::FINISH, &[&run]).await?;
            let (_, is_over) = self.state().await?;
            if is_over && !before {
                nudge(&core, &core.nudges.about_news).await;
                nudge(&core, &core.nudges.about_queue).await;
            }
        }
        let (stop, is_over) = self.state().await?;
        if stop > 0 {
            self.stop.request();
        }
        if stop > 1 {
            self.at_once.request();
        }
        self.phase = match (is_over, stop) {
            (true, _) => Phase::Ended,
            (false, 0) => Phase::Open,
            (false, _) => Phase::Stopping,
        };
        Ok(())
    }

    /// Returns the request to stop the run, and whether it has ended.
    async fn state(&self) -> Result<(i16, bool), PostgresError> {
        let rows = change(&self.core, "read the state of a run", sql::STATE, &[&self.run]).await?;
        // A run that was removed has ended.
        Ok(rows.first().map_or((0, true), |row| (row.get(0), row.get(1))))
    }

    async fn give_back(self) {
        let positions: Vec<_> = self.taken.values().map(|taken| taken.position).collect();
        let process = self.core.process.id;
        if !positions.is_empty() {
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&self.run, &process, &positions];
            if let Err(error) = change(&self.core, "give objects back", sql::GIVE_BACK, &values).await {
                tracing::debug!("objects were not given back: {error}");
            }
        }
        if let Err(error) = change(&self.core, "end a run", sql::FINISH, &[&self.run]).await {
            tracing::debug!("a run was not ended: {error}");
        }
        nudge(&self.core, &self.core.nudges.about_queue).await;
        nudge(&self.core, &self.core.nudges.about_news).await;
    }
}
