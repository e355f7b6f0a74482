//! Tests of observers: how often a run asks them, with which questions, and what it does with the
//! answers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use setup_tasks::observer::{Answer, Answers, Observed, Observer, Question, QuestionData};
use setup_tasks::prelude::*;
use setup_tasks::task::{Difference, TaskKind};
use setup_tasks::{BoxFuture, Layout};

use test_kit::{chain, lines};

/// A machine in memory, which has one version of each package.
#[derive(Default)]
struct Machine {
    name: String,
    packages: Mutex<BTreeMap<String, String>>,
    /// The questions of each request, as `observe` or `apply` with the names of the packages.
    requests: Mutex<Vec<String>>,
    is_down: AtomicBool,
    /// Whether the reply to a change contains observations.
    observes_after_changes: AtomicBool,
    /// Whether an earlier task creates the machine.
    is_missing: AtomicBool,
}

impl Machine {
    fn new(name: &str) -> Arc<Self> {
        Arc::new(Self { name: name.to_owned(), ..Self::default() })
    }

    fn set(&self, package: &str, version: &str) {
        self.packages.lock().unwrap().insert(package.to_owned(), version.to_owned());
    }

    /// Takes the requests since the last call.
    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    fn request(&self, what: &str, questions: &[QuestionData]) -> Result<Answers> {
        let names: Result<Vec<_>> = questions.iter().map(|data| Ok(*data.get::<&str>()?)).collect();
        let names = names?;
        self.requests.lock().unwrap().push([what, &names.join(" ")].join(" ").trim().to_owned());
        if self.is_down.load(Ordering::Relaxed) {
            return Err(anyhow::anyhow!("no route to host").context(format!("cannot connect to {}", self.name)));
        }
        if self.is_missing.load(Ordering::Relaxed) {
            return Ok(names.iter().map(|_| Ok(Answer::later())).collect());
        }
        let packages = self.packages.lock().unwrap();
        let answer = |name: &&str| match packages.get(*name).map(String::as_str) {
            Some("broken") => Err(anyhow::anyhow!("the database of {name} is damaged")),
            version => Ok(Answer::new(version.map(str::to_owned))),
        };
        Ok(names.iter().map(answer).collect())
    }
}

/// The observer of a machine.
struct Packages(Arc<Machine>);

impl Observer for Packages {
    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0.name)
    }

    fn ask(&self, questions: Vec<QuestionData>) -> BoxFuture<'_, Result<Answers>> {
        Box::pin(async move { self.0.request("observe", &questions) })
    }
}

trait OnMachine: Send + Sync {
    fn machine(&self) -> &Arc<Machine>;
}

/// A package of a machine.
struct Package {
    name: &'static str,
    version: &'static str,
}

impl Package {
    const fn new(name: &'static str, version: &'static str) -> Self {
        Self { name, version }
    }
}

impl<T: OnMachine> TaskKind<T> for Package {
    const OBSERVED: Observed = Observed::WhenVerified;

    async fn run(&self, model: &T, cx: &TaskContext) -> Result<Outcome> {
        if cx.answer().is_some_and(|answer| TaskKind::<T>::differences(self, model, cx, answer).is_ok_and(|d| d.is_empty())) {
            return Ok(Outcome::Unchanged);
        }
        let machine = model.machine();
        let later = cx.later_questions(&Packages(machine.clone()));
        let before = machine.packages.lock().unwrap().get(self.name).cloned();
        machine.set(self.name, self.version);
        let answers = machine.request(&format!("apply {};", self.name), later.questions())?;
        if machine.observes_after_changes.load(Ordering::Relaxed) {
            later.answer(answers)?;
        }
        Ok(if before.as_deref() == Some(self.version) { Outcome::Unchanged } else { Outcome::Done })
    }

    async fn question(&self, model: &T, _cx: &TaskContext) -> Result<Option<Question>> {
        Ok(Some(Question::new(Arc::new(Packages(model.machine().clone())), self.name)))
    }

    fn differences(&self, _model: &T, _cx: &TaskContext, answer: &Answer) -> Result<Vec<Difference>> {
        Ok(match answer.get::<Option<String>>()? {
            Some(version) if version == self.version => Vec::new(),
            Some(version) => vec![Difference::new(self.name, version).instead_of(self.version)],
            None => vec![Difference::new(self.name, "is missing")],
        })
    }
}

/// An object with packages on a machine, and a task that is no package between them.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "{name}")]
struct Web {
    name: String,
    machine: Arc<Machine>,
    /// Whether the method changes something.
    changes: AtomicBool,
}

