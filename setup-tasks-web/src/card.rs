//! The card of an object: its state at a glance.

use setup_tasks::activity::Activity;
use setup_tasks::stamp::Timestamp;

use crate::built::Member;
use crate::peek::Peeked;
use crate::plan::Planned;
use crate::state::State;

/// The state of an object at a glance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Card {
    pub(crate) id: String,
    pub(crate) type_name: &'static str,
    pub(crate) group: usize,
    pub(crate) state: State,
    /// The task that the state is about, if it is about one.
    pub(crate) task: Option<String>,
    pub(crate) reason: String,
    /// The time of the latest stamp, or of the start of the running task.
    pub(crate) last: Option<Timestamp>,
}

/// The sources of a card.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    pub(crate) peeked: &'a Peeked,
    /// The last plan, unless the object has changed since.
    pub(crate) plan: Option<&'a Planned>,
    /// The run of the object in some process.
    pub(crate) activity: Option<&'a Activity>,
    /// The process that holds the object on another host.
    pub(crate) holder: Option<&'a str>,
}

impl Card {
    pub(crate) fn new(member: &Member, sources: Sources<'_>) -> Self {
        let Sources { peeked, plan, activity, holder } = sources;
        let object = &member.object;
        let (mut state, mut task, mut last) = (peeked.state, peeked.task.clone(), peeked.last);
        let planned = plan.and_then(|plan| plan.state(object.id()));
        if let Some(running) = activity.and_then(running) {
            (state, last) = (State::Running, activity.map(|activity| activity.since));
            task = Some(running);
        } else if let Some(holder) = holder {
            (state, task) = (State::Running, Some((String::new(), format!("held by {holder}"))));
        } else if object.readonly() {
            (state, task) = (State::Idle, Some((String::new(), "readonly".to_owned())));
        } else if object.is_retired() && peeked.last.is_none() && state != State::Failed {
            (state, task) = (State::Idle, Some((String::new(), "retired, and down".to_owned())));
        } else if state != State::Failed
            && let Some((by_plan, told)) = planned
        {
            (state, task) = (by_plan, told);
        }
        let (task, reason) = task.unwrap_or_default();
        let reason = reason.lines().next().unwrap_or_default().to_owned();
        Self {
            id: object.id().to_owned(),
            type_name: object.type_name(),
            group: member.group,
            state,
            task: (!task.is_empty()).then_some(task),
            reason,
            last,
        }
    }
}

/// Returns the current task of an activity and what it does, or `None` if nothing runs.
fn running(activity: &Activity) -> Option<(String, String)> {
    let task = activity.task.clone().unwrap_or_default();
    if let Some(holder) = &activity.held_by {
        return Some((task, format!("waits for {holder}")));
    }
    if let Some(command) = activity.commands.first() {
        return Some((task, format!("runs {command}")));
    }
    match &activity.reason {
        Some(reason) => Some((task, reason.to_string())),
        None if !activity.waits_for.is_empty() => Some((task, "waits for another object".to_owned())),
        None => None,
    }
}
