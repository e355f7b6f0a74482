//! Runs as spans and metrics of [OpenTelemetry](https://opentelemetry.io), sent to a collector over OTLP.
//!
//! The standard environment variables select the collector. Without any of them, nothing is sent.
//!
//! | variable | meaning |
//! |---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | the address of the collector, such as `http://localhost:4318` |
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` | the whole address for spans or for metrics |
//! | `OTEL_EXPORTER_OTLP_HEADERS`, `…_TRACES_HEADERS`, `…_METRICS_HEADERS` | headers of the requests, such as a token |
//! | `OTEL_EXPORTER_OTLP_TIMEOUT` | the time for a request in milliseconds (default: 10000) |
//! | `OTEL_EXPORTER_OTLP_PROTOCOL` | `http/protobuf`, the only supported protocol |
//! | `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER` | `otlp` or `none` |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | the name of the service (default: the name of the binary), and further attributes |
//! | `OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`, `OTEL_METRIC_EXPORT_INTERVAL` | as the specification of OpenTelemetry describes them |
//! | `OTEL_SDK_DISABLED` | `true` sends nothing |
//!
//! The spans are those of [`setup_tasks::span`] and all others of level `info`, which the tasks themselves begin. An object that was up to
//! date within 100 milliseconds and ran no command has no span.
//!
//! | metric | type | attributes |
//! |---|---|---|
//! | `setup_tasks.task.results` | counter | `type`, `outcome` |
//! | `setup_tasks.task.duration` | histogram, seconds | `type`, `task`, `outcome` |
//! | `setup_tasks.object.results` | counter | `type`, `outcome` |
//! | `setup_tasks.run.duration` | histogram, seconds | `outcome` |
//! | `setup_tasks.failure.oldest_age` | gauge, seconds | |

mod environment;
mod error;
mod gate;
mod idle;
mod instruments;
mod transport;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider};
use setup_tasks::Layout;
use setup_tasks::event::Listening;
use setup_tasks::fleet::FleetReport;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use environment::Signals;
pub use error::OtelError;
use gate::Gate;
use idle::WithoutIdle;
use instruments::Instruments;
use transport::{Transport, Trouble};

/// The greatest time that the last spans and metrics take.
const FLUSH: Duration = Duration::from_secs(5);

/// The name of the instrumentation.
const SCOPE: &str = "setup-tasks";

/// A connection to a collector.
#[derive(Debug)]
pub struct Otel {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    instruments: Option<Arc<Instruments>>,
    trouble: Arc<Trouble>,
}

impl Otel {
    /// Returns the connection that the environment asks for, or `None` if it asks for none. `program` is the default of the service's name.
    /// Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`OtelError`] if a variable has a value that cannot be used.
    pub fn from_environment(program: &str) -> Result<Option<Self>, OtelError> {
        let signals = Signals::wanted()?;
        if !signals.any() {
            return Ok(None);
        }
        environment::keep_headers_secret();
        let trouble = Arc::<Trouble>::default();
        let transport = Transport::new(environment::timeout(), trouble.clone());
        let resource = resource(program);
        let traces = signals.traces.then(|| traces(&transport, resource.clone())).transpose()?;
        let metrics = signals.metrics.then(|| metrics(&transport, resource)).transpose()?;
        let instruments = metrics.as_ref().map(|metrics| Arc::new(Instruments::new(metrics)));
        Ok(Some(Self { traces, metrics, instruments, trouble }))
    }

    /// Returns a layer of a subscriber, which sends spans. `None` does nothing, and is returned if only metrics are sent.
    pub fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        let tracer = self.traces.as_ref()?.tracer(SCOPE);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(Targets::new().with_default(LevelFilter::INFO)))
    }

    /// Measures later runs of a layout. Each result of a task counts at once.
    pub fn measure(&self, layout: &Layout) -> Measuring {
        let instruments = self.instruments.clone();
        let listening = instruments
            .clone()
            .map(|instruments| crate::results::listen(layout, move |result| instruments.add(&result)));
        Measuring { instruments, listening }
    }

    /// Sends what is left, for 5 seconds at most.
    ///
    /// # Errors
    ///
    /// [`OtelError`] if the collector could not be reached, or refused something, now or earlier.
    pub fn end(self) -> Result<(), OtelError> {
        let (ended, end) = channel();
        let Self { traces, metrics, trouble, .. } = self;
        let works: [Option<Box<dyn FnOnce() -> OTelSdkResult + Send>>; 2] = [
            traces.map(|traces| Box::new(move || traces.shutdown_with_timeout(FLUSH)) as _),
            metrics.map(|metrics| Box::new(move || metrics.shutdown_with_timeout(FLUSH)) as _),
        ];
        let mut waiting = 0;
        for work in works.into_iter().flatten() {
            let ended = ended.clone();
            let thread = std::thread::Builder::new().name("setup-tasks telemetry".to_owned());
            waiting += usize::from(thread.spawn(move || ended.send(work())).is_ok());
        }
        let until = Instant::now() + FLUSH;
        let mut is_sent = true;
        for _ in 0..waiting {
            let left = until.saturating_duration_since(Instant::now());
            is_sent &= end.recv_timeout(left).is_ok_and(|ended| ended.is_ok());
        }
        match trouble.take() {
            Some(trouble) => Err(trouble),
            None if is_sent => Ok(()),
            None => Err(OtelError::TooSlow { limit: FLUSH }),
        }
    }
}

/// A measurement of the runs of a layout.
#[derive(Debug)]
pub struct Measuring {
    instruments: Option<Arc<Instruments>>,
    listening: Option<Listening>,
}

impl Measuring {
    /// Records the end of a run, and the age of the oldest failure in the layout.
    pub async fn ended(&self, layout: &Layout, report: &FleetReport) {
        if let Some(listening) = &self.listening {
            listening.flush().await;
        }
        if let Some(instruments) = &self.instruments {
            instruments.ended(layout, report).await;
        }
    }
}

fn resource(program: &str) -> Resource {
    let detected = Resource::builder().build();
    let name = detected.get(&opentelemetry::Key::from_static_str("service.name"));
    let is_named = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if is_named { detected } else { Resource::builder().with_service_name(program.to_owned()).build() }
}

fn traces(transport: &Transport, resource: Resource) -> Result<SdkTracerProvider, OtelError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(transport.clone())
        .build()
        .map_err(OtelError::of_setting)?;
    let batches = BatchSpanProcessor::builder(Gate(exporter)).build();
    Ok(SdkTracerProvider::builder().with_resource(resource).with_span_processor(WithoutIdle::new(batches)).build())
}

fn metrics(transport: &Transport, resource: Resource) -> Result<SdkMeterProvider, OtelError> {
    let exporter = MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(transport.clone())
        .build()
        .map_err(OtelError::of_setting)?;
    let reader = PeriodicReader::builder(exporter).build();
    Ok(SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build())
}
