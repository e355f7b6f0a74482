//! Tests of waits that lead through other processes. Real processes run objects of the same layout.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use setup_tasks::activity::OtherProcesses;
use setup_tasks::event::EventKind;
use setup_tasks::prelude::*;
use setup_tasks::stamp::FilesStore;
use setup_tasks::{Config, Deferred, InjectionKey, Layout};

use test_kit::{Scratch, chain};

/// A model with three tasks. The second and the third may depend on the second task of other objects.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "nodes/{name}", id = "{name}")]
struct Node {
    name: String,
    #[depends_on(Node::two, before = two)]
    early: Vec<Deferred<Node>>,
    #[depends_on(Node::two, before = three)]
    late: Vec<Deferred<Node>>,
}

#[setup_tasks]
impl Node {
    #[setup_task("Do the first")]
    async fn one(&self, cx: &TaskContext) -> Result<Outcome> {
        self.act(cx).await
    }

    #[setup_task("Do the second")]
    async fn two(&self, cx: &TaskContext) -> Result<Outcome> {
        self.act(cx).await
    }

    #[setup_task("Do the third")]
    async fn three(&self, cx: &TaskContext) -> Result<Outcome> {
        self.act(cx).await
    }

    /// Follows the instruction in the file with the task's name: `hold` (until the file is
    /// removed), `skip`, `ready NAME` or `clear NAME`.
    async fn act(&self, cx: &TaskContext) -> Result<Outcome> {
        let path = cx.layout().config().base_dir.join(format!("{}.{}", self.name, cx.task()));
        while let Ok(text) = std::fs::read_to_string(&path) {
            match text.split_once(' ').unwrap_or((&text, "")) {
                ("hold", _) => tokio::time::sleep(Duration::from_millis(2)).await,
                ("skip", _) => return Ok(Outcome::Skipped),
                ("ready", other) => {
                    cx.layout().get(other).unwrap().ready().await?;
                    break;
                }
                ("clear", other) => {
                    cx.layout().get(other).unwrap().clear_stamps_and_cache().await?;
                    break;
                }
                (other, _) => anyhow::bail!("no such word: {other}"),
            }
        }
        Ok(Outcome::Done)
    }
}

/// Creates the objects of a description such as `a early b, b late a`, which lists objects with
/// their dependencies.
fn layout(directory: &Path, store: &str, needs: &str, lease_timeout_secs: u64) -> Layout {
    let config = Config::new(directory).with(|config| config.lease_timeout_secs = lease_timeout_secs);
    let layout = match store {
        "files" => Layout::with_store(config.clone(), FilesStore::new(config.cache_dir())),
        _ => Layout::new(config),
    };
    let key = |name: &str| InjectionKey::<Object<Node>>::named(Box::leak(name.to_owned().into_boxed_str()));
    let needs: Vec<Vec<&str>> = needs.split(", ").map(|need| need.split(' ').collect()).collect();
    let mut names: Vec<_> = needs.iter().flat_map(|need| [need[0], need[2]]).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let of = |when: &str| {
            let others = needs.iter().filter(|need| need[0] == name && need[1] == when);
            others.map(|need| Deferred::new(key(need[2]))).collect()
        };
        let node = layout.add(Node { name: name.to_owned(), early: of("early"), late: of("late") }).unwrap();
        layout.injector().provide(key(name), node).unwrap();
    }
    layout
}

const DIRECTORY: &str = "SETUP_TASKS_TEST_ACROSS";

