//! A run on workers, as another process follows it.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::select;
use tokio::task::JoinSet;

use super::begin::version;
use super::options::RunOptions;
use super::publisher::Publisher;
use super::wire::{WireResult, interned};
use super::worker::Part;
use super::{WorkersError, events, hosts_of};
use crate::dispatch::{EndState, Hosts, RunEntry, RunResult, StopRequest};
use crate::fleet::runner::fail;
use crate::fleet::{FleetError, FleetReport, ObjectResult, ObjectStatus};
use crate::layout::Layout;
use crate::report::RunError;
use crate::work::Stop;

/// A run that workers carry out. It goes on if this is dropped.
#[derive(Debug)]
pub struct SharedRun {
    pub(super) layout: Layout,
    pub(super) hosts: Arc<dyn Hosts>,
    pub(super) number: u64,
    pub(super) began: Instant,
    /// The results of the retired objects, which the process with the run has brought down.
    pub(super) down: Vec<ObjectResult>,
    pub(super) missing: Vec<MissingHost>,
    /// The part of this process, if it takes the objects of its host.
    pub(super) part: Option<OwnPart>,
}

/// The part of the process that begins a run.
#[derive(Debug)]
pub(super) struct OwnPart {
    /// The options, as JSON.
    pub(super) options: String,
    pub(super) jobs: usize,
}

/// A host without a worker, on which objects of a run are placed. These objects fail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingHost {
    /// The name of the host.
    pub host: String,
    /// The id of one of the objects.
    pub object: String,
    /// The number of the objects.
    pub objects: usize,
}

impl SharedRun {
    /// Returns a run that has begun before.
    ///
    /// # Errors
    ///
    /// Returns an error if the store is not shared, if no run has the number, or if another version of the program has begun it.
    pub async fn find(layout: &Layout, number: u64, program: &str) -> Result<Self, FleetError> {
        let hosts = hosts_of(layout)?;
        let run = hosts.progress(number, 0).await?.ok_or(WorkersError::NoRun { number })?.run;
        let own = version(layout, program)?;
        if !run.version.fits(&own) {
            return Err(WorkersError::OtherRun { number, theirs: Box::new(run.version), own: Box::new(own) }.into());
        }
        let age = run.began.and_then(|began| SystemTime::now().duration_since(began).ok()).unwrap_or_default();
        let began = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
        let (down, missing, part) = (Vec::new(), Vec::new(), None);
        Ok(Self { layout: layout.clone(), hosts, number, began, down, missing, part })
    }

    /// Returns the number of the run, by which other processes find it.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the hosts without a worker on which objects of the run are placed.
    pub fn missing(&self) -> &[MissingHost] {
        &self.missing
    }

    /// Follows the run to its end, and returns the results of all workers. The listeners of the layout receive the events of the
    /// workers. A request of `stop` stops the run everywhere.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory of hosts cannot be used. The run goes on then.
    pub async fn follow(&self, stop: &Stop) -> Result<FleetReport, FleetError> {
        let (mut after, mut is_asked, _part) = (0, false, self.take_part());
        loop {
            if stop.is_requested() && !is_asked {
                self.hosts.stop(self.number, false).await?;
                is_asked = true;
            }
            let progress = self.hosts.progress(self.number, after).await?;
            let progress = progress.ok_or(WorkersError::NoRun { number: self.number })?;
            for event in &progress.events {
                // The listeners have received the events of this process.
                if self.part.is_none() || event.worker != self.hosts.here() {
                    events::emit(&self.layout, &event.worker, &event.event);
                }
                after = after.max(event.number);
            }
            if progress.run.ended.is_some() && progress.events.is_empty() {
                return self.report(&progress.run).await;
            }
            let news = pin!(self.hosts.changed());
            if is_asked {
                news.await?;
            } else {
                select(news, pin!(stop.requested())).await;
            }
        }
    }

    /// Stops the run at once: running tasks are cancelled.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory of hosts cannot be used.
    pub async fn stop_at_once(&self) -> Result<(), FleetError> {
        Ok(self.hosts.stop(self.number, true).await?)
    }

    /// Starts to take the objects of this host, if no worker does. The end of the returned task is that of the run.
    fn take_part(&self) -> Option<JoinSet<()>> {
        let OwnPart { options, jobs } = self.part.as_ref()?;
        let publisher = Publisher::start(&self.layout, self.hosts.clone());
        let part = Part { layout: self.layout.clone(), hosts: self.hosts.clone(), publisher };
        let (number, options, jobs) = (self.number, options.clone(), *jobs);
        let mut task = JoinSet::new();
        task.spawn(async move {
            if let Err(error) = part.carry_out(number, &options, jobs, true).await {
                tracing::warn!("this process takes no more objects of run {number}: {error}");
            }
        });
        Some(task)
    }

    async fn report(&self, run: &RunEntry) -> Result<FleetReport, FleetError> {
        let results = self.hosts.results(self.number).await?;
        let mut objects: Vec<_> = results.iter().filter_map(|result| self.result(result)).collect();
        objects.extend(self.down.iter().cloned());
        objects.sort_by_cached_key(|result| self.layout.place_of(&result.object));
        let stopped = run.stop != StopRequest::None && objects.iter().any(ObjectResult::is_failure);
        let lasted = run.began.zip(run.ended).and_then(|(began, ended)| ended.duration_since(began).ok());
        let duration = lasted.unwrap_or(Duration::ZERO).max(self.began.elapsed().min(Duration::from_millis(1)));
        Ok(FleetReport { dry_run: false, down: false, stopped, duration, objects })
    }

    /// Returns the result of an object.
    fn result(&self, result: &RunResult) -> Option<ObjectResult> {
        let object = self.layout.get(&result.object)?;
        let parsed = result.result.as_deref().and_then(WireResult::parse);
        let mut found = parsed.unwrap_or_else(|| ObjectResult::new(&object, Vec::new(), 0));
        found.type_name = interned(object.type_name());
        found.worker.clone_from(&result.worker);
        match result.state {
            None => found.outcome = ObjectStatus::NotTried,
            Some(EndState::Failed) if result.worker.is_none() => {
                let (object, host) = (result.object.clone(), result.host.clone().unwrap_or_default());
                fail(&mut found, anyhow::Error::new(RunError::Elsewhere { object, host }).into());
            }
            Some(EndState::Failed) if found.error.is_none() && !found.is_failure() => {
                found.outcome = ObjectStatus::Failed;
            }
            _ => {}
        }
        Some(found)
    }
}

/// Returns a text for people about the objects of a run.
#[doc(hidden)]
pub fn describe_run(run: &RunEntry) -> String {
    RunOptions::parse(&run.options).map_or_else(|| "unknown objects".to_owned(), |options| options.describe())
}
