//! The page of an object: its tasks, its causes, what it depends on, and its history.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use setup_tasks::AnyObject;
use setup_tasks::fleet::ObjectResult;
use setup_tasks::inspect::ObjectTaskInspector;
use setup_tasks::stamp::HistoryFilter;

use super::parts::{badge, button, line, time, took};
use super::{Problem, Tab, frame, history};
use crate::draw::{bars, graph};
use crate::link;
use crate::peek::{self, PeekedTask};
use crate::plan::{Planned, task_state};
use crate::site::Site;
use crate::state::State as Shown;
use crate::view::View;

/// The number of attempts in the history of an object.
const ATTEMPTS: usize = 40;

#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    id: String,
}

/// Returns an object of the layout.
pub(super) fn find(view: &View, id: &str) -> Result<AnyObject, Problem> {
    let found = view.built.index(id).map(|at| view.built.objects[at].object.clone());
    found.ok_or_else(|| {
        let ids = view.built.objects.iter().map(|member| member.object.id());
        let help = setup_tasks::text::name_help(id, "the objects are", ids);
        Problem::not_found(format!("there is no object `{id}`\nhelp: {help}"))
    })
}

pub(crate) async fn page(State(site): State<Arc<Site>>, Query(wanted): Query<Wanted>) -> Result<Markup, Problem> {
    let view = site.view();
    let object = find(&view, &wanted.id)?;
    let at = view.built.index(&wanted.id).unwrap_or_default();
    let tasks = peek::tasks(&object).await.map_err(|error| Problem::unreadable(&error))?;
    let filter = HistoryFilter::new().object(object.stamp_subdir()).limit(ATTEMPTS);
    let entries = view.built.layout.history(&filter).await.map_err(|error| Problem::unreadable(&error))?;
    let card = view.cards.get(at);
    let (needs, needed) = neighbours(&view, view.plan.as_deref(), at);
    let content = html! {
        nav class="trail" aria-label="Trail" { a href="/" { "Overview" } " / " (line(object.id())) }
        h1 { (line(object.id())) " " @if let Some(card) = card { (badge(card.state)) } }
        p class="faint" {
            (object.type_name())
            @for group in object.groups() { " · " a href=(link::to("/", &[("group", group)])) { (line(group)) } }
            @if object.readonly() { " · readonly" }
            @if object.is_retired() { " · retired" }
        }
        @if let Some(card) = card.filter(|card| !card.reason.is_empty()) {
            p class="because" { @if let Some(task) = &card.task { b { (line(task)) } ": " } (line(&card.reason)) }
        }
        @if site.allows_changes {
            div class="actions" { (button(&site, "/run", &[("object", object.id())], "main", "Run this object")) }
        }
        h2 { "Tasks" }
        (task_table(&view, &object, &tasks, view.plan.as_deref()))
        @if !needs.is_empty() || !needed.is_empty() {
            h2 { "Dependencies" }
            (graph::around(&view, at, &needs, &needed))
            (links(&view, "Depends on", &needs))
            (links(&view, "Needed by", &needed))
        }
        h2 { "History" }
        (bars::section(&entries))
        (history::table(&view, &entries))
    };
    Ok(frame(&site, &view, Tab::Overview, object.id(), object.id(), content))
}

/// Returns the indices of the objects that an object depends on, and of those that depend on it.
fn neighbours(view: &View, plan: Option<&Planned>, at: usize) -> (Vec<usize>, Vec<usize>) {
    let known = view.built.dependencies();
    let all = plan.map(|plan| &plan.dependencies).filter(|all| all.len() == view.cards.len()).unwrap_or(known);
    let needed = all.iter().enumerate().filter(|(_, needs)| needs.binary_search(&at).is_ok()).map(|(other, _)| other);
    (all.get(at).cloned().unwrap_or_default(), needed.collect())
}

fn links(view: &View, title: &str, objects: &[usize]) -> Markup {
    /// The number of objects that are listed.
    const MOST: usize = 50;
    html! {
        @if !objects.is_empty() {
            h3 { (title) }
            ul class="links" {
                @for at in objects.iter().take(MOST) {
                    @let card = &view.cards[*at];
                    li { a href=(link::object(&card.id)) { (line(&card.id)) } " " (badge(card.state)) }
                }
                @if objects.len() > MOST { li { "and " (objects.len() - MOST) " more" } }
            }
        }
    }
}

fn task_table<'p>(view: &View, object: &AnyObject, tasks: &[PeekedTask], plan: Option<&'p Planned>) -> Markup {
    let told = |plan: &'p Planned| {
        let tasks = plan.object(object.id()).into_iter().flat_map(ObjectResult::leaves);
        tasks.filter_map(|task| Some((task.task, (task_state(task.status)?, plan.reason(object.id(), task)))))
    };
    let planned: HashMap<_, _> = plan.into_iter().flat_map(told).collect();
    html! {
        @if tasks.is_empty() { p { "The object has no tasks." } }
        @else {
            div class="scroll" tabindex="0" role="region" aria-label="Tasks" { table {
                thead { tr { th scope="col" { "Task" } th scope="col" { "State" } th scope="col" { "Why" } th scope="col" { "Last run" } th scope="col" { "Took" } } }
                tbody { @for task in tasks {
                    @let (state, why) = state(view, object, task, &planned);
                    tr class=(state.class()) {
                        th scope="row" { a href=(link::task(object.id(), task.task.stamp_name())) { (line(task.task.description())) }
                            span class="faint name" { (line(task.task.stamp_name())) } }
                        td { (badge(state)) }
                        td class="why" { (line(&why)) }
                        td { @if let Some(stamp) = &task.stamp { (time(stamp.time)) } @else { span class="faint" { "never" } } }
                        td { @if let Some(stamp) = &task.stamp { (took(stamp.duration_us)) } }
                    }
                } }
            } }
        }
    }
}

/// Returns the state of a task and the reason. A running task comes before a failure, and a plan before stamps.
pub(super) fn state(
    view: &View,
    object: &AnyObject,
    task: &PeekedTask,
    planned: &HashMap<&str, (Shown, String)>,
) -> (Shown, String) {
    let name = task.task.stamp_name();
    let running = view.activities.get(object.id()).filter(|activity| activity.task.as_deref() == Some(name));
    if let Some(reason) = running.and_then(|activity| activity.reason.as_ref()) {
        return (Shown::Running, reason.to_string());
    }
    let is_fresh = task.state != Shown::Failed;
    match planned.get(name).filter(|_| is_fresh) {
        // A plan before the last run of the task is stale.
        Some((state, reason)) if view.built.index(object.id()).is_some_and(|at| is_planned(view, at)) => {
            (*state, reason.clone())
        }
        _ => (task.state, task.reason.clone()),
    }
}

/// Returns whether the card of an object follows the plan.
fn is_planned(view: &View, at: usize) -> bool {
    use Shown::{MayRun, Undecided, WouldRun};
    view.cards.get(at).is_some_and(|card| matches!(card.state, MayRun | Undecided | WouldRun))
}

/// Returns the tasks of other objects on which the tasks of an object depend, and the declared files.
pub(super) fn declared(task: &ObjectTaskInspector) -> Declared {
    let dependencies = task.depends_on().into_iter().map(|(other, task)| (other.id().to_owned(), task)).collect();
    let texts = |patterns: Vec<setup_tasks::stamp::PathPattern>| patterns.iter().map(ToString::to_string).collect();
    Declared { dependencies, inputs: texts(task.inputs()), outputs: texts(task.outputs()) }
}

/// The declarations of a task.
pub(super) struct Declared {
    pub(super) dependencies: BTreeSet<(String, String)>,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
}
