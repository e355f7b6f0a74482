//! Diagrams of objects, their tasks and the dependencies between tasks, with state and reason.

mod block;
mod dot;
mod grouping;
mod layers;
mod mermaid;
mod selection;
mod state;
mod svg;
mod text;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use setup_tasks::error::explain;
use setup_tasks::fleet::{FleetReport, ObjectStatus};
use setup_tasks::inspect::{ObjectTaskInspector, TaskCategory};
use setup_tasks::run::TaskReport;
use setup_tasks::run::TaskStatus;
use setup_tasks::text::{one_line, printable};
use setup_tasks::{AnyObject, Layout, Result};

use crate::causes::{Causes, Certainty, words};

pub(crate) use dot::dot;
pub use grouping::MOST;
pub use layers::arrange;
pub(crate) use mermaid::mermaid;
pub(crate) use selection::{Known, Selection};
pub(crate) use state::{Counts, State};
pub(crate) use svg::svg;
pub(crate) use text::text;

/// The content of a diagram, in any format.
#[derive(Debug)]
pub(crate) struct Diagram {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
}

/// An object, or a group of objects of one type.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The id of the object, or the type of the group.
    pub(crate) title: String,
    pub(crate) type_name: &'static str,
    pub(crate) is_group: bool,
    /// The number of objects.
    pub(crate) objects: usize,
    /// The number of readonly objects.
    pub(crate) readonly: usize,
    /// The states of the objects.
    pub(crate) counts: Counts,
    /// The error that kept the plan from deciding what would run.
    pub(crate) error: Option<String>,
    pub(crate) tasks: Vec<Task>,
}

/// A task or a relationship of an object, or the same task of all objects of a group.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) is_relationship: bool,
    pub(crate) counts: Counts,
    /// The reasons why it would run or is undecided, and the number of each.
    pub(crate) reasons: BTreeMap<String, usize>,
    /// The number of tasks that it depends on and that are not in the diagram.
    pub(crate) hidden: usize,
}

impl Task {
    /// Returns the text of the task's box. The description of a relationship adds nothing to its edges, so its name is used.
    pub(crate) fn label(&self) -> &str {
        if self.is_relationship { &self.name } else { &self.description }
    }

    pub(crate) fn state(&self) -> State {
        self.counts.worst()
    }

    /// Returns the most frequent reason, or an empty string.
    pub(crate) fn reason(&self) -> String {
        let most = self.reasons.iter().max_by_key(|(reason, count)| (**count, Reverse(*reason)));
        let more = match self.reasons.len() {
            0 | 1 => String::new(),
            2 => ", or another reason".to_owned(),
            count => format!(", or one of {} other reasons", count - 1),
        };
        most.map(|(reason, _)| format!("{reason}{more}")).unwrap_or_default()
    }
}

/// Returns a text of at most 72 characters, for formats that do not know the width of a text.
fn cut(text: &str) -> Cow<'_, str> {
    const MOST: usize = 72;
    match text.char_indices().nth(MOST) {
        Some(_) => Cow::Owned(text.chars().take(MOST - 1).collect::<String>() + "…"),
        None => Cow::Borrowed(text),
    }
}

/// The index of a node and the index of one of its tasks.
pub(crate) type TaskIndex = (usize, usize);

/// A dependency of a task on another task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edge {
    pub(crate) from: TaskIndex,
    pub(crate) to: TaskIndex,
    /// The number of pairs of tasks between groups.
    pub(crate) count: usize,
}

impl Diagram {
    /// Builds the diagram of objects, with the states in a plan.
    pub(crate) async fn of(layout: &Layout, known: &Known, plan: &FleetReport) -> Result<Self> {
        let places = known.places();
        let causes = Causes { layout, plan: Some(plan) };
        let mut nodes = Vec::new();
        for (object, tasks) in known.objects.iter().zip(&known.tasks) {
            nodes.push(Node::of(object, tasks, plan, &causes).await?);
        }
        let mut edges = Vec::new();
        for (i, tasks) in known.tasks.iter().enumerate() {
            for (row, task) in tasks.iter().enumerate() {
                for (other, name) in task.depends_on() {
                    let Some(&to) = places.get(other.id()) else {
                        nodes[i].tasks[row].hidden += 1;
                        continue;
                    };
                    let at = nodes[to].tasks.iter().position(|task| task.name == name);
                    edges.extend(at.map(|at| Edge { from: (i, row), to: (to, at), count: 1 }));
                }
            }
        }
        Ok(Self { nodes, edges })
    }

    pub(crate) fn task(&self, (node, task): TaskIndex) -> &Task {
        &self.nodes[node].tasks[task]
    }
}

