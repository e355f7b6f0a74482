//! The history: runs on a time line, and what ran when and why.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use setup_tasks::stamp::{AttemptEnd, HistoryEntry, HistoryFilter, Timestamp};

use super::parts::{count, end, end_badge, line, time, took};
use super::{Problem, Tab, frame};
use crate::draw::timeline;
use crate::link;
use crate::site::Site;
use crate::state::Counts;
use crate::view::View;

/// The number of lines that are read at first, and the factor for each further request.
const LINES: usize = 2000;
/// The number of runs of a page.
const RUNS: usize = 50;
/// The number of lines of a run that are shown.
const OF_RUN: usize = 1000;

/// The selection of lines.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    run: String,
    object: String,
    #[serde(rename = "type")]
    type_name: String,
    ended: String,
    more: u32,
}

impl Wanted {
    fn accepts(&self, view: &View, entry: &HistoryEntry) -> bool {
        let type_name = || {
            let at = view.built.index_of_subdir(&entry.object)?;
            Some(view.built.objects[at].object.type_name())
        };
        (self.run.is_empty() || entry.run == self.run)
            && (self.object.is_empty() || view.built.id_of(&entry.object).contains(&self.object))
            && (self.ended.is_empty() || end(entry.ended).0.class() == self.ended)
            && (self.type_name.is_empty() || type_name() == Some(&self.type_name))
    }
}

/// A run in the history.
pub(crate) struct Run<'e> {
    pub(crate) id: &'e str,
    pub(crate) entries: Vec<&'e HistoryEntry>,
}

impl Run<'_> {
    /// Returns the start of the first attempt and the end of the last one.
    pub(crate) fn span(&self) -> (Timestamp, Timestamp) {
        let begin = self.entries.iter().map(|entry| began(entry)).min().unwrap_or_default();
        (begin, self.entries.iter().map(|entry| entry.time).max().unwrap_or_default())
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts::of(self.entries.iter().map(|entry| end(entry.ended).0))
    }
}

/// Returns the start of an attempt.
pub(crate) fn began(entry: &HistoryEntry) -> Timestamp {
    Timestamp(entry.time.0.saturating_sub(entry.duration_us.saturating_mul(1000)))
}

/// Returns the runs, the latest first.
fn runs(entries: &[HistoryEntry]) -> Vec<Run<'_>> {
    let (mut runs, mut places) = (Vec::<Run<'_>>::new(), HashMap::new());
    for entry in entries {
        let at = *places.entry(&*entry.run).or_insert_with(|| {
            runs.push(Run { id: &entry.run, entries: Vec::new() });
            runs.len() - 1
        });
        runs[at].entries.push(entry);
    }
    runs
}

pub(crate) async fn page(State(site): State<Arc<Site>>, Query(wanted): Query<Wanted>) -> Result<Markup, Problem> {
    let view = site.view();
    // A single run may be old, so all lines are read for it.
    let limit = LINES.saturating_mul(4_usize.saturating_pow(wanted.more.min(8)));
    let mut filter = HistoryFilter::new();
    filter.limit = wanted.run.is_empty().then_some(limit);
    let entries = view.built.layout.history(&filter).await.map_err(|error| Problem::unreadable(&error))?;
    let is_part = wanted.run.is_empty() && entries.len() == limit;
    let entries: Vec<_> = entries.into_iter().filter(|entry| wanted.accepts(&view, entry)).collect();
    let content = if wanted.run.is_empty() { all(&view, &wanted, &entries, is_part) } else { one(&view, &entries)? };
    Ok(frame(&site, &view, Tab::History, "History", "*", content))
}

/// Returns the page of one run.
fn one(view: &View, entries: &[HistoryEntry]) -> Result<Markup, Problem> {
    let runs = runs(entries);
    let run = runs
        .first()
        .ok_or_else(|| Problem::not_found("the history has no such run, or none of its lines is selected"))?;
    let (from, to) = run.span();
    Ok(html! {
        nav class="trail" aria-label="Trail" { a href="/history" { "History" } " / " (line(run.id)) }
        h1 { "Run of " (time(from)) }
        p class="summary" { (summary(run)) ", " (took(to.0.saturating_sub(from.0) / 1000)) }
        (timeline::section(view, run))
        (table(view, &entries[..entries.len().min(OF_RUN)]))
        @if entries.len() > OF_RUN { p class="faint" { (entries.len() - OF_RUN) " further lines; `history` prints all." } }
    })
}

