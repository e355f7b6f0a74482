//! Tests of fleets: parallel runs, the order of objects, and reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use setup_tasks::Layout;
use setup_tasks::fleet::FleetError;
use setup_tasks::fleet::{FleetReport, ObjectStatus};
use setup_tasks::prelude::*;

use test_kit::{Machine, Scratch, chain, lines};
use tokio::sync::Barrier;

/// A machine that depends on others.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "clients/{machine.name}", id = "{machine.name}")]
struct Client {
    machine: Machine,
    #[depends_on(Machine::second)]
    servers: Vec<Object<Machine>>,
    #[depends_on(Client::mount)]
    chain: Option<Object<Client>>,
}

#[setup_tasks]
impl Client {
    #[setup_task("Mount", tags = ["storage"])]
    async fn mount(&self) {
        self.machine.log.say(format!("{} mounts", self.machine.name));
    }

    #[setup_task("Greet", tags = ["talk"])]
    fn greet(&self) {
        self.machine.log.say(format!("{} greets", self.machine.name));
    }
}

/// A site with two servers, a client of each, and a machine that depends on the first client.
struct Site {
    layout: Layout,
    good: Object<Machine>,
    bad: Object<Machine>,
}

fn site() -> Site {
    let layout = Layout::in_memory().unwrap();
    // Dependents are added first because the order of adding must not determine the order of running.
    let (good, bad) = (Machine::new("good"), Machine::new("bad"));
    let log = good.log.clone();
    let bad = Machine { log: log.clone(), ..bad };
    let good = layout.add(good).unwrap();
    let bad = layout.add(bad).unwrap();
    let client = |name, server: Option<&Object<Machine>>, chain: Option<&Object<Client>>| {
        let machine = Machine { log: log.clone(), ..Machine::new(name) };
        layout.add(Client { machine, servers: server.into_iter().cloned().collect(), chain: chain.cloned() }).unwrap()
    };
    let one = client("one", Some(&bad), None);
    client("two", Some(&good), None);
    client("behind", None, Some(&one));
    Site { layout, good, bad }
}

fn outcomes(report: &FleetReport) -> Vec<(&str, ObjectStatus)> {
    report.objects.iter().map(|result| (&*result.object, result.outcome)).collect()
}

