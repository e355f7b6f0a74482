//! The page of the plan: the tasks that would run, and why.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};
use setup_tasks::Reason;
use setup_tasks::error::explain;
use setup_tasks::fleet::{ObjectResult, ObjectStatus};
use setup_tasks::run::{TaskReport, TaskStatus};
use setup_tasks_cli::__parts::is_several;

use super::parts::{badge, button, count, diff, line, text, time};
use super::{Tab, frame};
use crate::link;
use crate::plan::{Planned, task_state};
use crate::site::Site;
use crate::state::State as Shown;

/// The number of objects that the page shows.
const MOST: usize = 500;

pub(crate) async fn page(State(site): State<Arc<Site>>) -> Markup {
    let view = site.view();
    let content = html! {
        h1 { "Plan" }
        @match &view.plan {
            None => p { @if site.situation().is_planning { "The plan is being made." } @else { "There is no plan." } },
            Some(plan) => p class="summary" { (line(&plan.report.summary())) ". Made " (time(plan.at)) "." },
        }
        div class="actions" {
            (button(&site, "/plan", &[], "", "Plan again"))
            @if site.allows_changes { (button(&site, "/run", &[], "main", "Run all")) }
        }
        @if let Some(plan) = &view.plan { (listed(plan)) }
    };
    frame(&site, &view, Tab::Plan, "Plan", "*", content)
}

fn listed(plan: &Planned) -> Markup {
    let is_told = |result: &&ObjectResult| {
        result.error.is_some()
            || result.outcome == ObjectStatus::WouldBringDown
            || result.leaves().any(|task| task_state(task.status).is_some() || task.status == TaskStatus::Drifted)
    };
    let told: Vec<_> = plan.report.objects.iter().filter(is_told).collect();
    html! {
        @if told.is_empty() { p class="good" { (badge(Shown::UpToDate)) " Nothing would run." } }
        @for result in told.iter().take(MOST) { (object(plan, result)) }
        @if told.len() > MOST { p { (count(told.len() - MOST, "further object", "further objects")) " would run." } }
        @if !plan.orphans.is_empty() {
            section class="orphans" {
                h2 { "No longer in the layout" }
                ul { @for orphan in plan.orphans.iter().take(MOST) { li { (line(orphan.id())) } } }
                p class="faint" { "The command `prune` removes their stamps, cache and logs." }
            }
        }
    }
}

fn object(plan: &Planned, result: &ObjectResult) -> Markup {
    let state = plan.state(&result.object).map_or(Shown::UpToDate, |(state, _)| state);
    let mut shown = HashSet::new();
    html! {
        section class={ "planned " (state.class()) } {
            h2 { a href=(link::object(&result.object)) { (line(&result.object)) } " " (badge(state)) }
            @if let Some(error) = &result.error { p class="problem lines" { (text(&explain(error.get().as_ref()))) } }
            @if result.outcome == ObjectStatus::WouldBringDown { p { "The object is retired, and would be brought down." } }
            ol class="tasks" { @for task in result.leaves() { (listed_task(plan, &result.object, task, &mut shown)) } }
        }
    }
}

fn listed_task(plan: &Planned, object: &str, task: &TaskReport, shown: &mut HashSet<String>) -> Markup {
    let state = match task.status {
        TaskStatus::Drifted => Shown::MayRun,
        status => match task_state(status) {
            Some(state) => state,
            None => return html! {},
        },
    };
    html! {
        li {
            a href=(link::task(object, task.task)) { (line(&task.description)) } " " (badge(state))
            p class="why" { (line(&plan.reason(object, task))) }
            (details(task, shown))
        }
    }
}

/// Returns the differences of a task, and the changes that it would make. A change that was shown before is not repeated.
pub(super) fn details(task: &TaskReport, shown: &mut HashSet<String>) -> Markup {
    let several = task.reason.as_ref().filter(|reason| is_several(reason));
    let hash = task.reason.as_ref().and_then(Reason::diff).filter(|_| task.changes.is_empty());
    let changes: Vec<_> = task.changes.iter().map(|change| (&change.path, change.unified())).collect();
    html! {
        @if let Some(Reason::Drifted { what }) = several {
            ul class="differences" { @for difference in what { li { (line(&difference.to_string())) } } }
        }
        @if let Some(hash) = hash { details open { summary { "Change of its hash" } (diff(&hash)) } }
        @for (path, unified) in &changes {
            @if shown.insert(unified.clone()) {
                details open { summary { (line(path)) } (diff(unified)) }
            } @else {
                p class="faint" { (line(path)) ": shown above" }
            }
        }
    }
}
