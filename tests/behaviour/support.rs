//! A log that tasks write to, layouts on real directories, and a machine whose tasks do as they are told.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use setup_tasks::event::{Event, EventKind, EventStream};
use setup_tasks::prelude::*;
use setup_tasks::run::ObjectReport;
use setup_tasks::run::TaskStatus;
use setup_tasks::stamp::{FilesStore, SqliteStore};
use setup_tasks::{Config, Layout};
use tokio::sync::Semaphore;

/// What tasks did, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>, Arc<Mutex<String>>);

impl Log {
    /// Gives the tasks that write to it an order.
    pub fn order(&self, order: &str) {
        order.clone_into(&mut self.1.lock().unwrap());
    }

    /// Returns the order that was given last.
    pub fn orders(&self) -> String {
        self.1.lock().unwrap().clone()
    }

    pub fn say(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    /// Everything since the last look.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Opens the layout of a directory, as another process would.
pub type Open = Box<dyn Fn() -> Layout>;

/// A directory for one test.
pub struct Place(pub tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn config(&self) -> Config {
        Config { base_dir: self.path().to_owned(), lock_timeout_secs: 20, ..Config::default() }
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn database(&self) -> PathBuf {
        self.config().cache_dir().join(".setup-tasks/stamps.sqlite")
    }

    /// A layout as a user's: with the embedded store. A second one is what the next process would have.
    pub fn layout(&self) -> Layout {
        Layout::new(self.config())
    }

    pub fn layout_with(&self, edit: impl FnOnce(&mut Config)) -> Layout {
        let mut config = self.config();
        edit(&mut config);
        Layout::new(config)
    }

    /// A layout for each store that keeps stamps, each in a directory of its own.
    pub fn layouts(&self) -> Vec<(&'static str, Open)> {
        let config = |name: &str| Config { base_dir: self.path().join(name), ..self.config() };
        let (sqlite, files) = (config("sqlite"), config("files"));
        vec![
            (
                "sqlite",
                Box::new(move || {
                    let path = sqlite.cache_dir().join(".setup-tasks/stamps.sqlite");
                    Layout::with_store(sqlite.clone(), SqliteStore::new(path))
                }),
            ),
            ("files", Box::new(move || Layout::with_store(files.clone(), FilesStore::new(files.cache_dir())))),
        ]
    }

    /// Every file and directory, with a hash of the content and the time of modification.
    pub fn tree(&self) -> BTreeMap<PathBuf, (u64, SystemTime)> {
        fn walk(path: &Path, tree: &mut BTreeMap<PathBuf, (u64, SystemTime)>) {
            for entry in std::fs::read_dir(path).unwrap() {
                let path = entry.unwrap().path();
                let meta = path.metadata().unwrap();
                let content = if meta.is_dir() { Vec::new() } else { std::fs::read(&path).unwrap() };
                let mut hasher = DefaultHasher::new();
                content.hash(&mut hasher);
                tree.insert(path.clone(), (hasher.finish(), meta.modified().unwrap()));
                if meta.is_dir() {
                    walk(&path, tree);
                }
            }
        }
        let mut tree = BTreeMap::new();
        walk(self.path(), &mut tree);
        tree
    }
}

/// What the tasks of a [`Machine`] are told, by name of the knob.
#[derive(Clone, Default)]
pub struct Knobs(Arc<Mutex<HashMap<&'static str, String>>>, Arc<Mutex<HashMap<&'static str, Gate>>>);

/// A place where a task stops until the test lets it go on.
#[derive(Clone)]
pub struct Gate {
    arrived: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    pub fn new() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    /// What the task does: says that it is here, and waits.
    pub async fn pass(&self) {
        self.arrived.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }

    /// Waits for a task to come.
    pub async fn arrived(&self) {
        let arrived = tokio::time::timeout(Duration::from_secs(20), self.arrived.acquire());
        arrived.await.expect("the task comes").unwrap().forget();
    }

    /// Lets one go on.
    pub fn open(&self) {
        self.open.add_permits(1);
    }
}

impl Knobs {
    pub fn set(&self, knob: &'static str, value: impl Into<String>) {
        self.0.lock().unwrap().insert(knob, value.into());
    }

    pub fn clear(&self, knob: &'static str) {
        self.0.lock().unwrap().remove(knob);
    }

    /// Lets a task wait for the test.
    pub fn gate(&self, task: &'static str) -> Gate {
        let gate = Gate::new();
        self.1.lock().unwrap().insert(task, gate.clone());
        self.set(task, "gate");
        gate
    }

    pub fn get(&self, knob: &str) -> Option<String> {
        self.0.lock().unwrap().get(knob).cloned()
    }
}

/// Three tasks in a row; what each does, and what its helpers say, is up to the knobs.
#[derive(SetupTasks, Clone, Default)]
#[setup_tasks(subdir = "machines/{name}", id = "{name}")]
pub struct Machine {
    pub name: String,
    pub log: Log,
    pub knobs: Knobs,
}

#[setup_tasks]
impl Machine {
    #[setup_task("Do the first")]
    pub async fn first(&self, cx: &TaskContext) -> Result<Outcome> {
        self.act("first", cx).await
    }

    #[setup_task("Do the second", hash = second_hash, invalidator = second_valid)]
    pub async fn second(&self, cx: &TaskContext) -> Result<Outcome> {
        self.act("second", cx).await
    }

    #[setup_task("Do the third")]
    pub async fn third(&self, cx: &TaskContext) -> Result<Outcome> {
        self.act("third", cx).await
    }

    fn second_hash(&self) -> Result<String> {
        match self.knobs.get("hash") {
            Some(text) if text == "fail" => anyhow::bail!("no hash today"),
            text => Ok(text.unwrap_or_default()),
        }
    }

    async fn second_valid(&self, last_run: LastRun) -> Result<bool> {
        assert!(last_run.0.is_some(), "an invalidator is asked about a stamp");
        match self.knobs.get("valid").as_deref() {
            Some("fail") => anyhow::bail!("cannot tell"),
            Some("panic") => panic!("the invalidator panics"),
            other => Ok(other != Some("no")),
        }
    }

    /// Does what the knob with the task's name says.
    async fn act(&self, task: &'static str, cx: &TaskContext) -> Result<Outcome> {
        self.log.say(task);
        let knob = self.knobs.get(task).unwrap_or_default();
        let (word, rest) = knob.split_once(' ').unwrap_or((&knob, ""));
        match word {
            "fail" => {
                // Whoever else waits for this gets a turn first.
                tokio::task::yield_now().await;
                return Err(anyhow::anyhow!("the disk is on fire").context("cannot write"));
            }
            "fail-until" if cx.attempt() < rest.parse()? => anyhow::bail!("attempt {} fails", cx.attempt()),
            "" | "fail-until" => {}
            "panic" => panic!("{rest}"),
            "skip" => return Ok(Outcome::Skipped),
            "skip-error" => return Err(setup_tasks::task::SkipSetupTask.into()),
            "hang" => std::future::pending().await,
            "gate" => {
                let gate = self.knobs.1.lock().unwrap()[task].clone();
                gate.pass().await;
            }
            "log" => cx.log(rest),
            "sleep" => tokio::time::sleep(Duration::from_millis(rest.parse()?)).await,
            "change-hash" => self.knobs.set("hash", rest),
            other => anyhow::bail!("no such knob: {other}"),
        }
        Ok(Outcome::Done)
    }
}

impl Machine {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

/// Task and reason, or status, of every task: `["first ran: never ran", "second up to date"]`.
pub fn lines(report: &ObjectReport) -> Vec<String> {
    let line = |task: &setup_tasks::run::TaskReport| {
        let status = match task.status {
            TaskStatus::UpToDate => "up to date",
            TaskStatus::Ran => "ran",
            TaskStatus::Skipped => "skipped",
            TaskStatus::WouldRun => "would run",
            TaskStatus::Undecided => "undecided",
            _ => "?",
        };
        let undecided = task.undecided.as_ref().map(|undecided| format!(": {undecided}"));
        let reason = task.reason.as_ref().map(|reason| format!(": {reason}")).or(undecided).unwrap_or_default();
        format!("{} {status}{reason}", task.task)
    };
    report.tasks.iter().map(line).collect()
}

/// Events as text: `["m/first start 1", "m/first ran"]`.
pub struct Events(EventStream);

impl Events {
    pub fn of(stream: EventStream) -> Self {
        Self(stream)
    }

    /// Everything since the last look.
    pub fn take(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.0.try_next()).map(|event| line(&event)).collect()
    }
}

/// Every event of a layout from now on.
pub fn events(layout: &Layout) -> Events {
    Events::of(layout.events())
}

fn line(event: &Event) -> String {
    let what = match &event.kind {
        EventKind::TaskShouldRun { reason } => format!("should run: {reason}"),
        EventKind::TaskStart { attempt } => format!("start {attempt}"),
        EventKind::TaskRan { .. } => "ran".to_owned(),
        EventKind::TaskFail { error, .. } => format!("fail: {error}"),
        EventKind::TaskRetry { attempt, error, .. } => format!("retry after {attempt}: {error}"),
        EventKind::TaskAlreadyRun => "already run".to_owned(),
        EventKind::TaskSkipped => "skipped".to_owned(),
        EventKind::TaskWouldRun { reason } => format!("would run: {reason}"),
        EventKind::ChangedWhileRunning => "changed while running".to_owned(),
        EventKind::Waiting { holder } => format!("waiting for {holder}"),
        EventKind::ObjectReady => "is ready".to_owned(),
        EventKind::ObjectFailed { error } => format!("is not ready: {error}"),
        EventKind::LogLine { line } => format!("says: {line}"),
        _ => "?".to_owned(),
    };
    format!("{}/{} {what}", event.object, event.task)
}

/// An error with its causes on one line.
pub fn chain(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}

/// A sequence of numbers that looks random and is the same in every run.
pub fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    }
}
