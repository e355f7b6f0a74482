//! Tests of the probe alone, with a model whose helper methods record their calls.

use std::sync::Mutex;

use setup_tasks::prelude::*;

use super::*;
use crate::layout::Layout;
use crate::stamp::{HashTexts, Stamp};

const STAMPED: Timestamp = Timestamp(5);

#[derive(Default)]
struct Answers {
    color: &'static str,
    is_dry: bool,
    is_hung: Option<bool>,
}

#[derive(SetupTasks, Default)]
#[setup_tasks(subdir = "door")]
struct Door {
    answers: Mutex<Answers>,
    calls: Mutex<Vec<&'static str>>,
}

#[setup_tasks]
impl Door {
    #[setup_task("Paint it", hash = color, invalidator = is_dry, outputs = ["paint.txt"])]
    fn paint(&self) {}

    #[setup_task("Hang it", check_completed = is_hung)]
    fn hang(&self) {}

    fn answers(&self, call: &'static str) -> std::sync::MutexGuard<'_, Answers> {
        self.calls.lock().unwrap().push(call);
        self.answers.lock().unwrap()
    }

    fn color(&self) -> String {
        self.answers("color").color.to_owned()
    }

    async fn is_dry(&self) -> bool {
        self.answers("is_dry").is_dry
    }

    async fn is_hung(&self) -> Result<bool> {
        self.answers("is_hung").is_hung.ok_or_else(|| anyhow::anyhow!("cannot look"))
    }
}

/// A placed door, and the entry of the task that a test probes.
struct Case {
    layout: Layout,
    door: Object<Door>,
    entry: Entry,
}

impl Case {
    /// Returns a painted door that nothing has changed since.
    fn painted() -> Self {
        let layout = Layout::in_memory().unwrap();
        let answers = Mutex::new(Answers { color: "red", is_dry: true, is_hung: None });
        let door = layout.add(Door { answers, calls: Mutex::default() }).unwrap();
        std::fs::write(layout.config().base_dir.join("paint.txt"), "red").unwrap();
        let paint = door.as_dyn().row("paint").unwrap();
        let source = door.as_dyn().features(paint).source;
        let stamp = Stamp { time: STAMPED, contents: "red".to_owned(), source, ..Stamp::default() };
        Self { layout, door, entry: Entry::completed(stamp) }
    }

    fn answer(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.door.answers.lock().unwrap());
    }

    async fn probe(&self, task: &str, hash: Option<&str>) -> Result<Probed, RunError> {
        let object = self.door.as_dyn();
        let row = object.row(task).unwrap();
        let (entry, resources) = (Some(&self.entry), Vec::new());
        let probe = TaskProbe { object, row, entry, resources, observation: None, mode: Mode::Apply };
        let known = KnownFacts { entry: Some(&self.entry), ..KnownFacts::default() };
        probe.probe(&object.features(row), &known, hash.map(str::to_owned)).await
    }

    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.door.calls.lock().unwrap())
    }
}

#[tokio::test]
async fn a_probe_asks_each_helper_once_in_the_order_of_the_decision() {
    let case = Case::painted();
    let probed = case.probe("paint", None).await.unwrap();
    assert_eq!(probed.verdict, Verdict::UpToDate(Some(STAMPED)));
    assert_eq!(probed.hash.as_deref(), Some("red"));
    assert_eq!(case.calls(), ["color", "is_dry"]);
}

#[tokio::test]
async fn the_first_reason_ends_the_probe() {
    let case = Case::painted();
    case.answer(|answers| answers.color = "blue");
    let probed = case.probe("paint", None).await.unwrap();
    let (from, to) = ("red".to_owned(), "blue".to_owned());
    assert_eq!(
        probed.verdict,
        Verdict::Run(Reason::HashChanged { from, to, during_last_run: false, texts: HashTexts::default() })
    );
    assert_eq!(probed.hash.as_deref(), Some("blue"));
    assert_eq!(case.calls(), ["color"]);

    case.answer(|answers| answers.color = "red");
    std::fs::remove_file(case.layout.config().base_dir.join("paint.txt")).unwrap();
    let probed = case.probe("paint", None).await.unwrap();
    assert_eq!(probed.verdict, Verdict::Run(Reason::OutputMissing { path: "paint.txt".to_owned() }));
    assert_eq!(case.calls(), ["color"]);
}

#[tokio::test]
async fn a_probe_does_not_ask_for_a_hash_that_is_known() {
    let case = Case::painted();
    case.answer(|answers| answers.is_dry = false);
    let probed = case.probe("paint", Some("red")).await.unwrap();
    assert_eq!(probed.verdict, Verdict::Run(Reason::Invalidated));
    assert_eq!(case.calls(), ["is_dry"]);
}

#[tokio::test]
async fn a_completion_check_decides_alone() {
    let case = Case::painted();
    case.answer(|answers| answers.is_hung = Some(false));
    assert_eq!(case.probe("hang", None).await.unwrap().verdict, Verdict::Run(Reason::NotCompleted));
    case.answer(|answers| answers.is_hung = Some(true));
    assert_eq!(case.probe("hang", None).await.unwrap().verdict, Verdict::UpToDate(None));
    assert_eq!(case.calls(), ["is_hung", "is_hung"]);
}

#[tokio::test]
async fn an_error_of_a_helper_names_the_task_and_the_helper() {
    let case = Case::painted();
    let error = case.probe("hang", None).await.unwrap_err();
    assert_eq!(error.to_string(), "the completion check of task `door/hang` failed");
}
