//! Tests of notifications to real commands and a real server.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;

use crate::collector::{Program, errors};

/// A server that accepts notifications at one path.
struct Server {
    url: String,
    received: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let received = Arc::<Mutex<Vec<_>>>::default();
        let router = Router::new().route("/hooks/t0ken", post(accept)).with_state(received.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async { axum::serve(listener, router).await });
        Self { url, received, _runtime: runtime }
    }

    fn received(&self) -> Vec<(HeaderMap, Value)> {
        self.received.lock().unwrap().clone()
    }
}

type Received = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

async fn accept(State(received): State<Received>, headers: HeaderMap, body: String) -> StatusCode {
    received.lock().unwrap().push((headers, serde_json::from_str(&body).unwrap()));
    StatusCode::NO_CONTENT
}

#[test]
fn a_web_address_receives_the_report_of_a_run_that_failed_or_changed_something() {
    let (server, program) = (Server::start(), Program::new());
    let hook = format!("{}/hooks/t0ken", server.url);
    let up = |fails: &str| program.command(&["up", "--notify", &hook]).env("OBSERVED_FAILS", fails).output().unwrap();
    let failed = up("ada");
    assert_eq!((failed.status.code(), &*errors(&failed).matches("warning").collect::<String>()), (Some(1), ""));
    assert!(up("nobody").status.success());
    // Nothing is left to do, so nobody is notified.
    assert!(up("nobody").status.success());
    let received = server.received();
    let outcomes: Vec<_> = received.iter().map(|(_, value)| value["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["failed", "changed"]);
    let (headers, value) = &received[0];
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(
        (&value["version"], &value["event"], &value["program"]),
        (&1.into(), &"run_ended".into(), &"observed".into())
    );
    assert!(value["text"].as_str().unwrap().starts_with("observed: failed: 1 of 2 objects"), "{value}");
    let error = value["report"]["objects"][0]["error"].as_str().unwrap();
    assert!(error.contains("ada refused [secret]"), "{error}");
    assert!(!value.to_string().contains("horse"));
}

#[test]
fn a_notification_has_the_fields_of_the_last_line_of_json_output() {
    let (server, program) = (Server::start(), Program::new());
    let hook = format!("{}/hooks/t0ken", server.url);
    let output = program.command(&["up", "--json", "--notify", &hook]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let (_, notice) = &server.received()[0];
    for (field, value) in line.as_object().unwrap() {
        assert!(notice.get(field).is_some_and(|other| field == "at" || other == value), "{field}: {value}");
    }
}

#[test]
fn a_command_receives_the_report_on_its_standard_input() {
    let program = Program::new();
    let command = "cat > notice.json; echo \"$SETUP_TASKS_OUTCOME $SETUP_TASKS_SUMMARY\" > summary";
    let output = program.command(&["up", "--notify", command]).output().unwrap();
    assert!(output.status.success() && errors(&output).is_empty(), "{}", errors(&output));
    let read = |name: &str| std::fs::read_to_string(program.path().join(name)).unwrap();
    let notice: Value = serde_json::from_str(&read("notice.json")).unwrap();
    assert_eq!(notice["outcome"], "changed");
    assert!(read("summary").starts_with("changed done: 2 objects"), "{}", read("summary"));
}

#[test]
fn receivers_of_the_configuration_are_notified_also_after_a_way_down() {
    let program = Program::new();
    let run = |args: &[&str]| {
        let mut command = program.command(args);
        command.env("OBSERVED_CONFIG_NOTIFY", "echo one >> told\necho two >> told").output().unwrap()
    };
    assert!(run(&["up"]).status.success());
    assert!(run(&["plan"]).status.success());
    assert!(run(&["down", "--yes"]).status.success());
    let told = std::fs::read_to_string(program.path().join("told")).unwrap();
    assert_eq!((told.matches("one").count(), told.matches("two").count()), (2, 2), "{told}");
}

#[test]
fn a_notification_that_fails_is_a_warning() {
    let (server, program) = (Server::start(), Program::new());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let receivers = [
        "echo \"it failed with the correct \\\"horse\\\" battery\" >&2; exit 3".to_owned(),
        format!("{}/hooks/wr0ng", server.url),
        format!("http://{closed}/hooks/t0ken"),
    ];
    let args: Vec<_> = ["up"].into_iter().chain(receivers.iter().flat_map(|to| ["--notify", to])).collect();
    let output = program.command(&args).output().unwrap();
    assert!(output.status.success());
    let errors = errors(&output);
    assert_eq!(errors.matches("warning: ").count(), 3, "{errors}");
    assert!(errors.contains("ended with exit status: 3") && errors.contains("it failed with the [secret]"), "{errors}");
    assert!(errors.contains(&format!("warning: {} answered the notification with status 404", server.url)), "{errors}");
    assert!(errors.contains(&format!("warning: the notification to http://{closed} cannot be sent")), "{errors}");
    assert!(!errors.contains("hooks"), "a path can be a token: {errors}");
}

#[test]
fn a_receiver_that_cannot_be_used_is_a_mistake_in_the_command_line() {
    let program = Program::new();
    for wrong in ["", "https://", "http:///path"] {
        let output = program.command(&["up", "--notify", wrong]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}: {}", errors(&output));
        assert!(errors(&output).contains("help: "), "{}", errors(&output));
    }
    assert!(!program.path().join(".setup-tasks").exists());
}
