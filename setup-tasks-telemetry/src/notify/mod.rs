//! Notifications at the end of runs that failed or changed something.
//!
//! A notification goes to a command or to a web address. A command receives it on its standard input, and a web address in the body of a
//! POST request. `docs/src/formats.md` describes the JSON value.

mod command;
mod error;
#[cfg(feature = "webhooks")]
mod webhook;

use std::error::Error;
use std::fmt;
use std::iter::successors;
use std::time::SystemTime;

use serde::Serialize;
use setup_tasks::Layout;
use setup_tasks::fleet::{FleetError, FleetReport};
use setup_tasks::secret::redact_json;
use setup_tasks::stamp::Timestamp;

pub use error::NotifyError;

/// The version of the format.
const VERSION: u32 = 1;

/// The way in which a run ended, if it is worth a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notable {
    /// An object or a task failed.
    Failed,
    /// Nothing failed, and something was changed.
    Changed,
}

impl Notable {
    /// Returns how a run ended, or `None` if nothing failed and nothing was changed. A run that was stopped before its end did not fail.
    /// A dry run is never notable.
    pub fn of(report: &FleetReport) -> Option<Self> {
        match (report.dry_run, report.is_success() || report.stopped, report.has_changes()) {
            (true, ..) | (false, true, false) => None,
            (false, true, true) => Some(Self::Changed),
            (false, false, _) => Some(Self::Failed),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Changed => "changed",
        }
    }
}

/// A notification about the end of a run.
#[derive(Clone, Debug)]
pub struct Notice {
    outcome: Notable,
    summary: String,
    json: String,
}

impl Notice {
    /// Returns the notification about a run of a layout, or `None` if the run failed in nothing and changed nothing. `program` is the name
    /// of the binary.
    ///
    /// # Errors
    ///
    /// If the report cannot be written as JSON.
    pub fn of(layout: &Layout, report: &FleetReport, program: &str) -> serde_json::Result<Option<Self>> {
        let Some(outcome) = Notable::of(report) else { return Ok(None) };
        Self::new(layout, program, outcome, report.summary(), Some(report)).map(Some)
    }

    /// Returns the notification about a run that could not begin.
    ///
    /// # Errors
    ///
    /// If the error cannot be written as JSON.
    pub fn of_error(layout: &Layout, error: &FleetError, program: &str) -> serde_json::Result<Self> {
        let causes = successors(error.source(), |&cause| cause.source());
        let summary = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
        Self::new(layout, program, Notable::Failed, summary, None)
    }

    fn new(
        layout: &Layout,
        program: &str,
        outcome: Notable,
        summary: String,
        report: Option<&FleetReport>,
    ) -> serde_json::Result<Self> {
        #[derive(Serialize)]
        struct Value<'r> {
            version: u32,
            event: &'static str,
            at: Timestamp,
            run: String,
            program: &'r str,
            outcome: Notable,
            text: &'r str,
            missed: u64,
            report: Option<&'r FleetReport>,
        }
        let (at, run) = (SystemTime::now().into(), layout.run_id().to_string());
        let text = format!("{program}: {summary}");
        let value =
            Value { version: VERSION, event: "run_ended", at, run, program, outcome, text: &text, missed: 0, report };
        let json = redact_json(&serde_json::to_string(&value)?).into_owned();
        Ok(Self { outcome, summary, json })
    }

    /// Returns the JSON value, without secrets.
    pub fn json(&self) -> &str {
        &self.json
    }
}

/// A receiver of notifications.
///
/// ```
/// use setup_tasks_telemetry::notify::Receiver;
///
/// let receiver: Receiver = "mail -s 'setup failed' admin".parse()?;
/// assert_eq!(receiver.to_string(), "`mail -s 'setup failed' admin`");
/// # Ok::<(), setup_tasks_telemetry::notify::NotifyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Receiver(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    /// A command line of the shell.
    Command(String),
    #[cfg(feature = "webhooks")]
    Webhook(webhook::Address),
}

impl std::str::FromStr for Receiver {
    type Err = NotifyError;

    /// Parses a text that begins with `https://` or `http://` as a web address, and any other text as a command of the shell.
    fn from_str(text: &str) -> Result<Self, NotifyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NotifyError::Empty);
        }
        let is_address = ["https://", "http://"]
            .iter()
            .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
        #[cfg(feature = "webhooks")]
        if is_address {
            return webhook::Address::parse(text).map(|address| Self(Kind::Webhook(address)));
        }
        #[cfg(not(feature = "webhooks"))]
        if is_address {
            return Err(NotifyError::NoWebhooks);
        }
        Ok(Self(Kind::Command(text.to_owned())))
    }
}

impl Receiver {
    /// Sends a notification. A command has 30 seconds, and a web address 10 seconds.
    ///
    /// # Errors
    ///
    /// [`NotifyError`] if the receiver cannot be reached, does not accept the notification, or takes too long.
    pub async fn send(&self, notice: &Notice) -> Result<(), NotifyError> {
        match &self.0 {
            Kind::Command(command) => command::run(command, notice).await,
            #[cfg(feature = "webhooks")]
            Kind::Webhook(address) => address.post(notice).await,
        }
    }
}

/// A web address is shown without its path, which often contains a token.
impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Command(command) => write!(f, "`{command}`"),
            #[cfg(feature = "webhooks")]
            Kind::Webhook(address) => address.fmt(f),
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({self})")
    }
}
