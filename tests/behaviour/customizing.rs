//! Tests of customizations, which apply the tasks of a model to a host.

use std::sync::Arc;

use setup_tasks::event::EventKey;
use setup_tasks::prelude::*;
use setup_tasks::run::{ContextExit, TaskStatus};
use setup_tasks::run::{ObjectReport, TaskReport};
use setup_tasks::{Customization, HostObject, Layout, NewTask, Resource, RunContext};

use test_kit::{Events, Knobs, Log, Machine, Scratch, chain, events};

/// A host with tasks before and after its customization.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/{machine.name}", id = "{machine.name}")]
struct Host {
    machine: Machine,
}

#[setup_tasks]
impl Host {
    #[setup_task("Boot", hash = boot_hash)]
    fn boot(&self) {
        self.machine.log.say("boot");
    }

    #[setup_task("Make it a web server")]
    const WEB: Customization<Host, Web, Mount> = Customization::within(
        |host| Mount(host.machine.log.clone()),
        |host| Web { port: 80, log: host.machine.log.clone(), knobs: host.machine.knobs.clone() },
    );

    #[setup_task("Announce")]
    fn announce(&self) {
        self.machine.log.say("announce");
    }

    fn boot_hash(&self) -> String {
        self.machine.knobs.get("boot").unwrap_or_default()
    }
}

/// A resource that is shared while a customization runs.
struct Mount(Log);

