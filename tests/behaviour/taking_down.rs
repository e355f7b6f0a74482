//! Tests of runs that bring objects down: undos in reverse order, dependents first.

use std::sync::Arc;
use std::time::Duration;

use setup_tasks::error::explain;
use setup_tasks::fleet::{FleetError, FleetReport, ObjectStatus, Stop};
use setup_tasks::prelude::*;
use setup_tasks::run::{ContextExit, TaskStatus};
use setup_tasks::stamp::{AttemptEnd, HistoryFilter};
use setup_tasks::task::{Completion, TaskKind};
use setup_tasks::{AnyObject, Customization, Deferred, Inject, InjectionKey, Layout, NewTask, Resource, RunContext};

use test_kit::{Knobs, Log, Scratch, chain, events};

/// A share with four tasks. The knobs control their undos.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "{name}")]
struct Share {
    name: String,
    log: Log,
    knobs: Knobs,
    #[depends_on(Share::mount)]
    below: Vec<Object<Share>>,
}

#[setup_tasks]
impl Share {
    #[setup_task("Make the directory", undo = remove, retries = 1)]
    fn make(&self) {}

    #[setup_task("Install the client")]
    fn install(&self) {}

    #[setup_task("Mount the share", undo = unmount, timeout = "1s")]
    async fn mount(&self) -> Result<()> {
        match self.knobs.get("mount").as_deref() {
            Some("fail") => anyhow::bail!("no route to host"),
            Some("hang") => std::future::pending().await,
            _ => Ok(()),
        }
    }

    #[setup_task("Watch it", check_completed = is_watched, undo = forget)]
    fn watch(&self) {}

    fn is_watched(&self) -> Completion {
        if self.knobs.get("watched").is_some() { Completion::Complete } else { Completion::Incomplete }
    }

    fn remove(&self, cx: &TaskContext) -> Result<()> {
        self.log.say(format!("remove {}", self.name));
        match self.knobs.get("remove").as_deref() {
            Some("once") if cx.attempt() == 1 => anyhow::bail!("busy"),
            Some("panic") => panic!("the disk is gone"),
            _ => Ok(()),
        }
    }

