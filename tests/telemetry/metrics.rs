//! Tests of metrics: those that a collector receives, and those that Prometheus reads.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use setup_tasks::stamp::HistoryFilter;
use setup_tasks::{Config, Layout, prelude::*};
use setup_tasks_telemetry::{LayoutState, Results, prometheus};

use crate::collector::{Collector, Program, attribute};

/// Returns each value of a metric with its attributes.
fn values(collector: &Collector, name: &str) -> Vec<(String, f64)> {
    let metrics = collector.metrics();
    let metric = metrics.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("no {name}"));
    let number = |value: &Option<Value>| match value.unwrap() {
        #[expect(clippy::cast_precision_loss, reason = "the counts of tests are small")]
        Value::AsInt(number) => number as f64,
        Value::AsDouble(number) => number,
    };
    let key = |attributes: &[_]| {
        let of = |key| attribute(attributes, key);
        [of("type"), of("task"), of("outcome")].into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    let mut values: Vec<_> = match metric.data.clone().unwrap() {
        Data::Sum(sum) => sum.data_points.iter().map(|point| (key(&point.attributes), number(&point.value))).collect(),
        Data::Gauge(gauge) => {
            gauge.data_points.iter().map(|point| (key(&point.attributes), number(&point.value))).collect()
        }
        #[expect(clippy::cast_precision_loss, reason = "the counts of tests are small")]
        Data::Histogram(of) => {
            of.data_points.iter().map(|point| (key(&point.attributes), point.count as f64)).collect()
        }
        other => panic!("{other:?}"),
    };
    values.sort_by(|a, b| a.0.cmp(&b.0));
    values
}

fn expected(values: &[(&str, f64)]) -> Vec<(String, f64)> {
    values.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
}

#[test]
fn metrics_count_tasks_objects_and_runs_by_outcome() {
    let (collector, program) = (Collector::start(), Program::new());
    let up = || program.command(&["up"]);
    assert!(up().env("OBSERVED_HOSTS", "grace").output().unwrap().status.success());
    let failed = up().env("OBSERVED_FAILS", "ada").env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint()).output();
    assert_eq!(failed.unwrap().status.code(), Some(1));
    let tasks = expected(&[("Host failed", 1.0), ("Host ran", 3.0), ("Host up_to_date", 4.0)]);
    assert_eq!(values(&collector, "setup_tasks.task.results"), tasks);
    assert_eq!(
        values(&collector, "setup_tasks.task.duration"),
        expected(&[
            ("Host fetch ran", 1.0),
            ("Host look ran", 1.0),
            ("Host mount ran", 1.0),
            ("Host set_password failed", 1.0)
        ])
    );
    assert_eq!(
        values(&collector, "setup_tasks.object.results"),
        expected(&[("Host failed", 1.0), ("Host up_to_date", 1.0)])
    );
    assert_eq!(values(&collector, "setup_tasks.run.duration"), expected(&[("failed", 1.0)]));
}

#[test]
fn the_oldest_failure_ages_until_its_task_succeeds() {
    let program = Program::new();
    let age = |fails: &str| {
        let collector = Collector::start();
        let mut up = program.command(&["up"]);
        up.env("OBSERVED_FAILS", fails).env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint()).output().unwrap();
        values(&collector, "setup_tasks.failure.oldest_age")[0].1
    };
    let (first, second) = (age("ada"), age("ada"));
    assert!(second > first, "{first} then {second}");
    assert!(age("nobody") == 0.0);
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "places/{name}")]
struct Place {
    name: &'static str,
    fails: bool,
}

#[setup_tasks]
impl Place {
    #[setup_task("Sweep it")]
    fn sweep(&self) {}

    #[setup_task("Lock it")]
    fn lock(&self) -> Result<()> {
        if self.fails { Err(anyhow::anyhow!("the key is lost")) } else { Ok(()) }
    }
}

#[tokio::test]
async fn promtool_accepts_the_text_also_with_hostile_names() -> Result<()> {
    let layout = Layout::in_memory()?;
    for (name, fails) in [("yard", false), ("a \"b\" {c}, d", true), ("e\u{1b}[31m é", true)] {
        layout.add(Place { name, fails })?;
    }
    let results = Results::default();
    let counting = results.count(&layout);
    layout.run().await?;
    counting.flush().await;
    let text = prometheus::render(&layout, &results).await?;
    for line in [
        "setup_tasks_objects{type=\"Place\"} 3",
        "setup_tasks_tasks{type=\"Place\",state=\"done\"} 4",
        "setup_tasks_tasks{type=\"Place\",state=\"failed\"} 2",
        "setup_tasks_task_results_total{type=\"Place\",outcome=\"ran\"} 4",
        "setup_tasks_task_results_total{type=\"Place\",outcome=\"failed\"} 2",
        "setup_tasks_task_duration_seconds_bucket{type=\"Place\",task=\"lock\",le=\"+Inf\"} 3",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is missing:\n{text}");
    }
    assert!(text.contains(r#"_seconds{object="places/a \"b\" {c}, d",task="lock"} "#), "{text}");
    if !has_promtool() {
        println!("skipped: promtool is missing; it is in Debian's package `prometheus`");
        return Ok(());
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    promtool.stdin.take().unwrap().write_all(text.as_bytes())?;
    let output = promtool.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}\n{text}");
    Ok(())
}

fn has_promtool() -> bool {
    let found = Command::new("promtool").arg("--version").output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "promtool is missing");
    found
}

#[tokio::test]
async fn a_failure_is_as_old_as_its_first_attempt_after_the_last_success() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let open = |fails| {
        let layout = Layout::new(Config::new(directory.path()));
        layout.add(Place { name: "yard", fails })?;
        anyhow::Ok(layout)
    };
    for fails in [false, true, true] {
        let layout = open(fails)?;
        layout.run().force_all().await?;
    }
    let layout = open(true)?;
    let history = layout.history(&HistoryFilter::new().task("lock")).await?;
    let state = LayoutState::of(&layout).await?;
    assert_eq!(state.failures.len(), 1);
    assert_eq!((&*state.failures[0].object, state.failures[0].since), ("places/yard", history[1].time));
    assert!(state.oldest_failure_age() > Duration::ZERO);
    open(false)?.run().await?;
    assert_eq!(LayoutState::of(&open(false)?).await?.oldest_failure(), None);
    Ok(())
}