struct Mounted(&'static str);

impl RunContext for Mount {
    type Resource = Mounted;

    async fn enter(&self) -> Result<Mounted> {
        self.0.say("mounted");
        Ok(Mounted("/mnt"))
    }

    async fn leave(&self, _: Arc<Mounted>, outcome: ContextExit) -> Result<()> {
        self.0.say(format!("unmounted: {outcome:?}"));
        Ok(())
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "web")]
struct Web {
    port: u16,
    log: Log,
    knobs: Knobs,
}

#[setup_tasks]
impl Web {
    #[setup_task("Install the server")]
    fn install(&self, mounted: Resource<Mounted>, host: HostObject<Host>) -> Result<()> {
        self.log.say(format!("install under {} on {}", mounted.0.0, host.as_any().id()));
        anyhow::ensure!(self.knobs.get("install").is_none(), "no package");
        Ok(())
    }

    #[setup_task("Configure the port", hash = port)]
    fn configure(&self, cx: &TaskContext) -> Result<()> {
        self.log.say(format!("configure {} as {}", self.port(), cx.object().id()));
        std::fs::write(cx.stamp_path()?.join("web.conf"), self.port())?;
        Ok(())
    }

    fn port(&self) -> String {
        self.knobs.get("port").unwrap_or_else(|| self.port.to_string())
    }
}

fn host(layout: &Layout) -> Object<Host> {
    layout.add(Host { machine: Machine::new("h") }).unwrap()
}

/// Returns the names, statuses and reasons of tasks. Subtasks are indented.
fn tree(report: &ObjectReport) -> Vec<String> {
    fn add(tasks: &[TaskReport], indent: &str, lines: &mut Vec<String>) {
        for task in tasks {
            let reason = task.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            lines.push(format!("{indent}{} {:?}{reason}", task.task, task.status));
            add(&task.subtasks, &format!("{indent} "), lines);
        }
    }
    let mut lines = Vec::new();
    add(&report.tasks, "", &mut lines);
    lines
}

#[tokio::test]
async fn the_tasks_of_a_customization_run_at_its_position_and_are_stamped_under_the_host() {
    let place = Scratch::new();
    {
        let layout = place.layout();
        let host = host(&layout);
        let report = host.run_setup_tasks().await.unwrap();
        assert_eq!(
            host.machine.log.take(),
            ["boot", "mounted", "install under /mnt on h", "configure 80 as h/web", "unmounted: Done", "announce"]
        );
        assert_eq!(
            tree(&report),
            [
                "boot Ran: never ran",
                "web Ran: never ran",
                " web.install Ran: never ran",
                " web.configure Ran: never ran",
                "announce Ran: never ran"
            ]
        );
        assert_eq!(report.ran().count(), 4, "a customization is no task of its own");
        assert!(
            host.check_stamp("web.install").await.unwrap().is_some()
                && host.check_stamp("web").await.unwrap().is_none()
        );
        assert!(host.stamp_path().unwrap().join("web.conf").exists(), "it has the host's paths");
    }
    let layout = place.layout();
    let host = host(&layout);
    let report = host.run_setup_tasks().await.unwrap();
    assert!(
        report.is_up_to_date() && host.machine.log.take().is_empty(),
        "the context is entered only if something runs"
    );
}

#[tokio::test]
async fn earlier_tasks_of_the_host_invalidate_a_customization_which_invalidates_later_ones() {
    let layout = Layout::in_memory().unwrap();
    let host = host(&layout);
    host.run_setup_tasks().await.unwrap();
    host.machine.log.take();
    host.machine.knobs.set("port", "443");
    let expected = [
        "boot UpToDate",
        "web WouldRun: its hash changed from 80 to 443",
        " web.install UpToDate",
        " web.configure WouldRun: its hash changed from 80 to 443",
        "announce WouldRun: web.configure changed something later",
    ];
    assert_eq!(tree(&host.as_any().plan().await.unwrap()), expected);
    assert!(host.machine.log.take().is_empty());
    host.run_setup_tasks().await.unwrap();
    assert_eq!(host.machine.log.take(), ["mounted", "configure 443 as h/web", "unmounted: Done", "announce"]);

    host.machine.knobs.set("boot", "again");
    let report = tree(&host.run_setup_tasks().await.unwrap());
    assert_eq!(
        report[1..4],
        [
            "web Ran: boot changed something later",
            " web.install Ran: boot changed something later",
            " web.configure Ran: web.install changed something later"
        ]
    );
    assert!(host.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn events_of_a_customization_go_to_its_own_keys_and_to_those_of_the_host() {
    let layout = Layout::in_memory().unwrap();
    let host = host(&layout);
    let keys = [EventKey::of::<Host>(), EventKey::object("h"), EventKey::of::<Web>(), EventKey::object("h/web")];
    let mut streams = keys.map(|key| Events::of(layout.injector().events(key)));
    host.run_setup_tasks().await.unwrap();
    let told = streams.each_mut().map(|stream| {
        let told = stream.take();
        (told.len(), told.iter().filter(|event| event.starts_with("h/web.install ")).count())
    });
    assert_eq!(told, [(12, 3), (12, 3), (6, 3), (6, 3)]);
}

#[tokio::test]
async fn a_failure_leaves_the_context_and_names_task_and_host() {
    let layout = Layout::in_memory().unwrap();
    let host = host(&layout);
    host.machine.knobs.set("install", "fail");
    let mut events = events(&layout);
    let error = chain(host.run_setup_tasks().await.unwrap_err());
    assert_eq!(error, "task `h/web.install` (Install the server) failed; it ran because it had never run: no package");
    assert_eq!(host.machine.log.take(), ["boot", "mounted", "install under /mnt on h", "unmounted: Failed"]);
    assert!(events.take().contains(&"h/web.install fail: no package".to_owned()), "events are the host's");
    host.machine.knobs.clear("install");
    let plan = tree(&host.as_any().plan().await.unwrap());
    assert_eq!(plan[2], " web.install WouldRun: failed last time: no package");
}

#[tokio::test]
async fn a_customization_is_forced_and_run_alone_as_a_whole_or_by_task() {
    let layout = Layout::in_memory().unwrap();
    let host = host(&layout);
    Host::WEB.handle().run(&host).await.unwrap();
    assert_eq!(host.machine.log.take().len(), 4);
    host.run_setup_tasks().stop_after(Host::WEB.handle()).await.unwrap();
    host.run_setup_tasks().await.unwrap();
    host.machine.log.take();
    host.as_any().run_setup_tasks().force("web.configure").stop_after("web").await.unwrap();
    assert_eq!(host.machine.log.take(), ["mounted", "configure 80 as h/web", "unmounted: Done"]);
    host.as_any().run_setup_tasks().force("web").await.unwrap();
    assert_eq!(host.machine.log.take().len(), 5);
    for unknown in ["web.configura", "boot.x", "wep.configure"] {
        let error = host.as_any().run_setup_tasks().force(unknown).await.unwrap_err().to_string();
        assert!(error.contains("no setup task"), "{unknown}: {error}");
    }
}

/// A model with a customization within a customization, and with one whose model exists already.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "tls")]
struct Tls(Log);

#[setup_tasks]
impl Tls {
    #[setup_task("Make a certificate")]
    fn certify(&self, cx: &TaskContext) {
        let host = cx.host().unwrap();
        self.0.say(format!("certify {} of {}", cx.task(), host.id()));
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "site")]
struct Site(Log);

#[setup_tasks]
impl Site {
    #[setup_task]
    const TLS: Customization<Site, Tls> = Customization::new(|site| Tls(site.0.clone()));

    #[setup_task("Publish")]
    fn publish(&self) {
        self.0.say("publish");
    }
}

#[tokio::test]
async fn customizations_nest_and_can_be_added_at_run_time() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.add_customization("site", Site(machine.log.clone())).unwrap();
    let report = machine.run_setup_tasks().await.unwrap();
    assert_eq!(machine.log.take(), ["first", "second", "third", "certify site.tls.certify of m/site", "publish"]);
    assert_eq!(report.tasks.last().unwrap().subtasks[0].description, "Apply Tls");
    assert!(machine.check_stamp("site.tls.certify").await.unwrap().is_some());
    assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date());

    let log = machine.log.clone();
    let within =
        Customization::with_model(Site(log.clone())).with_context(move |_: &Object<Machine>| Mount(log.clone()));
    machine.add_setup_task(NewTask::value("other", within).order(50)).unwrap();
    machine.run_setup_tasks().await.unwrap();
    assert_eq!(machine.log.take()[..3], ["mounted", "certify other.tls.certify of m/other", "publish"]);
    assert_eq!(machine.run_setup_tasks().await.unwrap().with(TaskStatus::UpToDate).count(), 7);
}

#[tokio::test]
async fn a_model_can_be_applied_to_one_object_alone() {
    let layout = Layout::in_memory().unwrap();
    let (one, two) = (layout.add(Machine::new("one")).unwrap(), layout.add(Machine::new("two")).unwrap());
    one.add_customization("site", Site(Log::default())).unwrap();
    one.ready().await.unwrap();
    two.add_customization("site", Site(Log::default())).unwrap();
    two.ready().await.unwrap();
    assert!(
        one.check_stamp("site.publish").await.unwrap().is_some()
            && two.check_stamp("site.publish").await.unwrap().is_some()
    );
}

#[tokio::test]
async fn a_customization_of_a_readonly_host_does_not_run() {
    let layout = Layout::in_memory().unwrap();
    let host = layout.object_builder(Host { machine: Machine::new("h") }).readonly(true).add().unwrap();
    assert!(host.run_setup_tasks().await.unwrap().readonly);
    assert!(host.machine.log.take().is_empty());
}

/// A model that depends on a host's customization.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "balancer")]
struct Balancer {
    log: Log,
    #[depends_on(Host::web)]
    running: Option<Object<Host>>,
    #[depends_on(Host::web, run_if_needed = false)]
    left_alone: Option<Object<Host>>,
}

#[setup_tasks]
impl Balancer {
    #[setup_task("Balance")]
    fn balance(&self) {
        self.log.say("balance");
    }
}

#[tokio::test]
async fn a_dependent_of_a_customization_sees_its_newest_task_even_if_the_host_does_not_run() {
    for way in ["run_if_needed = false", "readonly", "excluded", "run"] {
        let place = Scratch::new();
        let open = |readonly: bool| {
            let layout = place.layout();
            let host = layout.object_builder(Host { machine: Machine::new("h") }).readonly(readonly).add().unwrap();
            let (running, left_alone) =
                if way == "run_if_needed = false" { (None, Some(host.clone())) } else { (Some(host.clone()), None) };
            let balancer = layout.add(Balancer { log: Log::default(), running, left_alone }).unwrap();
            (layout, host, balancer)
        };
        let (layout, host, balancer) = open(false);
        host.run_setup_tasks().await.unwrap();
        balancer.run_setup_tasks().await.unwrap();
        assert_eq!(balancer.log.take(), ["balance"], "{way}");
        drop(layout);

        // One task of the customization runs again, and the host's own do not.
        host.machine.knobs.set("port", "443");
        host.run_setup_tasks().stop_after(Host::WEB.handle()).await.unwrap();
        let host_log =
            ["boot", "mounted", "install under /mnt on h", "configure 80 as h/web", "unmounted: Done", "announce"];
        assert_eq!(
            host.machine.log.take(),
            [&host_log[..], &["mounted", "configure 443 as h/web", "unmounted: Done"]].concat(),
            "{way}"
        );
        drop((host, balancer));

        let (layout, host, balancer) = open(way == "readonly");
        host.machine.knobs.set("port", "443");
        let mut fleet = layout.run().include("balancer");
        if way == "excluded" {
            fleet = fleet.exclude("h");
        }
        assert!(fleet.await.unwrap().is_success(), "{way}");
        assert_eq!(balancer.log.take(), ["balance"], "{way}: the customization's task changed something later");
        assert_eq!(host.machine.log.take(), [""; 0], "{way}: the host itself is up to date, or left alone");
        assert!(balancer.run_setup_tasks().await.unwrap().is_up_to_date(), "{way}");
    }
}

/// A customization whose own model is readonly, with one within that is not.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "archive", readonly)]
struct Archive(Log);

#[setup_tasks]
impl Archive {
    #[setup_task("Archive")]
    fn archive(&self) {
        self.0.say("archive");
    }

    #[setup_task]
    const SITE: Customization<Archive, Site> = Customization::new(|archive| Site(archive.0.clone()));
}

#[tokio::test]
async fn a_customization_with_a_readonly_model_runs_only_by_its_handle() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    let archive = NewTask::value("archive", Customization::with_model(Archive(machine.log.clone())));
    let archive = machine.add_setup_task(archive.before("third")).unwrap();
    machine.add_customization("outer", Outer(machine.log.clone())).unwrap();
    let plan = machine.as_any().plan().await.unwrap();
    let would: Vec<_> = plan.would_run().map(|task| task.task).collect();
    assert_eq!(would, ["first", "second", "third", "outer.own"]);
    machine.as_any().run_setup_tasks().force("archive").force("archive.archive").await.unwrap();
    assert_eq!(machine.log.take(), ["first", "second", "third", "own"], "forced, as a readonly object's tasks are");
    for inspector in
        machine.as_any().inspect().into_iter().flat_map(setup_tasks::inspect::ObjectTaskInspector::into_leaves)
    {
        assert!(inspector.should_run().await.unwrap().is_none(), "{}", inspector.stamp_name());
        assert!(
            !matches!(inspector.peek().await.unwrap(), Some(setup_tasks::run::Decision::Run(_))),
            "{}",
            inspector.stamp_name()
        );
    }
    archive.run(&machine).await.unwrap();
    assert_eq!(
        machine.log.take(),
        ["archive", "certify archive.site.tls.certify of m/archive/archive.site", "publish"]
    );
    machine.run_setup_tasks().await.unwrap();
    assert_eq!(machine.log.take(), ["third", "own"], "what ran by its handle counts for later tasks of the host");
    assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "outer")]
struct Outer(Log);

#[setup_tasks]
impl Outer {
    #[setup_task]
    const ARCHIVE: Customization<Outer, Archive> = Customization::new(|outer| Archive(outer.0.clone()));

    #[setup_task("Its own")]
    fn own(&self) {
        self.0.say("own");
    }
}