/// The entry point of the other processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_another_process() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let [store, needs, what, timeout] = ["STORE", "NEEDS", "WHAT", "TIMEOUT"].map(|name| std::env::var(name).unwrap());
    let layout = layout(Path::new(&directory), &store, &needs, timeout.parse().unwrap());
    let told = layout.on_event(|event| match &event.kind {
        EventKind::TaskStart { .. } => say(&format!("start {}/{}", event.object, event.task)),
        EventKind::TaskRan { .. } => say(&format!("ran {}/{}", event.object, event.task)),
        EventKind::Waiting { holder } => say(&format!("{} waits for {holder}", event.object)),
        _ => {}
    });
    let (kind, rest) = what.split_once(' ').unwrap();
    let error = match kind {
        "run" => layout.get(rest).unwrap().run_setup_tasks().await.err().map(chain),
        "force" => {
            let report = layout.run().include(rest).force_all().await.unwrap();
            (!report.is_success()).then(|| report.to_string())
        }
        "beside" => {
            let (whole, part) = rest.split_once(' ').unwrap();
            let runs = [whole, part].map(|name| layout.get(name).unwrap().run_setup_tasks().into_future());
            let [whole, part] = runs;
            let (whole, part) = tokio::join!(whole, async {
                let ended = part.await;
                say("part ended");
                ended
            });
            whole.err().or(part.err()).map(chain)
        }
        "fleet" => {
            let stop = setup_tasks::fleet::Stop::new();
            let stop_request = stop.clone();
            let file = Path::new(&directory).join("stop");
            tokio::spawn(async move {
                while !file.exists() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                stop_request.request();
            });
            let report = layout.run().include(rest).stop_when(stop).await.unwrap();
            (!report.is_success()).then(|| report.to_string())
        }
        other => panic!("no such word: {other}"),
    };
    told.flush().await;
    say(&error.map_or_else(|| "end".to_owned(), |error| format!("failed {}", error.replace('\n', " | "))));
}

#[expect(clippy::print_stdout, reason = "the processes communicate by their output")]
fn say(line: &str) {
    println!("\n>>> {line}");
}

/// The processes of a test.
struct Site {
    _place: Scratch,
    base: PathBuf,
    store: &'static str,
    needs: &'static str,
    timeout: u64,
}

struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
    said: Vec<String>,
}

impl Site {
    fn new(store: &'static str, needs: &'static str) -> Self {
        let place = Scratch::new();
        Self { base: place.path().to_owned(), _place: place, store, needs, timeout: 600 }
    }

    fn path(&self, task: &str) -> PathBuf {
        self.base.join(task)
    }

    /// Sets the instruction of a task, such as `hold` for `a.one`.
    fn set(&self, task: &str, what: &str) {
        std::fs::write(self.path(task), what).unwrap();
    }

    fn let_go(&self, task: &str) {
        std::fs::remove_file(self.path(task)).unwrap();
    }

    fn start(&self, what: &str) -> Process {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["across::as_another_process", "--exact", "--nocapture"])
            .env(DIRECTORY, &self.base)
            .envs([("STORE", self.store), ("NEEDS", self.needs), ("WHAT", what)])
            .env("TIMEOUT", self.timeout.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (stdout, (tell, lines)) = (child.stdout.take().unwrap(), mpsc::channel());
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(said) = line.strip_prefix(">>> ") {
                    let _ = tell.send(said.to_owned());
                }
            }
        });
        Process { child, lines, said: Vec::new() }
    }

    /// Returns the tasks that have stamps.
    fn done(&self) -> Vec<String> {
        let layout = layout(&self.base, self.store, self.needs, 0);
        let mut done = Vec::new();
        for object in layout.all() {
            for task in ["one", "two", "three"] {
                if object.check_stamp(task).now_or_never().unwrap().unwrap().is_some() {
                    done.push(format!("{}/{task}", object.id()));
                }
            }
        }
        done
    }
}

impl Process {
    /// Waits for a line of output with this beginning, and returns the line.
    fn hear(&mut self, wanted: &str) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("it never says {wanted:?}: {:#?}", self.said);
            };
            self.said.push(line.clone());
            if line.starts_with(wanted) {
                return line;
            }
        }
    }

    /// Waits for the end of the process, and returns its result.
    fn end(&mut self) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) else {
                panic!("it never ends: {:#?}", self.said);
            };
            self.said.push(line.clone());
            match line.strip_prefix("failed ") {
                Some(error) => return Err(error.to_owned()),
                None if line == "end" => return Ok(()),
                None => {}
            }
        }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn others(site: &Site) -> OtherProcesses {
    setup_tasks::activity::of_other_processes(&Config::new(site.base.clone())).unwrap()
}

const STORES: [&str; 2] = ["sqlite", "files"];

