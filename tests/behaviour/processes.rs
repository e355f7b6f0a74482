//! Tests with two real processes on one layout, one of which is killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use setup_tasks::Layout;
use setup_tasks::event::EventKind;

use test_kit::{Machine, Scratch, chain, lines};

const DIRECTORY: &str = "SETUP_TASKS_TEST_DIRECTORY";
const SECOND: &str = "SETUP_TASKS_TEST_SECOND";

/// The entry point of the other process, which runs the machine and reports on its standard output.
#[tokio::test]
async fn as_another_process() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let layout = layout(Path::new(&directory), 20);
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.knobs.set("second", std::env::var(SECOND).unwrap());
    let told = layout.on_event(|event| match event.kind {
        EventKind::TaskStart { .. } => say(&format!("start {}", event.task)),
        EventKind::TaskRan { .. } => say(&format!("ran {}", event.task)),
        _ => {}
    });
    machine.run_setup_tasks().await.unwrap();
    told.flush().await;
    say("end");
}

#[expect(clippy::print_stdout, reason = "the processes communicate by their output")]
fn say(line: &str) {
    println!("\n>>> {line}");
}

fn layout(directory: &Path, lease_timeout_secs: u64) -> Layout {
    let config = setup_tasks::Config::new(directory).with(|config| config.lease_timeout_secs = lease_timeout_secs);
    Layout::new(config)
}

struct Other {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Other {
    fn start(place: &Scratch, second: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["processes::as_another_process", "--exact", "--nocapture"])
            .env(DIRECTORY, place.path())
            .env(SECOND, second)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Reads the output of the other process up to this line.
    fn wait_for(&mut self, line: &str) {
        let wanted = format!(">>> {line}");
        assert!(self.lines.any(|line| line.unwrap().ends_with(&wanted)), "the other process never says {line:?}");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_second_process_waits_names_the_holder_and_finds_the_work_done() {
    let place = Scratch::new();
    let mut other = Other::start(&place, &format!("until {}", place.file("go").display()));
    other.wait_for("start second");
    let layout = layout(place.path(), 20);
    let go = place.file("go");
    let _listening = layout.on_event(move |event| {
        if matches!(event.kind, EventKind::Waiting { .. }) {
            std::fs::write(&go, "").unwrap();
        }
    });
    let mut events = test_kit::events(&layout);
    let machine = layout.add(Machine::new("m")).unwrap();
    let report = machine.run_setup_tasks().await.unwrap();
    assert!(report.is_up_to_date(), "{:?}", lines(&report));
    assert!(machine.log.take().is_empty());
    let waiting = format!("m/ waiting for process {} on ", other.child.id());
    assert!(events.take().iter().any(|event| event.starts_with(&waiting)));
    other.wait_for("end");
}

#[tokio::test]
async fn a_second_process_waits_only_until_its_timeout() {
    let place = Scratch::new();
    let mut other = Other::start(&place, "hang");
    other.wait_for("start second");
    let layout = layout(place.path(), 1);
    let machine = layout.add(Machine::new("m")).unwrap();
    let began = Instant::now();
    let error = chain(machine.run_setup_tasks().await.unwrap_err());
    assert!(began.elapsed() >= Duration::from_secs(1));
    let holder = format!("the lease of `m` has been held by process {} on ", other.child.id());
    assert!(error.contains(&holder) && error.contains("lease_timeout_secs"), "{error}");
    assert!(machine.check_stamp("first").await.unwrap().is_some(), "nothing of the other's work is lost");
}

#[tokio::test]
async fn a_process_that_is_killed_frees_its_lock_and_leaves_an_interrupted_task() {
    let place = Scratch::new();
    let mut other = Other::start(&place, "hang");
    other.wait_for("start second");
    other.child.kill().unwrap();
    other.child.wait().unwrap();
    let layout = layout(place.path(), 0);
    let report = layout.add(Machine::new("m")).unwrap().run_setup_tasks().await.unwrap();
    assert_eq!(lines(&report), ["first up to date", "second ran: interrupted last time", "third ran: never ran"]);
}

#[tokio::test]
async fn a_dry_run_does_not_wait_for_another_process() {
    let place = Scratch::new();
    let mut other = Other::start(&place, "hang");
    other.wait_for("start second");
    let layout = layout(place.path(), 20);
    let plan = layout.add(Machine::new("m")).unwrap().as_any().plan().await.unwrap();
    assert_eq!(lines(&plan)[1], "second would run: interrupted last time");
}
