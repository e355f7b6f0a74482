//! The actions of pages. The gate has checked their origin and their form.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::Problem;
use crate::link;
use crate::site::{Order, Site};

/// The object and the task of an action.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Target {
    object: String,
    task: String,
}

fn require_changes(site: &Site) -> Result<(), Problem> {
    if site.allows_changes {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "this page only shows the layout\nhelp: start `serve` with `--allow-changes`",
    ))
}

/// Plans the layout. This changes nothing.
pub(crate) async fn plan(State(site): State<Arc<Site>>) -> Response {
    site.order(Order::Plan);
    Redirect::to("/plan").into_response()
}

/// Starts a run of one object, or of all objects.
pub(crate) async fn run(State(site): State<Arc<Site>>, Form(target): Form<Target>) -> Result<Response, Problem> {
    require_changes(&site)?;
    if site.situation().run.is_some() {
        return Err(Problem::new(StatusCode::CONFLICT, "a run is in progress\nhelp: cancel it, or wait for its end"));
    }
    let back = if target.object.is_empty() { "/".to_owned() } else { link::object(&target.object) };
    if !target.object.is_empty() && site.view().built.index(&target.object).is_none() {
        return Err(Problem::not_found(format!("there is no object `{}`", target.object)));
    }
    site.order(Order::Run((!target.object.is_empty()).then_some(target.object)));
    Ok(Redirect::to(&back).into_response())
}

/// Asks the run that the page started to stop. Its running tasks are completed.
pub(crate) async fn cancel(State(site): State<Arc<Site>>) -> Result<Response, Problem> {
    require_changes(&site)?;
    if let Some(run) = site.situation().run {
        run.layout.stop().request();
    }
    Ok(Redirect::to("/").into_response())
}

/// Marks a task as done.
pub(crate) async fn mark_done(State(site): State<Arc<Site>>, Form(target): Form<Target>) -> Result<Response, Problem> {
    require_changes(&site)?;
    let back = link::task(&target.object, &target.task);
    site.order(Order::MarkDone { object: target.object, task: target.task });
    Ok(Redirect::to(&back).into_response())
}
