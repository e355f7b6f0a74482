//! Tests of collectors that cannot be used. No run fails because of them.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use axum::http::StatusCode;

use crate::collector::{Collector, Program, errors};

/// Returns an address at which nothing listens.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn a_collector_that_cannot_be_reached_is_told_once() {
    let program = Program::new();
    let endpoint = closed();
    let output = program.send(&["up"], &endpoint);
    assert!(output.status.success());
    let errors = errors(&output);
    assert_eq!(errors.matches("warning").count(), 1, "{errors}");
    assert!(errors.contains(&format!("warning: telemetry cannot be sent to {endpoint}\n")), "{errors}");
    assert!(errors.contains("  help: check OTEL_EXPORTER_OTLP_ENDPOINT"), "{errors}");
}

#[test]
fn a_collector_that_never_answers_delays_no_run_beyond_the_flush() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let program = Program::new();
    let began = Instant::now();
    let output = program.send(&["up"], &format!("http://{}", listener.local_addr().unwrap()));
    // The flush takes 5 seconds. A request alone would take 10, and two of them 20.
    println!("the run took {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_mins(1));
    assert!(output.status.success());
    let errors = errors(&output);
    assert_eq!(errors.matches("warning").count(), 1, "{errors}");
}

#[test]
fn a_collector_that_refuses_is_told_with_its_answer() {
    let (collector, program) = (Collector::answering(StatusCode::FORBIDDEN), Program::new());
    let output = program.send(&["up"], &collector.endpoint());
    assert!(output.status.success());
    let errors = errors(&output);
    assert!(errors.contains("refused telemetry with status 403"), "{errors}");
    assert_eq!(errors.matches("warning").count(), 1, "{errors}");
}

#[test]
fn an_unsupported_setting_is_told_and_the_run_goes_on() {
    let program = Program::new();
    let run = |name: &str, value: &str| {
        let mut up = program.command(&["up"]);
        up.env("OTEL_EXPORTER_OTLP_ENDPOINT", closed()).env(name, value).output().unwrap()
    };
    let grpc = run("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    assert!(grpc.status.success());
    let expected =
        "warning: OTEL_EXPORTER_OTLP_PROTOCOL is `grpc`, which is not supported\n  help: set it to `http/protobuf`";
    assert!(errors(&grpc).contains(expected), "{}", errors(&grpc));
    let disabled = run("OTEL_SDK_DISABLED", "true");
    assert!(disabled.status.success() && errors(&disabled).is_empty(), "{}", errors(&disabled));
    let wrong = run("OTEL_EXPORTER_OTLP_ENDPOINT", "not an address");
    assert!(wrong.status.success());
    assert!(errors(&wrong).contains("warning: "), "{}", errors(&wrong));
}
