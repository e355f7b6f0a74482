//! Tests of observers: how often a run asks them, with which questions, and what it does with the
//! answers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use setup_tasks::observer::{Answer, Answers, Observed, Observer, Question, QuestionData};
use setup_tasks::prelude::*;
use setup_tasks::run::FileChange;
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
        if cx
            .answer()
            .is_some_and(|answer| TaskKind::<T>::differences(self, model, cx, answer).is_ok_and(|d| d.is_empty()))
        {
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

    async fn would_change(&self, model: &T, cx: &TaskContext) -> Result<Option<bool>> {
        let compare = |answer| TaskKind::<T>::differences(self, model, cx, answer).map(|found| !found.is_empty());
        cx.answer().map(compare).transpose()
    }

    async fn changes(&self, _model: &T, cx: &TaskContext) -> Result<Vec<FileChange>> {
        let line = |version: &str| format!("{version}\n");
        let Some(answer) = cx.answer() else { return Ok(Vec::new()) };
        let before = answer.get::<Option<String>>()?.as_deref().map(line);
        Ok(vec![FileChange::new(self.name, before, line(self.version))])
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
async fn answers_of_a_task_that_changed_nothing_are_stale_after_the_next_change() {
    let (machine, web) = set_up().await;
    machine.observes_after_changes.store(true, Ordering::Relaxed);
    web.changes.store(true, Ordering::Relaxed);
    let report = web.run_setup_tasks().force(Web::NGINX).verify().await.unwrap();
    assert_eq!(report.unchanged().map(|task| task.task).collect::<Vec<_>>(), ["nginx"]);
    assert_eq!(machine.requests(), ["apply nginx; curl vim", "observe curl vim"]);
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
    machine.set("vim", "9.0");
    let report = web.run_setup_tasks().await.unwrap();
    assert_eq!(report.ran().count(), 4, "an attempt without a stamp counts as a change");
    // The method between them changed something, so the answers to the first request are stale.
    assert_eq!(machine.requests(), ["apply nginx; curl vim", "apply curl; vim"]);
}

#[tokio::test]
async fn a_fleet_asks_once_for_all_objects_of_a_machine() {
    let (one, other) = (Machine::new("m1"), Machine::new("m2"));
    let layout = Layout::in_memory().unwrap();
    for (name, machine) in [("a", &one), ("b", &one), ("c", &other), ("d", &one)] {
        web(&layout, name, machine);
    }
    layout.run().await.unwrap();
    drop((one.requests(), other.requests()));
    assert!(layout.run().await.unwrap().summary().starts_with("up to date"));
    assert!(one.requests().is_empty() && other.requests().is_empty());
    for fleet in [layout.run().verify(), layout.run().verify().dry_run()] {
        assert!(fleet.await.unwrap().summary().starts_with("up to date"));
        let (of_one, of_other) = (one.requests(), other.requests());
        assert_eq!((of_one.len(), of_other.len()), (1, 1), "{of_one:?} {of_other:?}");
        assert_eq!(of_one[0].split_whitespace().count(), 1 + 9, "{of_one:?}");
        assert_eq!(of_other, [ALL]);
    }
}

#[tokio::test]
async fn a_change_in_a_fleet_brings_fresh_answers_for_all_objects_of_the_machine() {
    let machine = Machine::new("m1");
    machine.observes_after_changes.store(true, Ordering::Relaxed);
    let layout = Layout::in_memory().unwrap();
    for name in ["a", "b", "c"] {
        web(&layout, name, &machine);
    }
    layout.run().await.unwrap();
    machine.set("vim", "8.0");
    machine.requests();
    let report = layout.run().jobs(1).verify().await.unwrap();
    assert_eq!(report.summary(), "done: 3 objects; 1 task ran, 11 up to date");
    assert_eq!(machine.requests().len(), 2, "one question and one change");
}

#[tokio::test]
async fn an_observer_that_fails_fails_its_objects_and_no_others() {
    let (down, fine) = (Machine::new("down"), Machine::new("fine"));
    let layout = Layout::in_memory().unwrap();
    for (name, machine) in [("a", &down), ("b", &fine), ("c", &down)] {
        web(&layout, name, machine);
    }
    layout.run().await.unwrap();
    down.is_down.store(true, Ordering::Relaxed);
    drop((down.requests(), fine.requests()));
    for fleet in [layout.run().verify(), layout.run().verify().dry_run()] {
        let report = fleet.await.unwrap();
        assert_eq!(down.requests().len(), 1, "a machine that is down costs one attempt");
        let failed = report.objects.iter().map(setup_tasks::fleet::ObjectResult::is_failure).collect::<Vec<_>>();
        assert_eq!(failed, [true, false, true]);
        let error = setup_tasks::error::explain(&**report.objects[0].error.as_ref().unwrap());
        let expected =
            "the observation of task `a/nginx` failed: cannot ask down: cannot connect to down: no route to host";
        assert!(error.contains(expected), "{error}");
    }
    down.is_down.store(false, Ordering::Relaxed);
    assert!(layout.run().dry_run().await.unwrap().summary().starts_with("up to date"), "the stamps are kept");
}

#[tokio::test]
async fn an_error_about_one_question_fails_only_its_object() {
    let machine = Machine::new("m1");
    let layout = Layout::in_memory().unwrap();
    let (a, b) = (web(&layout, "a", &machine), web(&layout, "b", &machine));
    layout.run().await.unwrap();
    machine.set("vim", "broken");
    let error = chain(a.run_setup_tasks().verify().await.unwrap_err());
    assert!(error.contains("the observation of task `a/vim` failed: the database of vim is damaged"), "{error}");
    drop(b);
}

#[tokio::test]
async fn what_an_earlier_task_creates_is_observed_after_it() {
    let (machine, web) = set_up().await;
    machine.is_missing.store(true, Ordering::Relaxed);
    let error = chain(web.run_setup_tasks().verify().await.unwrap_err());
    assert!(error.contains("the observation of task `web/nginx` failed: the state cannot be observed yet"), "{error}");
    assert!(error.contains("help: see whether an earlier task creates what the task needs"), "{error}");
}

#[tokio::test]
async fn a_readonly_object_reports_its_drift_and_is_left_alone() {
    let machine = Machine::new("m1");
    let layout = Layout::in_memory().unwrap();
    let model = Web { name: "web".to_owned(), machine: machine.clone(), changes: AtomicBool::new(true) };
    let web = layout.object_builder(model).readonly(true).add().unwrap();
    machine.set("nginx", "1.24");
    machine.set("curl", "7.0");
    let expected = ["curl drifted: curl: 7.0 instead of 8.0", "vim drifted: vim: is missing"];
    let report = web.run_setup_tasks().verify().await.unwrap();
    assert!(report.readonly);
    assert_eq!(lines(&report), expected);
    assert_eq!(machine.requests(), [ALL]);
    for fleet in [layout.run().verify(), layout.run().verify().dry_run()] {
        let report = fleet.await.unwrap();
        let expected = expected.map(|line| format!("web/{line}")).join("\n");
        let summary = "drifted: 2 tasks on 1 readonly object; 1 readonly";
        assert_eq!(report.to_string(), format!("{expected}\nweb is readonly\n{summary}"));
        assert_eq!(machine.requests(), [ALL]);
    }
    assert!(layout.run().await.unwrap().is_success() && machine.requests().is_empty());
}

#[tokio::test]
async fn verify_in_the_configuration_makes_every_run_verify() {
    let machine = Machine::new("m1");
    let place = test_kit::Scratch::new();
    let layout = place.layout_with(|config| config.verify = true);
    let web = web(&layout, "web", &machine);
    web.run_setup_tasks().await.unwrap();
    machine.requests();
    for _ in 0..2 {
        assert!(web.run_setup_tasks().await.unwrap().is_up_to_date());
        assert!(layout.run().await.unwrap().is_success());
        assert_eq!(machine.requests(), [ALL, ALL]);
    }
}

/// An object whose first task creates its machine.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "created")]
struct Created {
    machine: Arc<Machine>,
    is_created: AtomicBool,
}

#[setup_tasks]
impl Created {
    #[setup_task("Create the machine", invalidator = is_created)]
    fn create(&self) {
        self.machine.is_missing.store(false, Ordering::Relaxed);
        self.is_created.store(true, Ordering::Relaxed);
    }

    #[setup_task("Install curl", subscribe = [])]
    const CURL: Package = Package::new("curl", "8.0");

    #[setup_task("Restart", subscribe = [curl])]
    fn restart(&self) {}

    fn is_created(&self) -> bool {
        self.is_created.load(Ordering::Relaxed)
    }
}

impl OnMachine for Created {
    fn machine(&self) -> &Arc<Machine> {
        &self.machine
    }
}

async fn created() -> (Arc<Machine>, Object<Created>) {
    let machine = Machine::new("m1");
    let created = Created { machine: machine.clone(), is_created: AtomicBool::new(true) };
    let created = Layout::in_memory().unwrap().add(created).unwrap();
    created.run_setup_tasks().await.unwrap();
    machine.requests();
    (machine, created)
}

#[tokio::test]
async fn a_machine_that_an_earlier_task_creates_is_undecided_in_a_plan_and_observed_after_that_task() {
    let (machine, created) = created().await;
    machine.is_missing.store(true, Ordering::Relaxed);
    created.is_created.store(false, Ordering::Relaxed);
    machine.set("curl", "7.0");
    let plan = lines(&created.run_setup_tasks().verify().dry_run().await.unwrap());
    assert!(plan[0].starts_with("create would run"), "{plan:?}");
    assert_eq!(plan[1], "curl undecided: decided once create has run; before that, its state cannot be observed");
    machine.requests();
    let report = created.run_setup_tasks().verify().await.unwrap();
    assert_eq!(report.ran().map(|task| task.task).collect::<Vec<_>>(), ["create", "curl", "restart"]);
    assert_eq!(machine.requests(), ["observe curl", "apply curl;"]);
}

#[tokio::test]
async fn an_observed_task_makes_a_plan_exact() {
    let (machine, created) = created().await;
    let forced = || created.run_setup_tasks().force(Created::CURL).dry_run();
    let restart = |plan: Vec<String>| plan[2].clone();
    assert_eq!(restart(lines(&forced().await.unwrap())), "restart may run, if curl changes something");
    assert_eq!(restart(lines(&forced().verify().await.unwrap())), "restart up to date");
    machine.set("curl", "7.0");
    assert!(restart(lines(&forced().verify().await.unwrap())).starts_with("restart would run"));
    let plan = lines(&created.run_setup_tasks().verify().dry_run().await.unwrap());
    assert!(restart(plan).starts_with("restart would run"));
}

#[tokio::test]
async fn a_plan_takes_its_changes_from_the_same_answer() {
    let (machine, created) = created().await;
    machine.set("curl", "7.0");
    let plan = created.run_setup_tasks().verify().diff().await.unwrap();
    let changes = plan.tasks.iter().flat_map(|task| &task.changes).map(FileChange::unified).collect::<Vec<_>>();
    assert_eq!(changes, ["--- curl\n+++ curl\n@@ -1 +1 @@\n-7.0\n+8.0\n"]);
    assert_eq!(machine.requests(), ["observe curl"]);
}

/// The owner of packages for which the observer gives a wrong number of answers, panics, or gives an
/// answer of another type.
struct Wrong(&'static str);

impl Observer for Wrong {
    fn key(&self) -> Cow<'_, str> {
        self.0.into()
    }

    fn ask(&self, questions: Vec<QuestionData>) -> BoxFuture<'_, Result<Answers>> {
        match self.0 {
            "panics at once" => panic!("no machine"),
            "too few" => Box::pin(async { Ok(Vec::new()) }),
            "other type" => Box::pin(async move { Ok(questions.iter().map(|_| Ok(Answer::new(1_u8))).collect()) }),
            _ => Box::pin(async { panic!("no link") }),
        }
    }
}

struct AskWrongly(&'static str);

impl<T: Sync> TaskKind<T> for AskWrongly {
    const OBSERVED: Observed = Observed::WhenVerified;

    async fn run(&self, _model: &T, _cx: &TaskContext) -> Result<Outcome> {
        Ok(Outcome::Done)
    }

    async fn question(&self, _model: &T, _cx: &TaskContext) -> Result<Option<Question>> {
        Ok(Some(Question::new(Arc::new(Wrong(self.0)), ())))
    }

    fn differences(&self, _model: &T, _cx: &TaskContext, answer: &Answer) -> Result<Vec<Difference>> {
        answer.get::<String>()?;
        Ok(Vec::new())
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "empty")]
struct Empty;

#[setup_tasks]
impl Empty {}

#[tokio::test]
async fn a_wrong_observer_is_an_error_and_no_panic() {
    for (wrong, expected) in [
        ("panics at once", "cannot ask panics at once: panicked: no machine"),
        ("panics later", "cannot ask panics later: panicked: no link"),
        ("too few", "cannot ask too few: 0 answers were given to 1 questions"),
        ("other type", "an answer has another type than `alloc::string::String`"),
    ] {
        let empty = Layout::in_memory().unwrap().add(Empty).unwrap();
        empty.add_setup_task(setup_tasks::NewTask::value("asks", AskWrongly(wrong))).unwrap();
        empty.run_setup_tasks().await.unwrap();
        let error = chain(empty.run_setup_tasks().verify().await.unwrap_err());
        assert!(error.contains(&format!("the observation of task `empty/asks` failed: {expected}")), "{error}");
        assert!(empty.run_setup_tasks().await.unwrap().is_up_to_date(), "the stamp is kept");
    }
}

#[tokio::test]
async fn a_secret_in_a_difference_is_hidden() {
    let (machine, web) = set_up().await;
    let secret = setup_tasks::Secret::new("the version that nobody may know".to_owned());
    machine.set("curl", secret.expose());
    let plan = web.run_setup_tasks().verify().dry_run().await.unwrap();
    let text = format!("{plan:?} {}", serde_json::to_string(&plan.tasks).unwrap());
    assert!(lines(&plan)[2].starts_with("curl would run: curl: ") && !text.contains(secret.expose()), "{text}");
}

/// A customization with packages.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "tools")]
struct Tools(Arc<Machine>);

#[setup_tasks]
impl Tools {
    #[setup_task("Install make")]
    const MAKE: Package = Package::new("make", "4.3");

    #[setup_task("Install git")]
    const GIT: Package = Package::new("git", "2.39");
}

impl OnMachine for Tools {
    fn machine(&self) -> &Arc<Machine> {
        &self.0
    }
}

#[tokio::test]
async fn the_tasks_of_a_customization_are_observed_together() {
    let (machine, web) = set_up().await;
    let tools = setup_tasks::Customization::with_model(Tools(machine.clone()));
    web.add_setup_task(setup_tasks::NewTask::value("tools", tools)).unwrap();
    web.run_setup_tasks().await.unwrap();
    machine.requests();
    assert!(web.run_setup_tasks().verify().await.unwrap().is_up_to_date());
    assert_eq!(machine.requests(), [ALL, "observe make git"]);
    machine.set("git", "2.1");
    let plan = web.run_setup_tasks().verify().dry_run().await.unwrap();
    let reason = plan.task("tools").unwrap().reason.as_ref().unwrap().to_string();
    assert_eq!(reason, "git: 2.1 instead of 2.39");
}

#[tokio::test]
async fn a_task_that_its_handle_runs_leaves_the_questions_of_its_object_joined() {
    let machine = Machine::new("m1");
    let layout = Layout::in_memory().unwrap();
    let (first, other) = (web(&layout, "a", &machine), web(&layout, "b", &machine));
    let run_other = setup_tasks::NewTask::new("other", "Run another", move |_| {
        let other = other.clone();
        async move { Web::CURL.handle().run(&other).await.map(drop) }
    });
    first.add_setup_task(run_other.before("nginx")).unwrap();
    layout.run().await.unwrap();
    machine.requests();
    let report = layout.run().jobs(1).force("a/other").verify().await.unwrap();
    assert!(report.is_success());
    let requests = machine.requests();
    assert_eq!(requests.iter().filter(|request| request.starts_with("observe")).count(), 1, "{requests:?}");
}
