//! The page of all objects.

use std::sync::Arc;

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::fragment::{card, counts, group_counts};
use super::parts::line;
use super::{Tab, frame};
use crate::card::Card;
use crate::draw::graph;
use crate::link;
use crate::site::Site;
use crate::state::State as Shown;
use crate::view::View;

/// The number of objects from which the page has a map, and shows a part of each group.
const MANY: usize = 300;
/// The number of cards of a group among many.
const PART: usize = 24;
/// The number of cards of a page that shows one group or a selection.
const PAGE: usize = 300;

/// The selection of objects.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    q: String,
    state: String,
    #[serde(rename = "type")]
    type_name: String,
    group: String,
    page: usize,
}

impl Wanted {
    fn is_all(&self) -> bool {
        [&self.q, &self.state, &self.type_name, &self.group].iter().all(|text| text.is_empty())
    }

    fn accepts(&self, view: &View, card: &Card) -> bool {
        let q = self.q.to_lowercase();
        (q.is_empty() || card.id.to_lowercase().contains(&q))
            && (self.state.is_empty() || card.state.class() == self.state)
            && (self.type_name.is_empty() || card.type_name == self.type_name)
            && (self.group.is_empty() || view.built.groups[card.group] == self.group)
    }

    /// Returns the address of another page of the selection.
    fn address(&self, page: usize) -> String {
        let page = page.to_string();
        let query = [
            ("q", &*self.q),
            ("state", &*self.state),
            ("type", &*self.type_name),
            ("group", &*self.group),
            ("page", &*page),
        ];
        link::to("/", &query.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>())
    }
}

pub(crate) async fn page(State(site): State<Arc<Site>>, Query(wanted): Query<Wanted>) -> Markup {
    let view = site.view();
    let content = html! {
        h1 class="hidden" { "Overview" }
        (counts(&view))
        (filters(&view, &wanted))
        @if view.cards.is_empty() {
            p { "The layout has no objects." }
        } @else if wanted.is_all() {
            (everything(&view))
        } @else {
            (selection(&view, &wanted))
        }
    };
    frame(&site, &view, Tab::Overview, "Overview", "cards", content)
}

/// Returns the form that selects objects. It works without a script.
fn filters(view: &View, wanted: &Wanted) -> Markup {
    let mut types: Vec<_> = view.cards.iter().map(|card| card.type_name).collect();
    types.sort_unstable();
    types.dedup();
    let option = |value: &str, chosen: &str, text: &str| {
        html! { option value=(value) selected[value == chosen] { (line(text)) } }
    };
    html! {
        form class="filters" method="get" action="/" role="search" {
            label { span { "Find" } input type="search" name="q" value=(wanted.q) placeholder="part of a name"; }
            label { span { "State" } select name="state" {
                (option("", &wanted.state, "all"))
                @for state in Shown::ALL { (option(state.class(), &wanted.state, state.word())) }
            } }
            @if types.len() > 1 {
                label { span { "Type" } select name="type" {
                    (option("", &wanted.type_name, "all"))
                    @for name in &types { (option(name, &wanted.type_name, name)) }
                } }
            }
            @if view.built.groups.len() > 1 {
                label { span { "Group" } select name="group" {
                    (option("", &wanted.group, "all"))
                    @for name in &view.built.groups { (option(name, &wanted.group, name)) }
                } }
            }
            button type="submit" { "Show" }
            @if !wanted.is_all() { a href="/" { "Show all" } }
        }
    }
}

/// Returns all groups, and the graph. Of many objects, each group shows the most urgent ones.
fn everything(view: &View) -> Markup {
    let is_many = view.cards.len() > MANY;
    let mut groups = vec![Vec::new(); view.built.groups.len()];
    view.cards.iter().for_each(|card| groups[card.group].push(card));
    let numbers = view.group_counts();
    html! {
        @if is_many { (map(view)) }
        div class="groups" { @for (at, name) in view.built.groups.iter().enumerate() {
            section class="group" aria-labelledby={ "group-" (at) } {
                h2 id={ "group-" (at) } {
                    a href=(link::to("/", &[("group", name)])) { (line(name)) } " "
                    (group_counts(at, &numbers[at]))
                }
                @let (cards, rest) = urgent(&groups[at], if is_many { PART } else { PAGE });
                ul class="cards" { @for shown in cards { (card(shown)) } }
                @if rest > 0 {
                    p { a class="more" href=(link::to("/", &[("group", name)])) { (rest) " more of " (line(name)) } }
                }
            }
        } }
        (graph::section(view))
    }
}

/// Returns the most urgent cards in their order, and the number of the others.
fn urgent<'c>(cards: &[&'c Arc<Card>], most: usize) -> (Vec<&'c Card>, usize) {
    let mut by_state: Vec<_> = cards.iter().enumerate().collect();
    by_state.sort_by_key(|(_, card)| card.state);
    by_state.truncate(most);
    let count = by_state.len();
    by_state.sort_by_key(|(at, card)| (card.state, *at));
    (by_state.into_iter().map(|(_, card)| &***card).collect(), cards.len() - count)
}

/// Returns one small square per object. Everything in it is also in the groups, so it is hidden from screen readers.
fn map(view: &View) -> Markup {
    html! {
        div class="map" aria-hidden="true" {
            @for card in &view.cards { i class=(card.state.class()) data-id=(card.id) title=(line(&card.id)) {} }
        }
    }
}

/// Returns one page of the selected objects.
fn selection(view: &View, wanted: &Wanted) -> Markup {
    let found: Vec<_> = view.cards.iter().filter(|card| wanted.accepts(view, card)).collect();
    let pages = found.len().div_ceil(PAGE).max(1);
    let page = wanted.page.min(pages - 1);
    html! {
        section class="group" aria-label="Selected objects" {
            h2 { (super::parts::count(found.len(), "object", "objects")) }
            ul class="cards" { @for shown in found.iter().skip(page * PAGE).take(PAGE) { (card(shown)) } }
            @if pages > 1 {
                nav class="pages" aria-label="Pages of objects" {
                    @if page > 0 { a rel="prev" href=(wanted.address(page - 1)) { "Previous" } }
                    span { "Page " (page + 1) " of " (pages) }
                    @if page + 1 < pages { a rel="next" href=(wanted.address(page + 1)) { "Next" } }
                }
            }
        }
    }
}