impl Node {
    /// Returns the type of the object, or the number of objects, with a note about readonly ones.
    pub(crate) fn kind(&self) -> String {
        match (self.is_group, self.readonly) {
            (false, 0) => self.type_name.to_owned(),
            (false, _) => format!("{}, readonly", self.type_name),
            (true, 0) => format!("{} objects", self.objects),
            (true, readonly) => format!("{} objects, {readonly} readonly", self.objects),
        }
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
        let looked_at = result.is_some_and(|result| result.error.is_none() && result.outcome != ObjectStatus::Readonly)
            && !object.is_retired();
        let would: Vec<&TaskReport> = result.into_iter().flat_map(setup_tasks::fleet::ObjectResult::leaves).collect();
        let mut own = Vec::new();
        for task in tasks {
            let planned = would.iter().find(|report| report.task == task.stamp_name());
            let (state, reason) = match planned {
                Some(report) => planned_state(object, report, causes).await?,
                None if looked_at => (State::UpToDate, String::new()),
                None => (State::Unknown, String::new()),
            };
            own.push(Task {
                name: task.stamp_name().to_owned(),
                description: one_line(task.description()).into_owned(),
                is_relationship: task.category() == TaskCategory::Relationship,
                counts: Counts::one(state),
                reasons: (!reason.is_empty()).then(|| (one_line(&reason).into_owned(), 1)).into_iter().collect(),
                hidden: 0,
            });
        }
        let worst = own.iter().filter(|task| !task.is_relationship).map(Task::state).max();
        let state = if error.is_some() { State::Failed } else { worst.unwrap_or(State::UpToDate) };
        Ok(Self {
            title: one_line(object.id()).into_owned(),
            type_name: object.type_name(),
            is_group: false,
            objects: 1,
            readonly: usize::from(object.readonly()),
            counts: Counts::one(state),
            error,
            tasks: own,
        })
    }
}

/// Returns the state of a task that is not up to date, and the reason.
async fn planned_state(object: &AnyObject, report: &TaskReport, causes: &Causes<'_>) -> Result<(State, String)> {
    let undecided = report.undecided.as_ref().filter(|_| report.status == TaskStatus::Undecided);
    Ok(match (undecided, &report.reason) {
        (Some(undecided), _) => (State::Undecided, undecided.to_string()),
        (None, Some(reason)) if report.status == TaskStatus::MayRun => (State::MayRun, reason.condition()),
        (None, Some(reason)) => {
            let behind = causes.behind(object, reason, Certainty::Certain).await?;
            (State::WouldRun, words(reason, behind.first()))
        }
        (None, None) => (State::UpToDate, String::new()),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn task(name: &str, description: &str, is_relationship: bool, state: State, reason: &str) -> Task {
        Task {
            name: name.to_owned(),
            description: description.to_owned(),
            is_relationship,
            counts: Counts::one(state),
            reasons: (!reason.is_empty()).then(|| (reason.to_owned(), 1)).into_iter().collect(),
            hidden: 0,
        }
    }

    fn node(id: &str, type_name: &'static str, state: State, tasks: Vec<Task>) -> Node {
        let counts = Counts::one(state);
        Node { title: id.to_owned(), type_name, is_group: false, objects: 1, readonly: 0, counts, error: None, tasks }
    }

    /// Returns objects in every state, with characters that have a meaning in the languages of diagrams.
    pub(crate) fn example() -> Diagram {
        let files = vec![
            task("key", "Make the \"key\" <now> & [here]", false, State::UpToDate, ""),
            task("publish", "Publish the share", false, State::WouldRun, "its hash changed from a to b"),
        ];
        let ada = vec![
            task("server_publish", "Depend on publish", true, State::UpToDate, ""),
            task("mount", "Mount the share", false, State::WouldRun, "files/main/publish changed something later"),
            task("unit", "Restart the unit", false, State::MayRun, "if mount changes something"),
        ];
        let bob = vec![task("mount", "Mount the share", false, State::Unknown, "")];
        let nodes = vec![
            node("files/main", "FileServer", State::WouldRun, files),
            node("ada", "Client", State::WouldRun, ada),
            Node { readonly: 1, ..node("bob", "Client", State::Unknown, bob) },
        ];
        Diagram { nodes, edges: vec![Edge { from: (1, 0), to: (0, 1), count: 1 }] }
    }

    /// Returns a diagram whose texts all consist of characters that have a meaning in some language.
    pub(crate) fn hostile() -> Diagram {
        let texts = [
            "",
            " ",
            "\"",
            "\\",
            "\\N\\G\\l",
            "a\\",
            "</TD></TR>",
            "<B>",
            "&amp;",
            "&#60;",
            "]]>",
            "-->",
            "%%{init}%%",
            "end",
            "\"]:::x",
            "`code`",
            "$x$",
            "a\\nb",
            "\u{202e}rtl",
            "#quot;",
            "é€😀",
            "\u{fffe}",
            "'",
            "{|}",
            "click",
            "o1 --> o2",
        ];
        let state =
            |i: usize| [State::UpToDate, State::Unknown, State::Undecided, State::MayRun, State::WouldRun][i % 5];
        let nodes = texts.iter().enumerate().map(|(i, text)| {
            let tasks = vec![task(text, text, i % 3 == 0, state(i), text), task("b", "b", false, state(i + 1), "")];
            Node { error: (i % 5 == 0).then(|| text.to_string()), ..node(text, "Odd<'_, \"T\">", State::Failed, tasks) }
        });
        let edges = (1..texts.len()).map(|i| Edge { from: (i, 0), to: (i / 2, 1), count: i % 2 + 1 });
        Diagram { nodes: nodes.collect(), edges: edges.collect() }
    }
}
