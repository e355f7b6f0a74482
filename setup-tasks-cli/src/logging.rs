//! Tracing. Messages of a task go to the log of its attempt. Other warnings and errors go to the terminal.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::SystemTime;

use setup_tasks::log::{TARGET, TaskLog};
use setup_tasks::secret::redact;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::global::{Verbosity, verbosity};
use crate::output::{BAD, FAINT, WOULD, alarm, note, printable, time_of};
use crate::telemetry;

/// A layer of [`tracing_subscriber`] that writes messages of a task to the [log](setup_tasks::log) of its attempt. Spawned work
/// counts as part of the task if it runs in the task's span. [`main`](crate::main) installs the layer. A binary that installs
/// its own subscriber first can add the layer to it:
///
/// ```
/// use setup_tasks_cli::TaskLogs;
/// use tracing_subscriber::prelude::*;
///
/// tracing_subscriber::registry().with(TaskLogs::default()).init();
/// ```
#[derive(Debug, Default)]
pub struct TaskLogs {
    /// Whether warnings and errors outside of tasks go to the standard error.
    prints: bool,
}

/// The log of the attempt that a span belongs to.
struct Log(Arc<TaskLog>);

/// Installs the subscriber, unless the binary has one. `RUST_LOG` sets the level, which is `info` by default and `debug` with `-vv`.
pub(crate) fn install() {
    let wanted = std::env::var("RUST_LOG").ok().and_then(|wanted| wanted.parse().ok());
    let level = if verbosity() == Verbosity::Debug { Level::DEBUG } else { Level::INFO };
    // The spans of telemetry have no text for a log.
    let targets = || Targets::new().with_default(level).with_target(setup_tasks::span::TARGET, LevelFilter::OFF);
    let logs = TaskLogs { prints: true }.with_filter(wanted.unwrap_or_else(targets));
    // The error means that the binary has installed one.
    let _ = tracing_subscriber::registry().with(telemetry::layer()).with(logs).try_init();
}

/// Installs a panic hook. A panic within a task is reported as the task's failure, so its location goes to the task's log. Other
/// panics go to the standard error. Secrets are replaced in both.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string();
        match TaskLog::current() {
            Some(log) => log.line(&text),
            // Secrets may span lines, so they are replaced before the text is split.
            None => redact(&text).lines().for_each(|line| alarm(printable(line))),
        }
    }));
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for TaskLogs {
    fn on_new_span(&self, _attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        if let (Some(log), Some(span)) = (TaskLog::current(), cx.span(id)) {
            span.extensions_mut().insert(Log(log));
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        if event.metadata().target() == TARGET {
            return;
        }
        let of_span = || {
            let scope = cx.event_scope(event)?;
            scope.into_iter().find_map(|span| span.extensions().get::<Log>().map(|log| log.0.clone()))
        };
        if let Some(log) = TaskLog::current().or_else(of_span) {
            let metadata = event.metadata();
            let (time, level, target) = (time_of(SystemTime::now()), metadata.level(), metadata.target());
            log.line(&format!("{time} {level:>5} {target}: {}", text(event)));
        } else if self.prints && *event.metadata().level() <= printed() {
            let (style, word) = match *event.metadata().level() {
                Level::ERROR => (BAD, "error"),
                Level::WARN => (WOULD, "warning"),
                Level::INFO => (FAINT, "info"),
                _ => (FAINT, "debug"),
            };
            note(format!("{style}{word}{style:#}: {}", printable(&text(event))));
        }
    }
}

/// Returns the level of the messages outside of tasks that go to the standard error.
fn printed() -> Level {
    match verbosity() {
        Verbosity::Quiet | Verbosity::Normal => Level::WARN,
        Verbosity::Verbose => Level::INFO,
        Verbosity::Debug => Level::TRACE,
    }
}

/// Returns the message, followed by the other fields.
fn text(event: &Event<'_>) -> String {
    let mut text = Text::default();
    event.record(&mut text);
    text.message + &text.fields
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => self.message.write_fmt(value),
            name => write!(self.fields, " {name}={value}"),
        };
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}
