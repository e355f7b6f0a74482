//! The beginning of a run on workers.

use std::sync::Arc;
use std::time::Instant;

use super::follow::{MissingHost, OwnPart};
use super::options::RunOptions;
use super::{Places, SharedRun, WorkersError, hosts_of};
use crate::dispatch::{NewRun, QueuedObject, Version, WorkerEntry};
use crate::fleet::down::{Retired, bring_down_retired};
use crate::fleet::order::Order;
use crate::fleet::{FleetError, FleetRun, ObjectResult};
use crate::layout::Layout;
use crate::object::{AnyObject, set_inherited};
use crate::work::Mode;

impl FleetRun {
    /// Begins the fleet as a run of the workers that share the store. `program` is the name of this program for people. The run goes
    /// on without this process. The retired objects are brought down before, by this process.
    ///
    /// # Errors
    ///
    /// Returns an error if the fleet cannot begin, if the store is not shared, or if each worker has another version than this
    /// program and this layout.
    pub async fn begin_on_workers(self, program: &str) -> Result<SharedRun, FleetError> {
        let began = Instant::now();
        let hosts = hosts_of(&self.layout)?;
        let (objects, options) = self.choose()?;
        let version = version(&self.layout, program)?;
        self.layout.observe_store(Mode::Apply).await?;
        let workers = hosts.workers().await?;
        check_versions(&workers, &version)?;
        set_inherited(&objects);
        let Retired { retired, others: objects } = Retired::of(objects);
        let down =
            if retired.is_empty() { Vec::new() } else { bring_down_retired(&self, retired, &Arc::new(options)).await };
        let is_over = self.fail_fast && down.iter().any(ObjectResult::is_failure);
        let (all, mut placed) = (Places::new(&self.layout), Vec::with_capacity(objects.len()));
        for object in &objects {
            placed.push(all.host(object).await?);
        }
        let present: Vec<_> = workers.iter().filter(|worker| worker.version.fits(&version)).map(|w| &*w.host).collect();
        let here = hosts.here();
        let takes_part = !present.contains(&&*here) && placed.iter().flatten().any(|host| *host == here);
        let missing = missing(&objects, &placed, |host| present.contains(&host) || (takes_part && host == here));
        let Order { mut dependents, waits_for } = Order::of(&objects);
        let queued = objects.iter().zip(placed).enumerate().map(|(at, (object, host))| QueuedObject {
            id: object.id().to_owned(),
            subdir: object.stamp_subdir().to_owned(),
            waits_for: waits_for[at],
            dependents: dependents.remove(&at).unwrap_or_default(),
            host,
        });
        let options = RunOptions::of(&self, self.layout.clock().now());
        let options = serde_json::to_string(&options).unwrap_or_default();
        let run = NewRun {
            version,
            options: options.clone(),
            takes_part,
            objects: if is_over { Vec::new() } else { queued.collect() },
            fail_fast: self.fail_fast,
            batch: self.batch.map(|size| (size.get(), self.max_failures)),
        };
        let number = hosts.begin(run).await?;
        let part = takes_part.then(|| OwnPart { options, jobs: self.workers(objects.len()) });
        Ok(SharedRun { layout: self.layout, hosts, number, began, down, missing, part })
    }
}

/// Returns the version of this process.
pub(super) fn version(layout: &Layout, program: &str) -> Result<Version, WorkersError> {
    layout.version(program).map_err(|source| WorkersError::Binary { source })
}

/// Returns an error if there are workers, and all of them have another version.
fn check_versions(workers: &[WorkerEntry], own: &Version) -> Result<(), WorkersError> {
    match workers.first() {
        Some(first) if !workers.iter().any(|worker| worker.version.fits(own)) => Err(WorkersError::OtherVersion {
            host: first.host.clone(),
            theirs: Box::new(first.version.clone()),
            own: Box::new(own.clone()),
        }),
        _ => Ok(()),
    }
}

/// Returns the hosts of objects that are not present.
fn missing(objects: &[AnyObject], placed: &[Option<String>], is_present: impl Fn(&str) -> bool) -> Vec<MissingHost> {
    let mut missing: Vec<MissingHost> = Vec::new();
    for (object, host) in objects.iter().zip(placed) {
        let Some(host) = host.as_deref().filter(|host| !is_present(host)) else { continue };
        match missing.iter_mut().find(|known| known.host == host) {
            Some(known) => known.objects += 1,
            None => missing.push(MissingHost { host: host.to_owned(), object: object.id().to_owned(), objects: 1 }),
        }
    }
    missing
}
