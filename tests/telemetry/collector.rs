//! A collector of OpenTelemetry in this process, and the program that sends to it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tempfile::TempDir;

/// The requests that a collector has received.
#[derive(Default)]
pub(crate) struct Received {
    pub(crate) traces: Vec<ExportTraceServiceRequest>,
    pub(crate) metrics: Vec<ExportMetricsServiceRequest>,
    pub(crate) headers: Vec<HeaderMap>,
    /// The bytes of all requests.
    pub(crate) bytes: Vec<u8>,
}

/// A collector that answers with a status.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Received>>,
    _runtime: tokio::runtime::Runtime,
}

type Shared = (Arc<Mutex<Received>>, StatusCode);

impl Collector {
    pub(crate) fn start() -> Self {
        Self::answering(StatusCode::OK)
    }

    pub(crate) fn answering(status: StatusCode) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let received = Arc::<Mutex<Received>>::default();
        let router = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .with_state((received.clone(), status));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async { axum::serve(listener, router).await });
        Self { address, received, _runtime: runtime }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let received = self.received.lock().unwrap();
        let resources = received.traces.iter().flat_map(|request| &request.resource_spans);
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }

    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let received = self.received.lock().unwrap();
        let resources = received.metrics.iter().flat_map(|request| &request.resource_metrics);
        resources.flat_map(|resource| &resource.scope_metrics).flat_map(|scope| scope.metrics.clone()).collect()
    }

    pub(crate) fn received<A>(&self, read: impl FnOnce(&Received) -> A) -> A {
        read(&self.received.lock().unwrap())
    }
}

async fn traces(
    State((received, status)): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let mut received = received.lock().unwrap();
    received.traces.push(ExportTraceServiceRequest::decode(body.clone()).unwrap());
    received.headers.push(headers);
    received.bytes.extend_from_slice(&body);
    (status, if status.is_success() { "" } else { "no such tenant" })
}

async fn metrics(State((received, status)): State<Shared>, body: Bytes) -> StatusCode {
    let mut received = received.lock().unwrap();
    received.metrics.push(ExportMetricsServiceRequest::decode(body.clone()).unwrap());
    received.bytes.extend_from_slice(&body);
    status
}

/// Returns an attribute as text.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?.value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::BoolValue(is) => is.to_string(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

/// The program, in a directory of its own.
pub(crate) struct Program {
    pub(crate) directory: TempDir,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_observed"));
        command.args(args).current_dir(self.path()).env_remove("RUST_LOG").env("NO_COLOR", "1");
        // The environment of the tests names no collector.
        let of_telemetry = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OTEL_"));
        for (name, _) in of_telemetry {
            command.env_remove(name);
        }
        command
    }

    /// Runs the program with a collector.
    pub(crate) fn send(&self, args: &[&str], endpoint: &str) -> Output {
        self.command(args).env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).output().unwrap()
    }
}

/// Returns the standard error.
pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
