//! The activities of this process: what is worked on, and what waits for what.

#[cfg(unix)]
mod other_processes;
mod render;

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

#[cfg(unix)]
pub use other_processes::{OtherProcesses, of_other_processes};

use crate::decide::Reason;
use crate::layout::Layout;
#[cfg(unix)]
pub use crate::neighbours::{PublishError, Published, SilentProcess};
use crate::object::AnyObject;
use crate::stamp::Timestamp;
pub use crate::wait::WorkKind;
use crate::wait::{WaitNode, Work};
use crate::work::WorkContext;

/// The version of a snapshot as JSON.
const VERSION: u32 = 1;

/// Who is at work now, and who waits for whom: [`Layout::activities`]. Its text (`Display`) is a tree; as JSON (serde) it has a
/// version, see docs/src/formats.md.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The version of the format.
    pub version: u32,
    /// The process.
    pub pid: u32,
    /// When it was taken.
    pub at: Timestamp,
    /// Fleets that run.
    pub fleets: Vec<FleetProgress>,
    /// The activities, whether they run or are only waited for.
    #[serde(rename = "contexts")]
    pub activities: Vec<Activity>,
}

/// How far a fleet has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FleetProgress {
    /// When it began.
    pub since: Timestamp,
    /// How many objects it runs.
    pub objects: usize,
    /// How many have ended.
    pub ended: usize,
}

/// Something that is worked on: the run of an object, an object on its way to ready, a factory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Activity {
    /// Tells it from the others of its process.
    pub id: u64,
    /// What kind of work it is.
    pub kind: WorkKind,
    /// The object's id, or the factory's key.
    pub name: String,
    /// The task that runs, or is looked at.
    pub task: Option<String>,
    /// What the task does.
    pub description: Option<String>,
    /// Why the task runs; `None` while it is only looked at.
    pub reason: Option<Reason>,
    /// Since when: the task if one runs, else the work; if there is no work yet, since when it is waited for.
    pub since: Timestamp,
    /// The activity that the work was begun for.
    pub parent: Option<u64>,
    /// What it waits for.
    pub waits_for: Vec<WaitsFor>,
    /// Another process that holds the object, which it waits for.
    pub held_by: Option<String>,
}

/// A wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WaitsFor {
    /// The activity that is waited for.
    pub id: u64,
    /// Since when.
    pub since: Timestamp,
}

impl Snapshot {
    /// The activities that were begun for no other.
    pub fn roots(&self) -> impl Iterator<Item = &Activity> {
        let known: HashSet<_> = self.activities.iter().map(|activity| activity.id).collect();
        self.activities.iter().filter(move |activity| activity.parent.is_none_or(|parent| !known.contains(&parent)))
    }

    /// The activities that were begun for this one.
    pub fn children(&self, id: u64) -> impl Iterator<Item = &Activity> {
        self.activities.iter().filter(move |activity| activity.parent == Some(id))
    }

    /// A activity by its id.
    pub fn activity(&self, id: u64) -> Option<&Activity> {
        self.activities.iter().find(|activity| activity.id == id)
    }

    /// The run of an object, if it is at work.
    pub fn run_of(&self, object: &str) -> Option<&Activity> {
        self.activities.iter().find(|activity| activity.kind == WorkKind::Run && activity.name == object)
    }

    /// Whether nothing is running.
    pub fn is_empty(&self) -> bool {
        self.activities.is_empty()
    }

    fn since(&self, moment: Timestamp) -> Duration {
        Duration::from_nanos(self.at.0.saturating_sub(moment.0))
    }
}

impl Layout {
    /// Who is at work on the objects of this layout now, and who waits for whom.
    pub fn activities(&self) -> Snapshot {
        let mut nodes = Nodes::default();
        let objects = self.all();
        for object in &objects {
            nodes.add_object(object);
        }
        nodes.follow();
        let fleets = self.fleets().into_iter().map(|options| FleetProgress {
            since: options.since.into(),
            objects: options.objects,
            ended: options.ended.0.load(Ordering::Relaxed),
        });
        Snapshot {
            version: VERSION,
            pid: std::process::id(),
            at: SystemTime::now().into(),
            fleets: fleets.collect(),
            activities: nodes.activities(),
        }
    }
}

