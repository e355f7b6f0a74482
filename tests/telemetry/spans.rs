//! Tests of the spans of runs.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::collector::{Collector, Program, attribute, errors};

/// Returns each span below a parent as an indented line with its outcome, in the order of starting.
fn tree(spans: &[Span], parent: &[u8], depth: usize, lines: &mut Vec<String>) {
    let mut children: Vec<_> = spans.iter().filter(|span| span.parent_span_id == parent).collect();
    children.sort_by_key(|span| (span.start_time_unix_nano, span.name.clone()));
    for span in children {
        let of = |key| attribute(&span.attributes, key);
        let outcome = of("outcome").or_else(|| of("exit_status")).unwrap_or_default();
        let reason = of("reason").map(|reason| format!(" because {reason}")).unwrap_or_default();
        lines.push(format!("{}{}: {outcome}{reason}", "  ".repeat(depth), span.name));
        tree(spans, &span.span_id, depth + 1, lines);
    }
}

fn lines(spans: &[Span]) -> Vec<String> {
    let mut lines = Vec::new();
    tree(spans, &[], 0, &mut lines);
    lines
}

#[test]
fn a_run_is_one_trace_of_objects_tasks_attempts_and_commands() {
    let (collector, program) = (Collector::start(), Program::new());
    let mut up = program.command(&["up"]);
    up.env("OBSERVED_HOSTS", "ada").env("OBSERVED_FAILS", "ada");
    let output = up.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    assert!(!errors(&output).contains("warning"), "{}", errors(&output));
    let spans = collector.spans();
    let traces: BTreeSet<_> = spans.iter().map(|span| span.trace_id.clone()).collect();
    assert_eq!(traces.len(), 1, "{:#?}", lines(&spans));
    let expected = [
        "run: failed",
        "  hosts/ada: failed",
        "    fetch: ran because never ran",
        "      attempt 1: ran",
        "        sh -c 'exit 0': exit status: 0",
        "    mount: ran because never ran",
        "      attempt 1: failed",
        "        a span of the user: ",
        "      attempt 2: ran",
        "        a span of the user: ",
        "    look: ran because never ran",
        "      attempt 1: unchanged",
        "    set_password: failed because never ran",
        "      attempt 1: failed",
        "        echo '[secret]': exit status: 0",
    ];
    assert_eq!(lines(&spans), expected);
    let run = spans.iter().find(|span| span.name == "run").unwrap();
    let count = |key| attribute(&run.attributes, key).unwrap();
    assert_eq!(["objects", "ran", "failed", "dry_run"].map(count), ["1", "3", "1", "false"]);
    let failed = spans.iter().find(|span| span.name == "set_password").unwrap();
    assert_eq!(failed.status.as_ref().unwrap().code(), StatusCode::Error);
    assert_eq!(attribute(&failed.attributes, "error").unwrap(), "ada refused [secret]");
    assert_eq!(attribute(&failed.attributes, "description").unwrap(), "Set the password");
}

#[test]
fn no_secret_is_in_any_request() {
    let (collector, program) = (Collector::start(), Program::new());
    let output = program
        .command(&["up"])
        .env("OBSERVED_FAILS", "ada")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%200123456789")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    collector.received(|received| {
        let text = String::from_utf8_lossy(&received.bytes);
        assert!(text.contains("[secret]") && text.contains("the disk is busy"));
        assert!(!text.contains("horse"), "{text}");
        assert_eq!(received.headers[0]["authorization"], "Bearer 0123456789");
    });
}

#[test]
fn an_object_that_is_up_to_date_at_once_has_no_span() {
    let (collector, program) = (Collector::start(), Program::new());
    assert!(program.command(&["up"]).output().unwrap().status.success());
    assert!(program.send(&["up"], &collector.endpoint()).status.success());
    assert_eq!(lines(&collector.spans()), ["run: unchanged"]);
    let run = &collector.spans()[0];
    assert_eq!(attribute(&run.attributes, "up_to_date").unwrap(), "8");
}

#[test]
fn a_way_down_is_a_trace_of_undos() {
    let (collector, program) = (Collector::start(), Program::new());
    assert!(program.command(&["up"]).env("OBSERVED_HOSTS", "ada").output().unwrap().status.success());
    let mut down = program.command(&["down", "--yes"]);
    down.env("OBSERVED_HOSTS", "ada").env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint());
    assert!(down.output().unwrap().status.success());
    // The question is answered from a plan, which is a trace of its own.
    let lines = lines(&collector.spans());
    let expected =
        ["down: changed", "  hosts/ada: undone", "    fetch: undone because brought down", "      attempt 1: ran"];
    assert!(lines.ends_with(&expected.map(str::to_owned)), "{lines:#?}");
}

#[test]
fn the_service_has_the_name_of_the_binary_or_of_the_environment() {
    let name = |variables: &[(&str, &str)]| {
        let (collector, program) = (Collector::start(), Program::new());
        let mut up = program.command(&["up"]);
        up.envs(variables.iter().copied()).env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint());
        assert!(up.output().unwrap().status.success());
        collector.received(|received| {
            let resource = received.traces[0].resource_spans[0].resource.clone().unwrap();
            attribute(&resource.attributes, "service.name").unwrap()
        })
    };
    assert_eq!(name(&[]), "observed");
    assert_eq!(name(&[("OTEL_SERVICE_NAME", "lab")]), "lab");
    assert_eq!(name(&[("OTEL_RESOURCE_ATTRIBUTES", "service.name=site")]), "site");
}
