//! The gate for secrets: every text of a span passes it before it is sent.

use std::borrow::Cow;
use std::time::Duration;

use opentelemetry::trace::Status;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use setup_tasks::secret::{holds, redact};

/// An exporter whose spans contain no secrets.
#[derive(Debug)]
pub(super) struct Gate<E>(pub(super) E);

impl<E: SpanExporter> SpanExporter for Gate<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        batch.iter_mut().for_each(clean);
        self.0.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

fn clean(span: &mut SpanData) {
    clean_name(&mut span.name);
    clean_all(&mut span.attributes);
    for event in &mut span.events.events {
        clean_name(&mut event.name);
        clean_all(&mut event.attributes);
    }
    span.links.links.iter_mut().for_each(|link| clean_all(&mut link.attributes));
    if let Status::Error { description } = &mut span.status {
        clean_name(description);
    }
}

fn clean_all(attributes: &mut [KeyValue]) {
    attributes.iter_mut().for_each(|attribute| match &mut attribute.value {
        Value::String(text) => clean_text(text),
        Value::Array(Array::String(texts)) => texts.iter_mut().for_each(clean_text),
        _ => {}
    });
}

fn clean_text(text: &mut StringValue) {
    if holds(text.as_str()) {
        *text = redact(text.as_str()).into_owned().into();
    }
}

fn clean_name(name: &mut Cow<'static, str>) {
    if holds(name) {
        *name = redact(name).into_owned().into();
    }
}