/// Each process has locked its own object and waits for a task of the other's object. The tasks
/// form no circle.
#[test]
fn two_processes_with_mutually_dependent_objects_succeed() {
    for store in STORES {
        let site = Site::new(store, "a early b, b late a");
        site.set("b.one", "hold");
        let mut b = site.start("run b");
        b.hear("start b/one");
        let mut a = site.start("run a");
        let waits = a.hear("b waits for ");
        assert!(waits.starts_with(&format!("b waits for process {} on ", b.pid())), "{waits}");
        site.let_go("b.one");
        assert_eq!((a.end(), b.end()), (Ok(()), Ok(())), "{store}");
        assert_eq!(site.done(), ["a/one", "a/two", "a/three", "b/one", "b/two", "b/three"]);
        let ran =
            |process: &Process| process.said.iter().filter(|line| line.starts_with("ran")).cloned().collect::<Vec<_>>();
        assert_eq!(ran(&a), ["ran a/one", "ran a/two", "ran a/three"], "each runs what it holds");
        assert_eq!(ran(&b), ["ran b/one", "ran b/two", "ran b/three"]);
    }
}

#[test]
fn a_wait_for_a_task_ends_while_the_holder_still_works() {
    for store in STORES {
        let site = Site::new(store, "a early b");
        site.set("b.one", "hold");
        site.set("b.three", "hold");
        let mut b = site.start("run b");
        b.hear("start b/one");
        let mut a = site.start("run a");
        a.hear("b waits for ");
        site.let_go("b.one");
        assert_eq!(a.end(), Ok(()));
        b.hear("start b/three");
        site.let_go("b.three");
        assert_eq!(b.end(), Ok(()));
    }
}

/// The skipped task changes no stamp in which the other process could see it.
#[test]
fn a_wait_for_a_task_ends_when_the_holder_skips_it() {
    for store in STORES {
        let site = Site::new(store, "a early b");
        site.set("b.one", "hold");
        site.set("b.two", "skip");
        site.set("b.three", "hold");
        let mut b = site.start("run b");
        b.hear("start b/one");
        let mut a = site.start("run a");
        a.hear("b waits for ");
        site.let_go("b.one");
        assert_eq!(a.end(), Ok(()));
        assert_eq!(site.done(), ["a/one", "a/two", "a/three", "b/one"]);
        site.let_go("b.three");
        assert_eq!(b.end(), Ok(()));
    }
}

#[test]
fn a_circle_through_two_processes_is_reported_within_a_second() {
    for store in STORES {
        let site = Site::new(store, "a early b, b early a");
        site.set("b.one", "hold");
        let mut b = site.start("run b");
        b.hear("start b/one");
        let mut a = site.start("run a");
        a.hear("b waits for ");
        let began = Instant::now();
        site.let_go("b.one");
        let (of_a, of_b) = (a.end(), b.end());
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        let errors: Vec<_> = [of_a, of_b].into_iter().filter_map(Result::err).collect();
        assert!(!errors.is_empty());
        for error in errors {
            let (_, circle) = error.rsplit_once("waiting would never end: ").expect(&error);
            let names: Vec<_> = circle.split(" -> ").map(|name| name.split('`').nth(1).unwrap()).collect();
            assert!(names == ["a", "b", "a"] || names == ["b", "a", "b"], "{circle}");
        }
        assert_eq!(site.done(), ["a/one", "b/one"]);
    }
}

#[test]
fn a_circle_through_three_processes_is_reported_within_a_second() {
    let site = Site::new("sqlite", "a early b, b early c, c early a");
    site.set("c.one", "hold");
    let mut c = site.start("run c");
    c.hear("start c/one");
    let mut b = site.start("run b");
    b.hear("c waits for ");
    let mut a = site.start("run a");
    a.hear("c waits for ");
    let began = Instant::now();
    site.let_go("c.one");
    let ends = [a.end(), b.end(), c.end()];
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let errors: Vec<_> = ends.into_iter().filter_map(Result::err).collect();
    assert!(
        !errors.is_empty() && errors.iter().all(|error| error.contains("waiting would never end: ")),
        "{errors:#?}"
    );
}

#[test]
fn three_processes_without_a_circle_of_tasks_succeed() {
    for store in STORES {
        let site = Site::new(store, "a early b, b late c, c late a");
        for task in ["a.one", "b.one", "c.one"] {
            site.set(task, "hold");
        }
        let mut all = ["a", "b", "c"].map(|name| {
            let mut process = site.start(&format!("run {name}"));
            process.hear(&format!("start {name}/one"));
            process
        });
        for task in ["a.one", "c.one", "b.one"] {
            site.let_go(task);
        }
        assert_eq!(all.each_mut().map(Process::end), [Ok(()), Ok(()), Ok(())]);
        assert_eq!(site.done().len(), 9);
    }
}

