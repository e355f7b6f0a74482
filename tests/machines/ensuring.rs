//! Tests of resources as tasks: how often a machine is asked, drift, plans and repairs.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, Once};

use setup_tasks::error::explain;
use setup_tasks::event::EventKind;
use setup_tasks::fleet::ObjectStatus;
use setup_tasks::run::ObjectReport;
use setup_tasks::{Layout, Object, prelude::*};
use setup_tasks_machines::resources::{Directory, File, Line, Symlink};
use setup_tasks_machines::{Ensure, Machine};
use setup_tasks_test::{NetnsMachine, TestNetwork};
use test_kit::lines;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::machine;
use crate::own::Greeting;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "web/{name}")]
struct Web {
    name: String,
    greeting: Arc<Mutex<String>>,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Web {
    /// Create the directories
    #[setup_task]
    const DIRECTORIES: Ensure<Self, Directory> = Ensure::all(|web| {
        ["www", "logs"].map(|last| Directory::at(format!("/srv/{}/{last}", web.name)).mode(0o750)).into()
    });

    /// Write the greeting
    #[setup_task(subscribe = [])]
    const GREETING: Ensure<Self, File> = Ensure::new(|web| {
        File::at(format!("/srv/{}/www/index", web.name)).content(&**web.greeting.lock().unwrap()).mode(0o640)
    });

    /// Point to it
    #[setup_task(subscribe = [])]
    const LINK: Ensure<Self, Symlink> =
        Ensure::new(|web| Symlink::at(format!("/srv/{}/current", web.name)).to(format!("/srv/{}/www", web.name)));

    /// Note it
    #[setup_task(subscribe = [])]
    const NOTE: Ensure<Self, Line> =
        Ensure::new(|web: &Self| Line::in_file("/etc/sites", format!("site {}", web.name))).undone();
}

/// Returns a network with one machine, and a layout with a site on it.
fn one_site() -> Option<(TestNetwork, NetnsMachine, Layout, Object<Web>)> {
    let network = TestNetwork::start_or_skip()?;
    let host = network.machine("web").boot().unwrap();
    let layout = Layout::in_memory().unwrap();
    let site = layout.add(site("shop", &machine(&network, "web"))).unwrap();
    Some((network, host, layout, site))
}

fn site(name: &str, machine: &Machine) -> Web {
    let greeting = Arc::new(Mutex::new("Welcome\n".to_owned()));
    Web { name: name.to_owned(), greeting, machine: machine.clone() }
}

async fn run(site: &Object<Web>) -> ObjectReport {
    site.run_setup_tasks().await.unwrap()
}

async fn verify(site: &Object<Web>) -> ObjectReport {
    site.run_setup_tasks().verify().await.unwrap()
}

async fn plan_verified(site: &Object<Web>) -> ObjectReport {
    site.run_setup_tasks().diff().verify().await.unwrap()
}

thread_local! {
    /// The calls to agents in this thread, which runs one test and its runtime.
    static CALLS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The calls to agents in this thread.
struct Calls;

impl Calls {
    /// Starts to count. The subscriber is that of the whole process: with one per thread, an event that another thread reaches first is
    /// switched off for all.
    fn count() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Self)).unwrap());
        let calls = Self;
        calls.take();
        calls
    }

    /// Returns the calls since the last time.
    fn take(&self) -> Vec<String> {
        CALLS.take()
    }
}

impl<S: tracing::Subscriber> Layer<S> for Calls {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "setup_tasks_machines::calls" {
            event.record(&mut Self);
        }
    }
}

