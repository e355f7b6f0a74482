//! The metrics of runs.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use serde_json::Value;
use setup_tasks::Layout;
use setup_tasks::fleet::FleetReport;

use super::SCOPE;
use crate::LayoutState;
use crate::results::{BUCKETS, TaskResult};

/// The instruments that measure runs.
#[derive(Debug)]
pub(super) struct Instruments {
    tasks: Counter<u64>,
    durations: Histogram<f64>,
    objects: Counter<u64>,
    runs: Histogram<f64>,
    oldest_failure: Gauge<f64>,
}

impl Instruments {
    pub(super) fn new(provider: &SdkMeterProvider) -> Self {
        let meter = provider.meter(SCOPE);
        let seconds = |name, description| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(description)
                .with_boundaries(BUCKETS.to_vec())
                .build()
        };
        Self {
            tasks: meter
                .u64_counter("setup_tasks.task.results")
                .with_unit("{task}")
                .with_description("Results of tasks.")
                .build(),
            durations: seconds("setup_tasks.task.duration", "Durations of tasks."),
            objects: meter
                .u64_counter("setup_tasks.object.results")
                .with_unit("{object}")
                .with_description("Results of objects.")
                .build(),
            runs: seconds("setup_tasks.run.duration", "Durations of runs."),
            oldest_failure: meter
                .f64_gauge("setup_tasks.failure.oldest_age")
                .with_unit("s")
                .with_description("Age of the oldest failure of a task that has not succeeded since, or 0.")
                .build(),
        }
    }

    /// Records the result of a task.
    pub(super) fn add(&self, result: &TaskResult) {
        let of_type = KeyValue::new("type", result.type_name);
        let outcome = KeyValue::new("outcome", result.outcome);
        if let Some(duration) = result.duration {
            let task = KeyValue::new("task", result.task);
            self.durations.record(duration.as_secs_f64(), &[of_type.clone(), task, outcome.clone()]);
        }
        self.tasks.add(1, &[of_type, outcome]);
    }

    /// Records the results of a run, and the age of the oldest failure.
    pub(super) async fn ended(&self, layout: &Layout, report: &FleetReport) {
        for result in &report.objects {
            // The name of a status in JSON.
            let Ok(Value::String(outcome)) = serde_json::to_value(result.outcome) else { continue };
            self.objects.add(1, &[KeyValue::new("type", result.type_name), KeyValue::new("outcome", outcome)]);
        }
        let outcome = match (report.is_success(), report.stopped) {
            (true, _) => "succeeded",
            (false, true) => "stopped",
            (false, false) => "failed",
        };
        self.runs.record(report.duration.as_secs_f64(), &[KeyValue::new("outcome", outcome)]);
        // A store that cannot be read has failed the run already.
        if let Ok(state) = LayoutState::of(layout).await {
            self.oldest_failure.record(state.oldest_failure_age().as_secs_f64(), &[]);
        }
    }
}
