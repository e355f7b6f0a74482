//! The page of a task: why it runs or ran, its changes, its declarations, its history and its logs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use setup_tasks::AnyObject;
use setup_tasks::log::logs_of;
use setup_tasks::run::TaskReport;
use setup_tasks::stamp::HistoryFilter;
use setup_tasks_cli::__parts::{Cause, Causes, Certainty, When};

use super::object::{Declared, declared, find, state};
use super::parts::{badge, button, line};
use super::{Problem, Tab, frame, history, log, plan};
use crate::draw::bars;
use crate::link;
use crate::peek;
use crate::plan::{Planned, task_state};
use crate::site::Site;
use crate::state::State as Shown;
use crate::view::View;

/// The number of attempts in the history.
const ATTEMPTS: usize = 40;

#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    object: String,
    task: String,
}

pub(crate) async fn page(State(site): State<Arc<Site>>, Query(wanted): Query<Wanted>) -> Result<Markup, Problem> {
    let view = site.view();
    let object = find(&view, &wanted.object)?;
    let tasks = peek::tasks(&object).await.map_err(|error| Problem::unreadable(&error))?;
    let Some(task) = tasks.iter().find(|task| task.task.stamp_name() == wanted.task) else {
        let help = setup_tasks::text::name_help(
            &wanted.task,
            "its tasks are",
            tasks.iter().map(|task| task.task.stamp_name()),
        );
        return Err(Problem::not_found(format!("`{}` has no task `{}`\nhelp: {help}", wanted.object, wanted.task)));
    };
    let planned = view.plan.clone();
    let report = planned.as_ref().and_then(|plan| find_report(plan, object.id(), &wanted.task));
    let told: HashMap<_, _> = told(planned.as_deref(), object.id(), report).into_iter().collect();
    let (shown, why) = state(&view, &object, task, &told);
    let is_planned = matches!(shown, Shown::WouldRun | Shown::MayRun | Shown::Undecided);
    let causes = causes(&view, planned.as_deref(), &object, &wanted.task, report.filter(|_| is_planned)).await;
    let filter = HistoryFilter::new().object(object.stamp_subdir()).task(&*wanted.task).limit(ATTEMPTS);
    let entries = view.built.layout.history(&filter).await.map_err(|error| Problem::unreadable(&error))?;
    let logs = logs_of(&object, Some(&wanted.task)).map_err(|error| Problem::unreadable(&error))?;
    let target = [("object", object.id()), ("task", &*wanted.task)];
    let content = html! {
        nav class="trail" aria-label="Trail" {
            a href="/" { "Overview" } " / " a href=(link::object(object.id())) { (line(object.id())) } " / " (line(&wanted.task))
        }
        h1 { (line(task.task.description())) " " (badge(shown)) }
        p class="faint" {
            (line(&wanted.task)) " of " (line(object.id()))
            @for tag in task.task.tags() { " · " (line(tag)) }
        }
        @if !why.is_empty() { p class="because" { (line(&why)) } }
        @if site.allows_changes && shown != Shown::Running {
            div class="actions" {
                (button(&site, "/run", &[("object", object.id())], "main", "Run this object"))
                (button(&site, "/mark-done", &target, "", "Mark as done"))
            }
        }
        h2 { "Why" }
        (chain(&view, &causes))
        @if let Some(report) = report.filter(|_| is_planned) { (plan::details(report, &mut HashSet::new())) }
        (declarations(&declared(&task.task)))
        h2 { "History" }
        (bars::section(&entries))
        (history::table(&view, &entries))
        h2 id="logs" { "Logs" }
        (log::list(&object, &logs))
    };
    Ok(frame(&site, &view, Tab::Overview, &wanted.task, object.id(), content))
}

/// Returns the state and the reason of a task that a plan lists.
fn told<'p>(plan: Option<&Planned>, id: &str, report: Option<&'p TaskReport>) -> Option<(&'p str, (Shown, String))> {
    let (plan, task) = (plan?, report?);
    Some((task.task, (task_state(task.status)?, plan.reason(id, task))))
}

fn find_report<'p>(plan: &'p Planned, object: &str, task: &str) -> Option<&'p TaskReport> {
    plan.object(object)?.leaves().find(|report| report.task == task)
}

/// Returns the chain of causes, from the task itself to the root. If the history cannot be read, the chain is shorter.
async fn causes(
    view: &View,
    plan: Option<&Planned>,
    object: &AnyObject,
    task: &str,
    report: Option<&TaskReport>,
) -> Vec<Cause> {
    let layout = &view.built.layout;
    if let (Some(plan), Some(report)) = (plan, report) {
        let Some(reason) = &report.reason else { return Vec::new() };
        let is_certain = task_state(report.status) == Some(Shown::WouldRun);
        let certainty = if is_certain { Certainty::Certain } else { Certainty::Possible };
        let causes = Causes { layout, plan: Some(&plan.report) };
        return causes.behind(object, reason, certainty).await.unwrap_or_default();
    }
    Causes { layout, plan: None }.last(object, task).await.unwrap_or_default()
}

fn chain(view: &View, causes: &[Cause]) -> Markup {
    html! {
        @if causes.is_empty() { p class="faint" { "Nothing else led to this." } }
        @else {
            ol class="chain" { @for cause in causes {
                li class=(class(cause.when)) {
                    // The sentence begins with the name of the task, which is a link.
                    @let sentence = cause.sentence();
                    @let rest = sentence.strip_prefix(&*cause.task).unwrap_or(&sentence);
                    @match split(view, &cause.task) {
                        Some((object, task)) => a href=(link::task(object, task)) { (line(&cause.task)) },
                        None => (line(&cause.task)),
                    }
                    (line(rest))
                }
            } }
        }
    }
}

/// Splits `object/task` at the slash after the id of an object.
fn split<'n>(view: &View, name: &'n str) -> Option<(&'n str, &'n str)> {
    let (object, task) = name.rsplit_once('/')?;
    view.built.index(object).map(|_| (object, task))
}

fn class(when: When) -> &'static str {
    match when {
        When::WouldRun => Shown::WouldRun.class(),
        When::MayRun => Shown::MayRun.class(),
        When::Undecided => Shown::Undecided.class(),
        When::Ran(_) | When::Unchanged(_) | When::Marked(_) => Shown::UpToDate.class(),
    }
}

fn declarations(declared: &Declared) -> Markup {
    let Declared { dependencies, inputs, outputs } = declared;
    let files = |title: &str, files: &[String]| {
        html! {
            @if !files.is_empty() { dt { (title) } @for file in files { dd { code { (line(file)) } } } }
        }
    };
    html! {
        @if !(dependencies.is_empty() && inputs.is_empty() && outputs.is_empty()) {
            h2 { "Declared" }
            dl class="declared" {
                @if !dependencies.is_empty() {
                    dt { "Depends on" }
                    @for (object, task) in dependencies { dd { a href=(link::task(object, task)) { (line(object)) "/" (line(task)) } } }
                }
                (files("Inputs", inputs))
                (files("Outputs", outputs))
            }
        }
    }
}
