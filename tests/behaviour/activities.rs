//! Tests of the snapshot of activities, at every stage of a run whose tasks wait for the test.

use setup_tasks::activity::{Activity, Snapshot, WorkKind};
use setup_tasks::prelude::*;
use setup_tasks::{InjectionKey, Layout, activity};

use test_kit::{Gate, Machine};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "clients/{machine.name}", id = "{machine.name}")]
struct Client {
    machine: Machine,
    #[depends_on(Machine::second)]
    server: Object<Machine>,
}

#[setup_tasks]
impl Client {
    #[setup_task("Fetch the key")]
    async fn fetch(&self, key: setup_tasks::Inject<Key>) {
        assert_eq!(key.0.0, "key");
    }

    #[setup_task("Mount", invalidator = is_mounted)]
    async fn mount(&self) {}

    async fn is_mounted(&self) -> bool {
        self.machine.knobs.gate("look").pass().await;
        true
    }
}

struct Key(&'static str);

/// Returns one line per activity: its work, the activity on whose behalf it runs, and its waits.
fn lines(snapshot: &Snapshot) -> Vec<String> {
    let name = |id: u64| {
        let activity = snapshot.activity(id).unwrap();
        format!("{:?} of {}", activity.kind, activity.name)
    };
    let line = |activity: &Activity| {
        let reason = activity.reason.as_ref().map_or("looked at".to_owned(), ToString::to_string);
        let task = activity.task.as_ref().map(|task| format!(": {task} ({reason})"));
        let parent = activity.parent.map(|parent| format!(", for {}", name(parent)));
        let waits = activity.waits_for.iter().map(|wait| format!(", waits for {}", name(wait.id)));
        let parts: String = task.into_iter().chain(parent).chain(waits).collect();
        format!("{:?} of {}{parts}", activity.kind, activity.name)
    };
    let mut lines: Vec<_> = snapshot.activities.iter().map(line).collect();
    lines.sort_unstable();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_right_at_every_stage_of_a_run() {
    let layout = Layout::in_memory().unwrap();
    let server = layout.add(Machine::new("server")).unwrap();
    let client = |name| Client { machine: Machine::new(name), server: server.clone() };
    let (ada, grace) = (layout.add(client("ada")).unwrap(), layout.add(client("grace")).unwrap());
    let key = Gate::new();
    let in_factory = key.clone();
    layout
        .injector()
        .provide_async(InjectionKey::<Key>::of(), move |_| {
            let key = in_factory.clone();
            async move {
                key.pass().await;
                Ok(Key("key"))
            }
        })
        .unwrap();
    assert!(layout.activities().is_empty());
    let (first, second) = (server.knobs.gate("first"), server.knobs.gate("second"));
    let began = std::time::SystemTime::now();
    let run = tokio::spawn(ada.ready_owned());

    first.arrived().await;
    assert_eq!(
        lines(&layout.activities()),
        [
            "Ready of ada, waits for Run of ada",
            "Run of ada: server_second (looked at), for Ready of ada, waits for Run of server",
            "Run of server: first (never ran), for Run of ada",
        ]
    );
    let snapshot = layout.activities();
    let of_server = snapshot.run_of("server").unwrap();
    assert!(of_server.since >= began.into() && of_server.since <= snapshot.at);
    assert_eq!(of_server.description.as_deref(), Some("Do the first"));
    assert_eq!(snapshot.roots().map(|activity| activity.name.as_str()).collect::<Vec<_>>(), ["ada"]);

    // A second caller waits for the same work, and starts none.
    let other = tokio::spawn(grace.ready_owned());
    first.open();
    second.arrived().await;
    let both_wait = [
        "Ready of ada, waits for Run of ada",
        "Ready of grace, waits for Run of grace",
        "Run of ada: server_second (looked at), for Ready of ada, waits for Run of server",
        "Run of grace: server_second (looked at), for Ready of grace, waits for Run of server",
        "Run of server: second (never ran), for Run of ada",
    ];
    until(&layout, |lines| lines == both_wait).await;

    second.open();
    key.arrived().await;
    let factory = format!("Factory of `{}`", std::any::type_name::<Key>());
    // The first caller started the work.
    let made_for = |maker: &str| {
        [
            format!("{factory}, for Run of {maker}"),
            "Ready of ada, waits for Run of ada".into(),
            "Ready of grace, waits for Run of grace".into(),
            format!("Run of ada: fetch (never ran), for Ready of ada, waits for {factory}"),
            format!("Run of grace: fetch (never ran), for Ready of grace, waits for {factory}"),
        ]
    };
    until(&layout, |lines| lines == made_for("ada") || lines == made_for("grace")).await;

    key.open();
    run.await.unwrap().unwrap();
    other.await.unwrap().unwrap();
    assert!(layout.activities().is_empty());
}

/// Waits until a snapshot fulfils a condition.
async fn until(layout: &Layout, wanted: impl Fn(&[String]) -> bool) {
    let look = async {
        while !wanted(&lines(&layout.activities())) {
            tokio::task::yield_now().await;
        }
    };
    let looked = tokio::time::timeout(std::time::Duration::from_secs(20), look).await;
    assert!(looked.is_ok(), "never: {:#?}", lines(&layout.activities()));
}

trait ReadyOwned {
    fn ready_owned(&self) -> impl Future<Output = Result<(), setup_tasks::ready::ReadyError>> + Send + 'static;
}

impl<T: SetupTasks> ReadyOwned for Object<T> {
    fn ready_owned(&self) -> impl Future<Output = Result<(), setup_tasks::ready::ReadyError>> + Send + 'static {
        let object = self.clone();
        async move { object.ready().await }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_reads_as_a_tree_and_survives_json() {
    let layout = Layout::in_memory().unwrap();
    let server = layout.add(Machine::new("server")).unwrap();
    layout.add(Client { machine: Machine::new("ada"), server: server.clone() }).unwrap();
    layout.injector().provide(InjectionKey::of(), Key("key")).unwrap();
    let gate = server.knobs.gate("first");
    let fleet = tokio::spawn(layout.run().include("ada").into_future());
    gate.arrived().await;
    let snapshot = layout.activities();
    let text: Vec<_> = snapshot.to_string().lines().map(redact).collect();
    assert_eq!(
        text,
        [
            "0 of 1 objects ended, … so far",
            "ada checks server_second (Depend on second of server), for …",
            "  waits for server, for …",
            "  server runs first (Do the first), because it has never run, for …",
        ]
    );
    let json = serde_json::to_string(&snapshot).unwrap();
    assert!(json.starts_with("{\"version\":1,\"pid\":"), "{json}");
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
    gate.open();
    assert!(fleet.await.unwrap().unwrap().is_success());
    assert_eq!(layout.activities().to_string(), "nothing is running\n");
}

fn redact(line: &str) -> String {
    let mut words: Vec<_> = line.split(' ').collect();
    if let Some(at) = words.windows(2).position(|pair| pair[0].parse::<f64>().is_ok() && ["ms", "s"].contains(&pair[1]))
    {
        words[at] = "…";
        words.remove(at + 1);
    }
    words.join(" ")
}

/// A model whose task takes a snapshot that contains itself.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "mirror")]
struct Mirror(Machine);

#[setup_tasks]
impl Mirror {
    #[setup_task("Look", hash = look_from_a_hash)]
    async fn look(&self) {
        let names: Vec<_> = activity::current()
            .into_iter()
            .map(|activity| format!("{:?} {} {}", activity.kind, activity.name, activity.task.unwrap_or_default()))
            .collect();
        self.0.log.say(names.join(" < "));
    }

    async fn look_from_a_hash(&self) -> String {
        assert!(matches!(activity::current()[0].kind, WorkKind::Run | WorkKind::Plan));
        String::new()
    }
}

#[tokio::test]
async fn a_task_sees_its_activity_and_the_enclosing_ones() {
    let layout = Layout::in_memory().unwrap();
    let mirror = layout.add(Mirror(Machine::new("m"))).unwrap();
    assert!(activity::current().is_empty());
    mirror.ready().await.unwrap();
    assert_eq!(mirror.0.log.take(), ["Run mirror look < Ready mirror "]);
    assert!(mirror.as_any().plan().await.unwrap().is_up_to_date());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_activity_of_a_slow_check_contains_its_task() {
    let layout = Layout::in_memory().unwrap();
    let server = layout.add(Machine::new("server")).unwrap();
    let client = layout.add(Client { machine: Machine::new("ada"), server }).unwrap();
    layout.injector().provide(InjectionKey::of(), Key("key")).unwrap();
    client.run_setup_tasks().await.unwrap();
    let run = client.run_setup_tasks().into_future();
    let run = tokio::spawn(run);
    until(&layout, |lines| lines == ["Run of ada: mount (looked at)"]).await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    until(&layout, <[String]>::is_empty).await;
}
