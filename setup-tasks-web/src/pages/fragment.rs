//! The parts of pages that updates replace.

use maud::{Markup, html};
use serde_json::json;

use super::parts::{badge, button, count, line, text, time};
use crate::card::Card;
use crate::draw::graph;
use crate::link;
use crate::progress::RunProgress;
use crate::site::Site;
use crate::state::Counts;
use crate::view::View;

/// The number of changed objects from which a page loads its content anew instead.
const MOST: usize = 300;

/// Returns the message about what goes on: errors, runs in progress, and the end of the last action.
pub(crate) fn going_on(site: &Site, view: &View) -> Markup {
    let now = site.situation();
    html! {
        section id="now" aria-label="What goes on" {
            @for problem in [&now.problem, &now.plan_problem, &view.error].into_iter().flatten() {
                p class="problem lines" role="alert" { (text(problem)) }
            }
            @for run in &view.runs { (running(site, run, now.run.is_some())) }
            @if view.runs.is_empty() && let Some(notice) = &now.notice {
                p class={ "notice " (if notice.is_good { "done" } else { "failed" }) } role="status" {
                    span class="lines" { (text(&notice.text)) } " " (time(notice.at))
                }
            }
            @if view.runs.is_empty() && let Some(run) = &view.last_run {
                p class="last" {
                    a href=(link::run(&run.id)) { "Last run" } " " (time(run.at)) ": " (count(run.attempts, "attempt", "attempts"))
                    @if run.failed > 0 { ", " b { (run.failed) " failed" } }
                }
            }
            @if now.is_planning { p class="planning" role="status" { "Planning…" } }
        }
    }
}

fn running(site: &Site, run: &RunProgress, has_own: bool) -> Markup {
    let left = run.left.map(|left| match left.as_secs() {
        0 => "almost done".to_owned(),
        _ => format!("about {} left", setup_tasks::text::rough_duration(left)),
    });
    let what = match run.ended {
        0 => count(run.objects, "object", "objects"),
        ended => format!("{ended} of {}", count(run.objects, "object", "objects")),
    };
    let tasks = count(run.running, "task runs", "tasks run");
    html! {
        div class="run" role="status" {
            span class="what" { "Process " (run.pid) " runs: " (what) ", " (tasks) }
            progress max=(run.objects) value=(run.ended) aria-label="Objects that have ended" {}
            span class="left" { @if let Some(left) = &left { (left) ", " } "began " (time(run.since)) }
            @if run.is_own && has_own && site.allows_changes {
                (button(site, "/cancel", &[], "danger", "Cancel"))
            }
        }
    }
}

/// Returns the number of objects in each state, as links to them.
pub(super) fn counts(view: &View) -> Markup {
    let counts = view.counts();
    html! {
        nav id="counts" aria-label="Objects by state" {
            a class="all" href="/" { b { (counts.total()) } " " (if counts.total() == 1 { "object" } else { "objects" }) }
            @for (state, number) in counts.present() {
                a class=(state.class()) href=(link::to("/", &[("state", state.class())])) {
                    span aria-hidden="true" { (state.mark()) } " " b { (number) } " " (state.word())
                }
            }
        }
    }
}

/// Returns the numbers beside the name of a group.
pub(super) fn group_counts(group: usize, counts: &Counts) -> Markup {
    html! {
        span class="numbers" data-group=(group) {
            @for (state, number) in counts.present() {
                span class=(state.class()) title=(state.word()) {
                    span aria-hidden="true" { (state.mark()) } (number) span class="hidden" { " " (state.word()) " " }
                }
            }
        }
    }
}

/// Returns the card of an object.
pub(super) fn card(card: &Card) -> Markup {
    html! {
        li class={ "card " (card.state.class()) } data-id=(card.id) {
            a href=(link::object(&card.id)) { (line(&card.id)) }
            (badge(card.state))
            span class="type" { (card.type_name) }
            @if let Some(last) = card.last { (time(last)) }
            @if card.task.is_some() || !card.reason.is_empty() {
                p class="why" {
                    @if let Some(task) = &card.task { b { (line(task)) } @if !card.reason.is_empty() { ": " } }
                    (line(&card.reason))
                }
            }
        }
    }
}

/// Returns an update as JSON. A page ignores the cards that it does not show.
pub(crate) fn update(view: &View, changed: &[usize], going_on: &str, is_whole: bool) -> String {
    let is_whole = is_whole || changed.len() > MOST;
    let changed = if is_whole { &[] } else { changed };
    let cards: Vec<_> = changed
        .iter()
        .map(|at| &view.cards[*at])
        .map(|shown| json!([shown.id, card(shown).into_string(), shown.state.class(), graph::object_text(shown)]))
        .collect();
    let all = view.group_counts();
    let mut groups: Vec<_> = changed.iter().map(|at| view.cards[*at].group).collect();
    groups.sort_unstable();
    groups.dedup();
    let groups: Vec<_> = groups
        .iter()
        .map(|at| (at, &all[*at]))
        .map(|(at, counts)| {
            json!([at, group_counts(*at, counts).into_string(), counts.worst().class(), graph::group_text(counts)])
        })
        .collect();
    json!({
        "whole": is_whole, "now": going_on, "counts": counts(view).into_string(), "groups": groups, "cards": cards,
    })
    .to_string()
}
