//! A worker: a process that takes objects of the runs which other processes begin.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::begin::version;
use super::options::RunOptions;
use super::publisher::Publisher;
use super::{WorkersError, describe_run, hosts_of};
use crate::dispatch::{Hosts, RunEntry, Version};
use crate::fleet::{FleetError, FleetReport};
use crate::layout::Layout;
use crate::object::AnyObject;
use crate::work::Stop;

/// A process that takes objects of the runs which other processes begin, until it is stopped. The layout's
/// [stop](Layout::stop) ends it after the running tasks.
#[derive(Debug)]
#[must_use = "a worker does nothing until it is run"]
pub struct Worker {
    layout: Layout,
    program: String,
    jobs: usize,
}

/// The news of a worker.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkerNews<'n> {
    /// The worker is entered, and takes objects from now on.
    Ready {
        /// The name of this host.
        host: String,
        /// The version of this process.
        version: &'n Version,
    },
    /// A run began, of which the worker takes objects.
    Began {
        /// The run.
        run: &'n RunEntry,
        /// The selection of objects, for people.
        what: String,
    },
    /// A run has another version, so the worker takes no object of it.
    Refused {
        /// The run.
        run: &'n RunEntry,
        /// The version of this process.
        own: &'n Version,
    },
    /// No object of a run is left for the worker.
    Ended {
        /// The number of the run.
        number: u64,
        /// The results of the objects that the worker has run, or the error that kept it from the run.
        result: Result<FleetReport, FleetError>,
    },
}

impl Worker {
    /// Creates a worker for a layout with a shared store. `program` is the name of this program for people.
    pub fn new(layout: &Layout, program: &str) -> Self {
        let jobs = layout.run().workers(usize::MAX);
        Self { layout: layout.clone(), program: program.to_owned(), jobs }
    }

    /// Sets the number of objects that it runs at the same time, at least one. The default is that of a fleet.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// Takes objects until the layout is stopped. `tell` is called with the news.
    ///
    /// # Errors
    ///
    /// Returns an error if the store is not shared, or if the directory of hosts cannot be used.
    pub async fn run(self, mut tell: impl FnMut(WorkerNews<'_>)) -> Result<(), FleetError> {
        let (hosts, own) = (hosts_of(&self.layout)?, version(&self.layout, &self.program)?);
        hosts.join(&own, self.jobs).await?;
        tell(WorkerNews::Ready { host: hosts.here(), version: &own });
        let publisher = Publisher::start(&self.layout, hosts.clone());
        let result = self.work(&hosts, &own, &publisher, &mut tell).await;
        hosts.leave().await?;
        result
    }

    async fn work(
        &self,
        hosts: &Arc<dyn Hosts>,
        own: &Version,
        publisher: &Publisher,
        tell: &mut impl FnMut(WorkerNews<'_>),
    ) -> Result<(), FleetError> {
        let stop = self.layout.stop();
        let (mut known, mut running) = (HashMap::<u64, bool>::new(), JoinSet::new());
        let mut answering = JoinSet::new();
        loop {
            if !stop.is_requested() {
                let runs = hosts.runs().await?;
                known.retain(|number, _| runs.iter().any(|run| run.number == *number));
                for run in runs.iter().filter(|run| run.ended.is_none()) {
                    if known.contains_key(&run.number) {
                        continue;
                    }
                    let fits = run.version.fits(own);
                    known.insert(run.number, fits);
                    if !fits {
                        tell(WorkerNews::Refused { run, own });
                        continue;
                    }
                    tell(WorkerNews::Began { run, what: describe_run(run) });
                    let part = Part { layout: self.layout.clone(), hosts: hosts.clone(), publisher: publisher.clone() };
                    let (number, options, jobs) = (run.number, run.options.clone(), self.jobs);
                    running.spawn(async move { (number, part.carry_out(number, &options, jobs, false).await) });
                }
                self.answer(hosts, &mut answering).await?;
            } else if running.is_empty() {
                return Ok(());
            }
            let is_stopping = stop.is_requested();
            tokio::select! {
                Some(ended) = running.join_next() => {
                    let Ok((number, result)) = ended else { continue };
                    if matches!(result, Err(FleetError::Dispatch(_))) {
                        // The database may be back: the rest of the run is taken again.
                        known.remove(&number);
                    }
                    tell(WorkerNews::Ended { number, result });
                }
                changed = hosts.changed() => changed?,
                () = stop.requested(), if !is_stopping => {}
            }
        }
    }

    /// Starts to answer the questions that other processes have asked.
    async fn answer(&self, hosts: &Arc<dyn Hosts>, answering: &mut JoinSet<()>) -> Result<(), FleetError> {
        for question in hosts.questions().await? {
            let (layout, hosts) = (self.layout.clone(), hosts.clone());
            answering.spawn(async move {
                let answer = super::questions::answer(&layout, &question.question).await;
                if let Err(error) = hosts.answer(question.number, answer).await {
                    tracing::warn!("a question was not answered: {error}");
                }
            });
        }
        while answering.try_join_next().is_some() {}
        Ok(())
    }
}

/// The part of a process in a run.
pub(super) struct Part {
    pub(super) layout: Layout,
    pub(super) hosts: Arc<dyn Hosts>,
    pub(super) publisher: Publisher,
}

impl Part {
    /// Takes objects of a run until none is left for this process.
    pub(super) async fn carry_out(
        self,
        number: u64,
        options: &str,
        jobs: usize,
        only_here: bool,
    ) -> Result<FleetReport, FleetError> {
        let Some(options) = RunOptions::parse(options) else {
            return Err(WorkersError::Options { number }.into());
        };
        let fleet = options.fleet(&self.layout, jobs);
        let objects = fleet.objects()?;
        let live: Vec<_> = objects.iter().filter(|object| !object.is_retired()).collect();
        let subdirs = live.iter().map(|object| object.stamp_subdir().to_owned()).collect();
        let ids = live.iter().map(|object| AnyObject::id(object).to_owned()).collect();
        let queue = self.hosts.queue(number, subdirs, only_here).await?;
        let at_once = queue.stop_at_once().unwrap_or_else(Stop::new);
        let queue = self.publisher.of_queue(number, ids, queue);
        let run = fleet.dispatched_by(queue).into_future();
        tokio::select! {
            report = run => report,
            // Dropping the run cancels its tasks, which then count as interrupted.
            () = at_once.requested() => Err(WorkersError::Stopped { number }.into()),
        }
    }
}