/// Each process runs all objects, and the order of locking is arbitrary.
#[test]
fn processes_that_run_the_same_mutually_dependent_objects_succeed() {
    for store in STORES {
        let site = Site::new(store, "a early b, b late a, c early a, a late c, d late a, d late c, b late d");
        let mut all = [(); 3].map(|()| site.start("fleet *"));
        for process in &mut all {
            assert_eq!(process.end(), Ok(()));
        }
        assert_eq!(site.done().len(), 12);
        let times = |task: &str| all.iter().flat_map(|process| &process.said).filter(|line| *line == task).count();
        for object in ["a", "b", "c", "d"] {
            for task in ["one", "two", "three"] {
                assert_eq!(times(&format!("ran {object}/{task}")), 1, "{object}/{task}");
            }
        }
    }
}

/// This process also runs the object, and waits for its lock. A dependent that needs only one task
/// of the object does not wait for the lock.
#[test]
fn a_wait_for_a_task_does_not_wait_for_the_whole_object() {
    let site = Site::new("sqlite", "a early b");
    site.set("b.one", "hold");
    site.set("b.three", "hold");
    let mut b = site.start("run b");
    b.hear("start b/one");
    let mut both = site.start("beside b a");
    both.hear("b waits for ");
    site.let_go("b.one");
    both.hear("part ended");
    site.let_go("b.three");
    assert_eq!((both.end(), b.end()), (Ok(()), Ok(())));
}

#[test]
fn objects_brought_to_ready_within_tasks_close_a_circle_through_processes() {
    let site = Site::new("sqlite", "a late c, b late c");
    site.set("a.two", "ready b");
    site.set("b.two", "ready a");
    site.set("b.one", "hold");
    let mut b = site.start("run b");
    b.hear("start b/one");
    let mut a = site.start("run a");
    a.hear("b waits for ");
    let began = Instant::now();
    site.let_go("b.one");
    let errors: Vec<_> = [a.end(), b.end()].into_iter().filter_map(Result::err).collect();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(
        !errors.is_empty() && errors.iter().all(|error| error.contains("waiting would never end: ")),
        "{errors:#?}"
    );
}

/// Each process has locked its own object and waits for the lock of the other's, so no task can end
/// the waits.
#[test]
fn locks_close_a_circle_too() {
    let site = Site::new("sqlite", "a late c, b late c");
    site.set("a.two", "clear b");
    site.set("b.two", "clear a");
    site.set("b.one", "hold");
    let mut b = site.start("run b");
    b.hear("start b/one");
    let mut a = site.start("run a");
    a.hear("b waits for ");
    site.let_go("b.one");
    let errors: Vec<_> = [a.end(), b.end()].into_iter().filter_map(Result::err).collect();
    assert!(
        !errors.is_empty() && errors.iter().all(|error| error.contains("waiting would never end: ")),
        "{errors:#?}"
    );
}

#[test]
fn a_wait_ends_at_once_when_the_holder_is_killed() {
    for store in STORES {
        let site = Site::new(store, "a early b");
        site.set("b.one", "hold");
        let mut b = site.start("run b");
        b.hear("start b/one");
        let mut a = site.start("run a");
        a.hear("b waits for ");
        // The task must find its instruction, so the file is there before the task can begin.
        site.set("b.two", "hold");
        site.let_go("b.one");
        b.hear("start b/two");
        b.signal("-KILL");
        let began = Instant::now();
        a.hear("start b/two");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        site.let_go("b.two");
        assert_eq!(a.end(), Ok(()));
        assert_eq!(site.done(), ["a/one", "a/two", "a/three", "b/one", "b/two"]);
    }
}

#[test]
fn the_error_of_a_wait_that_lasts_too_long_names_the_holders_activity() {
    let site = Site { timeout: 1, ..Site::new("sqlite", "a early b") };
    site.set("b.one", "hold");
    let mut b = site.start("run b");
    b.hear("start b/one");
    let mut a = site.start("run a");
    let error = a.end().unwrap_err();
    let holder = format!("the lease of `b` has been held by process {} on ", b.pid());
    assert!(error.contains(&holder) && error.contains("; it runs `one` (Do the first), for "), "{error}");
}

