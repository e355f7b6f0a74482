//! The pages for requests that the gate refuses.

use maud::{Markup, html};

use super::frame;
use crate::gate::Refusal;

/// Returns the page for a refused request.
pub(crate) fn page(refusal: Refusal) -> Markup {
    let (title, text) = match refusal {
        Refusal::Host => (
            "Unknown name",
            "This page does not answer to that name. Open the link that `serve` printed, or add the name with `--host`.",
        ),
        Refusal::NoToken => (
            "Open the printed link",
            "This page needs the link that `serve` printed in its terminal. The link contains a token, which a browser keeps.",
        ),
        Refusal::WrongToken => (
            "The link is out of date",
            "The token in this link is wrong. `serve` prints a link with a new token each time it starts.",
        ),
        Refusal::Foreign => (
            "Not from this page",
            "The request did not come from this page, so nothing was changed. Load the page again, and repeat it there.",
        ),
        Refusal::Form => ("Unreadable form", "The form is too large, or is not text."),
    };
    frame::bare(title, html! { h1 { (title) } p { (text) } })
}
