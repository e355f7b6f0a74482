//! The frame of every page: the head, the navigation, and the message about what goes on.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::fragment;
use super::parts::line;
use crate::assets;
use crate::site::Site;
use crate::view::View;

/// The entry of the navigation that a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Plan,
    History,
    None,
}

/// Returns a page. `follows` names the object whose updates make the page load its content anew, or `*` for every update.
pub(super) fn frame(site: &Site, view: &View, tab: Tab, title: &str, follows: &str, content: Markup) -> Markup {
    let entry = |of: Tab, address: &str, name: &str| {
        let current = (tab == of).then_some("page");
        html! { a href=(address) aria-current=[current] { (name) } }
    };
    let body = html! {
        body data-last=(site.updates.last_id()) data-follows=(follows) {
            a class="skip" href="#main" { "Skip to the content" }
            header {
                a class="name" href="/" { (PreEscaped(MARK)) " " (line(&site.name)) }
                nav aria-label="Pages" {
                    (entry(Tab::Overview, "/", "Overview"))
                    (entry(Tab::Plan, "/plan", "Plan"))
                    (entry(Tab::History, "/history", "History"))
                }
                span id="connection" role="status" class="off" { "not live" }
            }
            (fragment::going_on(site, view))
            main id="main" tabindex="-1" { (content) }
        }
    };
    whole(&format!("{} – {}", line(title), line(&site.name)), body)
}

/// Returns a page without navigation.
pub(super) fn bare(title: &str, content: Markup) -> Markup {
    whole(title, html! { body { main id="main" class="bare" { (content) } } })
}

/// The picture beside the name: three steps.
const MARK: &str =
    "<svg class=\"logo\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path d=\"M1 14V9h5V5h5V1h4v13z\"/></svg>";

fn whole(title: &str, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href=(assets::icon());
                link rel="stylesheet" href=(assets::style());
                script defer src=(assets::script()) {}
            }
            (body)
        }
    }
}