/// A process that does not respond is not part of any circle.
#[test]
fn a_wait_for_a_suspended_holder_continues_and_names_it() {
    let site = Site { timeout: 2, ..Site::new("sqlite", "a early b, b early a") };
    site.set("b.one", "hold");
    let mut b = site.start("run b");
    b.hear("start b/one");
    b.signal("-STOP");
    let mut a = site.start("run a");
    let began = Instant::now();
    let error = a.end().unwrap_err();
    assert!(began.elapsed() > Duration::from_secs(2));
    let silent = format!("; process {} does not answer, and may be stopped", b.pid());
    assert!(error.contains(&silent) && !error.contains("never end"), "{error}");
    // The process still holds the lock after it continues.
    site.let_go("b.one");
    b.signal("-CONT");
    assert!(b.end().is_err(), "its circle is one of tasks");
}

#[test]
fn a_stop_request_ends_a_wait_for_another_process() {
    let site = Site::new("sqlite", "a early b");
    site.set("b.one", "hold");
    let mut b = site.start("run b");
    b.hear("start b/one");
    let mut a = site.start("fleet a");
    a.hear("b waits for ");
    site.set("stop", "");
    let began = Instant::now();
    let error = a.end().unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(1) && !error.contains("has been held by"), "{error}");
    site.let_go("b.one");
    assert_eq!(b.end(), Ok(()));
}

#[test]
fn a_task_that_another_process_has_run_meanwhile_is_not_forced_again() {
    let site = Site::new("sqlite", "a early b");
    site.set("b.one", "hold");
    let mut b = site.start("run b");
    b.hear("start b/one");
    let mut a = site.start("force *");
    a.hear("b waits for ");
    site.let_go("b.one");
    assert_eq!((a.end(), b.end()), (Ok(()), Ok(())));
    assert!(!a.said.iter().any(|line| line.starts_with("ran b/")), "{:#?}", a.said);
}

#[test]
fn a_suspended_or_killed_process_does_not_hide_the_activities_of_others() {
    let site = Site::new("sqlite", "a late c, b late c");
    let mut all = ["a", "b", "c"].map(|name| {
        site.set(&format!("{name}.one"), "hold");
        let mut process = site.start(&format!("run {name}"));
        process.hear(&format!("start {name}/one"));
        process
    });
    let told = others(&site);
    let mut names: Vec<_> = told.processes.iter().map(|snapshot| snapshot.activities[0].name.clone()).collect();
    names.sort_unstable();
    assert_eq!((names, told.silent.len()), (vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], 0));

    all[1].signal("-STOP");
    all[2].signal("-KILL");
    all[2].child.wait().unwrap();
    let began = Instant::now();
    let told = others(&site);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(told.processes.iter().map(|snapshot| snapshot.pid).collect::<Vec<_>>(), [all[0].pid()]);
    let [silent] = &*told.silent else { panic!("{told:?}") };
    assert_eq!((silent.pid, &*silent.problem), (all[1].pid(), "it does not answer; it may be stopped"));
    let runs = site.path(".setup-tasks/cache/.setup-tasks/runs");
    assert_eq!(std::fs::read_dir(runs).unwrap().count(), 2, "the socket of the process that was killed is gone");

    all[1].signal("-CONT");
    assert_eq!(others(&site).processes.len(), 2);
    ["a.one", "b.one", "c.one"].iter().for_each(|task| site.let_go(task));
    assert_eq!((all[0].end(), all[1].end()), (Ok(()), Ok(())));
}

#[test]
fn processes_answer_each_other_under_a_base_path_of_any_length() {
    let mut site = Site::new("files", "a early b, b late a");
    site.base = (0..5).fold(site.base, |base, _| base.join("deep".repeat(50)));
    assert!(site.base.as_os_str().len() > 1000);
    std::fs::create_dir_all(&site.base).unwrap();
    site.set("b.one", "hold");
    let mut b = site.start("run b");
    b.hear("start b/one");
    assert_eq!(others(&site).processes.len(), 1);
    let mut a = site.start("run a");
    a.hear("b waits for ");
    site.let_go("b.one");
    assert_eq!((a.end(), b.end()), (Ok(()), Ok(())));
}