/// What the caller's work is: the innermost activity first, then those that it was begun for. Empty outside of a task, a
/// helper method or a factory.
///
/// ```
/// use setup_tasks::{activity, prelude::*};
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "door")]
/// struct Door;
///
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it")]
///     async fn paint(&self) {
///         let current = activity::current();
///         assert_eq!(current[0].name, "door");
///         assert_eq!(current[0].reason.as_ref().unwrap().to_string(), "never ran");
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// setup_tasks::Layout::in_memory()?.add(Door)?.run_setup_tasks().await?;
/// # Ok(()) }
/// ```
pub fn current() -> Vec<Activity> {
    let mut nodes = Nodes::default();
    let mut at = WorkContext::worker();
    while let Some(node) = at.filter(|node| !nodes.known.contains(&node.id())) {
        let work = node.work();
        at = work.as_ref().and_then(|work| work.parent.clone());
        nodes.put(node, None, work, None);
    }
    nodes.activities()
}

/// Nodes that are worked on or waited for. Each is looked at once, so that what is told of it fits together.
#[derive(Default)]
struct Nodes {
    found: Vec<FoundNode>,
    known: HashSet<u64>,
}

struct FoundNode {
    node: WaitNode,
    object: Option<AnyObject>,
    work: Option<Work>,
    waits: Vec<(WaitNode, SystemTime)>,
    /// Since when it is waited for, where that is how it was found.
    waited_for: Option<SystemTime>,
}

impl Nodes {
    fn add_object(&mut self, object: &AnyObject) {
        let core = object.0.core();
        let plan = core.plan().map(|plan| &plan.node);
        for node in [&core.ready.node, &core.progress(false).node].into_iter().chain(plan) {
            if let Some(work) = node.work() {
                self.put(node.clone(), Some(object.clone()), Some(work), None);
            }
        }
    }

    fn put(&mut self, node: WaitNode, object: Option<AnyObject>, work: Option<Work>, waited_for: Option<SystemTime>) {
        if self.known.insert(node.id()) {
            let waits = node.waits();
            self.found.push(FoundNode { node, object, work, waits, waited_for });
        }
    }

    /// Adds what these wait for and were begun for: factories, objects whose work is about to begin.
    fn follow(&mut self) {
        let mut at = 0;
        while let Some(found) = self.found.get(at) {
            let parent = found.work.as_ref().and_then(|work| work.parent.clone()).map(|parent| (parent, None));
            let waits = found.waits.iter().map(|(to, since)| (to.clone(), Some(*since)));
            for (node, since) in waits.chain(parent).collect::<Vec<_>>() {
                let work = node.work();
                self.put(node, None, work, since);
            }
            at += 1;
        }
    }

    fn activities(&self) -> Vec<Activity> {
        self.found.iter().map(FoundNode::activity).collect()
    }
}

impl FoundNode {
    fn activity(&self) -> Activity {
        let Self { node, work, waits, waited_for, .. } = self;
        let work = work.as_ref();
        let step = work.and_then(|work| work.step.as_ref());
        let since = step.map(|step| step.since).or(work.map(|work| work.since)).or(*waited_for);
        let (task, description) = match (step, self.looked_at()) {
            (Some(step), _) => (Some(step.task.to_owned()), Some(step.description.to_string())),
            (None, Some((object, row))) => {
                (Some(object.0.stamp_name(row).to_owned()), Some(object.0.describe(row).into_owned()))
            }
            (None, None) => (None, None),
        };
        Activity {
            id: node.id(),
            kind: node.kind(),
            name: node.name().to_owned(),
            task,
            description,
            reason: step.and_then(|step| step.reason.clone()),
            since: since.unwrap_or_else(SystemTime::now).into(),
            parent: work.and_then(|work| work.parent.as_ref()).map(WaitNode::id),
            waits_for: waits.iter().map(|(to, since)| WaitsFor { id: to.id(), since: (*since).into() }).collect(),
            held_by: node.locked().map(|locked| locked.holder),
        }
    }

    /// The task that is looked at, while none runs.
    fn looked_at(&self) -> Option<(&AnyObject, usize)> {
        let object = self.object.as_ref().filter(|_| self.node.kind() != WorkKind::Ready)?;
        let row = object.0.core().considered.load(Ordering::Relaxed).checked_sub(1)?;
        Some((object, row))
    }
}

/// Returns the activities of a layout as JSON, for a process that asks.
pub(crate) fn snapshot_as_json(layout: &Layout) -> serde_json::Result<String> {
    serde_json::to_string(&layout.activities())
}
