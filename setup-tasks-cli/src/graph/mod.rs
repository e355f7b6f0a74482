//! Diagrams of objects, their tasks and the dependencies between tasks, with state and reason.

mod dot;
mod layers;
mod mermaid;
mod svg;
mod text;

use std::collections::{HashMap, HashSet, VecDeque};

use setup_tasks::error::explain;
use setup_tasks::fleet::{FleetReport, ObjectStatus};
use setup_tasks::inspect::{ObjectTaskInspector, TaskCategory};
use setup_tasks::run::TaskReport;
use setup_tasks::run::TaskStatus;
use setup_tasks::text::{one_line, printable};
use setup_tasks::{AnyObject, Layout, Result};

use crate::causes::{Causes, words};

pub(crate) use dot::dot;
pub(crate) use mermaid::mermaid;
pub(crate) use svg::svg;
pub(crate) use text::text;

/// The content of a diagram, in any format.
#[derive(Debug)]
pub(crate) struct Diagram {
    pub(crate) objects: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
}

/// An object in a diagram.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) type_name: &'static str,
    pub(crate) readonly: bool,
    /// The error that kept the plan from deciding what would run.
    pub(crate) error: Option<String>,
    pub(crate) tasks: Vec<Task>,
}

/// A task or a relationship.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) is_relationship: bool,
    pub(crate) state: TaskState,
}

impl Task {
    /// Returns the text of the task's box. The description of a relationship adds nothing to its edges, so its name is used.
    pub(crate) fn label(&self) -> &str {
        if self.is_relationship { &self.name } else { &self.description }
    }
}

#[derive(Debug, PartialEq)]
pub(crate) enum TaskState {
    UpToDate,
    /// The task would run, for this reason.
    WouldRun(String),
    /// The task may run, which is decided after another task has run.
    Undecided(String),
    /// The plan did not reach the task, because its object is readonly or an earlier task failed.
    Unknown,
}

/// The index of an object and the index of one of its tasks.
pub(crate) type TaskIndex = (usize, usize);

/// A dependency of a task on another task.
#[derive(Debug, PartialEq)]
pub(crate) struct Edge {
    pub(crate) from: TaskIndex,
    pub(crate) to: TaskIndex,
}

impl Diagram {
    /// Builds the diagram of the objects and of all that they depend on, with the states in a plan.
    pub(crate) async fn of(layout: &Layout, objects: &[AnyObject], plan: &FleetReport) -> Result<Self> {
        let (all, tasks) = with_dependencies(objects);
        let places: HashMap<_, _> = all.iter().enumerate().map(|(i, object)| (object.id().to_owned(), i)).collect();
        let causes = Causes { layout, plan: Some(plan) };
        let mut nodes = Vec::new();
        for (object, tasks) in all.iter().zip(&tasks) {
            nodes.push(Node::of(object, tasks, plan, &causes).await?);
        }
        let mut edges = Vec::new();
        for (i, tasks) in tasks.iter().enumerate() {
            for (row, task) in tasks.iter().enumerate() {
                for (other, name) in task.depends_on() {
                    let Some(&to) = places.get(other.id()) else { continue };
                    let at = nodes[to].tasks.iter().position(|task| task.name == name);
                    edges.extend(at.map(|at| Edge { from: (i, row), to: (to, at) }));
                }
            }
        }
        Ok(Self { objects: nodes, edges })
    }

    pub(crate) fn task(&self, (object, task): TaskIndex) -> &Task {
        &self.objects[object].tasks[task]
    }
}

/// Returns the objects and all that they depend on, with their tasks.
pub(crate) fn with_dependencies(objects: &[AnyObject]) -> (Vec<AnyObject>, Vec<Vec<ObjectTaskInspector>>) {
    let mut known: HashSet<_> = objects.iter().map(|object| object.id().to_owned()).collect();
    let (mut all, mut tasks) = (Vec::new(), Vec::new());
    let mut next: VecDeque<_> = objects.iter().cloned().collect();
    while let Some(object) = next.pop_front() {
        let own: Vec<_> = object.inspect().into_iter().flat_map(ObjectTaskInspector::leaves).collect();
        for (other, _) in own.iter().flat_map(ObjectTaskInspector::depends_on) {
            if known.insert(other.id().to_owned()) {
                next.push_back(other);
            }
        }
        all.push(object);
        tasks.push(own);
    }
    (all, tasks)
}

impl Node {
    /// Returns the type of the object, and `readonly` if it is.
    pub(crate) fn kind(&self) -> String {
        format!("{}{}", self.type_name, if self.readonly { ", readonly" } else { "" })
    }

    async fn of(
        object: &AnyObject,
        tasks: &[ObjectTaskInspector],
        plan: &FleetReport,
        causes: &Causes<'_>,
    ) -> Result<Self> {
        let result = plan.object(object.id());
        let error =
            result.and_then(|result| result.error.as_ref()).map(|error| printable(&explain(&**error)).into_owned());
        let looked_at = result.is_some_and(|result| result.error.is_none() && result.outcome != ObjectStatus::Readonly);
        let would: Vec<&TaskReport> = result.into_iter().flat_map(setup_tasks::fleet::ObjectResult::leaves).collect();
        let mut nodes = Vec::new();
        for task in tasks {
            let planned = would.iter().find(|report| report.task == task.stamp_name());
            let undecided = planned.filter(|report| report.status == TaskStatus::Undecided);
            let undecided = undecided.and_then(|report| report.undecided.as_ref());
            let state = match planned.and_then(|report| report.reason.as_ref()) {
                _ if undecided.is_some() => {
                    TaskState::Undecided(undecided.map(ToString::to_string).unwrap_or_default())
                }
                Some(reason) => {
                    let words = words(reason, causes.behind(object, reason).await?.first());
                    TaskState::WouldRun(one_line(&words).into_owned())
                }
                None if looked_at => TaskState::UpToDate,
                None => TaskState::Unknown,
            };
            nodes.push(Task {
                name: task.stamp_name().to_owned(),
                description: one_line(task.description()).into_owned(),
                is_relationship: task.category() == TaskCategory::Relationship,
                state,
            });
        }
        Ok(Self {
            id: one_line(object.id()).into_owned(),
            type_name: object.type_name(),
            readonly: object.readonly(),
            error,
            tasks: nodes,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns objects in every state, with characters that have a meaning in the languages of diagrams.
    pub(crate) fn example() -> Diagram {
        let task = |name: &str, description: &str, is_relationship, state| Task {
            name: name.to_owned(),
            description: description.to_owned(),
            is_relationship,
            state,
        };
        let files = Node {
            id: "files/main".to_owned(),
            type_name: "FileServer",
            readonly: false,
            error: None,
            tasks: vec![
                task("key", "Make the \"key\" <now> & [here]", false, TaskState::UpToDate),
                task(
                    "publish",
                    "Publish the share",
                    false,
                    TaskState::WouldRun("its hash changed from a to b".to_owned()),
                ),
            ],
        };
        let ada = Node {
            id: "ada".to_owned(),
            type_name: "Client",
            readonly: false,
            error: None,
            tasks: vec![
                task("server_publish", "Depend on publish", true, TaskState::UpToDate),
                task("mount", "Mount the share", false, TaskState::WouldRun("files/main/publish ran later".to_owned())),
            ],
        };
        let bob = Node {
            id: "bob".to_owned(),
            type_name: "Client",
            readonly: true,
            error: None,
            tasks: vec![task("mount", "Mount the share", false, TaskState::Unknown)],
        };
        Diagram { objects: vec![files, ada, bob], edges: vec![Edge { from: (1, 0), to: (0, 1) }] }
    }
}
