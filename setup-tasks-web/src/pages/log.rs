//! The logs of attempts. A log is named by an object and the name of a file among the logs of that object, so that no name leads to
//! another file.

use std::convert::Infallible;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::header;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use maud::{Markup, html};
use serde::Deserialize;
use setup_tasks::AnyObject;
use setup_tasks::log::{LogFile, logs_of};
use setup_tasks_cli::__parts::LogReader;

use super::object::find;
use super::parts::{line, time};
use super::{Problem, Tab, frame};
use crate::link;
use crate::site::Site;

/// The number of lines at the end of a log that the page shows.
const LINES: usize = 2000;
/// The time between two looks at a log that grows.
const LOOK: Duration = Duration::from_millis(200);
/// The number of lines in one message.
const MESSAGE: usize = 500;

#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    object: String,
    name: String,
    #[serde(default)]
    from: usize,
}

/// Finds a log among those of an object.
fn wanted(site: &Site, wanted: &Wanted) -> Result<(AnyObject, LogFile), Problem> {
    let object = find(&site.view(), &wanted.object)?;
    let logs = logs_of(&object, None).map_err(|error| Problem::unreadable(&error))?;
    let log = logs.into_iter().find(|log| name(log) == wanted.name);
    let log =
        log.ok_or_else(|| Problem::not_found("there is no such log; the 20 latest logs of each task are kept"))?;
    Ok((object, log))
}

/// Returns the name of a log's file.
fn name(log: &LogFile) -> String {
    log.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Reads the lines of a log, without secrets.
fn read(log: &LogFile) -> std::io::Result<Vec<String>> {
    let mut reader = LogReader::open(log)?;
    let mut lines = reader.lines()?;
    lines.extend(reader.rest());
    Ok(lines)
}

async fn lines(log: LogFile) -> Result<Vec<String>, Problem> {
    let read = tokio::task::spawn_blocking(move || read(&log)).await;
    match read {
        Ok(Ok(lines)) => Ok(lines),
        Ok(Err(error)) => Err(Problem::unreadable(&error)),
        Err(error) => Err(Problem::unreadable(&error)),
    }
}

/// Returns the page of a log. The script follows it.
pub(crate) async fn page(State(site): State<Arc<Site>>, Query(query): Query<Wanted>) -> Result<Markup, Problem> {
    let (object, log) = wanted(&site, &query)?;
    let view = site.view();
    let lines = lines(log.clone()).await?;
    let left_out = lines.len().saturating_sub(LINES);
    let address = |path: &str| link::to(path, &[("object", object.id()), ("name", &query.name)]);
    let title = format!("Log of {}", log.task);
    let content = html! {
        nav class="trail" aria-label="Trail" {
            a href="/" { "Overview" } " / " a href=(link::object(object.id())) { (line(object.id())) } " / "
            a href=(link::task(object.id(), &log.task)) { (line(&log.task)) } " / log"
        }
        h1 { (line(&title)) }
        p class="faint" {
            "Attempt " (log.attempt) @if log.detached { ", of a detached command" } ", began " (time(log.began.into())) " · "
            a href=(address("/log/text")) { "as text" }
        }
        @if left_out > 0 { p class="faint" { (left_out) " earlier lines are left out." } }
        pre id="log" class="log" tabindex="0" role="log" aria-label=(line(&title))
            data-follow=(link::to("/log/follow", &[("object", object.id()), ("name", &query.name), ("from", &lines.len().to_string())])) {
            @for text in &lines[left_out..] { (log_line(text)) }
        }
    };
    Ok(frame(&site, &view, Tab::None, &title, "", content))
}

/// Returns a line of a log. Lines of the runtime itself stand out.
fn log_line(text: &str) -> Markup {
    html! { @if text.starts_with("# ") { span class="meta" { (text) "\n" } } @else { (text) "\n" } }
}

/// Returns a log as plain text.
pub(crate) async fn text(State(site): State<Arc<Site>>, Query(query): Query<Wanted>) -> Result<Response, Problem> {
    let (_, log) = wanted(&site, &query)?;
    let lines = lines(log).await?;
    // The text is shown, and never interpreted.
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CONTENT_DISPOSITION, "inline")];
    Ok((headers, lines.into_iter().map(|line| line + "\n").collect::<String>()).into_response())
}

/// Streams the lines of a log after a number of lines, as the log grows. A message is a JSON list of lines.
pub(crate) async fn follow(State(site): State<Arc<Site>>, Query(query): Query<Wanted>) -> Result<Response, Problem> {
    let (_, log) = wanted(&site, &query)?;
    let reader = LogReader::open(&log).map_err(|error| Problem::unreadable(&error))?;
    let state = (reader, Vec::<String>::new(), query.from);
    let messages = stream::unfold(state, async |(mut reader, mut waiting, mut skip)| {
        loop {
            if waiting.is_empty() {
                // A log that cannot be read any more has no further lines.
                waiting = reader.lines().ok()?;
                let skipped = skip.min(waiting.len());
                waiting.drain(..skipped);
                skip -= skipped;
            }
            if !waiting.is_empty() {
                let rest = waiting.split_off(waiting.len().min(MESSAGE));
                let text = serde_json::to_string(&waiting).unwrap_or_default();
                let message: Result<Event, Infallible> = Ok(Event::default().event("lines").data(text));
                return Some((message, (reader, rest, skip)));
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    Ok(Sse::new(messages).keep_alive(KeepAlive::default()).into_response())
}

/// Returns the list of logs, the latest first, with the end of the latest one.
pub(super) fn list(object: &AnyObject, logs: &[LogFile]) -> Markup {
    /// The number of lines of the latest log.
    const TAIL: usize = 12;
    let last = logs.last().map(|log| (log, tail(log, TAIL)));
    html! {
        @if let Some((log, tail)) = &last {
            pre class="log tail" tabindex="0" role="region" aria-label="End of the latest log" {
                @for text in tail { (log_line(text)) }
            }
            p { a class="more" href=(link::log(object.id(), &name(log))) { "Follow the latest log" } }
        } @else {
            p class="faint" { "There are no logs: a log is created with its first line." }
        }
        @if logs.len() > 1 {
            details { summary { "All logs" }
                ul class="links" { @for log in logs.iter().rev() {
                    li { a href=(link::log(object.id(), &name(log))) { "Attempt " (log.attempt) @if log.detached { ", detached" } ", " (time(log.began.into())) } }
                } }
            }
        }
    }
}

/// Returns the last lines of a log. A long log is not read as a whole.
fn tail(log: &LogFile, count: usize) -> Vec<String> {
    /// The size of the end that is read.
    const PART: u64 = 32 * 1024;
    let read = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(&log.path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(PART)))?;
        let mut bytes = Vec::new();
        file.take(PART).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    // Secrets may span lines, so they are replaced before the text is split.
    let text = setup_tasks::secret::redact(&read().unwrap_or_default()).into_owned();
    let lines: Vec<_> = text.lines().map(line).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}
