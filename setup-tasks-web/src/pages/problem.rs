//! Errors of requests.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;

use super::frame;

/// An error, as a page.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    text: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(crate) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// Returns the problem of a store or a directory that cannot be read.
    pub(crate) fn unreadable(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, setup_tasks::error::explain(error))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let page = frame::bare(
            "Problem",
            html! {
                h1 { (self.status.canonical_reason().unwrap_or("Problem")) }
                p class="lines" { (super::parts::text(&self.text)) }
                p { a href="/" { "Overview" } }
            },
        );
        (self.status, page).into_response()
    }
}
