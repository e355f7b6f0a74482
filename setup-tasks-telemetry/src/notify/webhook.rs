//! Notifications to web addresses.

use std::fmt;
use std::time::Duration;

use setup_tasks::error::Excerpt;
use setup_tasks::secret::redact;

use super::{Notice, NotifyError};
use crate::client::client;

/// The time that a request has.
const LIMIT: Duration = Duration::from_secs(10);
/// The greatest number of bytes of an answer that are shown.
const SHOWN: u64 = 500;

/// A web address. It is shown without its path and its user, which often contain a token.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    text: String,
    shown: String,
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, NotifyError> {
        let refuse = |reason: String| NotifyError::Address { reason: Excerpt::new(reason) };
        let uri: ureq::http::Uri = text.parse().map_err(|error| refuse(format!("{error}")))?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host().filter(|host| !host.is_empty())) else {
            return Err(refuse("it names no host".to_owned()));
        };
        let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self { text: text.to_owned(), shown: format!("{scheme}://{host}{port}") })
    }

    /// Sends a notification in the body of a POST request.
    pub(super) async fn post(&self, notice: &Notice) -> Result<(), NotifyError> {
        let (address, json) = (self.clone(), notice.json().to_owned());
        let posted = tokio::task::spawn_blocking(move || address.post_now(&json)).await;
        posted.unwrap_or_else(|error| Err(self.unreachable(&error.to_string())))
    }

    fn post_now(&self, json: &str) -> Result<(), NotifyError> {
        let request = client(LIMIT).post(&self.text).header("Content-Type", "application/json");
        let mut response = request.send(json).map_err(|error| match error {
            ureq::Error::Timeout(_) => NotifyError::TimedOut { receiver: self.shown.clone(), limit: LIMIT },
            error => self.unreachable(&error.to_string()),
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let answer = response.body_mut().with_config().limit(SHOWN).lossy_utf8(true).read_to_string();
        let answer = answer.ok().and_then(|answer| Excerpt::new(redact(&self.hide(answer.trim())).into_owned()));
        Err(NotifyError::Refused { address: self.shown.clone(), status: status.as_u16(), answer })
    }

    fn unreachable(&self, cause: &str) -> NotifyError {
        NotifyError::Unreachable { address: self.shown.clone(), cause: Excerpt::new(self.hide(cause)) }
    }

    /// Returns a text without the path of the address.
    fn hide(&self, text: &str) -> String {
        text.replace(&self.text, &self.shown)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}
