//! Spans of objects that were up to date. In a large layout, they would hide all others.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{SpanId, TraceContextExt};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

/// The shortest time for which an object that was up to date has a span.
const SHOWN: Duration = Duration::from_millis(100);

/// A processor that leaves out spans of objects that were up to date at once and in which nothing happened.
#[derive(Debug)]
pub(super) struct WithoutIdle<P> {
    inner: P,
    /// The open spans that have children.
    parents: Mutex<HashSet<SpanId>>,
}

impl<P> WithoutIdle<P> {
    pub(super) fn new(inner: P) -> Self {
        Self { inner, parents: Mutex::default() }
    }

    fn parents(&self) -> MutexGuard<'_, HashSet<SpanId>> {
        self.parents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: SpanProcessor> SpanProcessor for WithoutIdle<P> {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        let parent = cx.span().span_context().span_id();
        if parent != SpanId::INVALID {
            self.parents().insert(parent);
        }
        self.inner.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        let has_children = self.parents().remove(&span.span_context.span_id());
        if has_children || !is_idle(&span) {
            self.inner.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Returns whether a span is that of an object that was up to date at once.
fn is_idle(span: &SpanData) -> bool {
    let has = |key: &str, value: &str| {
        span.attributes.iter().any(|attribute| attribute.key.as_str() == key && attribute.value.as_str() == value)
    };
    let took = span.end_time.duration_since(span.start_time).unwrap_or_default();
    let is_of_object = span.attributes.iter().any(|attribute| attribute.key.as_str() == "type");
    took < SHOWN && is_of_object && span.events.events.is_empty() && has("outcome", "up_to_date")
}