impl Visit for Calls {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "call" {
            CALLS.with_borrow_mut(|calls| calls.push(value.to_owned()));
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

#[tokio::test]
async fn resources_are_applied_once_and_then_no_packet_is_sent() {
    let Some((_network, host, _layout, site)) = one_site() else { return };
    let calls = Calls::count();
    let report = run(&site).await;
    assert_eq!(
        lines(&report),
        ["directories ran: never ran", "greeting ran: never ran", "link ran: never ran", "note ran: never ran"]
    );
    assert_eq!(calls.take(), ["apply"; 4]);
    let state = "cat /etc/sites /srv/shop/current/index; stat -c '%a %n' /srv/shop/* /srv/shop/www/index";
    let expected =
        "site shop\nWelcome\n777 /srv/shop/current\n750 /srv/shop/logs\n750 /srv/shop/www\n640 /srv/shop/www/index\n";
    assert_eq!(host.run(state).unwrap(), expected);
    let log = &setup_tasks::log::logs_of(site.as_any(), Some("directories")).unwrap()[0];
    let log = std::fs::read_to_string(&log.path).unwrap();
    assert!(log.contains("/srv/shop/www: was absent\n/srv/shop/logs: was absent\n"), "{log}");

    host.power_off();
    assert!(run(&site).await.is_up_to_date());
    assert_eq!(calls.take(), [""; 0]);
}

#[tokio::test]
async fn a_run_that_verifies_asks_once_and_repairs_only_what_differs() {
    let Some((_network, host, _layout, site)) = one_site() else { return };
    run(&site).await;
    let calls = Calls::count();
    assert!(verify(&site).await.is_up_to_date());
    assert_eq!(calls.take(), ["observe"]);

    host.run("echo edited >/srv/shop/www/index; chmod 700 /srv/shop/logs").unwrap();
    assert!(run(&site).await.is_up_to_date(), "stamps are trusted");
    assert_eq!(calls.take(), [""; 0]);
    let drifted = [
        "directories would run: /srv/shop/logs: mode 0700 instead of 0750",
        "greeting would run: /srv/shop/www/index: content differs",
        "link up to date",
        "note up to date",
    ];
    let plan = plan_verified(&site).await;
    assert_eq!(lines(&plan), drifted);
    assert_eq!(calls.take(), ["observe"]);
    let changes = &plan.task("greeting").unwrap().changes;
    let diff = "--- /srv/shop/www/index\n+++ /srv/shop/www/index\n@@ -1 +1 @@\n-edited\n+Welcome\n";
    assert_eq!(changes.iter().map(setup_tasks::run::FileChange::unified).collect::<Vec<_>>(), [diff]);

    let repaired = drifted.map(|line| line.replace("would run", "ran"));
    assert_eq!(lines(&verify(&site).await), repaired);
    // Each change brings fresh observations of the rest.
    assert_eq!(calls.take(), ["observe", "apply", "apply"]);
    assert_eq!(host.run("cat /srv/shop/www/index; stat -c %a /srv/shop/logs").unwrap(), "Welcome\n750\n");
    assert!(verify(&site).await.is_up_to_date());
}

#[tokio::test]
async fn another_value_in_the_model_is_applied_without_an_observation() {
    let Some((_network, host, _layout, site)) = one_site() else { return };
    run(&site).await;
    let calls = Calls::count();
    *site.greeting.lock().unwrap() = "Come in\n".to_owned();
    let report = run(&site).await;
    let changed: Vec<_> = report.ran().map(|task| task.task).collect();
    assert_eq!(changed, ["greeting"]);
    assert_eq!(calls.take(), ["apply"]);
    assert_eq!(host.run("cat /srv/shop/www/index").unwrap(), "Come in\n");
    // Nothing differs any longer when the run comes to the task.
    *site.greeting.lock().unwrap() = "Hello\n".to_owned();
    host.run("echo Hello >/srv/shop/www/index").unwrap();
    let report = verify(&site).await;
    assert!(lines(&report)[1].starts_with("greeting unchanged: "), "{:?}", lines(&report));
    assert_eq!(calls.take(), ["observe"]);
}

#[tokio::test]
async fn all_objects_of_a_machine_share_one_request() {
    let Some((network, _host, layout, _)) = one_site() else { return };
    let other = network.machine("other").boot().unwrap();
    let (web, other) = (machine(&network, "web"), machine(&network, other.name()));
    for i in 0..5 {
        layout.add(site(&format!("shop{i}"), &web)).unwrap();
        layout.add(site(&format!("blog{i}"), &other)).unwrap();
    }
    layout.run().await.unwrap();
    let calls = Calls::count();
    let report = layout.run().verify().await.unwrap();
    assert!(report.objects.iter().all(|object| object.outcome == ObjectStatus::UpToDate), "{}", report.summary());
    assert_eq!(calls.take(), ["observe"; 2]);
}

#[tokio::test]
async fn a_failure_names_resource_machine_and_reason() {
    let Some((_network, host, _layout, site)) = one_site() else { return };
    host.run("mkdir -p /srv/shop; echo a file >/srv/shop/www").unwrap();
    let error = explain(&site.run_setup_tasks().await.unwrap_err());
    assert!(
        error.contains("the machine web: directory /srv/shop/www: cannot create the directory `/srv/shop/www`: "),
        "{error}"
    );
    let error = explain(&site.run_setup_tasks().verify().await.unwrap_err());
    assert!(error.contains("directory /srv/shop/www"), "{error}");
}

#[tokio::test]
async fn a_machine_that_cannot_be_reached_fails_its_own_objects_only() {
    let Some((network, host, layout, _)) = one_site() else { return };
    let other = network.machine("other").boot().unwrap();
    layout.add(site("blog", &machine(&network, "other"))).unwrap();
    layout.run().await.unwrap();
    host.power_off();
    let report = layout.run().verify().await.unwrap();
    let failed: Vec<_> = report
        .objects
        .iter()
        .filter(|object| object.outcome != ObjectStatus::UpToDate)
        .map(|object| &*object.object)
        .collect();
    assert_eq!(failed, ["web/shop"]);
    drop(other);
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "users")]
struct Created {
    name: Arc<Mutex<Option<String>>>,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Created {
    #[setup_task("Choose a name")]
    fn choose(&self) {
        *self.name.lock().unwrap() = Some("chosen".to_owned());
    }

    /// Create the directory of that name
    #[setup_task]
    const DIRECTORY: Ensure<Self, Directory> = Ensure::with(|created, _| {
        let name = created.name.lock().unwrap();
        Ok(name.as_ref().map(|name| Directory::at(format!("/srv/{name}"))))
    });

    #[setup_task("Create another one")]
    async fn another(&self, cx: &TaskContext) -> Result<Outcome> {
        self.machine.ensure(cx, [Directory::at("/srv/another")]).await
    }
}

#[tokio::test]
async fn a_recipe_can_wait_for_an_earlier_task_and_a_method_can_apply_resources() {
    let Some((network, host, layout, _)) = one_site() else { return };
    let created = layout.add(Created { name: Arc::default(), machine: machine(&network, "web") }).unwrap();
    let plan = created.run_setup_tasks().dry_run().verify().await.unwrap();
    assert_eq!(plan.task("directory").unwrap().task, "directory");
    assert_eq!(created.run_setup_tasks().verify().await.unwrap().ran().count(), 3);
    assert_eq!(host.run("ls -d /srv/chosen /srv/another").unwrap(), "/srv/another\n/srv/chosen\n");
    let again = created.run_setup_tasks().force_all().await.unwrap();
    assert_eq!(lines(&again), ["choose ran: forced", "directory unchanged: forced", "another unchanged: forced"]);
}

/// A model with a setting, and with names that an earlier task chooses.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "settings")]
struct Settings {
    has_cache: Arc<Mutex<bool>>,
    names: Arc<Mutex<Vec<String>>>,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Settings {
    /// Make a place for the cache
    #[setup_task]
    const CACHE: Ensure<Self, Directory> =
        Ensure::maybe(|settings| settings.has_cache.lock().unwrap().then(|| Directory::at("/srv/cache")));

    #[setup_task("Choose the names", subscribe = [])]
    fn choose(&self) {
        *self.names.lock().unwrap() = vec!["one".to_owned(), "two".to_owned()];
    }

    /// Create their files
    #[setup_task(subscribe = [choose])]
    const FILES: Ensure<Self, File> = Ensure::all_with(|settings, _| {
        let names = settings.names.lock().unwrap();
        let file = |name: &String| File::at(format!("/srv/names/{name}")).content(&**name).parents();
        Ok((!names.is_empty()).then(|| names.iter().map(file).collect()))
    });
}

#[tokio::test]
async fn a_recipe_can_return_no_resource_or_several_from_the_context() {
    let Some((network, host, layout, _)) = one_site() else { return };
    let (has_cache, names) = (Arc::<Mutex<bool>>::default(), Arc::default());
    let machine = machine(&network, "web");
    let settings = layout.add(Settings { has_cache: has_cache.clone(), names, machine }).unwrap();
    let plan = lines(&settings.run_setup_tasks().dry_run().verify().await.unwrap());
    assert_eq!(plan[1..], ["choose would run: never ran", "files would run: never ran"]);
    settings.run_setup_tasks().await.unwrap();
    assert_eq!(host.run("cat /srv/names/*; ls /srv").unwrap(), "onetwonames\npackages\n");
    assert!(settings.run_setup_tasks().verify().await.unwrap().is_up_to_date());
    // The setting is turned on, and off again: the resource stays.
    *has_cache.lock().unwrap() = true;
    let ran = settings.run_setup_tasks().await.unwrap();
    assert_eq!(ran.ran().map(|task| task.task).collect::<Vec<_>>(), ["cache"]);
    *has_cache.lock().unwrap() = false;
    settings.run_setup_tasks().await.unwrap();
    assert_eq!(host.run("ls /srv").unwrap(), "cache\nnames\npackages\n");
    assert!(settings.run_setup_tasks().verify().await.unwrap().is_up_to_date());
}

/// A model with a resource of its own.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "own")]
struct Own {
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Own {
    /// Greet
    #[setup_task]
    const GREETING: Ensure<Self, Greeting> = Ensure::new(|_: &Self| Greeting("hello".to_owned())).undone();
}

#[tokio::test]
async fn a_resource_of_a_users_own_runs_on_the_far_side() {
    let Some((network, host, layout, _)) = one_site() else { return };
    let own = layout.add(Own { machine: machine(&network, "web") }).unwrap();
    own.run_setup_tasks().await.unwrap();
    assert_eq!(host.run("cat /etc/greeting").unwrap(), "hello from web\n");
    assert!(own.run_setup_tasks().verify().await.unwrap().is_up_to_date());
    host.run("echo edited >/etc/greeting").unwrap();
    let repaired = lines(&own.run_setup_tasks().verify().await.unwrap());
    assert_eq!(repaired, ["greeting ran: /etc/greeting: another greeting"]);
    layout.down().include("own").await.unwrap();
    assert_eq!(host.run("ls /etc/greeting 2>&1 || true").unwrap().lines().count(), 1);
    assert!(!host.root().join("etc/greeting").exists());
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "large")]
struct Large {
    content: Vec<u8>,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Large {
    /// Write a large file
    #[setup_task]
    const FILE: Ensure<Self, File> = Ensure::new(|large| File::at("/srv/large").content(large.content.clone()));
}

#[tokio::test]
async fn large_content_is_transferred_only_where_it_differs() {
    let Some((network, host, layout, _)) = one_site() else { return };
    let content: Vec<u8> = (0..5_000_000_u32).map(|i| (i % 251) as u8).collect();
    let large = layout.add(Large { content: content.clone(), machine: machine(&network, "web") }).unwrap();
    let calls = Calls::count();
    large.run_setup_tasks().await.unwrap();
    assert_eq!(calls.take(), ["observe", "put a blob", "apply"]);
    assert!(std::fs::read(host.root().join("srv/large")).unwrap() == content);
    let again = large.run_setup_tasks().force_all().await.unwrap();
    assert_eq!(lines(&again), ["file unchanged: forced"]);
    assert_eq!(calls.take(), ["observe", "apply"]);
    host.run("truncate -s 1000000 /srv/large").unwrap();
    large.run_setup_tasks().verify().await.unwrap();
    assert!(std::fs::read(host.root().join("srv/large")).unwrap() == content);
}

#[tokio::test]
async fn a_question_has_no_content_and_a_diff_has_all_of_it() {
    let Some((network, host, layout, _)) = one_site() else { return };
    // Content of this length is not in the resource itself.
    let content = "a line of text\n".repeat(2_000);
    let large = layout.add(Large { content: content.clone().into(), machine: machine(&network, "web") }).unwrap();
    large.run_setup_tasks().await.unwrap();
    for text in ["another line\n".to_owned() + &content, "short\n".to_owned()] {
        std::fs::write(host.root().join("srv/large"), &text).unwrap();
        let plan = large.run_setup_tasks().diff().verify().await.unwrap();
        let change = &plan.task("file").unwrap().changes[0];
        assert_eq!((change.before.as_deref(), &*change.after), (Some(&*text), &*content));
    }
}

#[tokio::test]
async fn a_second_controller_waits_for_the_first_and_names_it() {
    let Some((network, host, layout, site)) = one_site() else { return };
    // Another process holds the lock while it changes something.
    let mut first = std::process::Command::new(env!("CARGO_BIN_EXE_runner"))
        .arg(network.ssh_program())
        .args(["web", "hold"])
        .spawn()
        .unwrap();
    while !host.root().join("srv/held").exists() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let mut events = layout.events();
    let running = tokio::spawn({
        let site = site.clone();
        async move { run(&site).await }
    });
    let waits = async {
        loop {
            let event = events.next().await.expect("an event comes");
            if let EventKind::LogLine { line } = &event.kind {
                return line.clone();
            }
        }
    };
    let line = waits.await;
    assert!(line.starts_with("waits for ") && line.contains(&format!("process {}", first.id())), "{line}");
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(running.await.unwrap().ran().count(), 4);
}

#[tokio::test]
async fn bringing_an_object_down_takes_away_only_what_is_undone() {
    let Some((_network, host, layout, site)) = one_site() else { return };
    host.run("echo other >/etc/sites").unwrap();
    run(&site).await;
    assert_eq!(host.run("cat /etc/sites").unwrap(), "other\nsite shop\n");
    layout.down().await.unwrap();
    assert_eq!(host.run("cat /etc/sites /srv/shop/www/index").unwrap(), "other\nWelcome\n");
    assert_eq!(site.check_stamp("note").await.unwrap(), None);
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "booted")]
struct Booted {
    network: TestNetwork,
    host: Arc<Mutex<Option<NetnsMachine>>>,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Booted {
    #[setup_task("Boot it", check_completed = is_running)]
    fn boot(&self) -> Result<()> {
        *self.host.lock().unwrap() = Some(self.network.machine("later").boot()?);
        Ok(())
    }

    fn is_running(&self) -> bool {
        self.host.lock().unwrap().is_some()
    }

    /// Greet
    #[setup_task(subscribe = [])]
    const GREETING: Ensure<Self, File> = Ensure::new(|_| File::at("/etc/motd").content("Welcome\n"));
}

#[tokio::test]
async fn a_machine_that_an_earlier_task_boots_is_undecided_until_then() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let (host, layout) = (Arc::<Mutex<Option<NetnsMachine>>>::default(), Layout::in_memory().unwrap());
    let exists = host.clone();
    let later = machine(&network, "later").exists_when(move || exists.lock().unwrap().is_some());
    let booted = layout.add(Booted { network, host: host.clone(), machine: later }).unwrap();
    let first = booted.run_setup_tasks().verify().await.unwrap();
    assert_eq!(first.ran().map(|task| task.task).collect::<Vec<_>>(), ["boot", "greeting"]);
    assert!(booted.run_setup_tasks().verify().await.unwrap().is_up_to_date());
    let lost = host.lock().unwrap().take().unwrap();
    lost.power_off();
    let plan = lines(&booted.run_setup_tasks().dry_run().verify().await.unwrap());
    let undecided = "greeting undecided: decided once boot has run; before that, its state cannot be observed";
    assert_eq!(plan[1], undecided, "{plan:?}");
}
