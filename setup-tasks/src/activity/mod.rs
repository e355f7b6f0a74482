//! The activities of this process: the work in progress and what it waits for.

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
use crate::object::{AnyObject, RowId};
use crate::stamp::Timestamp;
pub use crate::wait::WorkKind;
use crate::wait::{WaitNode, Work};
use crate::work::{Mode, WorkContext};

/// The version of the JSON form of a snapshot.
const VERSION: u32 = 1;

/// The work in progress at one point in time, and what it waits for: [`Layout::activities`].
/// `Display` writes it as a tree. Its JSON form (serde) has a
/// [`version`](Self::version).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The version of the format.
    pub version: u32,
    /// The process id.
    pub pid: u32,
    /// The time of the snapshot.
    pub at: Timestamp,
    /// The running fleets.
    pub fleets: Vec<FleetProgress>,
    /// The activities, which are in progress or are waited for.
    #[serde(rename = "contexts")]
    pub activities: Vec<Activity>,
}

/// The progress of a fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FleetProgress {
    /// The start of the fleet.
    pub since: Timestamp,
    /// The number of objects in the fleet.
    pub objects: usize,
    /// The number of objects that have ended.
    pub ended: usize,
}

/// An activity: the run of an object, the bringing of an object to ready, or the call of a
/// factory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Activity {
    /// The id, which is unique within the process.
    pub id: u64,
    /// The kind of work.
    pub kind: WorkKind,
    /// The id of the object, or the key of the factory.
    pub name: String,
    /// The current task, which runs or is being checked.
    pub task: Option<String>,
    /// The description of the task.
    pub description: Option<String>,
    /// The reason why the task runs. `None` while the task is only checked.
    pub reason: Option<Reason>,
    /// The commands that it is running, as their labels or as they would be typed.
    #[serde(default)]
    pub commands: Vec<String>,
    /// The start of the task, or of the work while no task runs. If the work has not started, it is
    /// the start of the wait for it.
    pub since: Timestamp,
    /// The activity on whose behalf the work was started.
    pub parent: Option<u64>,
    /// The activities for which it waits.
    pub waits_for: Vec<WaitsFor>,
    /// A description of another process that holds the object and for which the activity waits.
    pub held_by: Option<String>,
}

/// A wait for another activity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WaitsFor {
    /// The activity that is waited for.
    pub id: u64,
    /// The start of the wait.
    pub since: Timestamp,
}

impl Snapshot {
    /// Returns the activities without a parent.
    pub fn roots(&self) -> impl Iterator<Item = &Activity> {
        let known: HashSet<_> = self.activities.iter().map(|activity| activity.id).collect();
        self.activities.iter().filter(move |activity| activity.parent.is_none_or(|parent| !known.contains(&parent)))
    }

    /// Returns the activities whose parent is this one.
    pub fn children(&self, id: u64) -> impl Iterator<Item = &Activity> {
        self.activities.iter().filter(move |activity| activity.parent == Some(id))
    }

    /// Returns an activity by its id.
    pub fn activity(&self, id: u64) -> Option<&Activity> {
        self.activities.iter().find(|activity| activity.id == id)
    }

    /// Returns the run of an object, if it is in progress.
    pub fn run_of(&self, object: &str) -> Option<&Activity> {
        self.activities.iter().find(|activity| activity.kind == WorkKind::Run && activity.name == object)
    }

    /// Returns whether there is no activity.
    pub fn is_empty(&self) -> bool {
        self.activities.is_empty()
    }

    fn since(&self, moment: Timestamp) -> Duration {
        Duration::from_nanos(self.at.0.saturating_sub(moment.0))
    }
}

impl Layout {
    /// Returns the activities on the objects of this layout, and the waits between them.
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

/// Returns the activities of which the caller is a part, from the innermost one to the root. The
/// result is empty outside of a task, a helper method or a factory.
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

/// The nodes that are in progress or waited for. Each is read once, so that its data is consistent.
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
    /// The start of the wait through which the node was found, if any.
    waited_for: Option<SystemTime>,
}

impl Nodes {
    fn add_object(&mut self, object: &AnyObject) {
        let core = object.0.core();
        let plan = core.plan().map(|plan| &plan.node);
        for node in [&core.ready.node, &core.progress(Mode::Apply).node].into_iter().chain(plan) {
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

    /// Adds the nodes for which the known ones wait, and their parents. These include factories and
    /// objects whose work has not started.
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
            commands: work.map_or_else(Vec::new, |work| work.commands.iter().map(ToString::to_string).collect()),
            since: since.unwrap_or_else(SystemTime::now).into(),
            parent: work.and_then(|work| work.parent.as_ref()).map(WaitNode::id),
            waits_for: waits.iter().map(|(to, since)| WaitsFor { id: to.id(), since: (*since).into() }).collect(),
            held_by: node.awaited_lease().map(|held| held.holder),
        }
    }

    /// Returns the task that is checked while no task runs.
    fn looked_at(&self) -> Option<(&AnyObject, RowId)> {
        let object = self.object.as_ref().filter(|_| self.node.kind() != WorkKind::Ready)?;
        let row = object.0.core().current_row()?;
        Some((object, row))
    }
}

/// Returns the activities of a layout as JSON, for another process.
pub(crate) fn snapshot_as_json(layout: &Layout) -> serde_json::Result<String> {
    serde_json::to_string(&layout.activities())
}
