//! The requests to the collector.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use setup_tasks::error::Excerpt;
use setup_tasks::secret::redact;

use super::OtelError;
use crate::client::client;

/// The greatest length of an answer that is read, in bytes.
const ANSWER: u64 = 64 * 1024;
/// The greatest number of characters of an answer that are shown.
const SHOWN: usize = 300;

/// The first trouble with the collector.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<Option<OtelError>>);

impl Trouble {
    fn note(&self, error: OtelError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    pub(super) fn take(&self) -> Option<OtelError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A sender of requests to the collector. Its callers are threads of the exporters, which may block.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    agent: ureq::Agent,
    trouble: Arc<Trouble>,
}

impl Transport {
    pub(super) fn new(limit: Duration, trouble: Arc<Trouble>) -> Self {
        Self { agent: client(limit), trouble }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Box<ureq::Error>> {
        let (head, body) = request.into_parts();
        let response = self.agent.run(Request::from_parts(head, body.to_vec()))?;
        let (head, mut body) = response.into_parts();
        let body = body.with_config().limit(ANSWER).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }
}

#[async_trait]
impl HttpClient for Transport {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let collector = collector(&request);
        match self.send(request) {
            Ok(response) => {
                if !response.status().is_success() {
                    let text: String = String::from_utf8_lossy(response.body()).chars().take(SHOWN).collect();
                    let answer = Excerpt::new(redact(&text).into_owned());
                    self.trouble.note(OtelError::Refused { collector, status: response.status().as_u16(), answer });
                }
                Ok(response)
            }
            Err(error) => {
                self.trouble.note(OtelError::Unreachable { collector, cause: Excerpt::new(error.to_string()) });
                Err(error as Box<dyn Error + Send + Sync>)
            }
        }
    }
}

/// Returns the address of a request without its path, which can contain a token.
fn collector(request: &Request<Bytes>) -> String {
    let uri = request.uri();
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", uri.scheme_str().unwrap_or("http"), uri.host().unwrap_or_default())
}
