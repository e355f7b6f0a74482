//! Tests of relationships: a later run of another object's task invalidates the tasks that follow
//! the relationship.

use std::time::Duration;

use setup_tasks::layout::AddError;
use setup_tasks::prelude::*;
use setup_tasks::{AnyObject, Deferred, Inject, InjectionKey, Layout};

use test_kit::{Log, Machine, Scratch, chain, lines};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "clients/{machine.name}", id = "{machine.name}")]
struct Client {
    machine: Machine,
    #[depends_on(Machine::second)]
    server: Object<Machine>,
    #[depends_on(Machine::first, run_if_needed = false, before = Client::mount)]
    others: Vec<Object<Machine>>,
    #[depends_on(Machine::third, ready)]
    spare: Option<Object<Machine>>,
}

#[setup_tasks]
impl Client {
    #[setup_task("Prepare", order = 50)]
    fn prepare(&self) {
        self.machine.log.say("prepare");
    }
    #[setup_task("Mount")]
    fn mount(&self) {
        self.machine.log.say("mount");
    }
}

struct Site {
    server: Object<Machine>,
    other: Object<Machine>,
    client: Object<Client>,
}

fn site(layout: &Layout) -> Site {
    let server = layout.add(Machine::new("server")).unwrap();
    let other = layout.add(Machine::new("other")).unwrap();
    let client =
        Client { machine: Machine::new("client"), server: server.clone(), others: vec![other.clone()], spare: None };
    Site { client: layout.add(client).unwrap(), server, other }
}

#[test]
fn relationships_come_before_the_types_own_tasks_unless_placed_otherwise() {
    let names: Vec<_> = Client::setup_tasks().iter().map(setup_tasks::task::TaskDef::name).collect();
    assert_eq!(names, ["prepare", "server_second", "spare_third", "others_first", "mount"]);
}

