//! The addresses of the page.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::{self, Stream, StreamExt};
use serde::Deserialize;
use setup_tasks_telemetry::prometheus;
use tokio::sync::broadcast::error::RecvError;

use crate::assets;
use crate::gate;
use crate::pages::{self, Problem};
use crate::site::Site;
use crate::updates::{Subscription, Update};

/// The number of connections that may follow updates.
const CONNECTIONS: usize = 512;
/// The time after which a browser connects again.
const RETRY: Duration = Duration::from_secs(1);
/// The time after which a quiet connection gets a comment, so that a lost one is noticed.
const QUIET: Duration = Duration::from_secs(15);

/// Returns all routes, behind the gate.
pub(crate) fn router(site: Arc<Site>) -> Router {
    let guarded = middleware::from_fn_with_state(site.clone(), gate::guard);
    Router::new()
        .merge(for_people())
        .merge(for_programs())
        .route("/assets/style.css", get(assets::send_style))
        .route("/assets/script.js", get(assets::send_script))
        .route("/assets/icon.svg", get(assets::send_icon))
        .fallback(async || Problem::not_found("there is no such page"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this page takes no such request")
        })
        .layer(guarded)
        .with_state(site)
}

/// Returns the pages.
fn for_people() -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(pages::overview::page))
        .route("/object", get(pages::object::page))
        .route("/task", get(pages::task::page))
        .route("/log", get(pages::log::page))
        .route("/history", get(pages::history::page))
        .route("/plan", get(pages::plan::page).post(pages::action::plan))
        .route("/run", axum::routing::post(pages::action::run))
        .route("/cancel", axum::routing::post(pages::action::cancel))
        .route("/mark-done", axum::routing::post(pages::action::mark_done))
}

/// Returns the addresses that programs read.
fn for_programs() -> Router<Arc<Site>> {
    Router::new()
        .route("/events", get(events))
        .route("/metrics", get(metrics))
        .route("/log/text", get(pages::log::text))
        .route("/log/follow", get(pages::log::follow))
}

/// Returns the state of the layout, and the results of runs that pages started, as text for Prometheus.
async fn metrics(State(site): State<Arc<Site>>) -> Result<Response, Problem> {
    let text = prometheus::render(&site.view().built.layout, &site.results).await;
    let text = text.map_err(|error| Problem::unreadable(&error))?;
    Ok(([(header::CONTENT_TYPE, prometheus::CONTENT_TYPE)], text).into_response())
}

/// The query of a page that comes back with a new connection.
#[derive(Debug, Deserialize)]
struct After {
    after: Option<String>,
}

/// Streams updates.
async fn events(State(site): State<Arc<Site>>, headers: HeaderMap, Query(query): Query<After>) -> Response {
    if site.updates.connections() >= CONNECTIONS {
        let text = format!("{CONNECTIONS} pages follow this one already");
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "10")], text).into_response();
    }
    // The header is that of a browser which has lost its connection.
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default().to_owned()).or(query.after);
    let subscription = site.updates.subscribe(last.as_deref());
    let stream = follow(site, subscription);
    Sse::new(stream).keep_alive(KeepAlive::new().interval(QUIET)).into_response()
}

/// A message to a page.
enum Message {
    Update(Arc<Update>),
    /// This number of updates is gone, so the page loads its state anew.
    Missed(u64),
}

fn follow(site: Arc<Site>, subscription: Subscription) -> impl Stream<Item = Result<Event, Infallible>> {
    let Subscription { missed, backlog, last, receiver } = subscription;
    // Without a backlog, the page is as new as the last update before the connection.
    let id = backlog.is_empty().then(|| site.updates.id(last));
    let mut waiting: VecDeque<_> = backlog.into_iter().map(Message::Update).collect();
    if missed {
        waiting.push_front(Message::Missed(1));
    }
    let messages = stream::unfold((site, waiting, receiver), async |(site, mut waiting, mut receiver)| {
        let message = match waiting.pop_front() {
            Some(message) => message,
            None => match receiver.recv().await {
                Ok(update) => Message::Update(update),
                Err(RecvError::Lagged(missed)) => Message::Missed(missed),
                Err(RecvError::Closed) => return None,
            },
        };
        let event = match message {
            Message::Update(update) => {
                Event::default().event("update").id(site.updates.id(update.number)).data(&update.text)
            }
            Message::Missed(count) => Event::default().event("missed").data(count.to_string()),
        };
        Some((Ok(event), (site, waiting, receiver)))
    });
    let hello = Event::default().event("hello").retry(RETRY).data("ready");
    stream::iter([Ok(id.into_iter().fold(hello, Event::id))]).chain(messages)
}