/// Returns the page of all runs.
fn all(view: &View, wanted: &Wanted, entries: &[HistoryEntry], is_part: bool) -> Markup {
    let runs = runs(entries);
    let longest = runs.iter().map(|run| run.entries.len()).max().unwrap_or(1);
    html! {
        h1 { "History" }
        (filters(view, wanted))
        @if runs.is_empty() { p { "Nothing is in this part of the history." } }
        @else { (timeline::overview(&runs[..runs.len().min(RUNS)])) }
        ol class="runs" {
            @for run in runs.iter().take(RUNS) {
                @let (from, to) = run.span();
                li {
                    a href=(link::run(run.id)) { (time(from)) }
                    span { (summary(run)) }
                    (timeline::share(run, longest))
                    span class="faint" { (took(to.0.saturating_sub(from.0) / 1000)) }
                }
            }
        }
        h2 { "Attempts" }
        (table(view, &entries[..entries.len().min(OF_RUN / 5)]))
        @if is_part || runs.len() > RUNS || entries.len() > OF_RUN / 5 {
            p { a class="more" rel="next" href=(more(wanted)) { "Look further back" } }
        }
    }
}

fn more(wanted: &Wanted) -> String {
    let more = (wanted.more + 1).to_string();
    let query =
        [("object", &*wanted.object), ("type", &*wanted.type_name), ("ended", &*wanted.ended), ("more", &*more)];
    link::to("/history", &query.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>())
}

fn summary(run: &Run<'_>) -> String {
    let counts = run.counts();
    let failed = counts.get(crate::state::State::Failed);
    let all = count(run.entries.len(), "attempt", "attempts");
    if failed == 0 { all } else { format!("{all}, {failed} failed") }
}

fn filters(view: &View, wanted: &Wanted) -> Markup {
    let ends =
        [AttemptEnd::Failed, AttemptEnd::Ran, AttemptEnd::Undone, AttemptEnd::Marked, AttemptEnd::Skipped].map(end);
    let mut types: Vec<_> = view.built.objects.iter().map(|member| member.object.type_name()).collect();
    types.sort_unstable();
    types.dedup();
    html! {
        form class="filters" method="get" action="/history" role="search" {
            label { span { "Object" } input type="search" name="object" value=(wanted.object) placeholder="part of a name"; }
            label { span { "Type" } select name="type" {
                option value="" { "all" }
                @for name in types { option value=(name) selected[wanted.type_name == name] { (name) } }
            } }
            label { span { "Outcome" } select name="ended" {
                option value="" { "all" }
                @for (state, word) in ends { option value=(state.class()) selected[wanted.ended == state.class()] { (word) } }
            } }
            button type="submit" { "Show" }
            @if !(wanted.object.is_empty() && wanted.type_name.is_empty() && wanted.ended.is_empty()) { a href="/history" { "Show all" } }
        }
    }
}

/// Returns a table of attempts, the latest first.
pub(super) fn table(view: &View, entries: &[HistoryEntry]) -> Markup {
    html! {
        @if entries.is_empty() { p class="faint" { "Nothing has run yet." } }
        @else {
            div class="scroll" tabindex="0" role="region" aria-label="Attempts" { table {
                thead { tr { th scope="col" { "When" } th scope="col" { "Task" } th scope="col" { "End" } th scope="col" { "Took" } th scope="col" { "Why" } } }
                tbody { @for entry in entries {
                    @let id = view.built.id_of(&entry.object);
                    tr class=(end(entry.ended).0.class()) {
                        td { a href=(link::run(&entry.run)) { (time(entry.time)) } }
                        th scope="row" { a href=(link::task(id, &entry.task)) { (line(id)) "/" (line(&entry.task)) } }
                        td { (end_badge(entry.ended)) }
                        td { (took(entry.duration_us)) }
                        td class="why" {
                            (line(&entry.reason))
                            @if let Some(error) = &entry.error { p class="error" { (line(error.lines().next().unwrap_or_default())) } }
                        }
                    }
                } }
            } }
        }
    }
}