    async fn unmount(&self, cx: &TaskContext, last_run: LastRun) -> Result<()> {
        let seen = if last_run.0.is_some() { "" } else { " without a stamp" };
        self.log.say(format!("unmount {}{seen}", self.name));
        cx.log("umount");
        match self.knobs.get("unmount").as_deref() {
            Some("fail") => Err(anyhow::anyhow!("target is busy").context("umount failed")),
            Some("skip") => Err(setup_tasks::task::SkipSetupTask.into()),
            Some("hang") => std::future::pending().await,
            Some("stop") => {
                cx.layout().stop().request();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn forget(&self) {
        self.log.say(format!("forget {}", self.name));
        self.knobs.clear("watched");
    }
}

impl Share {
    fn new(name: &str) -> Self {
        Self { name: name.into(), log: Log::default(), knobs: Knobs::default(), below: Vec::new() }
    }

    fn on(name: &str, below: &[&Object<Self>]) -> Self {
        Self { below: below.iter().map(|&below| below.clone()).collect(), log: below[0].log.clone(), ..Self::new(name) }
    }
}

/// Returns every task with its status: `["mount undone", "install forgotten"]`.
fn statuses(report: &FleetReport, id: &str) -> Vec<String> {
    let tasks = &report.object(id).unwrap().tasks;
    tasks.iter().map(|task| format!("{} {:?}", task.task, task.status)).collect()
}

fn outcomes(report: &FleetReport) -> Vec<(&str, ObjectStatus)> {
    report.objects.iter().map(|result| (&*result.object, result.outcome)).collect()
}

/// Returns the error of an object with its causes.
fn failure(report: &FleetReport, id: &str) -> String {
    without_help(&explain(&**report.object(id).unwrap().error.as_ref().unwrap()))
}

fn without_help(error: &str) -> String {
    error.split("\nhelp: ").next().unwrap().to_owned()
}

async fn up(layout: &Layout) {
    let report = layout.run().await.unwrap();
    assert!(report.is_success(), "{report}");
}

#[tokio::test]
async fn tasks_are_undone_in_reverse_order_and_one_without_an_undo_loses_its_stamp() {
    for (store, layout) in Scratch::new().layouts() {
        let layout = layout();
        let share = layout.add(Share::new("music")).unwrap();
        up(&layout).await;
        let mut seen = events(&layout);
        let report = layout.down().await.unwrap();
        assert_eq!(statuses(&report, "music"), ["watch Undone", "mount Undone", "install Forgotten", "make Undone"]);
        assert_eq!(share.log.take(), ["forget music", "unmount music", "remove music"], "{store}");
        assert_eq!(report.summary(), "brought down: 1 object; 3 tasks undone, 1 without an undo");
        assert_eq!(
            seen.take(),
            [
                "music/watch undo starts 1",
                "music/watch undone",
                "music/mount undo starts 1",
                "music/mount says: umount",
                "music/mount undone",
                "music/install forgotten",
                "music/make undo starts 1",
                "music/make undone",
                "music/ is down",
            ]
        );
        assert!(layout.store().load("music").await.unwrap().is_empty(), "{store}");
        let history = layout.history(&HistoryFilter::new().limit(4)).await.unwrap();
        let history: Vec<_> = history.iter().map(|line| (&*line.task, line.ended, &*line.reason)).collect();
        let expected = [
            ("make", AttemptEnd::Undone),
            ("install", AttemptEnd::Forgotten),
            ("mount", AttemptEnd::Undone),
            ("watch", AttemptEnd::Undone),
        ];
        assert_eq!(history, expected.map(|(task, ended)| (task, ended, "brought down")), "{store}");
    }
}

#[tokio::test]
async fn afterwards_everything_counts_as_never_run_and_is_ready_only_after_another_run() {
    let layout = Layout::in_memory().unwrap();
    let share = layout.add(Share::new("music")).unwrap();
    share.ready().await.unwrap();
    share.as_any().down().await.unwrap();
    let plan = share.as_any().plan().await.unwrap();
    let reasons: Vec<_> = plan.would_run().filter_map(|task| task.reason.clone()).collect();
    assert_eq!(reasons, [Reason::NeverRan, Reason::NeverRan, Reason::NeverRan, Reason::NotCompleted]);
    share.ready().await.unwrap();
    assert!(share.check_stamp("mount").await.unwrap().is_some(), "readiness does not outlive the way down");
}

#[tokio::test]
async fn a_second_way_down_does_nothing_and_takes_no_lease() {
    let place = Scratch::new();
    let layout = place.layout();
    let share = layout.add(Share::new("music")).unwrap();
    up(&layout).await;
    layout.down().await.unwrap();
    drop((share, layout));
    let before = place.tree();
    let layout = place.layout();
    let share = layout.add(Share::new("music")).unwrap();
    let report = layout.down().await.unwrap();
    assert_eq!(report.summary(), "nothing to bring down: 1 object");
    assert_eq!((share.log.take(), outcomes(&report)), (vec![], vec![("music", ObjectStatus::Down)]));
    drop((share, layout));
    assert_eq!(place.tree(), before);
}

#[tokio::test]
async fn failed_and_interrupted_tasks_and_those_that_count_as_complete_are_undone_and_no_others() {
    let layout = Layout::in_memory().unwrap();
    let share = layout.add(Share::new("music")).unwrap();
    share.knobs.set("mount", "fail");
    assert!(!layout.run().await.unwrap().is_success());
    let report = layout.down().await.unwrap();
    assert_eq!(statuses(&report, "music"), ["mount Undone", "install Forgotten", "make Undone"]);
    assert_eq!(share.log.take()[0], "unmount music without a stamp");

    share.knobs.set("mount", "hang");
    let run = tokio::time::timeout(Duration::from_millis(50), layout.run().into_future()).await;
    assert!(run.is_err());
    share.knobs.clear("mount");
    share.knobs.set("watched", "yes");
    let report = layout.down().await.unwrap();
    assert_eq!(statuses(&report, "music"), ["watch Undone", "mount Undone", "install Forgotten", "make Undone"]);
}

#[tokio::test]
async fn a_plan_changes_nothing_and_shows_what_would_be_undone() {
    let place = Scratch::new();
    let layout = place.layout();
    layout.add(Share::new("music")).unwrap();
    up(&layout).await;
    drop(layout);
    let before = place.tree();
    let layout = place.layout();
    let share = layout.add(Share::new("music")).unwrap();
    let mut seen = events(&layout);
    let plan = layout.down().dry_run().await.unwrap();
    assert_eq!(
        statuses(&plan, "music"),
        ["watch WouldUndo", "mount WouldUndo", "install WouldForget", "make WouldUndo"]
    );
    assert_eq!(plan.summary(), "would bring down: 1 object; 3 tasks to undo, 1 without an undo");
    assert_eq!(seen.take().len(), 4);
    assert!(share.log.take().is_empty() && share.check_stamp("mount").await.unwrap().is_some());
    drop((share, layout));
    assert_eq!(place.tree(), before);
}

#[tokio::test]
async fn a_failed_undo_stops_its_object_and_the_next_way_down_continues() {
    for (store, layout) in Scratch::new().layouts() {
        let layout = layout();
        let share = layout.add(Share::new("music")).unwrap();
        up(&layout).await;
        share.knobs.set("unmount", "fail");
        let mut seen = events(&layout);
        let report = layout.down().await.unwrap();
        assert_eq!(
            failure(&report, "music"),
            "task `music/mount` (Mount the share) cannot be undone: umount failed: target is busy"
        );
        assert_eq!(report.summary(), "failed: 1 of 1 object; 1 task undone", "{store}");
        assert!(seen.take().contains(&"music/mount undo fails: umount failed: target is busy".to_owned()));
        assert!(share.check_stamp("make").await.unwrap().is_some(), "the tasks before it stay");
        assert!(share.check_stamp("mount").await.unwrap().is_none());
        let plan = share.as_any().plan().await.unwrap();
        let reason = plan.task("mount").unwrap().reason.as_ref().unwrap().to_string();
        assert_eq!(reason, "failed last time: its undo failed: umount failed: target is busy", "{store}");
        assert_eq!(layout.history(&HistoryFilter::new().limit(1)).await.unwrap()[0].ended, AttemptEnd::UndoFailed);

        share.knobs.clear("unmount");
        share.log.take();
        let report = layout.down().await.unwrap();
        assert_eq!(statuses(&report, "music"), ["mount Undone", "install Forgotten", "make Undone"], "{store}");
        assert_eq!(share.log.take(), ["unmount music", "remove music"], "the undo still sees the last completion");
    }
}

#[tokio::test]
async fn an_undo_is_retried_and_a_panic_a_timeout_and_a_skip_are_failures() {
    let layout = Layout::in_memory().unwrap();
    let share = layout.add(Share::new("music")).unwrap();
    let error = |report: &FleetReport| failure(report, "music");
    up(&layout).await;
    share.knobs.set("unmount", "skip");
    assert!(error(&layout.down().await.unwrap()).ends_with("the task asked to be skipped"));
    share.knobs.clear("unmount");
    share.knobs.set("remove", "panic");
    assert!(error(&layout.down().await.unwrap()).contains("the disk is gone"));
    share.knobs.set("remove", "once");
    let mut seen = events(&layout);
    assert!(layout.down().await.unwrap().is_success());
    let seen = seen.take();
    assert_eq!(seen[0], "music/make undo starts 1");
    assert!(seen[1].starts_with("music/make retry after 1: busy"), "{seen:?}");
    assert_eq!(seen[2], "music/make undo starts 2");

    up(&layout).await;
    share.knobs.set("unmount", "hang");
    let error = error(&layout.down().await.unwrap());
    assert!(error.contains("took longer than its timeout of 1s"), "{error}");
}

#[tokio::test]
async fn a_dropped_way_down_leaves_an_interrupted_task_whose_undo_is_repeated() {
    for (store, layout) in Scratch::new().layouts() {
        let layout = layout();
        let share = layout.add(Share::new("music")).unwrap();
        up(&layout).await;
        share.knobs.set("unmount", "hang");
        let down = tokio::spawn(layout.down().into_future());
        while !share.log.take().contains(&"unmount music".to_owned()) {
            tokio::task::yield_now().await;
        }
        down.abort();
        assert!(down.await.is_err());
        let plan = share.as_any().plan().await.unwrap();
        assert_eq!(plan.task("mount").unwrap().reason, Some(Reason::Interrupted), "{store}");
        assert!(plan.task("make").unwrap().is_up_to_date());
        share.knobs.clear("unmount");
        let report = layout.down().await.unwrap();
        assert_eq!(statuses(&report, "music"), ["mount Undone", "install Forgotten", "make Undone"], "{store}");
    }
}

#[tokio::test]
async fn a_stop_lets_the_undo_finish_and_begins_no_other() {
    let layout = Layout::in_memory().unwrap();
    let share = layout.add(Share::new("music")).unwrap();
    layout.add(Share::on("party", &[&share])).unwrap();
    up(&layout).await;
    let stop = Stop::new();
    stop.request();
    let report = layout.down().stop_when(stop).await.unwrap();
    assert_eq!(outcomes(&report), [("music", ObjectStatus::NotTried), ("party", ObjectStatus::NotTried)]);
    assert_eq!(report.summary(), "stopped: 2 of 2 objects not finished; 2 not tried");
    share.knobs.set("unmount", "stop");
    let report = layout.down().await.unwrap();
    assert_eq!(outcomes(&report), [("music", ObjectStatus::Stopped), ("party", ObjectStatus::BroughtDown)]);
    assert_eq!(statuses(&report, "music"), ["watch Undone", "mount Undone"]);
}

#[tokio::test]
async fn dependents_of_the_named_objects_come_down_before_them_and_others_stay() {
    let layout = Layout::in_memory().unwrap();
    let server = layout.add(Share::new("server")).unwrap();
    let client = layout.add(Share::on("client", &[&server])).unwrap();
    let guest = layout.add(Share::on("guest", &[&client])).unwrap();
    let other = layout.add(Share { log: server.log.clone(), ..Share::new("other") }).unwrap();
    up(&layout).await;
    let plan = client.as_any().down().dry_run().await.unwrap();
    assert_eq!(outcomes(&plan), ["client", "guest"].map(|id| (id, ObjectStatus::WouldBringDown)));
    let report = layout.down().include("server").jobs(1).await.unwrap();
    assert_eq!(outcomes(&report), ["server", "client", "guest"].map(|id| (id, ObjectStatus::BroughtDown)));
    assert_eq!(report.objects.iter().map(|result| result.chosen).collect::<Vec<_>>(), [true, false, false]);
    let undone: Vec<_> = server.log.take().into_iter().filter(|line| line.starts_with("unmount")).collect();
    assert_eq!(undone, ["unmount guest", "unmount client", "unmount server"]);
    assert!(other.check_stamp("mount").await.unwrap().is_some() && guest.check_stamp("mount").await.unwrap().is_none());
}

#[tokio::test]
async fn what_a_failed_object_needs_stays_and_the_rest_comes_down() {
    let layout = Layout::in_memory().unwrap();
    let disk = layout.add(Share::new("disk")).unwrap();
    let server = layout.add(Share::on("server", &[&disk])).unwrap();
    let client = layout.add(Share::on("client", &[&server])).unwrap();
    layout.add(Share::new("other")).unwrap();
    up(&layout).await;
    client.knobs.set("unmount", "fail");
    let report = layout.down().await.unwrap();
    assert_eq!(
        outcomes(&report),
        [
            ("disk", ObjectStatus::DependentFailed),
            ("server", ObjectStatus::DependentFailed),
            ("client", ObjectStatus::Failed),
            ("other", ObjectStatus::BroughtDown)
        ]
    );
    let error = |id| failure(&report, id);
    assert_eq!(
        error("server"),
        "`server` stays as it is, because `client` depends on it and could not be brought down"
    );
    assert_eq!(error("disk"), "`disk` stays as it is, because `server` depends on it and stays, too");
    assert!(server.check_stamp("mount").await.unwrap().is_some());
    assert_eq!(
        report.summary(),
        "failed: 1 of 4 objects; 2 needed by what stays, 1 brought down, 4 tasks undone, 1 without an undo"
    );
    let report = layout.down().include("other").include("client").fail_fast().await.unwrap();
    assert!(!report.is_success());
    client.knobs.clear("unmount");
    assert!(layout.down().await.unwrap().is_success());
}

#[tokio::test]
async fn an_excluded_dependent_is_an_error_that_names_both() {
    let layout = Layout::in_memory().unwrap();
    let server = layout.add(Share::new("server")).unwrap();
    layout.add(Share::on("client", &[&server])).unwrap();
    up(&layout).await;
    let error = layout.down().exclude("client").await.unwrap_err();
    assert_eq!(error.to_string(), "`server` cannot be brought down, because `client` depends on it and is excluded");
    assert!(server.check_stamp("mount").await.unwrap().is_some());
    let unknown = layout.down().include("serve").await.unwrap_err();
    assert!(matches!(unknown, FleetError::Nothing { .. }), "{unknown}");
    let report = layout.down().exclude("*").await.unwrap();
    assert_eq!(report.objects.len(), 0, "{report}");
}

#[tokio::test]
async fn a_readonly_object_and_what_it_needs_are_left_alone_and_reported_also_when_named() {
    let place = Scratch::new();
    {
        let layout = place.layout();
        let server = layout.add(Share::new("server")).unwrap();
        layout.add(Share::on("client", &[&server])).unwrap();
        up(&layout).await;
    }
    let layout = place.layout();
    let server = layout.add(Share::new("server")).unwrap();
    let client = layout.object_builder(Share::on("client", &[&server])).readonly(true).add().unwrap();
    let untouched = layout.object_builder(Share::on("guest", &[&server])).readonly(true).add().unwrap();
    let report = layout.down().include("client").await.unwrap();
    assert_eq!(outcomes(&report), [("client", ObjectStatus::Readonly)]);
    assert_eq!(
        (report.is_success(), report.summary()),
        (true, "nothing to bring down: 1 object; 1 readonly".to_owned())
    );
    let report = layout.down().await.unwrap();
    let error = failure(&report, "server");
    assert_eq!(error, "`server` stays as it is, because `client` depends on it and is readonly");
    assert!(client.check_stamp("mount").await.unwrap().is_some());
    assert!(untouched.check_stamp("mount").await.unwrap().is_none(), "it was never up, so it keeps nothing");
}

/// An object of a ring: each depends on the first task of its neighbour before its own second task.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "{name}")]
struct Ring {
    name: &'static str,
    log: Log,
    #[depends_on(Ring::first, before = second)]
    neighbour: Deferred<Ring>,
}

#[setup_tasks]
impl Ring {
    #[setup_task("Do the first", undo = undo_first)]
    fn first(&self) {}
    #[setup_task("Do the second", undo = undo_second)]
    fn second(&self) {}
    fn undo_first(&self) {
        self.log.say(format!("{}.first", self.name));
    }
    fn undo_second(&self) {
        self.log.say(format!("{}.second", self.name));
    }
}

#[tokio::test]
async fn objects_that_depend_on_each_other_come_down_task_by_task() {
    let (layout, log) = (Layout::in_memory().unwrap(), Log::default());
    let key = |name: &'static str| InjectionKey::<Object<Ring>>::named(name);
    for (name, neighbour) in [("a", "b"), ("b", "c"), ("c", "a")] {
        let neighbour = Deferred::new(key(neighbour));
        let ring = layout.add(Ring { name, log: log.clone(), neighbour }).unwrap();
        layout.injector().provide(key(name), ring).unwrap();
    }
    up(&layout).await;
    let report = layout.down().include("a").await.unwrap();
    assert_eq!(report.count(TaskStatus::Undone), 6, "{report}");
    let order = log.take();
    let at = |task: &str| order.iter().position(|line| line == task).unwrap();
    for (name, neighbour) in [("a", "b"), ("b", "c"), ("c", "a")] {
        assert!(at(&format!("{name}.second")) < at(&format!("{neighbour}.first")), "{order:?}");
    }
}

/// A host whose customization has a context of its own.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "host")]
struct Host {
    log: Log,
    readonly: bool,
}

#[setup_tasks]
impl Host {
    #[setup_task("Boot", undo = halt)]
    fn boot(&self) {}

    #[setup_task("Make it a web server")]
    const WEB: Customization<Host, Web, Image> =
        Customization::within(|host| Image(host.log.clone()), |host| Web { log: host.log.clone() });

    #[setup_task("Guard it")]
    const GUARD: Customization<Host, Guard> = Customization::new(|host| Guard { log: host.log.clone() });

    fn halt(&self) {
        self.log.say("halt");
    }
}

struct Image(Log);

struct Root(&'static str);

impl RunContext for Image {
    type Resource = Root;

    async fn enter(&self) -> Result<Root> {
        self.0.say("attach");
        Ok(Root("/mnt"))
    }

    async fn leave(&self, _: Arc<Root>, outcome: ContextExit) -> Result<()> {
        self.0.say(format!("detach {outcome:?}"));
        Ok(())
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "web")]
struct Web {
    log: Log,
}

#[setup_tasks]
impl Web {
    #[setup_task("Install it", undo = purge)]
    fn install(&self) {}
    #[setup_task("Start it", undo = stop)]
    fn start(&self) {}
    fn purge(&self, root: Resource<Root>) {
        self.log.say(format!("purge {}", root.0.0));
    }
    fn stop(&self) {
        self.log.say("stop");
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "guard", readonly)]
struct Guard {
    log: Log,
}

#[setup_tasks]
impl Guard {
    #[setup_task("Watch", undo = leave)]
    fn watch(&self) {}
    fn leave(&self) {
        self.log.say("leave");
    }
}

#[tokio::test]
async fn tasks_of_customizations_are_undone_within_their_context() {
    let layout = Layout::in_memory().unwrap();
    let host = layout.add(Host { log: Log::default(), readonly: false }).unwrap();
    assert!(!host.readonly);
    up(&layout).await;
    host.create_stamp("guard.watch", "").await.unwrap();
    host.create_stamp("of an older version", "").await.unwrap();
    host.log.take();
    let report = layout.down().await.unwrap();
    assert_eq!(host.log.take(), ["attach", "stop", "purge /mnt", "detach Done", "halt"]);
    assert_eq!(
        statuses(&report, "host"),
        ["web.start Undone", "web.install Undone", "boot Undone", "of an older version Forgotten"]
    );
    let left = layout.store().load("host").await.unwrap();
    assert_eq!(left.iter().map(|(task, _)| task.to_owned()).collect::<Vec<_>>(), ["guard.watch"], "it is readonly");
}

/// A kind of task that keeps what its undo needs.
struct Account(&'static str);

impl<T: Sync> TaskKind<T> for Account {
    async fn run(&self, _model: &T, cx: &TaskContext) -> Result<Outcome> {
        cx.keep(self.0.as_bytes().to_vec());
        Ok(Outcome::Done)
    }

    fn has_undo(&self) -> bool {
        self.0 != "permanent"
    }

    async fn undo(&self, _model: &T, cx: &TaskContext) -> Result<()> {
        cx.log(format!("delete {}", String::from_utf8_lossy(cx.kept())));
        Ok(())
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "directory")]
struct Directory {
    log: Log,
}

#[setup_tasks]
impl Directory {
    #[setup_task("Create ada")]
    const ADA: Account = Account("ada");
    #[setup_task("Create root")]
    const ROOT: Account = Account("permanent");
    #[setup_task("Create grace", undo = archive)]
    const GRACE: Account = Account("grace");

    async fn archive(&self) {
        self.log.say("archive");
    }
}

#[tokio::test]
async fn a_kind_can_have_an_undo_and_the_key_takes_its_place() {
    let layout = Layout::in_memory().unwrap();
    let directory = layout.add(Directory { log: Log::default() }).unwrap();
    up(&layout).await;
    let mut seen = events(&layout);
    let report = layout.down().await.unwrap();
    assert_eq!(statuses(&report, "directory"), ["grace Undone", "root Forgotten", "ada Undone"]);
    assert_eq!(directory.log.take(), ["archive"]);
    assert_eq!(seen.take()[4], "directory/ada says: delete ada");
}

#[tokio::test]
async fn an_added_task_can_have_an_undo() {
    let layout = Layout::in_memory().unwrap();
    let share = layout.add(Share::new("music")).unwrap();
    let log = share.log.clone();
    let lock = NewTask::new("lock", "Lock it", |_| async {}).undo(move |cx| {
        let log = log.clone();
        async move { log.say(format!("unlock {}", cx.object().id())) }
    });
    share.add_setup_task(lock.after("make")).unwrap();
    share.add_setup_task(NewTask::value("account", Account("ada"))).unwrap();
    share.as_any().add_setup_task(NewTask::new("plain", "Plain", |_| async {})).unwrap();
    up(&layout).await;
    let report = layout.down().await.unwrap();
    let expected = [
        "plain Forgotten",
        "account Undone",
        "watch Undone",
        "mount Undone",
        "install Forgotten",
        "lock Undone",
        "make Undone",
    ];
    assert_eq!(statuses(&report, "music"), expected);
    assert_eq!(share.log.take()[2..], ["unlock music", "remove music"]);
}

/// A model whose undo takes an object from the injector.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "reporter")]
struct Reporter {
    #[depends_on(Share::make)]
    share: Object<Share>,
}

#[setup_tasks]
impl Reporter {
    #[setup_task("Announce", undo = withdraw)]
    fn announce(&self) {}

    async fn withdraw(&self, share: Inject<Object<Share>>, cx: &TaskContext) -> Result<()> {
        let handle = Reporter::ANNOUNCE;
        let me = cx.object().clone();
        assert!(share.check_stamp("make").await?.is_some(), "what it needs is up");
        assert_eq!((handle.name(), me.id()), ("announce", "reporter"));
        Ok(())
    }
}

#[tokio::test]
async fn an_undo_can_use_what_its_object_depends_on() {
    let layout = Layout::in_memory().unwrap();
    let share = layout.add(Share::new("music")).unwrap();
    layout.injector().provide(InjectionKey::of(), share.clone()).unwrap();
    let reporter = layout.add(Reporter { share }).unwrap();
    up(&layout).await;
    let report = layout.down().await.unwrap();
    assert!(report.is_success(), "{report}");
    assert!(reporter.share.check_stamp("make").await.unwrap().is_none());
}

/// A trait whose task has an undo.
#[setup_tasks]
trait Mounted {
    #[setup_task("Mount", undo = unmount_it)]
    fn mount_it(&self) {}
    fn unmount_it(&self);
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "mixed", mixins(Mounted))]
struct Mixed {
    log: Log,
}

#[setup_tasks]
impl Mixed {}

impl Mounted for Mixed {
    fn unmount_it(&self) {
        self.log.say("unmounted");
    }
}

#[tokio::test]
async fn a_task_of_a_mixin_can_have_an_undo() {
    let layout = Layout::in_memory().unwrap();
    let mixed = layout.add(Mixed { log: Log::default() }).unwrap();
    up(&layout).await;
    layout.down().await.unwrap();
    assert_eq!(mixed.log.take(), ["unmounted"]);
}

#[tokio::test]
async fn a_dry_run_by_configuration_undoes_nothing() {
    let place = Scratch::new();
    let layout = place.layout();
    layout.add(Share::new("music")).unwrap();
    up(&layout).await;
    drop(layout);
    let layout = place.layout_with(|config| config.dry_run = true);
    let share = layout.add(Share::new("music")).unwrap();
    let report = layout.down().await.unwrap();
    assert_eq!((report.dry_run, outcomes(&report)), (true, vec![("music", ObjectStatus::WouldBringDown)]));
    assert!(share.log.take().is_empty());
}

/// A model with a relationship method.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "found")]
struct Finder {
    log: Log,
    knobs: Knobs,
}

#[setup_tasks]
impl Finder {
    #[depends_on(Share::mount)]
    async fn shares(&self, cx: &TaskContext) -> Result<Vec<Object<Share>>> {
        anyhow::ensure!(self.knobs.get("lost").is_none(), "the index is lost");
        Ok(cx.layout().all().iter().filter_map(AnyObject::downcast).collect())
    }

    #[setup_task("Index", undo = drop_index)]
    fn index(&self) {}

    fn drop_index(&self) {
        self.log.say("drop the index");
    }
}

#[tokio::test]
async fn relationship_methods_count_and_an_unknown_dependency_stops_everything() {
    let layout = Layout::in_memory().unwrap();
    let share = layout.add(Share::new("music")).unwrap();
    let finder = layout.add(Finder { log: share.log.clone(), knobs: Knobs::default() }).unwrap();
    finder.knobs.set("lost", "yes");
    share.as_any().down().await.expect("what has no records may have any relationships");
    finder.knobs.clear("lost");
    up(&layout).await;
    finder.knobs.set("lost", "yes");
    let error = share.as_any().down().await.unwrap_err();
    assert_eq!(
        without_help(&chain(error)),
        "nothing is brought down, because the dependencies between objects are not known: the relationship of task \
         `found/shares_mount` failed: the index is lost"
    );
    finder.knobs.clear("lost");
    share.log.take();
    let report = share.as_any().down().await.unwrap();
    assert_eq!(outcomes(&report).len(), 2);
    assert_eq!(share.log.take()[0], "drop the index");
}