#[tokio::test]
async fn the_other_object_runs_up_to_the_task_that_is_depended_on() {
    let layout = Layout::in_memory().unwrap();
    let Site { server, other, client } = site(&layout);
    client.run_setup_tasks().await.unwrap();
    assert_eq!(server.log.take(), ["first", "second"]);
    assert!(other.log.take().is_empty(), "run_if_needed = false leaves it alone");
    assert!(client.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn a_later_run_of_a_related_task_runs_the_following_tasks_also_in_another_process() {
    let place = Scratch::new();
    let first = place.layout();
    site(&first).client.run_setup_tasks().await.unwrap();
    {
        let layout = place.layout();
        Machine::SECOND.run(&site(&layout).server).await.unwrap();
    }
    let second = place.layout();
    let client = site(&second).client;
    let report = client.run_setup_tasks().await.unwrap();
    let ran: Vec<_> = report.ran().map(|task| (task.task, task.reason.as_ref().unwrap().to_string())).collect();
    assert_eq!(ran, [("mount", "server/second changed something later".to_owned())]);
    assert!(client.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn without_run_if_needed_only_past_runs_of_the_related_task_count() {
    let layout = Layout::in_memory().unwrap();
    let Site { other, client, .. } = site(&layout);
    client.run_setup_tasks().await.unwrap();
    Machine::FIRST.run(&other).await.unwrap();
    assert_eq!(
        lines(&client.as_any().plan().await.unwrap()).last().unwrap(),
        "mount would run: other/first changed something later"
    );
}

#[tokio::test]
async fn ready_runs_all_of_the_other_objects_tasks() {
    let layout = Layout::in_memory().unwrap();
    let spare = layout.add(Machine::new("spare")).unwrap();
    let server = layout.add(Machine::new("server")).unwrap();
    let client = Client { machine: Machine::new("c"), server, others: vec![], spare: Some(spare.clone()) };
    layout.add(client).unwrap().run_setup_tasks().await.unwrap();
    assert_eq!(spare.log.take(), ["first", "second", "third"]);
}

#[tokio::test]
async fn a_dry_run_counts_what_would_run_on_the_other_object() {
    let layout = Layout::in_memory().unwrap();
    let Site { server, client, .. } = site(&layout);
    client.run_setup_tasks().await.unwrap();
    server.knobs.set("hash", "new");
    server.log.take();
    let plan = lines(&client.as_any().plan().await.unwrap());
    assert_eq!(plan.last().unwrap(), "mount may run, if server/second changes something");
    assert!(server.log.take().is_empty());
}

#[tokio::test]
async fn a_failure_of_a_related_task_fails_the_object_and_names_the_path() {
    let layout = Layout::in_memory().unwrap();
    let Site { server, client, .. } = site(&layout);
    server.knobs.set("first", "fail");
    let error = chain(client.run_setup_tasks().await.unwrap_err());
    assert_eq!(
        error,
        "`client` depends on task `server/second`, which cannot be brought up to date: task `server/first` (Do the \
         first) failed; it ran because it had never run: cannot write: the disk is on fire"
    );
    assert_eq!(client.machine.log.take(), ["prepare"]);
}

/// The objects that relationship methods return.
#[derive(Clone)]
struct Servers(Vec<Object<Machine>>);

/// A model with relationship methods of its own and of a mixin: plain, async and with extractors.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "guest", mixins(Guest))]
struct Visitor {
    machine: Machine,
    house: Option<Object<Machine>>,
}

#[setup_tasks]
trait Guest {
    #[depends_on(Machine::second)]
    fn house(&self) -> Option<Object<Machine>>;
}

impl Guest for Visitor {
    fn house(&self) -> Option<Object<Machine>> {
        self.house.clone()
    }
}

#[setup_tasks]
impl Visitor {
    #[setup_task("Pack")]
    fn pack(&self) {
        self.machine.log.say("pack");
    }

    #[setup_task("Leave")]
    fn leave(&self) {
        self.machine.log.say("leave");
    }

    #[depends_on(Machine::first, before = leave)]
    async fn server(&self, servers: Inject<Servers>) -> Result<Object<Machine>> {
        servers.0.0.first().cloned().ok_or_else(|| anyhow::anyhow!("there is no server"))
    }

    #[depends_on(Machine::third, run_if_needed = false)]
    async fn all_servers(&self, servers: Inject<Servers>, cx: &TaskContext) -> Vec<Object<Machine>> {
        assert_eq!(cx.task(), "all_servers_third");
        servers.0.0.clone()
    }
}

#[tokio::test]
async fn relationships_may_be_methods_of_a_type_or_of_a_mixin() {
    let layout = Layout::in_memory().unwrap();
    let names: Vec<_> = Visitor::setup_tasks().iter().map(setup_tasks::task::TaskDef::name).collect();
    assert_eq!(names, ["house_second", "all_servers_third", "pack", "server_first", "leave"]);
    let (house, server) = (layout.add(Machine::new("house")).unwrap(), layout.add(Machine::new("server")).unwrap());
    let visitor = layout.add(Visitor { machine: Machine::new("v"), house: Some(house.clone()) }).unwrap();
    layout.injector().provide(InjectionKey::of(), Servers(Vec::new())).unwrap();
    let error = chain(visitor.run_setup_tasks().await.unwrap_err());
    assert_eq!(error, "the relationship of task `guest/server_first` failed: there is no server");
    assert_eq!(visitor.machine.log.take(), ["pack"]);

    layout.injector().replace(InjectionKey::of(), Servers(vec![server.clone()]));
    visitor.run_setup_tasks().await.unwrap();
    assert_eq!((house.log.take(), server.log.take()), (vec!["first".into(), "second".into()], vec!["first".into()]));
    assert_eq!(visitor.machine.log.take(), ["leave"]);
    Machine::THIRD.run(&server).await.unwrap();
    let plan = lines(&visitor.as_any().plan().await.unwrap());
    assert_eq!(plan[2], "pack would run: server/third changed something later");
    Visitor::SERVER_FIRST.run(&visitor).await.unwrap();
}

const LEFT: InjectionKey<Object<Left>> = InjectionKey::of();
const RIGHT: InjectionKey<Object<Right>> = InjectionKey::named("right");

/// The first of two objects that depend on each other. The order is left's `a`, right's `b`, left's `c`.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "left")]
struct Left {
    log: Log,
    #[depends_on(Right::b, before = c)]
    right: Deferred<Right>,
}

#[setup_tasks]
impl Left {
    #[setup_task("A", hash = a_hash)]
    async fn a(&self) {
        // The other object has time to run as far as it can.
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.log.say("a");
    }

    #[setup_task("C")]
    fn c(&self) {
        self.log.say("c");
    }

    fn a_hash(&self) -> &'static str {
        ""
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "right")]
struct Right {
    log: Log,
    #[depends_on(Left::a)]
    left: Deferred<Left>,
}

#[setup_tasks]
impl Right {
    #[setup_task("B")]
    fn b(&self) {
        self.log.say("b");
    }
}

fn pair(layout: &Layout) -> (Object<Left>, Object<Right>, Log) {
    let log = Log::default();
    let left = layout.add(Left { log: log.clone(), right: Deferred::new(RIGHT) }).unwrap();
    let right = layout.add(Right { log: log.clone(), left: Deferred::new(LEFT) }).unwrap();
    layout.injector().provide(LEFT, left.clone()).unwrap();
    layout.injector().provide(RIGHT, right.clone()).unwrap();
    (left, right, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_objects_can_depend_on_each_others_tasks_from_whichever_side_they_are_run() {
    for side in 0..4 {
        let layout = Layout::in_memory().unwrap();
        let (left, right, log) = pair(&layout);
        for expected in [&["a", "b", "c"][..], &[]] {
            match side {
                0 => drop(left.run_setup_tasks().await.unwrap()),
                1 => {
                    right.run_setup_tasks().await.unwrap();
                    left.run_setup_tasks().await.unwrap();
                }
                2 => {
                    let run = layout.run().await.unwrap();
                    assert!(run.is_success(), "{run}");
                }
                _ => {
                    let (one, two) = tokio::join!(left.ready(), right.ready());
                    one.unwrap();
                    two.unwrap();
                }
            }
            assert_eq!(log.take(), expected, "from side {side}");
        }
        Left::A.run(&left).await.unwrap();
        let plan = left.as_any().plan().await.unwrap();
        assert_eq!(
            lines(&plan),
            ["a up to date", "right_b up to date", "c would run: right/b changed something later"]
        );
        let plan = right.as_any().plan().await.unwrap();
        assert_eq!(lines(&plan)[1], "b would run: left/a changed something later");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_objects_at_once_wait_for_each_others_tasks_and_not_for_all_of_each_other() {
    for _ in 0..50 {
        let layout = Layout::in_memory().unwrap();
        let (left, right, log) = pair(&layout);
        let both = Both { left: left.as_any().clone(), right: right.as_any().clone() };
        layout.add(both).unwrap().run_setup_tasks().await.unwrap();
        assert_eq!(log.take(), ["a", "b", "c"]);
    }
}

/// A model whose task brings two objects to ready at the same time.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "both")]
struct Both {
    left: AnyObject,
    right: AnyObject,
}

#[setup_tasks]
impl Both {
    #[setup_task("Bring both up")]
    async fn bring_up(&self) -> Result<()> {
        let (left, right) = (self.left.clone(), self.right.clone());
        let (one, two) = tokio::join!(right.ready(), left.ready());
        one?;
        two?;
        Ok(())
    }
}

#[tokio::test]
async fn a_late_relationship_is_found_at_the_objects_injector() {
    let layout = Layout::in_memory().unwrap();
    let log = Log::default();
    let left = layout.add(Left { log: log.clone(), right: Deferred::new(RIGHT) }).unwrap();
    let error = chain(left.run_setup_tasks().await.unwrap_err());
    assert!(
        error.starts_with(
            "the relationship of task `left/right_b` failed: nothing provides `right` (setup_tasks::object::Object<"
        ) && error.contains("which left/right_b requests; searched left, then the layout"),
        "{error}"
    );
    let (nearer, far) = (layout.injector().child("nearer"), Right { log: log.clone(), left: Deferred::new(LEFT) });
    let right = layout.object_builder(far).under(&nearer).id("near").add().unwrap();
    layout.injector().provide(RIGHT, right.clone()).unwrap();
    layout.injector().provide(LEFT, left.clone()).unwrap();
    left.run_setup_tasks().await.unwrap();
    assert_eq!(left.right().find(left.as_any().injector()).await.unwrap().as_any().id(), "near");
}

/// A model that depends on tasks by their names.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "watcher")]
struct Watcher {
    log: Log,
    #[depends_on("second")]
    watched: Vec<AnyObject>,
}

#[setup_tasks]
impl Watcher {
    #[setup_task("Watch")]
    fn watch(&self) {
        self.log.say("watch");
    }
}

#[tokio::test]
async fn a_task_may_be_named_by_a_string_and_one_that_is_unknown_is_an_error_at_add() {
    let layout = Layout::in_memory().unwrap();
    let (log, machine) = (Log::default(), layout.add(Machine::new("m")).unwrap());
    let left = layout.add(Left { log: log.clone(), right: Deferred::new(RIGHT) }).unwrap();
    let watcher = |watched: &[AnyObject]| Watcher { log: log.clone(), watched: watched.to_vec() };
    let error = layout.add(watcher(&[machine.as_any().clone(), left.as_any().clone()])).unwrap_err();
    assert!(matches!(error, AddError::UnknownTask { .. }));
    assert_eq!(
        error.to_string(),
        "`watcher` depends on task `left/second`, but `left` has no setup task `second`; it has `a`, `right_b`, `c`"
    );
    assert!(layout.get("watcher").is_none());
    let watcher = layout.add(watcher(&[machine.as_any().clone()])).unwrap();
    watcher.run_setup_tasks().await.unwrap();
    assert_eq!((machine.log.take(), log.take()), (vec!["first".into(), "second".into()], vec!["watch".into()]));
    assert_eq!(watcher.watched()[0].id(), "m");
}

#[tokio::test]
async fn an_object_may_be_placed_with_dependencies_of_its_own() {
    let layout = Layout::in_memory().unwrap();
    let server = layout.add(Machine::new("server/1")).unwrap();
    let error =
        layout.object_builder(Machine::new("m")).depends_on(server.as_any().depends_on("fifth")).add().unwrap_err();
    assert!(error.to_string().starts_with("`m` depends on task `server/1/fifth`, but"), "{error}");
    let error = layout
        .object_builder(Machine::new("m"))
        .depends_on(server.as_any().depends_on("first").before("x"))
        .add()
        .unwrap_err();
    assert!(error.to_string().contains("cannot be placed beside `x`: `m` has no such setup task"), "{error}");

    let on_second = server.as_any().depends_on("second").run_if_needed(false).before("third");
    let machine = layout
        .object_builder(Machine::new("m"))
        .depends_on(on_second)
        .depends_on(server.as_any().depends_on("first"))
        .add();
    let machine = machine.unwrap();
    let names: Vec<_> = machine.as_any().task_names();
    assert_eq!(names, ["server_1_first", "first", "second", "server_1_second", "third"]);
    machine.run_setup_tasks().await.unwrap();
    assert_eq!(server.log.take(), ["first"]);
    Machine::SECOND.run(&server).await.unwrap();
    assert_eq!(
        lines(&machine.as_any().plan().await.unwrap())[4],
        "third would run: server/1/second changed something later"
    );
}

#[tokio::test]
async fn an_accessor_gives_what_a_relationship_holds() {
    let layout = Layout::in_memory().unwrap();
    let Site { server, client, .. } = site(&layout);
    assert_eq!(client.server().as_any().id(), server.as_any().id());
    assert_eq!(client.others().len(), 1);
    assert!(client.spare().is_none());
}

#[tokio::test]
async fn nothing_runs_on_a_readonly_object_for_those_that_depend_on_it() {
    let layout = Layout::in_memory().unwrap();
    let server = layout.object_builder(Machine::new("server")).readonly(true).add().unwrap();
    let client =
        Client { machine: Machine::new("c"), server: server.clone(), others: vec![], spare: Some(server.clone()) };
    let client = layout.add(client).unwrap();
    client.run_setup_tasks().await.unwrap();
    assert!(server.log.take().is_empty());
    Machine::SECOND.run(&server).await.unwrap();
    assert_eq!(
        lines(&client.as_any().plan().await.unwrap()).last().unwrap(),
        "mount would run: server/second changed something later"
    );
}

/// A model of two objects that depend on each other's only task.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "ouroboros/{name}", id = "{name}")]
struct Ouroboros {
    name: String,
    #[depends_on(Ouroboros::eat)]
    tail: Deferred<Ouroboros>,
}

#[setup_tasks]
impl Ouroboros {
    #[setup_task("Eat the tail")]
    fn eat(&self) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_of_tasks_is_an_error_that_prints_it_in_a_run_a_dry_run_and_a_fleet() {
    const KEYS: [InjectionKey<Object<Ouroboros>>; 3] =
        [InjectionKey::named("0"), InjectionKey::named("1"), InjectionKey::named("2")];
    let layout = Layout::in_memory().unwrap();
    let add = |i: usize| layout.add(Ouroboros { name: i.to_string(), tail: Deferred::new(KEYS[(i + 1) % 3]) }).unwrap();
    let objects: Vec<_> = (0..3).map(add).collect();
    for (key, object) in KEYS.into_iter().zip(&objects) {
        layout.injector().provide(key, object.clone()).unwrap();
    }
    let run = chain(objects[0].run_setup_tasks().await.unwrap_err());
    let plan = chain(objects[0].as_any().plan().await.unwrap_err());
    for error in [run, plan] {
        assert!(error.ends_with("waiting would never end: `2` -> `0` -> `1` -> `2`"), "{error}");
    }
    let report = layout.run().await.unwrap();
    assert_eq!(report.objects.iter().filter(|result| result.is_failure()).count(), 3, "{report}");
}

/// A generic model. Generated code cannot check its relationships at compile time.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "generic")]
struct Generic<T: Default> {
    value: T,
    #[depends_on(Machine::fourth)]
    server: Object<Machine>,
}

#[setup_tasks]
impl<T: Default + Send + Sync + 'static> Generic<T> {
    #[setup_task("Work")]
    fn work(&self) {
        let _ = &self.value;
    }
}

#[tokio::test]
async fn an_unknown_task_of_a_generic_models_relationship_is_an_error_at_add() {
    let layout = Layout::in_memory().unwrap();
    let server = layout.add(Machine::new("server")).unwrap();
    let error = layout.add(Generic { value: 1, server }).unwrap_err().to_string();
    assert!(error.starts_with("`generic` depends on task `server/fourth`, but `server` has no"), "{error}");
}