use ObjectStatus::{DependencyFailed, Failed, MayRun, NotTried, Ran, Readonly, Skipped, UpToDate, WouldRun};

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_brought_to_ready_once_and_again_only_when_something_changed() {
    let site = site();
    let report = site.layout.run().await.unwrap();
    assert_eq!(outcomes(&report), [("good", Ran), ("bad", Ran), ("one", Ran), ("two", Ran), ("behind", Ran)]);
    assert_eq!(report.summary(), "done: 5 objects; 12 tasks ran, 6 up to date");
    let report = site.layout.run().await.unwrap();
    assert!(report.with(UpToDate).count() == 5 && report.is_success());
    assert_eq!(report.summary(), "up to date: 5 objects, 18 tasks, nothing to do");
    site.good.log.take();
    site.good.knobs.set("hash", "new");
    let report = site.layout.run().await.unwrap();
    assert_eq!(outcomes(&report)[2..], [("one", UpToDate), ("two", Ran), ("behind", UpToDate)]);
    assert_eq!(site.good.log.take(), ["second", "third", "two mounts", "two greets"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_objects_run_at_once_as_there_are_jobs_and_no_more() {
    for jobs in [1, 3, 8] {
        let layout = Layout::in_memory().unwrap();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let full = Arc::new(Barrier::new(jobs));
        for name in 0..24 {
            layout.add(Counted { name, now: now.clone(), most: most.clone(), full: full.clone() }).unwrap();
        }
        let report = layout.run().jobs(jobs).await.unwrap();
        assert_eq!((report.with(Ran).count(), most.load(Ordering::SeqCst)), (24, jobs));
    }
}

/// A model that counts the objects of its kind that run at the same time. Each waits until as many run
/// as there are jobs.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "counted/{name}")]
struct Counted {
    name: usize,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    full: Arc<Barrier>,
}

#[setup_tasks]
impl Counted {
    #[setup_task("Count")]
    async fn count(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::timeout(Duration::from_secs(20), self.full.wait()).await.expect("as many run as there are jobs");
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dependencies_come_first_and_hold_no_job_while_they_are_waited_for() {
    let layout = Layout::in_memory().unwrap();
    let server = layout.add(Machine::new("server")).unwrap();
    let gate = server.knobs.gate("second");
    let log = server.log.clone();
    for name in ["a", "b", "c"] {
        let machine = Machine { log: log.clone(), ..Machine::new(name) };
        layout.add(Client { machine, servers: vec![server.clone()], chain: None }).unwrap();
    }
    let free = layout.add(Machine { log: log.clone(), ..Machine::new("free") }).unwrap();
    let run = tokio::spawn(layout.run().jobs(2).into_future());
    gate.arrived().await;
    // The object without dependencies does not wait for the objects that have some.
    tokio::time::timeout(Duration::from_secs(20), free_ran(&free)).await.unwrap();
    gate.open();
    assert!(run.await.unwrap().unwrap().is_success());
    let log = log.take();
    let at = |line: &str| log.iter().position(|other| other == line).unwrap();
    assert!(["a mounts", "b mounts", "c mounts"].iter().all(|line| at(line) > at("second")), "{log:?}");
}

async fn free_ran(free: &Object<Machine>) {
    while free.check_stamp("third").await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failure_independent_objects_continue_and_dependents_report_the_path() {
    let site = site();
    site.bad.knobs.set("first", "fail");
    let report = site.layout.run().await.unwrap();
    let expected =
        [("good", Ran), ("bad", Failed), ("one", DependencyFailed), ("two", Ran), ("behind", DependencyFailed)];
    assert_eq!(outcomes(&report), expected);
    assert_eq!(report.object("behind").unwrap().path, ["behind", "one", "bad"]);
    let error = report.object("bad").unwrap().error.clone().unwrap();
    assert!(chain(anyhow::anyhow!("{error}")).contains("cannot be brought to ready"));
    assert_eq!(site.bad.log.take().iter().filter(|line| *line == "first").count(), 2, "what failed is tried once");
    assert_eq!(report.summary(), "failed: 1 of 5 objects; 2 depend on what failed, 5 tasks ran, 3 up to date");
    assert_eq!(
        report.to_string().lines().filter(|line| !line.split(' ').next().unwrap().contains('/')).collect::<Vec<_>>(),
        [
            "bad failed: `bad` cannot be brought to ready: task `bad/first` (Do the first) failed; it ran because it \
             had never run: cannot write: the disk is on fire",
            "one depends on a failed object: one -> bad",
            "behind depends on a failed object: behind -> one -> bad",
            "failed: 1 of 5 objects; 2 depend on what failed, 5 tasks ran, 3 up to date",
        ]
    );
    site.bad.knobs.clear("first");
    assert!(site.layout.run().await.unwrap().is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn fail_fast_starts_no_object_after_a_failure_and_finishes_running_ones() {
    let site = site();
    site.bad.knobs.set("first", "fail");
    let gate = site.good.knobs.gate("first");
    let run = tokio::spawn(site.layout.run().jobs(2).fail_fast().into_future());
    gate.arrived().await;
    while site.layout.activities().fleets[0].ended == 0 {
        tokio::task::yield_now().await;
    }
    gate.open();
    let report = run.await.unwrap().unwrap();
    let expected = [("good", Ran), ("bad", Failed), ("one", NotTried), ("two", NotTried), ("behind", NotTried)];
    assert_eq!(outcomes(&report), expected);
    assert_eq!(report.summary(), "failed: 1 of 5 objects; 3 not tried, 3 tasks ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_select_by_id_type_and_tag() {
    let site = site();
    let ids = |report: &FleetReport| report.objects.iter().map(|r| (r.object.clone(), r.chosen)).collect::<Vec<_>>();
    let chosen = |ids: &[&str]| ids.iter().map(|id| ((*id).to_owned(), true)).collect::<Vec<_>>();
    let report = site.layout.run().include("t*").include("b?d").dry_run().await.unwrap();
    let mut expected = chosen(&["bad", "two"]);
    expected.push(("good".to_owned(), false));
    assert_eq!(ids(&report), expected, "what a chosen one needs is told of, too");
    let report = site.layout.run().of_type::<Machine>().exclude("bad").await.unwrap();
    assert_eq!(ids(&report), chosen(&["good"]));
    let report = site.layout.run().of_type_named("Client").dry_run().await.unwrap();
    assert_eq!(ids(&report)[..3], chosen(&["one", "two", "behind"]));

    site.good.log.take();
    let report = site.layout.run().tag("talk").await.unwrap();
    assert_eq!(ids(&report)[..3], chosen(&["one", "two", "behind"]));
    let mut log = site.good.log.take();
    log.sort_unstable();
    assert_eq!(log, ["behind greets", "one greets", "two greets"], "tasks without the tag are left alone");
    let report = site.layout.run().await.unwrap();
    assert_eq!(report.object("one").unwrap().tasks.len(), 2, "what was left out runs later, and what follows it again");
}

/// An object with any id.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "odd/{number}", id = "{id}")]
struct Odd {
    number: usize,
    id: String,
}

#[setup_tasks]
impl Odd {
    #[setup_task("Do one thing")]
    fn b(&self) {}

    #[setup_task("Do another", tags = ["last"])]
    fn other(&self) {}
}

fn odd(ids: &[&str]) -> Layout {
    let layout = Layout::in_memory().unwrap();
    for (number, id) in ids.iter().enumerate() {
        layout.add(Odd { number, id: (*id).to_owned() }).unwrap();
    }
    layout
}

#[tokio::test]
async fn the_id_of_an_existing_object_is_never_read_as_a_pattern() {
    let ids = ["web[1]", "web1", "web[[]1[]]", "a*", "a**", "ab", "a?b", "axb", "a", "a/b", "a/*", "[", "a/b/b", "!"];
    let layout = odd(&ids);
    let chosen = |run: setup_tasks::fleet::FleetRun| {
        run.objects().unwrap().iter().map(|object| object.id().to_owned()).collect::<Vec<_>>()
    };
    for id in ids {
        assert_eq!(chosen(layout.run().include(id)), [id], "include {id}");
        let left: Vec<_> = ids.into_iter().filter(|other| *other != id).collect();
        assert_eq!(chosen(layout.run().exclude(id)), left, "exclude {id}");
        assert_eq!(chosen(layout.run().force(id).only_forced()), [id], "force {id}");
        let report = layout.run().force(id).dry_run().await.unwrap();
        for result in &report.objects {
            let forced = result.tasks.iter().all(|task| task.reason == Some(Reason::Forced));
            assert_eq!(forced, result.object == id, "force {id}: {}", result.object);
        }
    }
    // The text is a pattern if no object has that id.
    assert_eq!(chosen(layout.run().include("web[0-9]")), ["web1"]);
    assert_eq!(chosen(layout.run().include("web*")), ["web[1]", "web1", "web[[]1[]]"]);
    assert_eq!(chosen(layout.run().include("?")), ["a", "[", "!"]);
}

#[tokio::test]
async fn an_id_in_front_of_a_task_is_read_literally_too() {
    let layout = odd(&["web[1]", "web1", "a", "a/b", "a/b/c", "b[", "x*"]);
    let forced = async |name: &str| {
        let report = layout.run().force(name).only_forced().dry_run().await.unwrap();
        let tasks = report.objects.iter().flat_map(|result| {
            let forced = result.tasks.iter().filter(|task| task.reason == Some(Reason::Forced));
            forced.map(|task| format!("{} {}", result.object, task.task))
        });
        tasks.collect::<Vec<_>>()
    };
    assert_eq!(forced("web[1]/b").await, ["web[1] b"]);
    assert_eq!(forced("web[1]/o*").await, ["web[1] other"]);
    assert_eq!(forced("web[0-9]/o*").await, ["web1 other"]);
    assert_eq!(forced("b[/b").await, ["b[ b"]);
    assert_eq!(forced("x*/b").await, ["x* b"]);
    assert_eq!(forced("a/b").await, ["a/b b", "a/b other"], "an id comes before a task");
    assert_eq!(forced("a/b/b").await, ["a/b b"]);
    assert_eq!(forced("a/other").await, ["a other"]);
    assert_eq!(forced("a/[b]").await, ["a b", "a/b b", "a/b other"], "a pattern takes what it matches of both");
    let unknown = layout.run().force("web[1]/c").await.unwrap_err().to_string();
    assert!(unknown.starts_with("no task is called `web[1]/c`"), "{unknown}");
    let broken = layout.run().force("web[1]/[").await.unwrap_err().to_string();
    assert!(broken.starts_with("`web[1]/[` is not a pattern"), "{broken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn excluded_objects_do_not_run_as_dependencies_either() {
    let site = site();
    let report = site.layout.run().exclude("bad").exclude("good").await.unwrap();
    assert_eq!(outcomes(&report), [("one", Ran), ("two", Ran), ("behind", Ran)]);
    assert!(site.good.as_any().peek().await.unwrap().iter().all(|task| task.stamp.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn forced_tasks_run_once_whichever_caller_is_first() {
    let site = site();
    site.layout.run().await.unwrap();
    site.good.log.take();
    let report = site.layout.run().force("good/second").jobs(8).await.unwrap();
    assert_eq!(site.good.log.take(), ["second", "third", "two mounts", "two greets"]);
    assert_eq!(report.object("good").unwrap().tasks[0].reason, Some(Reason::Forced));
    // Only a dependent of the object is selected.
    site.layout.run().include("two").force("good/first").await.unwrap();
    assert_eq!(site.good.log.take(), ["first", "second", "two mounts", "two greets"]);
    let report = site.layout.run().force_all().await.unwrap();
    assert_eq!(report.count(setup_tasks::run::TaskStatus::Ran), 12);
    assert_eq!(site.layout.run().force("o*").await.unwrap().with(Ran).count(), 2);
}

#[tokio::test]
async fn filters_that_select_nothing_are_errors_that_list_the_existing_names() {
    let site = site();
    let error = async |run: setup_tasks::fleet::FleetRun| chain(run.await.unwrap_err());
    let run = || site.layout.run();
    let text = error(run().include("gord")).await;
    assert_eq!(text, "no object matches `gord`\nhelp: did you mean `good`?");
    let text = error(run().include("elsewhere")).await;
    assert_eq!(text, "no object matches `elsewhere`\nhelp: the objects are `bad`, `behind`, `good`, `one`, `two`");
    assert_eq!(
        error(run().of_type_named("Server")).await,
        "no object is a `Server`\nhelp: their types are `Client`, `Machine`"
    );
    assert_eq!(error(run().tag("tlak")).await, "no task has the tag `tlak`\nhelp: did you mean `talk`?");
    assert!(
        error(run().force("good/fourth"))
            .await
            .starts_with("no task is called `good/fourth`\nhelp: write `object/task`")
    );
    assert!(matches!(run().exclude("[").await.unwrap_err(), FleetError::Pattern { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_reports_the_tasks_that_would_run_over_all_objects() {
    let site = site();
    let report = site.layout.run().dry_run().await.unwrap();
    assert!(report.dry_run && report.objects.iter().all(|result| result.outcome == WouldRun), "{report}");
    assert_eq!(report.summary(), "would run: 12 tasks on 5 objects; 6 up to date");
    assert!(site.good.log.take().is_empty());
    site.layout.run().await.unwrap();
    site.good.knobs.set("hash", "x");
    let report = site.layout.run().dry_run().await.unwrap();
    let told: Vec<_> = report.to_string().lines().map(str::to_owned).collect();
    assert_eq!(
        told[..4],
        [
            "good/second would run: its hash changed to x",
            "good/third may run, if second changes something",
            "two/mount may run, if good/second changes something",
            "two/greet may run, if good/second changes something"
        ]
    );
    assert_eq!(report.summary(), "would run: 1 task on 1 object; 3 may run, 14 up to date");
    let outcomes: Vec<_> = ["good", "two", "one"].map(|id| report.object(id).unwrap().outcome).into();
    assert_eq!(outcomes, [WouldRun, MayRun, UpToDate]);
}

#[tokio::test(flavor = "multi_thread")]
async fn readonly_and_skipping_objects_are_reported_as_such() {
    let layout = Layout::in_memory().unwrap();
    let still = layout.object_builder(Machine::new("still")).readonly(true).add().unwrap();
    let lazy = layout.add(Machine::new("lazy")).unwrap();
    lazy.run_setup_tasks().await.unwrap();
    lazy.delete_stamp("third").await.unwrap();
    lazy.knobs.set("third", "skip");
    let report = layout.run().await.unwrap();
    assert_eq!(outcomes(&report), [("still", Readonly), ("lazy", Skipped)]);
    assert_eq!(report.summary(), "up to date: 2 objects, 2 tasks, nothing to do; 1 skipped, 1 readonly");
    assert!(still.log.take().is_empty());
    assert!(still.clear_stamps_and_cache().await.unwrap_err().to_string().contains("readonly"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_as_json_has_a_version_and_everything_else() {
    let site = site();
    site.bad.knobs.set("second", "fail");
    let report = site.layout.run().jobs(1).await.unwrap();
    let mut json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["version"], &json["dry_run"]), (&2.into(), &false.into()));
    assert_eq!(json["summary"], report.summary());
    let one = &mut json["objects"][2];
    one["duration_us"] = 0.into();
    one["error"] =
        one["error"].as_str().unwrap().starts_with("`one` cannot be brought to ready: `one` depends on").into();
    assert_eq!(
        *one,
        serde_json::json!({
            "object": "one", "type": "Client", "chosen": true, "outcome": "dependency_failed", "tasks": [],
            "up_to_date": 0, "error": true, "path": ["one", "bad"], "duration_us": 0
        })
    );
    let task = &mut json["objects"][0]["tasks"][0];
    task["duration_us"] = 0.into();
    assert_eq!(
        *task,
        serde_json::json!({
            "task": "first", "description": "Do the first", "status": "ran", "reason": {"reason": "never_ran"},
            "duration_us": 0, "subtasks": []
        })
    );
}

/// A model whose task runs a fleet.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "admiral")]
struct Admiral;

#[setup_tasks]
impl Admiral {
    #[setup_task("Command")]
    async fn command(&self, cx: &TaskContext) -> Result<()> {
        let report = cx.layout().run().await?;
        anyhow::ensure!(report.is_success(), "{report}");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_within_a_task_that_would_wait_for_itself_is_an_error() {
    let layout = Layout::in_memory().unwrap();
    layout.add(Machine::new("m")).unwrap();
    layout.add(Admiral).unwrap();
    let report = layout.run().await.unwrap();
    let text = report.to_string();
    assert!(text.contains("waiting would never end: `admiral` -> `admiral`"), "{text}");
    assert!(!report.object("m").unwrap().is_failure());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_fleet_leaves_running_tasks_as_interrupted() {
    let place = Scratch::new();
    let layout = place.layout();
    let machine = layout.add(Machine::new("m")).unwrap();
    let gate = machine.knobs.gate("second");
    let run = tokio::spawn(layout.run().into_future());
    gate.arrived().await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    // The workers are dropped a moment later. Until then, the next run would join their work, which
    // waits at the gate.
    test_kit::until("the work of the dropped fleet ends", || layout.activities().activities.is_empty());
    machine.knobs.clear("second");
    let report = layout.run().await.unwrap();
    assert_eq!(report.object("m").unwrap().tasks[0].reason, Some(Reason::Interrupted), "{report}");
}

/// A model with its own method to bring it to ready.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "custom", ready = bring_up)]
struct Custom(Machine);

#[setup_tasks]
impl Custom {
    #[setup_task("Work")]
    fn work(&self) {
        self.0.log.say("work");
    }

    async fn bring_up(me: &Object<Self>) -> Result<()> {
        me.0.log.say("before");
        me.run_setup_tasks().await?;
        me.0.log.say("after");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_calls_a_models_own_ready_method_and_reports_the_tasks() {
    let layout = Layout::in_memory().unwrap();
    let custom = layout.add(Custom(Machine::new("c"))).unwrap();
    let report = layout.run().await.unwrap();
    assert_eq!(custom.0.log.take(), ["before", "work", "after"]);
    assert_eq!(report.summary(), "done: 1 object; 1 task ran");
    let report = layout.run().await.unwrap();
    assert_eq!(
        (custom.0.log.take(), report.object("custom").unwrap().up_to_date),
        (vec!["before".into(), "after".into()], 1)
    );
}

/// A model whose task runs a task of another object by its handle.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "operator")]
struct Operator {
    #[depends_on(Machine::second)]
    machine: Object<Machine>,
}

#[setup_tasks]
impl Operator {
    #[setup_task("Run the first by hand")]
    async fn work(&self) -> Result<()> {
        Machine::FIRST.run(&self.machine).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_run_by_its_handle_within_a_fleet_is_reported_with_the_fleets_own_runs() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    let operator = layout.add(Operator { machine: machine.clone() }).unwrap();
    let behind = Client { machine: Machine::new("behind"), servers: vec![machine.clone()], chain: None };
    layout.object_builder(behind).depends_on(operator.as_any().depends_on("work")).add().unwrap();
    let report = layout.run().force("m/second").await.unwrap();
    assert_eq!(machine.log.take(), ["first", "second", "third", "first"], "what is forced runs once");
    let tasks: Vec<_> = report.object("m").unwrap().tasks.iter().map(|task| task.task).collect();
    assert_eq!(tasks, ["first", "second", "third", "first"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_a_fleet_excludes_do_not_count_as_ready_afterwards() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    layout.injector().provide(setup_tasks::InjectionKey::of(), machine.clone()).unwrap();
    layout.add(User(machine.log.clone())).unwrap();
    assert!(layout.run().exclude("m").await.unwrap().is_success());
    assert_eq!(machine.log.take(), ["use"]);
    machine.ready().await.unwrap();
    assert_eq!(machine.log.take().len(), 3);
}

/// A model whose task takes a machine from the injector.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "user")]
struct User(test_kit::Log);

#[setup_tasks]
impl User {
    #[setup_task("Use the machine")]
    fn work(&self, _machine: setup_tasks::Inject<Object<Machine>>) {
        self.0.say("use");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_path_to_a_failure_may_be_long() {
    let layout = Layout::in_memory().unwrap();
    let bad = layout.add(Machine::new("0")).unwrap();
    bad.knobs.set("second", "fail");
    let mut last: Option<Object<Client>> = None;
    for i in 1..=1000 {
        let servers = if i == 1 { vec![bad.clone()] } else { Vec::new() };
        last = Some(layout.add(Client { machine: Machine::new(&i.to_string()), servers, chain: last }).unwrap());
    }
    let report = layout.run().await.unwrap();
    assert_eq!((report.with(Failed).count(), report.with(DependencyFailed).count()), (1, 1000));
    let path = &report.object("1000").unwrap().path;
    assert!(path.len() == 1001 && path[0] == "1000" && path[1000] == "0");
    let report = layout.run().dry_run().await.unwrap();
    assert_eq!(report.with(WouldRun).count(), 1001);
    let error = chain(last.unwrap().run_setup_tasks().await.unwrap_err());
    assert!(error.ends_with("the disk is on fire"));
}

/// A model that panics when a path is formatted.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "shaky")]
struct Shaky {
    text: Panics,
}

struct Panics;

impl std::fmt::Display for Panics {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no text")
    }
}

#[setup_tasks]
impl Shaky {
    #[setup_task("Shake", inputs = ["in/{text}"])]
    fn shake(&self) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_any_method_of_a_model_fails_only_its_object() {
    let layout = Layout::in_memory().unwrap();
    let shaky = layout.add(Shaky { text: Panics }).unwrap();
    shaky.create_stamp("shake", "").await.unwrap();
    for i in 0..10 {
        layout.add(Machine::new(&i.to_string())).unwrap();
    }
    for run in [layout.run().jobs(2).dry_run(), layout.run().jobs(2)] {
        let report = tokio::time::timeout(Duration::from_secs(20), run.into_future()).await.unwrap().unwrap();
        let error = report.object("shaky").unwrap().error.clone().unwrap();
        assert!(format!("{:#}", error.get()).ends_with("panicked: no text"), "{report}");
        assert_eq!(report.objects.iter().filter(|result| result.is_failure()).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prefetched_stamps_that_another_process_changes_are_read_again_before_a_task_runs() {
    let place = Scratch::new();
    let add =
        |layout: &Layout| -> Vec<_> { (0..100).map(|i| layout.add(Machine::new(&format!("m{i}"))).unwrap()).collect() };
    let layout = place.layout();
    let machines = add(&layout);
    layout.run().await.unwrap();
    machines[99].delete_stamp("third").await.unwrap();

    // The first object delays the fleet after all stamps were read. Meanwhile, another process does
    // the work of the last object.
    machines[0].knobs.set("hash", "new");
    let gate = machines[0].knobs.gate("second");
    let fleet = tokio::spawn(layout.run().jobs(1).into_future());
    gate.arrived().await;
    let elsewhere = place.layout();
    let other = &add(&elsewhere)[99];
    assert_eq!(lines(&other.run_setup_tasks().await.unwrap())[2], "third ran: never ran");
    machines.iter().for_each(|machine| drop(machine.log.take()));
    gate.open();
    let report = fleet.await.unwrap().unwrap();
    assert!(report.is_success(), "{report}");
    assert!(machines[99].log.take().is_empty(), "what is done is not done again");
    // Later runs do not use the prefetched records.
    other.run_setup_tasks().force(Machine::SECOND).await.unwrap();
    machines[99].knobs.set("hash", "");
    assert!(machines[99].as_any().plan().await.unwrap().is_up_to_date());
}

/// A model whose stamps alone decide.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "plain/{number}", id = "{number}")]
struct Plain {
    number: usize,
}

#[setup_tasks]
impl Plain {
    #[setup_task("Do a thing")]
    fn a(&self) {}
    #[setup_task("Do another thing", tags = ["odd"])]
    fn b(&self) {}
    #[setup_task("Do a last thing", tags = ["odd"])]
    fn c(&self) {}
}

/// Runs so many objects in all ways that a fleet has, and returns the events and results of the first ten.
async fn ways_of(objects: usize) -> Vec<String> {
    let place = Scratch::new();
    let layout = place.layout();
    let plain: Vec<_> = (0..objects).map(|number| layout.add(Plain { number }).unwrap()).collect();
    let mut events = test_kit::events(&layout);
    let mut seen = Vec::new();
    let mut see = |report: FleetReport| {
        assert!(report.is_success(), "{report}");
        for number in 0..10 {
            let result = report.object(&number.to_string()).unwrap();
            let tasks: Vec<_> = result.tasks.iter().map(|task| (task.task, task.status)).collect();
            seen.push(format!("{number} {:?} {tasks:?} {}", result.outcome, result.up_to_date));
        }
        let mut of_run = events.take();
        of_run.retain(|line| line.split('/').next().unwrap().parse::<usize>().unwrap() < 10);
        // Objects run at the same time, so only the order within each is fixed.
        of_run.sort_by_key(|line| line.split('/').next().unwrap().to_owned());
        seen.extend(of_run);
    };
    see(layout.run().await.unwrap());
    see(layout.run().await.unwrap());
    plain[3].delete_stamp("b").await.unwrap();
    see(layout.run().await.unwrap());
    see(layout.run().force("5/c").await.unwrap());
    see(layout.run().tag("odd").await.unwrap());
    plain[7].delete_stamp("a").await.unwrap();
    see(layout.run().dry_run().await.unwrap());
    plain[7].ready().await.unwrap();
    see(layout.run().await.unwrap());
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn many_objects_run_and_notify_as_few_do() {
    let (few, many) = (ways_of(10).await, ways_of(200).await);
    assert_eq!(few.join("\n"), many.join("\n"));
    let first_runs = few.iter().filter(|line| line.ends_with("is ready")).count();
    assert_eq!(first_runs, 6 * 10, "each run brings each object to ready, and a dry run does not");
}