#[setup_tasks]
impl Web {
    #[setup_task("Install nginx")]
    const NGINX: Package = Package::new("nginx", "1.24");

    #[setup_task("Configure it by hand", invalidator = is_configured)]
    fn configure(&self) {}

    #[setup_task("Install curl", subscribe = [])]
    const CURL: Package = Package::new("curl", "8.0");

    #[setup_task("Install vim", subscribe = [])]
    const VIM: Package = Package::new("vim", "9.0");

    fn is_configured(&self) -> bool {
        !self.changes.load(Ordering::Relaxed)
    }
}

impl OnMachine for Web {
    fn machine(&self) -> &Arc<Machine> {
        &self.machine
    }
}

fn web(layout: &Layout, name: &str, machine: &Arc<Machine>) -> Object<Web> {
    layout.add(Web { name: name.to_owned(), machine: machine.clone(), changes: AtomicBool::new(false) }).unwrap()
}

/// Returns a machine and an object whose tasks have run.
async fn set_up() -> (Arc<Machine>, Object<Web>) {
    let machine = Machine::new("web1");
    let web = web(&Layout::in_memory().unwrap(), "web", &machine);
    web.run_setup_tasks().await.unwrap();
    machine.requests();
    (machine, web)
}

const ALL: &str = "observe nginx curl vim";

#[tokio::test]
async fn a_run_that_does_not_verify_asks_nothing() {
    let (machine, web) = set_up().await;
    machine.set("curl", "7.0");
    assert!(web.run_setup_tasks().await.unwrap().is_up_to_date());
    assert!(web.as_any().plan().await.unwrap().is_up_to_date());
    assert!(machine.requests().is_empty());
}

#[tokio::test]
async fn a_run_that_verifies_asks_once_for_all_tasks() {
    let (machine, web) = set_up().await;
    assert!(web.run_setup_tasks().verify().await.unwrap().is_up_to_date());
    assert_eq!(machine.requests(), [ALL]);
    assert!(web.run_setup_tasks().verify().dry_run().await.unwrap().is_up_to_date());
    assert_eq!(machine.requests(), [ALL], "each run asks anew");
}

#[tokio::test]
async fn drift_is_planned_and_put_right() {
    let (machine, web) = set_up().await;
    machine.set("curl", "7.0");
    machine.packages.lock().unwrap().remove("vim");
    let plan = lines(&web.run_setup_tasks().verify().dry_run().await.unwrap());
    assert_eq!(
        plan,
        [
            "nginx up to date",
            "configure up to date",
            "curl would run: curl: 7.0 instead of 8.0",
            "vim would run: vim: is missing"
        ]
    );
    assert_eq!(machine.requests(), [ALL]);
    machine.observes_after_changes.store(true, Ordering::Relaxed);
    let report = web.run_setup_tasks().verify().await.unwrap();
    assert_eq!(report.ran().map(|task| task.task).collect::<Vec<_>>(), ["curl", "vim"]);
    assert_eq!(machine.requests(), [ALL, "apply curl; vim", "apply vim;"], "one request per change");
    assert!(web.run_setup_tasks().verify().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn a_change_by_another_kind_of_task_costs_one_further_request() {
    let (machine, web) = set_up().await;
    web.changes.store(true, Ordering::Relaxed);
    let report = web.run_setup_tasks().verify().await.unwrap();
    assert_eq!(report.ran().map(|task| task.task).collect::<Vec<_>>(), ["configure"]);
    assert_eq!(machine.requests(), [ALL, "observe curl vim"]);
}

#[tokio::test]
async fn a_change_without_fresh_answers_costs_one_further_request() {
    let (machine, web) = set_up().await;
    machine.set("curl", "7.0");
    web.run_setup_tasks().verify().await.unwrap();
    assert_eq!(machine.requests(), [ALL, "apply curl; vim", "observe vim"]);
}

#[tokio::test]
async fn the_first_run_makes_one_request_per_change() {
    let machine = Machine::new("web1");
    machine.observes_after_changes.store(true, Ordering::Relaxed);
    machine.set("curl", "8.0");
    let web = web(&Layout::in_memory().unwrap(), "web", &machine);
    let report = web.run_setup_tasks().await.unwrap();
    assert_eq!(report.ran().count(), 4, "an attempt without a stamp counts as a change");
    // The task between them changed something, so the answers of the first request are stale.
    assert_eq!(machine.requests(), ["apply nginx; curl vim", "apply curl; vim"]);
}
